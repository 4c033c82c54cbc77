// MakeTileLoop: from shapes and strides to the form in which RunProgram walks them.
#include <algorithm>
#include <optional>

#include "kernels/elementwise/frame.h"
#include "kernels/elementwise/program.h"

namespace ortolan::kernels {
namespace {

// Rows shorter than this are gathered into tiles that span several of them: an instruction costs about as
// much as ten vectors, so by then the gathering is the cheaper half.
constexpr int64_t kShortestRow = 192;
// Rows that repeat need no gathering: their tile is filled once. From here on a row is worth an instruction.
constexpr int64_t kShortestPeriod = 512;
// All live tiles together stay in half of a 32 KB L1.
constexpr int64_t kTilesBytes = 16 << 10;
constexpr int64_t kLargestTile = 1024;
// A chunk is worth claiming from about 15 us: 40000 cycles. A vector of 16 floats costs its instructions and
// 8 cycles for each operand that streams through memory.
constexpr double kChunkCycles = 40000;
constexpr double kStreamCycles = 8;

using Strides = TileLoop::Strides;

// Drops dimensions of 1 and joins neighbours that every operand steps through evenly.
void Collapse(std::span<const int64_t> dims, TileLoop* loop) {
  std::vector<TileLoop::Side*> sides;
  for (TileLoop::Side& side : loop->inputs) sides.push_back(&side);
  for (TileLoop::Side& side : loop->outputs) sides.push_back(&side);
  std::vector<int64_t> kept;
  std::vector<std::vector<int64_t>> strides(sides.size());
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] == 1) continue;
    bool joins = !kept.empty();
    for (size_t s = 0; s < sides.size() && joins; ++s) {
      joins = strides[s].back() == sides[s]->strides[axis] * dims[axis];
    }
    if (joins) {
      kept.back() *= dims[axis];
    } else {
      kept.push_back(dims[axis]);
    }
    for (size_t s = 0; s < sides.size(); ++s) {
      if (joins) strides[s].pop_back();
      strides[s].push_back(sides[s]->strides[axis]);
    }
  }
  if (kept.empty()) {
    kept.push_back(1);
    for (auto& s : strides) s.push_back(1);
  }
  loop->dims = Strides(std::span<const int64_t>(kept));
  for (size_t s = 0; s < sides.size(); ++s) sides[s]->strides = Strides(std::span<const int64_t>(strides[s]));
}

void Classify(const Strides& dims, TileLoop::Side* side) {
  side->scalar = std::all_of(side->strides.begin(), side->strides.end(), [](int64_t s) { return s == 0; });
  int64_t expected = 1;
  size_t axis = dims.size();
  while (axis > 0 && side->strides[axis - 1] == expected) expected *= dims[--axis];
  side->flat = axis == 0;
}

// Joins short innermost rows with the axis around them where every operand goes on evenly, stays at one
// element or comes again from its start: channels in the last axis times a vector over them, or a block of
// channels times its scale. Nothing where no row of kShortestPeriod comes out.
std::optional<TileLoop> JoinPeriods(TileLoop joined) {
  while (joined.dims.size() > 1 && joined.dims.back() < kShortestPeriod) {
    const size_t last = joined.dims.size() - 1;
    const int64_t width = joined.dims[last];
    const auto join = [&](TileLoop::Side& side, bool may_repeat) {
      const int64_t inner = side.strides[last], outer = side.strides[last - 1];
      if (inner == 1 && outer == 0 && may_repeat) {
        if (side.period == 0) side.period = width;
      } else if (outer != inner * width || side.period > 0) {
        return false;
      }
      side.strides.resize(last);
      side.strides[last - 1] = inner;
      return true;
    };
    for (TileLoop::Side& side : joined.inputs) {
      if (!join(side, true)) return std::nullopt;
    }
    for (TileLoop::Side& side : joined.outputs) {
      if (!join(side, false)) return std::nullopt;
    }
    joined.dims.resize(last);
    joined.dims[last - 1] *= width;
  }
  return joined;
}

// Tiles that the loop touches beside its operands in memory.
int64_t TouchedTiles(const Program& program, const TileLoop& loop) {
  bool touched[kMostSlots] = {};
  for (const Program::Register& reg : program.registers) {
    if (reg.source == Program::Source::kInput) {
      const TileLoop::Side& side = loop.inputs[static_cast<size_t>(reg.index)];
      const bool direct =
          loop.by_rows ? side.strides.back() <= 1 && side.period == 0 : side.flat || side.scalar;
      touched[reg.slot] |= !direct || (!SameForm(reg.element) && !side.scalar);
    } else if (reg.source == Program::Source::kComputed && reg.slot >= 0) {
      const TileLoop::Side* side = reg.output >= 0 ? &loop.outputs[static_cast<size_t>(reg.output)] : nullptr;
      const bool direct =
          side && !reg.input_read_later && (loop.by_rows ? side->strides.back() == 1 : side->flat);
      touched[reg.slot] |= !direct;
    }
  }
  return std::count(touched, touched + kMostSlots, true);
}

