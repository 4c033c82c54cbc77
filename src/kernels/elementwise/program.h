// Tile programs: any chain or DAG of elementwise operators as one straight-line program over tiles that stay
// in L1.
//
// A ProgramBuilder collects instructions over registers; Build resolves them to the vectorised primitives of
// one ISA level (tile_table.h). A Program is immutable and shared by all threads. It runs over whole tensors
// with broadcasting (MakeTileLoop once per shape signature, then RunProgram), or as the epilogue of another
// kernel (epilogue.h).
//
//   ProgramBuilder builder;
//   Reg x = builder.Input(Element::kF32);
//   builder.Output(builder.Emit(TileOp::kMul, x, builder.Emit(TileOp::kSigmoid, x)), Element::kF32);
//   ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, builder.Build(isa));
//
// A program computes what its operators would compute one after the other: f32 operations are not contracted,
// narrow integers wrap around after each operation; but SiLU and GELU spelled out become one instruction.
// Only float16 and bfloat16 stay in f32 between operators.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "base/small_vector.h"
#include "base/status.h"
#include "kernels/elementwise/tile_op.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// A register of a program under construction; -1 is none.
using Reg = int32_t;
inline constexpr Reg kNoReg = -1;

struct TileEntry;  // tile_table.h: the primitives of one operation for every mix of tile and scalar operands

struct Instruction {
  TileOp op;
  int16_t dst = 0;
  int16_t args[3] = {-1, -1, -1};
  const TileEntry* entry = nullptr;
};

struct Program {
  enum class Source : uint8_t { kInput, kConstant, kComputed, kUnused };
  struct Register {
    Element element;  // what the register means; it is held as ComputeTypeOf(element)
    Source source;
    int16_t index = 0;  // of the input or constant
    int16_t slot =
        -1;  // the tile that holds it; those of inputs come after slot_count and are used where needed
    int16_t output = -1;  // the first output that may be written in place of the slot: same form in memory
    bool input_read_later =
        false;  // some input is read after this register was computed: see aliasing in loop.cc
  };
  struct Output {
    int16_t reg;
    Element element;
  };

  std::vector<Element> inputs;
  std::vector<Output> outputs;
  std::vector<Register> registers;
  std::vector<uint64_t> constants;  // each in the first bytes of a word, as its compute type
  std::vector<Instruction> code;
  int slot_count = 0;
  int slot_bytes = 4;  // per element, of the widest compute type
  // A chain of float operations on input 0, each with at most one operand beside it: an epilogue runs it in
  // place over its plane, step by step. Empty for all other programs.
  struct PlaneStep {
    PlaneFunction function[2];  // with a row of elements, with a single one a row; null where there is none
    int16_t operand = -1;       // the register of an input or a constant
  };
  std::vector<PlaneStep> plane_steps;
  double weight = 0;  // cycles per vector, roughly: what chunk sizes are made from
  Isa isa = Isa::kScalar;

  // One line an instruction: "%3:f32 = mul %1 %2".
  std::string Text() const;
};

class ProgramBuilder {
 public:
  // The next input of the program.
  Reg Input(Element element);
  // A constant of the element's type, rounded to it. Equal constants share a register.
  Reg Constant(Element element, double value);
  Reg ConstantInt(Element element, int64_t value);  // exact for 64-bit integers (uint64 by its bits)

  // Appends an instruction, or finds the equal one that is there. Operands must be of one element type (but
  // for kSelect's condition); comparisons give kBool. An operation that its type has no primitive for makes
  // Build fail.
  Reg Emit(TileOp op, Reg a, Reg b = kNoReg, Reg c = kNoReg);
  // ONNX Cast: floats truncate towards zero, integers wrap, everything but zero is true.
  Reg Convert(Reg a, Element to);
  // The same bits under another type of the same compute type, e.g. a float16 register as float.
  Reg Relabel(Reg a, Element as);

