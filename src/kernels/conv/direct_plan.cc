// How a direct convolution of a given shape is cut into chunks, rows and reduction steps.
#include <algorithm>
#include <array>

#include "kernels/conv/direct.h"
#include "kernels/conv/slots.h"

namespace ortolan::kernels {
namespace {

// A chunk's input should stay in half of a 1 MB L2 beside the weight panel that streams through it.
constexpr int64_t kSlabBytes = 320 << 10;
// About 8 us of one core, some ten times what handing a chunk to a waiting thread costs.
constexpr double kChunkFlops = 1e6;
// About as long where each weight meets few pixels and has to come from memory at 25 GB/s.
constexpr double kChunkWeightBytes = 200 << 10;
// Enough for a handful of threads to end together; more threads want their share too.
int64_t MostChunks(int threads) {
  return threads == 1 ? 1 : std::max(16, 4 * threads);
}
constexpr int64_t kFlatRow = 4 * kMostStripPixels;

// So many shares or a few more, so that every thread gets as many: three keep two threads busy for as long as
// four do.
int64_t EvenShares(int64_t shares, int64_t most, int threads) {
  return std::min(CeilDiv(shares, threads) * threads, most);
}

bool IsPointwise(const Window& w) {
  for (int a = 0; a < kSpatialAxes; ++a) {
    if (w.kernel[a] != 1 || w.stride[a] != 1 || w.pad[a] != 0 || w.out[a] != w.in[a]) return false;
  }
  return true;
}

// Strided pixels touch every other line of every other row, which fills a cache with lines that nobody reads:
// so many panels pay for a copy.
constexpr int64_t kPanelsToGather = 4;

bool Gathers(const PackedConv& conv, const Window& w) {
  if (conv.input != ConvLayout::kBlocked || conv.panels() < kPanelsToGather) return false;
  for (int a = 0; a < kSpatialAxes; ++a) {
    if (w.kernel[a] != 1 || w.pad[a] != 0 || (w.out[a] - 1) * w.stride[a] >= w.in[a]) return false;
  }
  return w.stride[0] * w.stride[1] * w.stride[2] > 1;
}

bool ReadsInside(const Window& w, int axis) {
  return w.pad[axis] <= 0 &&
         (w.out[axis] - 1) * w.stride[axis] - w.pad[axis] + (w.kernel[axis] - 1) * w.dilation[axis] <
             w.in[axis];
}

// Input rows that `rows` output rows of one axis span.
int64_t Span(const Window& w, int axis, int64_t count) {
  return (count - 1) * w.stride[axis] + (w.kernel[axis] - 1) * w.dilation[axis] + 1;
}

void Flatten(DirectPlan& plan, int threads) {
  Window& w = plan.window;
  const int64_t size = w.in_size();
  plan.flat = true;
  // Rows of equal length but for the last, as many for each thread: 196 pixels are 4 rows of 49.
  const int64_t most = std::max<int64_t>(1, size / kMostStripPixels);
  const int64_t length = CeilDiv(size, EvenShares(CeilDiv(size, kFlatRow), most, threads));
  const int64_t rows = CeilDiv(size, length);
  w = Window{};
  w.in[1] = w.out[1] = rows;
  w.in[2] = w.out[2] = length;
  plan.last_row = size - (rows - 1) * length;
}

// One long row is rows for the cache and for threads, too: the window steps from piece to piece.
bool CutsRow(const Window& w) {
  for (int a = 0; a < 2; ++a) {
    if (w.in[a] != 1 || w.out[a] != 1 || w.kernel[a] != 1 || w.pad[a] != 0) return false;
  }
  return w.out[2] > 2 * kFlatRow;
}

void CutRow(DirectPlan& plan) {
  Window& w = plan.window;
  plan.pieces = true;
  w.out[1] = CeilDiv(w.out[2], kFlatRow);
  plan.last_row = w.out[2] - (w.out[1] - 1) * kFlatRow;
  w.out[2] = kFlatRow;
  w.stride[1] = kFlatRow * w.stride[2];
}

// Drops the outer taps that never meet the input, as most of a kernel dilated beyond its map: the window
// becomes smaller, and with it the slab. Returns the first tap that stays on each axis.
std::array<int64_t, kSpatialAxes> DropDeadTaps(Window& w) {
  std::array<int64_t, kSpatialAxes> first{};
  for (int a = 0; a < kSpatialAxes; ++a) {
    const auto dead = [&](int64_t tap) {
      const IndexRange outputs = LiveOutputs(w, a, tap);
      return outputs.end <= outputs.begin;
    };
    int64_t begin = 0, end = w.kernel[a];
    while (end - begin > 1 && dead(end - 1)) --end;
    while (end - begin > 1 && dead(begin)) ++begin;
    first[static_cast<size_t>(a)] = begin;
    w.kernel[a] = end - begin;
    w.pad[a] -= begin * w.dilation[a];
  }
  return first;
}

// Taps outside the map cost as much as those inside; short strips and further passes over the weights cost
// something too, so a row is cut only where that saves this share of its taps.
constexpr double kSegmentGain = 0.15;

// Cuts the row where the live taps change, with the live taps of each piece.
struct LiveSegment {
  int64_t begin, end;
  IndexRange taps;
};
std::vector<LiveSegment> CutColumns(const Window& w) {
  const LiveSegment whole{0, w.out[2], {0, w.kernel[2]}};
  if (w.dilation[2] == 1 || w.kernel[2] == 1) return {whole};
  std::vector<LiveSegment> cut;
  int64_t taps = 0;
  for (int64_t c = 0; c < w.out[2]; ++c) {
    const IndexRange live = LiveTaps(w, 2, c);
    const bool same = !cut.empty() && cut.back().taps.begin == live.begin && cut.back().taps.end == live.end;
    if (!same) cut.push_back({c, c, live});
    cut.back().end = c + 1;
    taps += std::max<int64_t>(0, live.end - live.begin);
    if (static_cast<int64_t>(cut.size()) > 2 * w.kernel[2]) return {whole};
  }
  const double all = static_cast<double>(w.out[2] * w.kernel[2]);
  if (static_cast<double>(taps) > (1 - kSegmentGain) * all) return {whole};
  return cut;
}

// The reduction in the order of the packed weights, whose kernel has sizes `packed` and of which the window's
// taps start at `first`.
void MakeSteps(const PackedConv& conv, const int64_t* packed, const std::array<int64_t, kSpatialAxes>& first,
               const LiveSegment& segment, DirectPlan& plan) {
  const Window& w = plan.window;
  const int64_t tap = w.dilation[2] * plan.pixel;
  const bool planar = conv.input == ConvLayout::kPlanar;
  ColumnSegment made{segment.begin, segment.end, static_cast<int64_t>(plan.steps.size()), 0};
  auto add = [&](int64_t offset, int64_t count, int64_t at) {
    plan.steps.push_back({offset, static_cast<int32_t>(count), static_cast<int32_t>(at)});
  };
  for (int64_t kd = 0; kd < w.kernel[0]; ++kd) {
    for (int64_t kh = 0; kh < w.kernel[1]; ++kh) {
      const int64_t row = kd * plan.slice_stride + kh * w.dilation[1] * plan.row_stride;
      const size_t before = plan.steps.size();
      const int64_t unit = planar ? 1 : conv.block();
      int64_t k = ((kd + first[0]) * packed[1] + kh + first[1]) * conv.group_in * packed[2];
      for (int64_t c = 0; c < conv.group_in; c += unit) {
        const int64_t channels = std::min(unit, conv.group_in - c);
        const int64_t base = row + c / unit * plan.plane_stride;
        if (planar && w.dilation[2] == 1) {
          add(base, w.kernel[2], k + first[2]);
        } else {
          for (int64_t kw = segment.taps.begin; kw < segment.taps.end; ++kw)
            add(base + kw * tap, channels, k + (kw + first[2]) * channels);
        }
        k += packed[2] * channels;
      }
      made.steps_per_row = static_cast<int64_t>(plan.steps.size() - before);
    }
  }
  plan.segments.push_back(made);
}

// Passes of nearly equal size. Sums wait in the output meanwhile, which rows that are dealt out do not have.
void CutPasses(const PackedConv& conv, DirectPlan& plan) {
  const Window& w = plan.window;
  const int64_t rows = w.kernel[0] * w.kernel[1], planes = CeilDiv(conv.group_in, conv.block());
  const int64_t bytes = conv.variant->pass_bytes;
  const int64_t plane_bytes = 4 * kStripVectors * conv.block() * conv.block() * w.kernel[2];
  plan.passes = {{{0, rows}, {0, planes}}};
  const bool fits = rows * planes * plane_bytes <= 2 * bytes;
  if (conv.input == ConvLayout::kPlanar || plan.deals || bytes == 0 || fits) return;
  plan.passes.clear();
  const int64_t parts = CeilDiv(planes * plane_bytes, bytes);
  const int64_t rows_each = parts > 1 ? 1 : std::max<int64_t>(1, bytes / (planes * plane_bytes));
  for (int64_t row = 0; row < rows; row += rows_each) {
    for (int64_t part = 0; part < std::min(parts, planes); ++part) {
      const int64_t count = std::min(parts, planes);
      plan.passes.push_back(
          {{row, std::min(rows, row + rows_each)}, {planes * part / count, planes * (part + 1) / count}});
    }
  }
}

// Rows by what fits the cache; panels apart where that gives too few chunks for the work.
// With `all_live` each panel's weights serve all rows that there are, since its taps are too many for the
// cache otherwise.
void CutChunks(const PackedConv& conv, const ConvShape& shape, int threads, bool all_live, DirectPlan& plan) {
  const Window& w = plan.window;
  const int64_t width = Span(w, 2, w.out[2]);
  const int64_t planes =
      conv.input == ConvLayout::kPlanar ? conv.group_in : CeilDiv(conv.group_in, conv.block());
  const int64_t pixel_bytes = 4 * plan.pixel * planes * w.kernel[0];
  auto slab = [&](int64_t rows) {
    return (plan.pieces ? (rows - 1) * w.stride[1] + width : Span(w, 1, rows) * width) * pixel_bytes;
  };
  int64_t rows = w.out[1];
  while (!all_live && rows > 1 && slab(rows) > kSlabBytes) rows = (rows + 1) / 2;
  const int64_t others = plan.batch * conv.groups * w.out[0];
  const double weight_bytes = 4.0 * static_cast<double>(conv.depth()) * static_cast<double>(conv.group_out);
  const double worth = std::max(shape.flops() / kChunkFlops, weight_bytes / kChunkWeightBytes);
  const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>(worth), 1, MostChunks(threads));
  const double input_bytes =
      static_cast<double>(pixel_bytes) * static_cast<double>(plan.pieces ? w.in[2] : width * w.in[1]);
  plan.row_chunks = CeilDiv(w.out[1], rows);
  const auto missing = [&](int64_t cut) { return CeilDiv(wanted, others * cut); };
  // Threads that share rows read all weights; those that share panels read the whole input, and who takes
  // their output by rows gets half of it out of another core's cache.
  const double output_bytes = 4.0 * static_cast<double>(conv.group_out * shape.window.out_size());
  if (wanted > 1) {
    if (weight_bytes > input_bytes + output_bytes) {
      plan.panel_chunks =
          EvenShares(std::min(conv.panels(), missing(plan.row_chunks)), conv.panels(), threads);
    }
    plan.row_chunks = std::max(plan.row_chunks, std::min(w.out[1], missing(plan.panel_chunks)));
    if (others * plan.panel_chunks % threads != 0)
      plan.row_chunks = EvenShares(plan.row_chunks, w.out[1], threads);
    if (!plan.copies)
      plan.panel_chunks = std::max(plan.panel_chunks, std::min(conv.panels(), missing(plan.row_chunks)));
  }
  plan.rows_per_chunk = CeilDiv(w.out[1], plan.row_chunks);
}

}  // namespace

