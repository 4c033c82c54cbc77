// ProgramBuilder: instructions with their types and wraparound, sharing, dead code, slots.
#include "kernels/elementwise/program.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/half.h"
#include "kernels/elementwise/tile_select.h"

namespace ortolan::kernels {
namespace {

struct OpFacts {
  std::string_view name;
  int operands;
  double weight;
};
constexpr OpFacts kFacts[] = {
#define ORTOLAN_TILE_FACTS(name, operands, weight) {#name, operands, weight},
    ORTOLAN_TILE_OPS(ORTOLAN_TILE_FACTS)
#undef ORTOLAN_TILE_FACTS
};
const OpFacts& FactsOf(TileOp op) {
  return kFacts[static_cast<int>(op)];
}

constexpr std::string_view kElementNames[] = {"f32", "f64", "f16", "bf16", "i8",  "u8",  "i16",
                                              "u16", "i32", "u32", "i64",  "u64", "bool"};

bool GivesBool(TileOp op) {
  switch (op) {
    case TileOp::kEqual:
    case TileOp::kLess:
    case TileOp::kLessEqual:
    case TileOp::kIsNan:
    case TileOp::kIsPositiveInf:
    case TileOp::kIsNegativeInf:
    case TileOp::kToBool:
      return true;
    default:
      return false;
  }
}

// Whether a result may leave the range of a narrow integer although the operands are in it.
bool MayLeaveRange(TileOp op) {
  switch (op) {
    case TileOp::kAdd:
    case TileOp::kSub:
    case TileOp::kMul:
    case TileOp::kDiv:
    case TileOp::kPow:
    case TileOp::kNeg:
    case TileOp::kAbs:
    case TileOp::kPRelu:
    case TileOp::kNot:
    case TileOp::kShiftLeft:
      return true;
    default:
      return false;
  }
}

// The operation that brings a value of the element's compute type into the element's range; kCopy where
// nothing has to.
TileOp WrapOf(Element element) {
  switch (element) {
    case Element::kI8:
      return TileOp::kWrapI8;
    case Element::kU8:
      return TileOp::kWrapU8;
    case Element::kI16:
      return TileOp::kWrapI16;
    case Element::kU16:
      return TileOp::kWrapU16;
    case Element::kU32:
      return TileOp::kWrapU32;
    case Element::kF16:
      return TileOp::kRoundF16;
    case Element::kBF16:
      return TileOp::kRoundBF16;
    default:
      return TileOp::kCopy;
  }
}
bool IsHalf(Element element) {
  return element == Element::kF16 || element == Element::kBF16;
}

// Whether every value of `from` is one of `to`, both of one compute type.
bool Holds(Element to, Element from) {
  if (to == from || WrapOf(to) == TileOp::kCopy) return true;
  return (from == Element::kI8 && to == Element::kI16) ||
         (from == Element::kU8 && (to == Element::kI16 || to == Element::kU16));
}

TileOp ConversionTo(ComputeType type) {
  switch (type) {
    case ComputeType::kF32:
      return TileOp::kToF32;
    case ComputeType::kF64:
      return TileOp::kToF64;
    case ComputeType::kI32:
      return TileOp::kToI32;
    case ComputeType::kI64:
      return TileOp::kToI64;
    case ComputeType::kU64:
      return TileOp::kToU64;
    case ComputeType::kBool:
      return TileOp::kToBool;
  }
  return TileOp::kToF32;
}

template <typename T>
uint64_t BitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(value));
  return bits;
}

int64_t ToInt64(double value) {
  if (!(value >= -0x1p63)) return INT64_MIN;
  return value < 0x1p63 ? static_cast<int64_t>(value) : INT64_MAX;
}

int64_t WrapInt(Element element, int64_t value) {
  switch (element) {
    case Element::kI8:
      return static_cast<int8_t>(value);
    case Element::kU8:
      return static_cast<uint8_t>(value);
    case Element::kI16:
      return static_cast<int16_t>(value);
    case Element::kU16:
      return static_cast<uint16_t>(value);
    case Element::kI32:
      return static_cast<int32_t>(value);
    case Element::kU32:
      return static_cast<uint32_t>(value);
    default:
      return value;
  }
}

float RoundTo(Element element, float value) {
  if (element == Element::kF16) return static_cast<float>(Float16(value));
  if (element == Element::kBF16) return static_cast<float>(BFloat16(value));
  return value;
}

}  // namespace

Reg ProgramBuilder::Input(Element element) {
  Program::Register made{element, Program::Source::kInput, static_cast<int16_t>(inputs_.size())};
  inputs_.push_back(element);
  return Add(made);
}

