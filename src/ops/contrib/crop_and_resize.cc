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

struct Box {
  float top, left, height_step, width_step;
};

// One plane of one box.
void Crop(const State& state, const Box& box, const float* x, int64_t rows, int64_t columns, int64_t height,
          int64_t width, float* y) {
  for (int64_t r = 0; r < height; ++r) {
    const float at_y = box.top + static_cast<float>(r) * box.height_step;
    for (int64_t c = 0; c < width; ++c) {
      const float at_x = box.left + static_cast<float>(c) * box.width_step;
      float* to = y + r * width + c;
      const bool inside = at_y >= 0 && at_y <= static_cast<float>(rows - 1) && at_x >= 0 &&
                          at_x <= static_cast<float>(columns - 1);
      if (!inside) {
        *to = state.outside;
        continue;
      }
      if (state.nearest) {
        *to = x[static_cast<int64_t>(std::round(at_y)) * columns + static_cast<int64_t>(std::round(at_x))];
        continue;
      }
      const auto top = static_cast<int64_t>(std::floor(at_y)), bottom = static_cast<int64_t>(std::ceil(at_y));
      const auto left = static_cast<int64_t>(std::floor(at_x)), right = static_cast<int64_t>(std::ceil(at_x));
      const float dy = at_y - static_cast<float>(top), dx = at_x - static_cast<float>(left);
      const float *upper = x + top * columns, *lower = x + bottom * columns;
      const float a = upper[left] + (upper[right] - upper[left]) * dx;
      const float b = lower[left] + (lower[right] - lower[left]) * dx;
      *to = a + (b - a) * dy;
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
  const auto rows_f = static_cast<float>(rows - 1), columns_f = static_cast<float>(columns - 1);
  context.threads().ParallelFor(boxes.dims[0], [&](int64_t i) {
    const float* b = boxes.As<const float>() + 4 * i;
    Box box{};
    box.height_step = height > 1 ? (b[2] - b[0]) * rows_f / static_cast<float>(height - 1) : 0;
    box.width_step = width > 1 ? (b[3] - b[1]) * columns_f / static_cast<float>(width - 1) : 0;
    box.top = height > 1 ? b[0] * rows_f : 0.5f * (b[0] + b[2]) * rows_f;
    box.left = width > 1 ? b[1] * columns_f : 0.5f * (b[1] + b[3]) * columns_f;
    const float* image = x.As<const float>() + items.As<const int32_t>()[i] * channels * rows * columns;
    for (int64_t c = 0; c < channels; ++c) {
      Crop(state, box, image + c * rows * columns, rows, columns, height, width,
           y + (i * channels + c) * height * width);
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