Result<DirectPlan> PlanDirect(const PackedConv& conv, const ConvShape& shape, int threads,
                              const OutputGrid* grid) {
  DirectPlan plan;
  plan.batch = shape.batch;
  plan.window = shape.window;
  plan.pixel = conv.input == ConvLayout::kPlanar ? 1 : conv.block();
  plan.in_plane = shape.window.in_size() * plan.pixel;
  plan.out_plane = shape.window.out_size() * conv.block();
  if (shape.batch * shape.window.out_size() == 0) {
    plan.batch = 0;
    return plan;
  }
  const std::array<int64_t, kSpatialAxes> first = DropDeadTaps(plan.window);
  if (grid) {
    plan.deals = true;
    plan.grid = *grid;
    plan.dealt_floats = kStripVectors * CeilDiv(plan.window.out[2] * conv.block(), 16) * 16;
    plan.out_plane = grid->plane_stride;
  } else if (IsPointwise(plan.window)) {
    Flatten(plan, threads);
  } else if (Gathers(conv, plan.window)) {
    plan.gathers = true;
    plan.sparse = plan.window;
    std::copy_n(plan.window.out, kSpatialAxes, plan.window.in);
    Flatten(plan, threads);
  }
  const Window& w = plan.window;
  // Pieces of a cut row meet live taps alone, rows do so anyway: nothing outside the map is read, and a
  // padded copy, which a dilation makes many times as large as the map, is not needed.
  std::vector<LiveSegment> segments = CutColumns(w);
  const bool all_live = segments.size() > 1 && w.kernel[0] == 1 && ReadsInside(w, 0);
  const bool inside = all_live || plan.flat || (ReadsInside(w, 0) && ReadsInside(w, 1) && ReadsInside(w, 2));
  plan.copies = plan.gathers || !inside;
  plan.slab_width = Span(w, 2, w.out[2]);
  plan.row_stride = w.in[2] * plan.pixel;
  plan.slice_stride = w.in[1] * plan.row_stride * w.dilation[0];
  plan.plane_stride = plan.in_plane;
  // Padding makes a slab larger than its tensors; refuse what only a hostile file asks for.
  constexpr int64_t kMost = int64_t{1} << 30;
  if (plan.copies && plan.slab_width > kMost)
    return InvalidArgument("a padded row of {} pixels is too large", plan.slab_width);
  if (!grid && !plan.flat && segments.size() == 1 && CutsRow(w)) {
    CutRow(plan);
    segments[0].end = w.out[2];
    plan.row_stride = plan.pixel;
  }
  CutChunks(conv, shape, threads, all_live, plan);
  if (plan.copies) {
    plan.slab_rows = plan.pieces ? 1 : Span(w, 1, plan.rows_per_chunk);
    if (plan.pieces) plan.slab_width = (plan.rows_per_chunk - 1) * w.stride[1] + Span(w, 2, w.out[2]);
    plan.slab_depth = w.kernel[0];
    const int64_t planes =
        conv.input == ConvLayout::kPlanar ? conv.group_in : CeilDiv(conv.group_in, conv.block());
    const double floats = static_cast<double>(plan.slab_width) * static_cast<double>(plan.slab_rows) *
                          static_cast<double>(plan.slab_depth) * static_cast<double>(plan.pixel * planes);
    if (floats > static_cast<double>(int64_t{1} << 32))
      return InvalidArgument("the padded input is too large");
    if (!plan.pieces) plan.row_stride = plan.slab_width * plan.pixel;
    plan.slice_stride = plan.slab_rows * plan.slab_width * plan.pixel;
    plan.plane_stride = plan.slab_depth * plan.slice_stride;
    plan.slab_floats = CeilDiv(planes * plan.plane_stride, 16) * 16;
  }
  if (plan.slot_floats() != 0) {
    plan.slots = std::max(1, threads);
    plan.scratch_bytes = ScratchSlots::Bytes(plan.slots, static_cast<size_t>(plan.slot_floats()));
  }
  CutPasses(conv, plan);
  for (const LiveSegment& segment : segments) MakeSteps(conv, shape.window.kernel, first, segment, plan);
  if (conv.last_in < conv.group_in) {  // groups of one block then, each step a tap of it
    plan.last_steps = plan.steps;
    for (ReductionStep& step : plan.last_steps) step.count = static_cast<int32_t>(conv.last_in);
  }
  return plan;
}

}  // namespace ortolan::kernels
