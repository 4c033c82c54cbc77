// RoiAlign: average or maximum over bilinear samples of the cells of regions of a map. Refuses regions of
// images that do not exist and sampling grids of more than 2^20 points a cell.
#include <algorithm>
#include <cmath>

#include "kernels/line/line.h"
#include "kernels/move/strided_copy.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

// The coordinates' transformation became an attribute at opset 16, with another default than what was before.
Status Raise(RaiseContext& context) {
  if (context.opset < 16)
    context.node.attributes.Set("coordinate_transformation_mode", std::string("output_half_pixel"));
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const graph::Shape& rois = context.shape(1);
  const graph::Shape& batch = context.shape(2);
  if ((x.has_rank() && x.rank() != 4) || (rois.has_rank() && rois.rank() != 2) ||
      (batch.has_rank() && batch.rank() != 1)) {
    return Fail("[ShapeInferenceError] RoiAlign needs X of rank 4, rois of rank 2, batch_indices of rank 1");
  }
  const int64_t height = context.attributes().Int("output_height", 1);
  const int64_t width = context.attributes().Int("output_width", 1);
  if (height < 1 || width < 1) return InvalidArgument("RoiAlign: an output of {} x {}", height, width);
  const graph::Dim count = rois.has_rank() ? rois[0] : batch.has_rank() ? batch[0] : context.Unknown();
  context.SetShape(0, {count, x.has_rank() ? x[1] : context.Unknown(), height, width});
  return OkStatus();
}

// With fewer channels than this vectors of them are mostly empty.
constexpr int64_t kLeastChannels = 8;

struct State {
  bool max;
  bool half_pixel;
  int64_t sampling_ratio;
  double scale;
  const kernels::LineKernels* lines;
};

// One sample: four elements of a plane and their weights.
struct Sample {
  int64_t at[4] = {0, 0, 0, 0};
  double weight[4] = {0, 0, 0, 0};
};

Sample SampleAt(double y, double x, int64_t height, int64_t width) {
  Sample sample;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) {
    return sample;
  }
  auto split = [](double at, int64_t size, int64_t* low, int64_t* high) {
    at = std::max(at, 0.0);
    *low = std::min(static_cast<int64_t>(at), size - 1);
    *high = std::min(*low + 1, size - 1);
    return *low == size - 1 ? 0.0 : at - static_cast<double>(*low);
  };
  int64_t top, bottom, left, right;
  const double v = split(y, height, &top, &bottom), u = split(x, width, &left, &right);
  const int64_t at[4] = {top * width + left, top * width + right, bottom * width + left,
                         bottom * width + right};
  const double weight[4] = {(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u};
  std::copy(at, at + 4, sample.at);
  std::copy(weight, weight + 4, sample.weight);
  return sample;
}

// A region on the map and the samples of each of its cells.
struct Region {
  double top, left, cell_height, cell_width;
  int64_t rows, columns;
};

template <typename T>
Status RegionOf(const T* roi, const State& state, int64_t out_height, int64_t out_width, Region* region) {
  const double offset = state.half_pixel ? 0.5 : 0.0;
  auto edge = [&](int i) { return static_cast<double>(AsNumber(roi[i])) * state.scale - offset; };
  region->left = edge(0);
  region->top = edge(1);
  double width = edge(2) - region->left, height = edge(3) - region->top;
  if (!state.half_pixel) {
    width = std::max(width, 1.0);
    height = std::max(height, 1.0);
  }
  region->cell_height = height / static_cast<double>(out_height);
  region->cell_width = width / static_cast<double>(out_width);
  constexpr double kMostSamples = 1 << 20;
  auto samples = [&](double cell) {
    return state.sampling_ratio > 0 ? static_cast<double>(state.sampling_ratio) : std::ceil(cell);
  };
  const double rows = samples(region->cell_height), columns = samples(region->cell_width);
  if (!(rows * columns <= kMostSamples && rows < kMostSamples && columns < kMostSamples)) {
    return InvalidArgument("RoiAlign: a region of {} x {} takes too many samples", height, width);
  }
  region->rows = std::max<int64_t>(0, static_cast<int64_t>(rows));
  region->columns = std::max<int64_t>(0, static_cast<int64_t>(columns));
  return OkStatus();
}

