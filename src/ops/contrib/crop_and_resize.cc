// CropAndResize: boxes of images, resized to one size by linear interpolation or the nearest element; a
// fixed number where a place is outside. Refuses other modes, items of the batch that are not there, and
// sizes that are not positive.
#include <cmath>

#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  bool nearest;
  float outside;
};

Status Infer(InferContext& context) {
  const graph::Shape &x = context.shape(0), &boxes = context.shape(1);
  if ((x.has_rank() && x.rank() != 4) || (boxes.has_rank() && boxes.rank() != 2)) {
    return Fail("[ShapeInferenceError] CropAndResize: X needs rank 4 and rois rank 2");
  }
  const auto size = context.Ints(3);
  const bool known = size && size->size() == 2;
  const graph::Dim unknown = context.Unknown();
  context.SetShape(0,
                   {boxes.has_rank() ? boxes[0] : context.Unknown(), x.has_rank() ? x[1] : context.Unknown(),
                    known ? (*size)[0] : unknown, known ? (*size)[1] : context.Unknown()});
  return OkStatus();
}

// Where one row or column of a crop reads.
struct Place {
  bool inside;
  int64_t low, high;
  float part;  // of `high`
};

Place PlaceOf(const State& state, float at, int64_t size) {
  if (!(at >= 0 && at <= static_cast<float>(size - 1))) return {false, 0, 0, 0};
  if (state.nearest) {
    const auto nearest = static_cast<int64_t>(std::round(at));
    return {true, nearest, nearest, 0};
  }
  const auto low = static_cast<int64_t>(at);
  const float part = at - static_cast<float>(low);
  return {true, low, part > 0 ? low + 1 : low, part};
}

// One plane of one box.
void Crop(const State& state, std::span<const Place> rows, std::span<const Place> columns, const float* x,
          int64_t stride, float* y) {
  for (const Place& row : rows) {
    const float *upper = x + row.low * stride, *lower = x + row.high * stride;
    for (const Place& column : columns) {
      if (!row.inside || !column.inside) {
        *y++ = state.outside;
        continue;
      }
      const float a = upper[column.low] + (upper[column.high] - upper[column.low]) * column.part;
      const float b = lower[column.low] + (lower[column.high] - lower[column.low]) * column.part;
      *y++ = a + (b - a) * row.part;
    }
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef &x = context.input(0), &boxes = context.input(1), &items = context.input(2);
  const TensorRef& size = context.input(3);
  if (x.rank() != 4 || boxes.rank() != 2 || boxes.dims[1] != 4 || items.count() != boxes.dims[0] ||
      size.count() != 2) {
    return InvalidArgument("CropAndResize: X {}, rois {}, batch_indices {}, crop_size {}", DimsText(x.dims),
                           DimsText(boxes.dims), DimsText(items.dims), DimsText(size.dims));
  }
  const int64_t height = size.As<const int32_t>()[0], width = size.As<const int32_t>()[1];
  if (height < 1 || width < 1) return InvalidArgument("CropAndResize: crops of {} x {}", height, width);
  const int64_t channels = x.dims[1], rows = x.dims[2], columns = x.dims[3];
  for (const int32_t item : items.Items<const int32_t>()) {
    if (item < 0 || item >= x.dims[0])
      return InvalidArgument("CropAndResize: image {} of {}", item, x.dims[0]);
  }
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {boxes.dims[0], channels, height, width}));
  float* const y = context.output(0).As<float>();
  context.threads().ParallelFor(boxes.dims[0], [&](int64_t i) {
    const float* b = boxes.As<const float>() + 4 * i;
    const auto places = [&](int64_t count, float first, float last, int64_t length) {
      const auto most = static_cast<float>(length - 1);
      const float step = count > 1 ? (last - first) * most / static_cast<float>(count - 1) : 0;
      const float start = count > 1 ? first * most : 0.5f * (first + last) * most;
      std::vector<Place> made;
      for (int64_t p = 0; p < count; ++p)
        made.push_back(PlaceOf(state, start + static_cast<float>(p) * step, length));
      return made;
    };
    const std::vector<Place> down = places(height, b[0], b[2], rows),
                             across = places(width, b[1], b[3], columns);
    const float* image = x.As<const float>() + items.As<const int32_t>()[i] * channels * rows * columns;
    for (int64_t c = 0; c < channels; ++c) {
      Crop(state, down, across, image + c * rows * columns, columns, y + (i * channels + c) * height * width);
    }
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const std::string_view mode = context.node.attributes.String("mode", "bilinear");
  if (mode != "bilinear" && mode != "nearest") return InvalidArgument("CropAndResize: mode '{}'", mode);
  if (context.input_dtype(0) != DType::kFloat) {
    return NotImplemented("CropAndResize of {}", DTypeName(context.input_dtype(0)));
  }
  const State state{mode == "nearest", context.node.attributes.Float("extrapolation_value", 0.0f)};
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "crop_and_resize";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"X", "T1"}, {"rois", "T1"}, {"batch_indices", "T2"}, {"crop_size", "T2"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}, {"T2", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"extrapolation_value", AttributeType::kFloat},
                                         {"mode", AttributeType::kString}};

}  // namespace

extern const OpDef kMsCropAndResize;
constexpr OpDef kMsCropAndResize{.domain = "com.microsoft",
                                 .name = "CropAndResize",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