Reg ProgramBuilder::Add(const Program::Register& made) {
  if (registers_.size() >= kMostRegisters) {
    if (error_.ok()) error_ = NotImplemented("a tile program has at most {} registers", kMostRegisters);
    return 0;
  }
  registers_.push_back(made);
  roots_.push_back(static_cast<Reg>(registers_.size() - 1));
  return roots_.back();
}

Reg ProgramBuilder::AddConstant(Element element, uint64_t bits) {
  for (size_t i = 0; i < registers_.size(); ++i) {
    const Program::Register& known = registers_[i];
    if (known.source == Program::Source::kConstant && known.element == element &&
        constants_[static_cast<size_t>(known.index)] == bits) {
      return static_cast<Reg>(i);
    }
  }
  constants_.push_back(bits);
  return Add({element, Program::Source::kConstant, static_cast<int16_t>(constants_.size() - 1)});
}

Reg ProgramBuilder::Constant(Element element, double value) {
  switch (ComputeTypeOf(element)) {
    case ComputeType::kF32:
      return AddConstant(element, BitsOf(RoundTo(element, static_cast<float>(value))));
    case ComputeType::kF64:
      return AddConstant(element, BitsOf(value));
    case ComputeType::kBool:
      return AddConstant(element, value != 0);
    default:
      return ConstantInt(element, ToInt64(value));
  }
}

Reg ProgramBuilder::ConstantInt(Element element, int64_t value) {
  switch (ComputeTypeOf(element)) {
    case ComputeType::kI32:
      return AddConstant(element, BitsOf(static_cast<int32_t>(WrapInt(element, value))));
    case ComputeType::kI64:
    case ComputeType::kU64:
      return AddConstant(element, BitsOf(WrapInt(element, value)));
    default:
      return Constant(element, static_cast<double>(value));
  }
}

Reg ProgramBuilder::Append(TileOp op, Element result, Reg a, Reg b, Reg c) {
  Instruction made{op};
  const Reg args[3] = {a, b, c};
  for (int i = 0; i < 3; ++i) {
    if ((i < FactsOf(op).operands) != (args[i] != kNoReg)) {
      if (error_.ok())
        error_ = NotImplemented("tile operation {} has {} operands", FactsOf(op).name, FactsOf(op).operands);
      return 0;
    }
    made.args[i] = static_cast<int16_t>(args[i] == kNoReg ? kNoReg : roots_[static_cast<size_t>(args[i])]);
  }
  for (const Instruction& known : code_) {
    if (known.op == op && std::equal(known.args, known.args + 3, made.args) && TypeOf(known.dst) == result) {
      return known.dst;
    }
  }
  const Reg dst = Add({result, Program::Source::kComputed});
  made.dst = static_cast<int16_t>(dst);
  code_.push_back(made);
  return dst;
}

Reg ProgramBuilder::Emit(TileOp op, Reg a, Reg b, Reg c) {
  const Element element = TypeOf(op == TileOp::kSelect ? b : a);
  if (GivesBool(op)) return Append(op, Element::kBool, a, b, c);
  if (op == TileOp::kMul && b != kNoReg && element == Element::kF32) {
    const Reg made = Activation(roots_[static_cast<size_t>(a)], roots_[static_cast<size_t>(b)]);
    if (made != kNoReg) return made;
  }
  Reg result = Append(op, element, a, b, c);
  if (MayLeaveRange(op) && !IsHalf(element) && WrapOf(element) != TileOp::kCopy) {
    result = Append(WrapOf(element), element, result, kNoReg, kNoReg);
  }
  return result;
}

Reg ProgramBuilder::Relabel(Reg a, Element as) {
  if (TypeOf(a) == as) return a;
  const Reg made = Add(registers_[static_cast<size_t>(a)]);
  registers_[static_cast<size_t>(made)].element = as;
  roots_[static_cast<size_t>(made)] = roots_[static_cast<size_t>(a)];
  return made;
}

Reg ProgramBuilder::Convert(Reg a, Element to) {
  const Element from = TypeOf(a);
  if (from == to) return a;
  const ComputeType type = ComputeTypeOf(to);
  if (ComputeTypeOf(from) != type) {
    // int32 as held has no room for uint32: the value passes through int64, which wraps it as C does.
    a = Append(ConversionTo(type), to, a, kNoReg, kNoReg);
    const bool fits =
        (to == Element::kU32 && (from == Element::kU8 || from == Element::kU16)) || from == Element::kBool;
    return fits || WrapOf(to) == TileOp::kCopy ? a : Append(WrapOf(to), to, a, kNoReg, kNoReg);
  }
  return Holds(to, from) ? Relabel(a, to) : Append(WrapOf(to), to, a, kNoReg, kNoReg);
}