// One cell of all channels: x at the image's first plane, y at the first channel's element.
template <typename T>
void Cell(const State& state, const Region& region, double top, double left, const Dims& dims, const T* x,
          T* y, int64_t y_plane, double* sums) {
  const int64_t channels = dims[1], height = dims[2], width = dims[3];
  std::fill(sums, sums + channels, 0.0);
  bool first = true;
  for (int64_t r = 0; r < region.rows; ++r) {
    const double sample_y =
        top + (static_cast<double>(r) + 0.5) * region.cell_height / static_cast<double>(region.rows);
    for (int64_t c = 0; c < region.columns; ++c) {
      const double sample_x =
          left + (static_cast<double>(c) + 0.5) * region.cell_width / static_cast<double>(region.columns);
      const Sample sample = SampleAt(sample_y, sample_x, height, width);
      const T* plane = x;
      for (int64_t k = 0; k < channels; ++k, plane += height * width) {
        double parts[4];
        for (int i = 0; i < 4; ++i)
          parts[i] = sample.weight[i] * static_cast<double>(AsNumber(plane[sample.at[i]]));
        if (state.max) {
          const double most = std::max(std::max(parts[0], parts[1]), std::max(parts[2], parts[3]));
          sums[k] = first ? most : std::max(sums[k], most);
        } else {
          sums[k] += parts[0] + parts[1] + parts[2] + parts[3];
        }
      }
      first = false;
    }
  }
  const double count =
      state.max ? 1 : static_cast<double>(std::max<int64_t>(1, region.rows * region.columns));
  for (int64_t k = 0; k < channels; ++k) y[k * y_plane] = StoredNumber<T>(sums[k] / count);
}

// The mean of float maps with their channels innermost, in vectors of channels: a cell is a blend of pixels.
void LastCell(const State& state, const Region& region, double top, double left, const Dims& dims,
              const float* x, float* y) {
  constexpr int64_t kMostTaps = 64;
  const float* rows[kMostTaps];
  float weights[kMostTaps];
  const auto count = static_cast<double>(std::max<int64_t>(1, region.rows * region.columns));
  int64_t taps = 0;
  bool started = false;
  const auto blend = [&] {
    state.lines->blend(rows, weights, taps, dims[1], started, y);
    started = true, taps = 0;
  };
  for (int64_t r = 0; r < region.rows; ++r) {
    const double sample_y =
        top + (static_cast<double>(r) + 0.5) * region.cell_height / static_cast<double>(region.rows);
    for (int64_t c = 0; c < region.columns; ++c) {
      const double sample_x =
          left + (static_cast<double>(c) + 0.5) * region.cell_width / static_cast<double>(region.columns);
      const Sample sample = SampleAt(sample_y, sample_x, dims[2], dims[3]);
      if (taps + 4 > kMostTaps) blend();
      for (int i = 0; i < 4; ++i) {
        if (sample.weight[i] == 0) continue;
        rows[taps] = x + sample.at[i] * dims[1];
        weights[taps++] = static_cast<float>(sample.weight[i] / count);
      }
    }
  }
  blend();
}

struct Bound {
  bool channels_last = false;
  kernels::CopyPlan in, out;  // channels of X to the end, and those of Y back
};

// Brings the channels to the end once, which pays where every pixel is read about once.
Status RunChannelsLast(const State& state, const Bound& bound, RunContext& context) {
  const Dims& dims = context.input(0).dims;
  const TensorRef& out = context.output(0);
  const int64_t out_height = out.dims[2], out_width = out.dims[3];
  auto* x = reinterpret_cast<float*>(context.scratch());
  float* y = x + context.input(0).count();
  kernels::RunCopy(bound.in, context.input(0).data, x, context.threads());
  const auto* rois = context.input(1).As<const float>();
  const int64_t* images = context.input(2).As<const int64_t>();
  context.threads().ParallelFor(out.dims[0] * out_height, [&](int64_t line) {
    const int64_t i = line / out_height, row = line % out_height;
    Region region;
    if (!RegionOf(rois + i * 4, state, out_height, out_width, &region).ok()) return;
    const float* from = x + images[i] * dims[1] * dims[2] * dims[3];
    for (int64_t column = 0; column < out_width; ++column) {
      LastCell(state, region, region.top + static_cast<double>(row) * region.cell_height,
               region.left + static_cast<double>(column) * region.cell_width, dims, from,
               y + (line * out_width + column) * dims[1]);
    }
  });
  kernels::RunCopy(bound.out, y, out.data, context.threads());
  return OkStatus();
}

