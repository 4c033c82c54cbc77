#include "kernels/elementwise/frame.h"

#include <algorithm>

#include "kernels/elementwise/tile_select.h"

namespace ortolan::kernels {

Frame::Frame(const Program& program, int64_t tile) : program_(program), table_(TileTableOf(program.isa)) {
  const int64_t slots =
      std::max<int64_t>(1, program.slot_count + static_cast<int64_t>(program.inputs.size()));
  const int64_t room = kFrameBytes / slots / 64 * 64;
  slot_stride_ = std::min(room, (tile * program.slot_bytes + 63) / 64 * 64);
  at_[kMostRegisters] = nullptr;
  for (size_t i = 0; i < program.registers.size(); ++i) {
    const Program::Register& reg = program.registers[i];
    if (reg.source != Program::Source::kConstant) continue;
    at_[i] = reinterpret_cast<std::byte*>(
        const_cast<uint64_t*>(&program.constants[static_cast<size_t>(reg.index)]));
    single_[i] = true;
  }
}

void Frame::Resolve() {
  step_count_ = program_.code.size();
  for (size_t i = 0; i < step_count_; ++i) {
    const Instruction& instruction = program_.code[i];
    Step& step = steps_[i];
    step.dst = instruction.dst;
    unsigned mask = 0, all = 0;
    for (int k = 0; k < 3; ++k) {
      const int16_t arg = instruction.args[k];
      step.args[k] = arg < 0 ? static_cast<int16_t>(kMostRegisters) : arg;
      if (arg < 0) continue;
      all |= 1u << k;
      if (single_[arg]) mask |= 1u << k;
    }
    step.single = mask == all;
    single_[step.dst] = step.single;
    step.function = instruction.entry->by_mask[step.single ? 0 : mask];
    at_[step.dst] = static_cast<std::byte*>(SlotOf(step.dst));
  }
}

void SpreadFirst(void* data, int bytes, int64_t n) {
  switch (bytes) {
    case 1:
      std::fill_n(static_cast<uint8_t*>(data), n, *static_cast<uint8_t*>(data));
      break;
    case 2:
      std::fill_n(static_cast<uint16_t*>(data), n, *static_cast<uint16_t*>(data));
      break;
    case 4:
      std::fill_n(static_cast<uint32_t*>(data), n, *static_cast<uint32_t*>(data));
      break;
    default:
      std::fill_n(static_cast<uint64_t*>(data), n, *static_cast<uint64_t*>(data));
  }
}

}  // namespace ortolan::kernels