// False where a period is longer than a tile may be.
bool ChooseSizes(const Program& program, TileLoop* loop) {
  const double cycles =
      program.weight + kStreamCycles * static_cast<double>(loop->inputs.size() + loop->outputs.size());
  const int64_t chunk =
      std::clamp<int64_t>(static_cast<int64_t>(16 * kChunkCycles / cycles), 1024, 64 << 10) / 64 * 64;
  const int64_t touched = TouchedTiles(program, *loop);
  const int64_t slots = program.slot_count + static_cast<int64_t>(program.inputs.size());
  int64_t tile = chunk;
  if (touched > 0) {
    tile = std::min(kLargestTile, kTilesBytes / (touched * program.slot_bytes));
    tile = std::min(tile, kFrameBytes / (slots * program.slot_bytes));
    tile = std::max(kSmallestTile, tile / 64 * 64);
  }
  // A tile of whole periods is filled once and serves the whole row. Periods are multiples of each other.
  int64_t period = 1;
  for (const TileLoop::Side& side : loop->inputs) period = std::max(period, side.period);
  if (period > tile) return false;
  tile = tile / period * period;
  loop->tile = tile;
  loop->chunk = (chunk + tile - 1) / tile * tile;
  return true;
}

// How a loop of these dimensions is walked; false where it cannot be.
bool Choose(const Program& program, TileLoop* loop) {
  for (TileLoop::Side& side : loop->inputs) Classify(loop->dims, &side);
  for (TileLoop::Side& side : loop->outputs) Classify(loop->dims, &side);
  loop->by_rows = loop->dims.size() == 1 || loop->dims.back() >= kShortestRow;
  return ChooseSizes(program, loop);
}

// Sets the loop's instruction where that alone will do.
void ChooseInstruction(const Program& program, TileLoop* loop) {
  if (program.code.size() != 1 || loop->outputs.size() != 1 || loop->dims.size() != 1) return;
  const Program::Output& output = program.outputs[0];
  const Instruction& instruction = program.code[0];
  const bool direct = program.registers[static_cast<size_t>(output.reg)].output == 0;
  if (!direct || !loop->outputs[0].flat || instruction.dst != output.reg || !SameForm(output.element)) return;
  unsigned single = 0, all = 0;
  for (int k = 0; k < 3; ++k) {
    TileLoop::Operand& operand = loop->operands[k];
    if (instruction.args[k] < 0) continue;
    all |= 1u << k;
    const Program::Register& reg = program.registers[static_cast<size_t>(instruction.args[k])];
    if (reg.source == Program::Source::kConstant) {
      operand.constant = &program.constants[static_cast<size_t>(reg.index)];
      single |= 1u << k;
      continue;
    }
    const TileLoop::Side& side = loop->inputs[static_cast<size_t>(reg.index)];
    const bool whole = side.flat && side.period == 0;
    if (reg.source != Program::Source::kInput || !SameForm(reg.element) || (!whole && !side.scalar)) return;
    operand.input = reg.index;
    if (side.flat && !side.scalar) operand.element_bytes = ElementBytes(reg.element);
    if (operand.element_bytes == 0) single |= 1u << k;
  }
  if (single != all) loop->instruction = instruction.entry->by_mask[single];
}

}  // namespace

Result<TileLoop> MakeTileLoop(const Program& program, std::span<const int64_t> dims,
                              std::span<const std::span<const int64_t>> input_strides,
                              std::span<const std::span<const int64_t>> output_strides) {
  if (input_strides.size() != program.inputs.size() || output_strides.size() != program.outputs.size()) {
    return Fail("a tile program of {} inputs and {} outputs got {} and {}", program.inputs.size(),
                program.outputs.size(), input_strides.size(), output_strides.size());
  }
  TileLoop loop;
  loop.count = 1;
  for (int64_t dim : dims) loop.count *= dim;
  for (const auto& strides : input_strides) loop.inputs.push_back({Strides(strides)});
  for (const auto& strides : output_strides) loop.outputs.push_back({Strides(strides)});
  Collapse(dims, &loop);
  if (loop.dims.size() > static_cast<size_t>(kMostLoopDims)) {
    return NotImplemented("broadcasting over {} dimensions; at most {} are supported", loop.dims.size(),
                          kMostLoopDims);
  }
  if (std::optional<TileLoop> joined = JoinPeriods(loop); joined && Choose(program, &*joined)) {
    loop = std::move(*joined);
  } else {
    Choose(program, &loop);
  }
  ChooseInstruction(program, &loop);
  return loop;
}

Result<TileLoop> MakeBroadcastLoop(const Program& program, std::span<const int64_t> dims,
                                   std::span<const std::span<const int64_t>> input_dims) {
  const auto strides_of = [&](std::span<const int64_t> own) {
    Strides strides(dims.size(), 0);
    int64_t step = 1;
    for (size_t i = 0; i < own.size() && i < dims.size(); ++i) {
      const int64_t size = own[own.size() - 1 - i];
      strides[dims.size() - 1 - i] = size == 1 ? 0 : step;
      step *= size;
    }
    return strides;
  };
  std::vector<Strides> inputs;
  for (const auto& own : input_dims) {
    for (size_t i = 0; i < own.size(); ++i) {
      const int64_t got = own[own.size() - 1 - i];
      const int64_t wanted = i < dims.size() ? dims[dims.size() - 1 - i] : 1;
      if (got != 1 && got != wanted) {
        return Fail("Attempting to broadcast an axis by a dimension other than 1. {} by {}", got, wanted);
      }
    }
    inputs.push_back(strides_of(own));
  }
  const Strides dense = strides_of(dims);
  std::vector<std::span<const int64_t>> input_spans, output_spans;
  for (const Strides& strides : inputs) input_spans.emplace_back(strides.data(), strides.size());
  for (size_t o = 0; o < program.outputs.size(); ++o) output_spans.emplace_back(dense.data(), dense.size());
  return MakeTileLoop(program, dims, input_spans, output_spans);
}

}  // namespace ortolan::kernels