void ProgramBuilder::Output(Reg a, Element element) {
  Reg root = roots_[static_cast<size_t>(Convert(a, element))];
  // Storing narrows by itself: a last wrap to the same element is not needed.
  for (const Instruction& known : code_) {
    if (known.dst == root && known.op == WrapOf(element) && known.op != TileOp::kCopy) {
      root = known.args[0];
      break;
    }
  }
  outputs_.push_back({static_cast<int16_t>(root), element});
}

namespace {

// A product that only a sum reads becomes one instruction with it: one pass over the tiles in place of two,
// so that all operands stream in side by side.
void JoinProducts(Program& program) {
  std::vector<int> uses(program.registers.size());
  for (const Instruction& instruction : program.code) {
    for (int16_t arg : instruction.args)
      if (arg >= 0) ++uses[static_cast<size_t>(arg)];
  }
  for (const Program::Output& output : program.outputs) ++uses[static_cast<size_t>(output.reg)];
  std::vector<Instruction> code;
  std::vector<int> product(program.registers.size(), -1);  // the place in `code` of the one that makes it
  for (Instruction instruction : program.code) {
    const Program::Register& dst = program.registers[static_cast<size_t>(instruction.dst)];
    const bool is_float = ComputeTypeOf(dst.element) == ComputeType::kF32;
    for (size_t k = 0; is_float && instruction.op == TileOp::kAdd && k < 2; ++k) {
      const auto arg = static_cast<size_t>(instruction.args[k]);
      if (product[arg] < 0 || uses[arg] != 1) continue;
      const auto at = static_cast<size_t>(product[arg]);
      instruction.op = TileOp::kMulAdd;
      instruction.args[2] = instruction.args[1 - k];
      instruction.args[0] = code[at].args[0], instruction.args[1] = code[at].args[1];
      program.registers[arg].source = Program::Source::kUnused;
      code.erase(code.begin() + static_cast<ptrdiff_t>(at));
      for (int& place : product) place -= place > static_cast<int>(at);
    }
    if (is_float && instruction.op == TileOp::kMul)
      product[static_cast<size_t>(instruction.dst)] = static_cast<int>(code.size());
    code.push_back(instruction);
  }
  program.code = std::move(code);
}

// What only chooses among 8-bit numbers chooses among bytes: they need not be widened.
void ChooseAsBytes(Program& program) {
  const auto is_byte = [](Element element) { return ElementBytes(element) == 1; };
  const auto fits = [&](const Instruction& instruction) {
    return instruction.op == TileOp::kSelect &&
           is_byte(program.registers[static_cast<size_t>(instruction.dst)].element);
  };
  if (program.code.empty() || !std::all_of(program.code.begin(), program.code.end(), fits)) return;
  for (const Program::Output& output : program.outputs) {
    if (output.element != program.registers[static_cast<size_t>(output.reg)].element) return;
  }
  for (Program::Register& reg : program.registers) {
    if (reg.source == Program::Source::kUnused) continue;
    if (!is_byte(reg.element)) return;
  }
  for (Program::Register& reg : program.registers) {
    if (reg.source != Program::Source::kUnused) reg.element = Element::kBool;
  }
  for (Program::Output& output : program.outputs) output.element = Element::kBool;
  for (Element& input : program.inputs) {
    if (is_byte(input)) input = Element::kBool;
  }
}

}  // namespace

Result<std::shared_ptr<const Program>> ProgramBuilder::Build(Isa isa) {
  if (!error_.ok()) return error_;
  auto program = std::make_shared<Program>();
  program->inputs = inputs_;
  program->outputs = outputs_;
  program->registers = registers_;
  program->constants = constants_;

  std::vector<bool> needed(registers_.size());
  for (const Program::Output& output : outputs_) needed[static_cast<size_t>(output.reg)] = true;
  for (size_t i = code_.size(); i-- > 0;) {
    if (!needed[static_cast<size_t>(code_[i].dst)]) continue;
    program->code.push_back(code_[i]);
    for (int16_t arg : code_[i].args) {
      if (arg >= 0) needed[static_cast<size_t>(arg)] = true;
    }
  }
  std::reverse(program->code.begin(), program->code.end());
  for (size_t i = 0; i < registers_.size(); ++i) {
    if (!needed[i]) program->registers[i].source = Program::Source::kUnused;
  }
  JoinProducts(*program);
  ChooseAsBytes(*program);
  ORTOLAN_RETURN_IF_ERROR(AssignSlots(*program));
  ORTOLAN_RETURN_IF_ERROR(ResolveProgram(isa, program.get()));
  return std::shared_ptr<const Program>(std::move(program));
}

