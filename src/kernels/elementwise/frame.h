// Frame: one thread's registers while it runs a tile program. Who fills it knows where operands stand in
// memory (run.cc: tensors; epilogue.cc: the output of another kernel).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/program.h"
#include "kernels/elementwise/tile_table.h"

namespace ortolan::kernels {

inline constexpr int64_t kFrameBytes = 64 << 10;
inline constexpr int64_t kSmallestTile =
    64;  // kMostSlots tiles of the widest type: 128 * 64 * 8 = kFrameBytes

// A large object without initialisation: lives on the stack of the thread that runs a chunk.
class Frame {
 public:
  // `tile` elements in each slot. Constants are bound; inputs and outputs are the caller's.
  Frame(const Program& program, int64_t tile);

  // Where register `reg` is read (inputs) or written (results). A single one is an element in place of a
  // tile.
  void Bind(int16_t reg, void* at, bool single = false) {
    at_[reg] = static_cast<std::byte*>(at);
    single_[reg] = single;
  }
  std::byte* at(int16_t reg) const { return at_[reg]; }
  bool single(int16_t reg) const { return single_[reg]; }
  void* SlotOf(int16_t reg) {
    return tiles_ + program_.registers[static_cast<size_t>(reg)].slot * slot_stride_;
  }

  // Once all inputs are bound as tile or single: which results are single elements, and the primitive of each
  // instruction. Results are bound to their slots.
  void Resolve();

  // Runs the program over n >= 1 elements.
  void Run(int64_t n) {
    for (size_t i = 0; i < step_count_; ++i) {
      const Step& step = steps_[i];
      step.function(at_[step.dst], at_[step.args[0]], at_[step.args[1]], at_[step.args[2]],
                    step.single ? 1 : n, &fault_);
    }
  }

  // Copies n elements from memory to a register's form, or back. `count` of them from one where `from` is
  // single.
  void LoadTo(void* to, Element element, const void* from, int64_t n) {
    table_.load[Index(element)](to, from, from, from, n, &fault_);
  }
  void StoreFrom(const void* from, Element element, void* to, int64_t n) {
    table_.store[Index(element)](to, from, from, from, n, &fault_);
  }

  uint32_t fault() const { return fault_; }
  const Program& program() const { return program_; }

 private:
  struct Step {
    TileFunction function;
    int16_t dst;
    int16_t args[3];
    bool single;
  };
  static size_t Index(Element element) { return static_cast<size_t>(element); }

  const Program& program_;
  const TileTable& table_;
  int64_t slot_stride_;  // bytes
  uint32_t fault_ = 0;
  size_t step_count_ = 0;
  std::byte* at_[kMostRegisters + 1];  // the last stands for operands that an instruction does not have
  bool single_[kMostRegisters];
  Step steps_[kMostRegisters];
  alignas(64) std::byte tiles_[kFrameBytes];
};

// Writes the first of n elements, `bytes` wide (1, 2, 4 or 8), over the others.
void SpreadFirst(void* data, int bytes, int64_t n);

}  // namespace ortolan::kernels