  // Register `a` is the next output, converted to `element` as by Convert.
  void Output(Reg a, Element element);

  Element TypeOf(Reg a) const { return registers_[static_cast<size_t>(a)].element; }
  size_t instruction_count() const { return code_.size(); }

  // Drops dead code and gives out slots. kNotImplemented where an operation has no primitive for its type or
  // the program is too long.
  Result<std::shared_ptr<const Program>> Build(Isa isa);

 private:
  Reg Add(const Program::Register& made);
  Reg AddConstant(Element element, uint64_t bits);
  Reg Append(TileOp op, Element result, Reg a, Reg b, Reg c);
  // activations.cc; operands are roots.
  const Instruction* MakerOf(Reg a, TileOp op) const;
  bool IsNumber(Reg a, double value) const;
  Reg Beside(Reg a, TileOp op, double value) const;
  Reg Times(Reg a, double value) const;
  bool IsCube(Reg a, Reg x) const;
  Reg ErfGate(Reg a) const;
  Reg TanhGate(Reg a) const;
  Reg Activation(Reg a, Reg b);
  static Status AssignSlots(Program& program);

  std::vector<Element> inputs_;
  std::vector<Program::Output> outputs_;
  std::vector<Program::Register> registers_;
  std::vector<Reg> roots_;  // the register that holds a relabelled one's value; mostly itself
  std::vector<uint64_t> constants_;
  std::vector<Instruction> code_;
  Status error_;
};

// The program at another ISA level; itself where it is at that level.
Result<std::shared_ptr<const Program>> ForIsa(const std::shared_ptr<const Program>& program, Isa isa);

// More would not be a sensible program: a fusion pass stops far below.
inline constexpr int kMostRegisters = 512;
inline constexpr int kMostSlots = 128;
inline constexpr int kMostOutputs = 64;
inline constexpr int kMostLoopDims = 32;

// How one program runs over one set of shapes. Strides in elements; 0 broadcasts.
struct TileLoop {
  using Strides = SmallVector<int64_t, 6>;
  struct Side {
    Strides strides;
    bool flat = false;    // element i of the loop stands at i
    bool scalar = false;  // one element for the whole loop
    int64_t period = 0;   // > 0: element i of an innermost row stands at i % period from the row's start
  };
  Strides dims;  // collapsed, innermost last; never empty
  int64_t count = 0;
  std::vector<Side> inputs;
  std::vector<Side> outputs;
  bool by_rows = false;  // a tile lies within one innermost row; otherwise it spans rows
  int64_t tile = 0;      // elements
  int64_t chunk = 0;     // elements that one thread claims at a time; a multiple of tile

  // A program of one instruction whose operands are read and written where they stand: it needs no tiles.
  // Null for all others.
  TileFunction instruction = nullptr;
  struct Operand {
    int input = -1;                  // whose, or -1
    const void* constant = nullptr;  // in place of an input
    int64_t element_bytes = 0;       // from an element to the next; 0 for a single one
  };
  Operand operands[3];
};

// Collapses dimensions and decides tile and chunk sizes. Every operand has dims.size() strides.
Result<TileLoop> MakeTileLoop(const Program& program, std::span<const int64_t> dims,
                              std::span<const std::span<const int64_t>> input_strides,
                              std::span<const std::span<const int64_t>> output_strides);
// The same for dense row-major operands whose shapes broadcast to `dims` as numpy's; outputs are dense.
Result<TileLoop> MakeBroadcastLoop(const Program& program, std::span<const int64_t> dims,
                                   std::span<const std::span<const int64_t>> input_dims);

// What can go wrong while a program runs.
enum class TileFault : uint32_t { kNone = 0, kDivisionByZero = 1 };

// Runs the loop. An output may be the same memory as an input of the same shape and element size.
TileFault RunProgram(const Program& program, const TileLoop& loop, std::span<const void* const> inputs,
                     std::span<void* const> outputs, ThreadPool& threads);

}  // namespace ortolan::kernels