template <typename T>
Status RunTyped(const State& state, RunContext& context) {
  const Dims& dims = context.input(0).dims;
  const TensorRef& out = context.output(0);
  const int64_t out_height = out.dims[2], out_width = out.dims[3], plane = out_height * out_width;
  const T* rois = context.input(1).As<const T>();
  const int64_t* images = context.input(2).As<const int64_t>();
  for (int64_t i = 0; i < out.dims[0]; ++i) {
    if (images[i] < 0 || images[i] >= dims[0]) {
      return InvalidArgument("RoiAlign: batch index {} of {} images", images[i], dims[0]);
    }
    Region region;
    ORTOLAN_RETURN_IF_ERROR(RegionOf(rois + i * 4, state, out_height, out_width, &region));
  }
  const auto& bound = *static_cast<const Bound*>(context.binding());
  if (bound.channels_last) return RunChannelsLast(state, bound, context);
  auto* scratch = reinterpret_cast<double*>(context.scratch());
  // One row of cells a chunk; each has sums of its own.
  context.threads().ParallelFor(out_height, [&](int64_t row) {
    for (int64_t i = 0; i < out.dims[0]; ++i) {
      Region region;
      if (!RegionOf(rois + i * 4, state, out_height, out_width, &region).ok()) return;
      const T* x = context.input(0).As<const T>() + images[i] * dims[1] * dims[2] * dims[3];
      T* y = out.As<T>() + i * dims[1] * plane + row * out_width;
      for (int64_t column = 0; column < out_width; ++column) {
        Cell(state, region, region.top + static_cast<double>(row) * region.cell_height,
             region.left + static_cast<double>(column) * region.cell_width, dims, x, y + column, plane,
             scratch + row * dims[1]);
      }
    }
  });
  return OkStatus();
}

// A copy that moves the last axis of [items][rows][columns] in front of the rows.
kernels::CopyPlan Exchange(int64_t items, int64_t rows, int64_t columns) {
  const int64_t dims[] = {items, columns, rows}, from[] = {rows * columns, 1, columns},
                to[] = {rows * columns, rows, 1};
  return kernels::PlanCopy(dims, from, to, sizeof(float));
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& x = context.inputs[0];
  const Dims& rois = context.inputs[1];
  const Dims& out = context.outputs[0];
  if (x.size() != 4 || rois.size() != 2 || rois[1] != 4 || context.inputs[2].size() != 1 ||
      context.inputs[2][0] != rois[0] || out.size() != 4 || out[0] != rois[0] || out[1] != x[1]) {
    return InvalidArgument("RoiAlign: X {}, rois {}, batch_indices {}", DimsText(x), DimsText(rois),
                           DimsText(context.inputs[2]));
  }
  if ((x[2] < 1 || x[3] < 1) && rois[0] > 0) return InvalidArgument("RoiAlign: the map is empty");
  auto bound = std::make_shared<Bound>();
  const auto ratio = static_cast<double>(std::max<int64_t>(1, state.sampling_ratio));
  const double reads = 4 * ratio * ratio * static_cast<double>(out[0] * out[2] * out[3]);
  bound->channels_last =
      state.lines != nullptr && x[1] >= kLeastChannels && reads >= static_cast<double>(x[0] * x[2] * x[3]);
  if (bound->channels_last) {
    bound->in = Exchange(x[0], x[1], x[2] * x[3]);
    bound->out = Exchange(out[0], out[2] * out[3], out[1]);
    ORTOLAN_ASSIGN_OR_RETURN(const size_t in_bytes, CheckedBytes(DType::kFloat, x));
    ORTOLAN_ASSIGN_OR_RETURN(const size_t out_bytes, CheckedBytes(DType::kFloat, out));
    binding->scratch_bytes = in_bytes + out_bytes;
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes, CheckedBytes(DType::kDouble, Dims{x[1], out[2]}));
  }
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  return WithFloatType(context.input(0).dtype,
                       [&](auto tag) { return RunTyped<typename decltype(tag)::Type>(state, context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("mode", "avg");
  const std::string_view coordinates = attributes.String("coordinate_transformation_mode", "half_pixel");
  if (mode != "avg" && mode != "max") return InvalidArgument("RoiAlign: mode cannot be '{}'", mode);
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel") {
    return InvalidArgument("RoiAlign: coordinate_transformation_mode cannot be '{}'", coordinates);
  }
  const int64_t ratio = attributes.Int("sampling_ratio", 0);
  if (ratio < 0) return InvalidArgument("RoiAlign: sampling_ratio is {}, expected 0 or more", ratio);
  const bool vectors = mode == "avg" && context.input_dtype(0) == DType::kFloat;
  prepared->state =
      std::make_shared<const State>(State{mode == "max", coordinates == "half_pixel", ratio,
                                          static_cast<double>(attributes.Float("spatial_scale", 1)),
                                          vectors ? &kernels::SelectLine(context.isa) : nullptr});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "roi_align";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10, 16, 22};
constexpr FormalParameter kInputs[] = {{"X", "T1"}, {"rois", "T1"}, {"batch_indices", "T2"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}, {"T2", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {
    {"coordinate_transformation_mode", AttributeType::kString},
    {"mode", AttributeType::kString},
    {"output_height", AttributeType::kInt},
    {"output_width", AttributeType::kInt},
    {"sampling_ratio", AttributeType::kInt},
    {"spatial_scale", AttributeType::kFloat},
};

}  // namespace

extern const OpDef kRoiAlign;
constexpr OpDef kRoiAlign{.domain = "",
                          .name = "RoiAlign",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .raise = Raise,
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
