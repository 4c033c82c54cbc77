// Runs a planned direct convolution.
#include <algorithm>
#include <cstring>

#include "kernels/conv/direct.h"
#include "kernels/conv/slots.h"

namespace ortolan::kernels {
namespace {

// One row of the slab: the input row from column `first` on, zeros outside.
void CopyRow(const DirectPlan& plan, const float* row, int64_t first, float* to) {
  const Window& w = plan.window;
  const int64_t left = std::clamp<int64_t>(-first, 0, plan.slab_width);
  const int64_t from = std::max<int64_t>(0, first);
  const int64_t copied = std::clamp<int64_t>(w.in[2] - from, 0, plan.slab_width - left);
  std::memset(to, 0, sizeof(float) * static_cast<size_t>(left * plan.pixel));
  std::memcpy(to + left * plan.pixel, row + from * plan.pixel,
              sizeof(float) * static_cast<size_t>(copied * plan.pixel));
  const int64_t done = left + copied;
  std::memset(to + done * plan.pixel, 0,
              sizeof(float) * static_cast<size_t>((plan.slab_width - done) * plan.pixel));
}

// The padded input of output rows oh0.. of depth slice od, all planes of a group.
void FillSlab(const PackedConv& conv, const DirectPlan& plan, const float* x, int64_t od, int64_t oh0,
              int64_t rows, float* slab) {
  const Window& w = plan.window;
  const int64_t planes =
      conv.input == ConvLayout::kPlanar ? conv.group_in : CeilDiv(conv.group_in, conv.block());
  if (plan.pieces) {
    for (int64_t p = 0; p < planes; ++p)
      CopyRow(plan, x + p * plan.in_plane, oh0 * w.stride[1] - w.pad[2], slab + p * plan.plane_stride);
    return;
  }
  const int64_t h0 = oh0 * w.stride[1] - w.pad[1];
  const int64_t count = (rows - 1) * w.stride[1] + (w.kernel[1] - 1) * w.dilation[1] + 1;
  for (int64_t p = 0; p < planes; ++p) {
    for (int64_t kd = 0; kd < w.kernel[0]; ++kd) {
      const int64_t d = od * w.stride[0] - w.pad[0] + kd * w.dilation[0];
      float* to = slab + p * plan.plane_stride + kd * plan.slice_stride;
      for (int64_t r = 0; r < count; ++r, to += plan.row_stride) {
        const int64_t h = h0 + r;
        if (d < 0 || d >= w.in[0] || h < 0 || h >= w.in[1]) {
          std::memset(to, 0, sizeof(float) * static_cast<size_t>(plan.row_stride));
        } else {
          CopyRow(plan, x + p * plan.in_plane + (d * w.in[1] + h) * w.in[2] * plan.pixel, -w.pad[2], to);
        }
      }
    }
  }
}

// The pixels that output rows oh0.. of a flattened map read, of all planes of a group.
void Gather(const PackedConv& conv, const DirectPlan& plan, const float* x, int64_t oh0, int64_t rows,
            float* slab) {
  const Window& from = plan.sparse;
  const int64_t length = plan.window.out[2], size = from.out[0] * from.out[1] * from.out[2];
  const int64_t first = oh0 * length, end = std::min(size, (oh0 + rows) * length);
  const auto bytes = sizeof(float) * static_cast<size_t>(plan.pixel);
  for (int64_t p = 0; p < CeilDiv(conv.group_in, conv.block()); ++p) {
    const float* const plane = x + p * plan.in_plane;
    float* to = slab + p * plan.plane_stride;
    for (int64_t i = first; i < end; ++i, to += plan.pixel) {
      const int64_t column = i % from.out[2] * from.stride[2],
                    row = i / from.out[2] % from.out[1] * from.stride[1];
      const int64_t slice = i / from.out[2] / from.out[1] * from.stride[0];
      std::memcpy(to, plane + ((slice * from.in[1] + row) * from.in[2] + column) * plan.pixel, bytes);
    }
  }
}

const StripTable& TableFor(const PackedConv& conv, const DirectPlan& plan) {
  const ConvVariant& variant = *conv.variant;
  const int64_t stride = plan.window.stride[2];
  if (stride > 2) return *variant.any;
  return conv.input == ConvLayout::kPlanar ? *variant.planar[stride - 1] : *variant.blocked[stride - 1];
}

struct Chunk {
  int64_t n, group, od, oh0, rows, panel0, panel_end;
};

// Part `index` of `count` items in `parts` that differ by one item at most.
IndexRange Share(int64_t count, int64_t parts, int64_t index) {
  return {count * index / parts, count * (index + 1) / parts};
}

Chunk ChunkAt(const PackedConv& conv, const DirectPlan& plan, int64_t index) {
  Chunk c;
  const IndexRange panels = Share(conv.panels(), plan.panel_chunks, index % plan.panel_chunks);
  c.panel0 = panels.begin;
  c.panel_end = panels.end;
  index /= plan.panel_chunks;
  const IndexRange rows = Share(plan.window.out[1], plan.row_chunks, index % plan.row_chunks);
  c.oh0 = rows.begin;
  c.rows = rows.end - rows.begin;
  index /= plan.row_chunks;
  c.od = index % plan.window.out[0];
  index /= plan.window.out[0];
  c.group = index % conv.groups;
  c.n = index / conv.groups;
  return c;
}

// The reduction steps of a segment of an output row in a pass: those of its live kernel rows. Volumes keep
// all; their slabs have zero rows. A pass over a part of the planes has one kernel row.
std::span<const ReductionStep> StepsOf(const DirectPlan& plan, const ColumnSegment& segment,
                                       const ReductionPass& pass, int64_t oh, bool last_group) {
  const Window& w = plan.window;
  IndexRange live = pass.kernel_rows;
  if (w.kernel[0] == 1 && !plan.flat && !plan.pieces) {
    const IndexRange taps = LiveTaps(w, 1, oh);
    live = {std::max(live.begin, taps.begin), std::min(live.end, taps.end)};
  }
  if (live.end <= live.begin) return {};
  int64_t first = segment.first_step + live.begin * segment.steps_per_row;
  int64_t count = (live.end - live.begin) * segment.steps_per_row;
  if (const int64_t planes = plan.passes.back().planes.end; pass.planes.end - pass.planes.begin < planes) {
    const int64_t each = count / planes;
    first += pass.planes.begin * each;
    count = (pass.planes.end - pass.planes.begin) * each;
  }
  return std::span(last_group && !plan.last_steps.empty() ? plan.last_steps : plan.steps)
      .subspan(static_cast<size_t>(first), static_cast<size_t>(count));
}

// Pixels to places `step` pixels apart. A block is 8 or 16 floats: copied in registers.
void DealOut(const float* from, int64_t pixels, int64_t block, int64_t step, float* to) {
  for (int64_t i = 0; i < pixels; ++i) {
    std::memcpy(to + i * step * block, from + i * block, 32);
    if (block == 16) std::memcpy(to + i * step * block + 8, from + i * block + 8, 32);
  }
}

// The weights that come after those of a pass, the next one's or the next panel's: about as many.
struct NextWeights {
  int64_t at = 0;  // floats from the panel's first
  int64_t count = 0;
};
NextWeights WeightsAfter(const PackedConv& conv, const DirectPlan& plan, const ReductionPass& pass,
                         int64_t panel) {
  const Window& w = plan.window;
  const int64_t block = conv.block(), width = kStripVectors * block, depth = conv.depth();
  const int64_t next_blocks =
      std::min<int64_t>(kStripVectors, conv.out_blocks() - (panel + 1) * kStripVectors);
  if (plan.segments.size() > 1) return {};
  if (plan.passes.size() == 1) return {width * depth, std::max<int64_t>(0, next_blocks) * block * depth};
  const int64_t own_blocks = std::min<int64_t>(kStripVectors, conv.out_blocks() - panel * kStripVectors);
  const int64_t row = conv.group_in * w.kernel[2];
  const int64_t begin = pass.planes.begin * block * w.kernel[2];
  const int64_t end = std::min(row, pass.planes.end * block * w.kernel[2]);
  const int64_t at = own_blocks * block * ((pass.kernel_rows.end - 1) * row + end);
  const int64_t count = own_blocks * block * (pass.kernel_rows.end - pass.kernel_rows.begin) * (end - begin);
  const int64_t left = own_blocks * block * depth - at + std::max<int64_t>(0, next_blocks) * block * depth;
  return {at, std::min(count, left)};
}

// The rows of one segment of columns, so that the weights of its taps stay in the cache.
void RunRows(const PackedConv& conv, const DirectPlan& plan, const Chunk& c, const ColumnSegment& segment,
             const ReductionPass& pass, int64_t panel, const float* in, float* y, float* dealt,
             const ConvEpilogue& epilogue) {
  const Window& w = plan.window;
  const int64_t block = conv.block(), out_blocks = conv.out_blocks();
  const StripTable& table = TableFor(conv, plan);
  const int64_t first = c.group * out_blocks + panel * kStripVectors;  // output block
  const int64_t channels =
      std::min<int64_t>(kStripVectors * block, conv.group_out - panel * kStripVectors * block);
  StripArgs args;
  args.pixel_stride = w.stride[2] * plan.pixel;
  args.weights = reinterpret_cast<const float*>(conv.weights.data()) + first * block * conv.depth();
  args.bias = reinterpret_cast<const float*>(conv.bias.data()) + first * block;
  args.out_block_stride = plan.deals ? plan.dealt_floats / kStripVectors : plan.out_plane;
  const bool first_pass = &pass == &plan.passes.front(), last_pass = &pass == &plan.passes.back();
  args.lower = last_pass ? epilogue.lower : -std::numeric_limits<float>::infinity();
  args.upper = last_pass ? epilogue.upper : std::numeric_limits<float>::infinity();
  args.goes_on = !first_pass;
  const float* const residual = last_pass ? epilogue.residual : nullptr;
  const NextWeights next = WeightsAfter(conv, plan, pass, panel);
  const int64_t row_strips = CeilDiv(plan.window.out[2], conv.variant->pixels);
  const int64_t out_base = (c.n * conv.groups * out_blocks + first) * plan.out_plane;
  for (int64_t oh = c.oh0; oh < c.oh0 + c.rows; ++oh) {
    const int64_t end = (plan.flat || plan.pieces) && oh == w.out[1] - 1 ? plan.last_row : segment.end;
    const int64_t pixels = end - segment.begin;
    const int64_t pixel0 = (c.od * w.out[1] + oh) * w.out[2] + segment.begin;
    const auto steps = StepsOf(plan, segment, pass, oh, c.group == conv.groups - 1);
    if (steps.empty() && !first_pass && !last_pass) continue;
    args.in = in + (oh - c.oh0) * w.stride[1] * plan.row_stride + segment.begin * args.pixel_stride;
    args.steps = steps.data();
    args.step_count = static_cast<int64_t>(steps.size());
    if (next.count > 0 && oh == c.oh0)
      LookAhead(args, args.weights + next.at, next.count, c.rows * row_strips);
    args.out = plan.deals ? dealt : y + out_base + pixel0 * block;
    args.residual = residual ? residual + out_base + pixel0 * block : nullptr;
    RunStrips(*conv.variant, table, channels, pixels, args);
    for (int64_t v = 0; last_pass && v < CeilDiv(channels, block); ++v) {
      if (plan.deals) {
        const OutputGrid& grid = plan.grid;
        float* const to = y + out_base + v * plan.out_plane + grid.origin + c.od * grid.slice_stride +
                          oh * grid.row_stride + segment.begin * grid.pixel_step * block;
        DealOut(dealt + v * args.out_block_stride, pixels, block, grid.pixel_step, to);
        continue;
      }
      epilogue.Finish(args.out + v * plan.out_plane, c.n, first + v, pixel0, pixels, block);
    }
    if (args.ahead) args.ahead += row_strips * args.step_count * args.ahead_lines * kLineFloats;
  }
}

void RunChunk(const PackedConv& conv, const DirectPlan& plan, const Chunk& c, const float* in, float* y,
              float* dealt, const ConvEpilogue& epilogue) {
  for (int64_t panel = c.panel0; panel < c.panel_end; ++panel) {
    for (const ReductionPass& pass : plan.passes) {
      for (const ColumnSegment& segment : plan.segments)
        RunRows(conv, plan, c, segment, pass, panel, in, y, dealt, epilogue);
    }
  }
}

}  // namespace

void LookAhead(StripArgs& args, const float* next, int64_t floats, int64_t strips) {
  constexpr int64_t kMostFloats = (256 << 10) / sizeof(float);  // a quarter of a 1 MB L2
  constexpr int64_t kMostStrips = 32;
  args.ahead = next;
  args.ahead_lines = 0;
  if (floats > kMostFloats || strips > kMostStrips || args.step_count == 0) return;
  args.ahead_lines = CeilDiv(CeilDiv(floats, kLineFloats), strips * args.step_count);
}

// Strips of two lengths that differ by one: 56 pixels in strips of up to 6 are six of 6 and four of 5.
void RunStrips(const ConvVariant& variant, const StripTable& table, int64_t channels, int64_t pixels,
               StripArgs args) {
  const int64_t last = channels % variant.block;
  const bool half = last > 0 && last <= variant.block / 2 && table.halves[0][0] != nullptr;
  const ConvStrip* const strip_of =
      (half ? table.halves : table.strips)[CeilDiv(channels, variant.block) - 1];
  const int64_t strips = CeilDiv(pixels, variant.pixels);
  if (strips == 0) return;
  const int64_t length = pixels / strips, longer = pixels % strips;
  auto run = [&](int64_t count, int64_t each) {
    if (count == 0) return;
    args.strips = count;
    strip_of[each - 1](args);
    args.in += count * each * args.pixel_stride;
    args.out += count * each * variant.block;
    if (args.residual) args.residual += count * each * variant.block;
    if (args.ahead) args.ahead += count * args.step_count * args.ahead_lines * kLineFloats;
  };
  run(longer, length + 1);
  run(strips - longer, length);
}

int64_t DirectChunks(const PackedConv& conv, const DirectPlan& plan) {
  return plan.batch * conv.groups * plan.window.out[0] * plan.row_chunks * plan.panel_chunks;
}

void RunDirectChunk(const PackedConv& conv, const DirectPlan& plan, int64_t index, const float* x, float* y,
                    const ConvEpilogue& epilogue, ScratchSlots& slots) {
  const Window& w = plan.window;
  const int64_t planes =
      conv.input == ConvLayout::kPlanar ? conv.group_in : CeilDiv(conv.group_in, conv.block());
  const Chunk c = ChunkAt(conv, plan, index);
  const float* in = x + (c.n * conv.groups + c.group) * planes * plan.in_plane;
  const int slot = plan.slot_floats() != 0 ? slots.Take() : -1;
  float* const scratch = slot >= 0 ? slots.At(slot) : nullptr;
  if (plan.gathers) {
    Gather(conv, plan, in, c.oh0, c.rows, scratch);
    in = scratch;
  } else if (plan.copies) {
    FillSlab(conv, plan, in, c.od, c.oh0, c.rows, scratch);
    in = scratch;
  } else {
    in += ((c.od * w.stride[0] - w.pad[0]) * w.in[1] + c.oh0 * w.stride[1] - w.pad[1]) * plan.row_stride -
          w.pad[2] * plan.pixel;
  }
  RunChunk(conv, plan, c, in, y, scratch + plan.slab_floats, epilogue);
  if (slot >= 0) slots.Give(slot);
}

void RunDirect(const PackedConv& conv, const DirectPlan& plan, const float* x, float* y,
               const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads) {
  if (plan.batch == 0) return;
  ScratchSlots slots(scratch, plan.slot_floats() != 0 ? plan.slots : 0,
                     static_cast<size_t>(plan.slot_floats()));
  threads.ParallelFor(DirectChunks(conv, plan),
                      [&](int64_t index) { RunDirectChunk(conv, plan, index, x, y, epilogue, slots); });
}

}  // namespace ortolan::kernels