Status ProgramBuilder::AssignSlots(Program& program) {
  const size_t count = program.registers.size();
  constexpr size_t kForever = SIZE_MAX;
  std::vector<size_t> last_use(count, 0);
  size_t last_input_read = 0;  // index of the instruction + 1
  for (size_t i = 0; i < program.code.size(); ++i) {
    for (int16_t arg : program.code[i].args) {
      if (arg < 0) continue;
      last_use[static_cast<size_t>(arg)] = i;
      if (program.registers[static_cast<size_t>(arg)].source == Program::Source::kInput)
        last_input_read = i + 1;
    }
  }
  bool stores_input = false;
  for (size_t o = 0; o < program.outputs.size(); ++o) {
    const size_t reg = static_cast<size_t>(program.outputs[o].reg);
    last_use[reg] = kForever;
    Program::Register& source = program.registers[reg];
    if (source.source == Program::Source::kInput) stores_input = true;
    if (source.source == Program::Source::kComputed && source.output < 0 &&
        SameForm(program.outputs[o].element) &&
        ComputeTypeOf(program.outputs[o].element) == ComputeTypeOf(source.element)) {
      source.output = static_cast<int16_t>(o);
    }
  }
  std::vector<int16_t> free_slots;
  int16_t slots = 0;
  for (size_t i = 0; i < program.code.size(); ++i) {
    const Instruction& instruction = program.code[i];
    Program::Register& dst = program.registers[static_cast<size_t>(instruction.dst)];
    const int dst_bytes = ComputeBytes(ComputeTypeOf(dst.element));
    program.slot_bytes = std::max(program.slot_bytes, dst_bytes);
    dst.input_read_later = stores_input || last_input_read > i + 1;
    // A slot whose register dies here may be written over where the widths agree; otherwise it is free
    // afterwards.
    std::vector<int16_t> free_afterwards;
    for (int k = 0; k < 3; ++k) {
      const int16_t arg = instruction.args[k];
      if (arg < 0 || std::find(instruction.args, instruction.args + k, arg) != instruction.args + k) continue;
      const Program::Register& source = program.registers[static_cast<size_t>(arg)];
      if (source.source != Program::Source::kComputed || last_use[static_cast<size_t>(arg)] != i) continue;
      (ComputeBytes(ComputeTypeOf(source.element)) == dst_bytes ? free_slots : free_afterwards)
          .push_back(source.slot);
    }
    if (free_slots.empty()) {
      dst.slot = slots++;
    } else {
      dst.slot = free_slots.back();
      free_slots.pop_back();
    }
    free_slots.insert(free_slots.end(), free_afterwards.begin(), free_afterwards.end());
  }
  // Inputs that have to be converted or gathered get a tile of their own.
  for (Program::Register& reg : program.registers) {
    if (reg.source == Program::Source::kInput) {
      reg.slot = static_cast<int16_t>(slots + reg.index);
      program.slot_bytes = std::max(program.slot_bytes, ComputeBytes(ComputeTypeOf(reg.element)));
    }
  }
  program.slot_count = slots;
  if (program.outputs.size() > static_cast<size_t>(kMostOutputs)) {
    return NotImplemented("a tile program has at most {} outputs", kMostOutputs);
  }
  if (static_cast<size_t>(slots) + program.inputs.size() > static_cast<size_t>(kMostSlots)) {
    return NotImplemented("a tile program has at most {} live tiles and inputs, this one {}", kMostSlots,
                          static_cast<size_t>(slots) + program.inputs.size());
  }
  return OkStatus();
}

namespace {

bool Commutes(TileOp op) {
  return op == TileOp::kAdd || op == TileOp::kMul || op == TileOp::kMin || op == TileOp::kMax;
}

// See Program::plane_steps.
std::vector<Program::PlaneStep> PlaneStepsOf(const Program& program, const TileTable& table) {
  const auto& registers = program.registers;
  const auto is_float = [&](int16_t reg) {
    return registers[static_cast<size_t>(reg)].element == Element::kF32;
  };
  if (program.outputs.size() != 1 || program.outputs[0].element != Element::kF32) return {};
  std::vector<Program::PlaneStep> steps;
  int16_t at = -1;  // the register that the plane holds
  for (const Instruction& instruction : program.code) {
    const auto holds_plane = [&](int16_t reg) {
      const Program::Register& facts = registers[static_cast<size_t>(reg)];
      return at >= 0 ? reg == at : facts.source == Program::Source::kInput && facts.index == 0;
    };
    // A step with the operand beside the plane, or without one.
    const auto step = [&](TileOp op, int16_t other) {
      if (other >= 0) {
        // Only the plane itself is computed, and what it was before is gone.
        const Program::Register& facts = registers[static_cast<size_t>(other)];
        const bool beside = facts.source == Program::Source::kConstant ||
                            (facts.source == Program::Source::kInput && facts.index > 0);
        if (!beside || !is_float(other)) return false;
      }
      const PlaneFunction* functions = table.planes[static_cast<int>(op)];
      if (functions[0] == nullptr) return false;
      steps.push_back({{functions[0], functions[1]}, other});
      return true;
    };
    const bool joined = instruction.op == TileOp::kMulAdd;
    if (instruction.args[2] >= 0 && !joined) return {};
    const TileOp op = joined ? TileOp::kMul : instruction.op;
    int16_t mine = instruction.args[0], other = instruction.args[1];
    if (other >= 0 && !holds_plane(mine) && Commutes(op)) std::swap(mine, other);
    if (!holds_plane(mine) || !is_float(mine) || !is_float(instruction.dst)) return {};
    if (!step(op, other) || (joined && !step(TileOp::kAdd, instruction.args[2]))) return {};
    at = instruction.dst;
  }
  if (program.outputs[0].reg != at) return {};
  return steps;
}

}  // namespace

Status ResolveProgram(Isa isa, Program* program) {
  program->isa = isa;
  program->weight = 0;
  for (Instruction& instruction : program->code) {
    const int typed_by = instruction.op == TileOp::kSelect ? 1 : 0;
    const Element element = program->registers[static_cast<size_t>(instruction.args[typed_by])].element;
    instruction.entry =
        &TileTableOf(isa).ops[static_cast<int>(instruction.op)][static_cast<int>(ComputeTypeOf(element))];
    if (instruction.entry->by_mask[0] == nullptr) {
      return NotImplemented("tile operation {} is not implemented for {}", FactsOf(instruction.op).name,
                            kElementNames[static_cast<int>(element)]);
    }
    program->weight += FactsOf(instruction.op).weight * ComputeBytes(ComputeTypeOf(element)) / 4;
  }
  program->plane_steps = PlaneStepsOf(*program, TileTableOf(isa));
  return OkStatus();
}

Result<std::shared_ptr<const Program>> ForIsa(const std::shared_ptr<const Program>& program, Isa isa) {
  if (program->isa == isa) return program;
  auto copy = std::make_shared<Program>(*program);
  ORTOLAN_RETURN_IF_ERROR(ResolveProgram(isa, copy.get()));
  return std::shared_ptr<const Program>(std::move(copy));
}

std::string Program::Text() const {
  const auto name = [&](int16_t reg) {
    const Register& r = registers[static_cast<size_t>(reg)];
    if (r.source == Source::kInput) return fmt::format("in{}", r.index);
    if (r.source == Source::kComputed) return fmt::format("%{}", reg);
    const uint64_t bits = constants[static_cast<size_t>(r.index)];
    switch (ComputeTypeOf(r.element)) {
      case ComputeType::kF32:
        return fmt::format("{}", std::bit_cast<float>(static_cast<uint32_t>(bits)));
      case ComputeType::kF64:
        return fmt::format("{}", std::bit_cast<double>(bits));
      case ComputeType::kI32:
        return fmt::format("{}", static_cast<int32_t>(bits));
      default:
        return fmt::format("{}", static_cast<int64_t>(bits));
    }
  };
  std::string text;
  for (const Instruction& instruction : code) {
    const Register& dst = registers[static_cast<size_t>(instruction.dst)];
    text += fmt::format("{}:{} = {}", name(instruction.dst), kElementNames[static_cast<int>(dst.element)],
                        FactsOf(instruction.op).name);
    for (int16_t arg : instruction.args) {
      if (arg >= 0) text += fmt::format(" {}", name(arg));
    }
    text += "\n";
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    text += fmt::format("out{}:{} = {}\n", o, kElementNames[static_cast<int>(outputs[o].element)],
                        name(outputs[o].reg));
  }
  return text;
}

}  // namespace ortolan::kernels
