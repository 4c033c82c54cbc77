// MaxRoiPool: the largest element of each cell of a grid over regions of a map; an empty cell is zero.
// Refuses regions of images that do not exist.
#include <algorithm>
#include <cmath>

#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Status PooledShape(const graph::Attributes& attributes, int64_t* height, int64_t* width) {
  const auto shape = attributes.Ints("pooled_shape");
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1) {
    return InvalidArgument("MaxRoiPool: pooled_shape must be two positive sizes");
  }
  *height = shape[0];
  *width = shape[1];
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const graph::Shape& rois = context.shape(1);
  if ((x.has_rank() && x.rank() != 4) || (rois.has_rank() && rois.rank() != 2)) {
    return Fail("[ShapeInferenceError] MaxRoiPool needs X of rank 4 and rois of rank 2");
  }
  int64_t height = 0, width = 0;
  ORTOLAN_RETURN_IF_ERROR(PooledShape(context.attributes(), &height, &width));
  context.SetShape(0, {rois.has_rank() ? rois[0] : context.Unknown(), x.has_rank() ? x[1] : context.Unknown(),
                       height, width});
  return OkStatus();
}

// The rows or columns of one cell. Coordinates are small enough for int64: CellsOf clamps them.
struct Cells {
  int64_t start = 0;
  double size = 0;
  int64_t limit = 0;
  int64_t begin(int64_t i) const {
    return std::clamp<int64_t>(start + static_cast<int64_t>(std::floor(static_cast<double>(i) * size)), 0,
                               limit);
  }
  int64_t end(int64_t i) const {
    return std::clamp<int64_t>(start + static_cast<int64_t>(std::ceil(static_cast<double>(i + 1) * size)), 0,
                               limit);
  }
};

Cells CellsOf(double from, double to, double scale, int64_t cells, int64_t limit) {
  auto rounded = [&](double at) {
    const double scaled = std::round(at * scale);
    return std::isnan(scaled) ? int64_t{0} : static_cast<int64_t>(std::clamp(scaled, -1e9, 1e9));
  };
  const int64_t first = rounded(from), last = rounded(to);
  const auto size = static_cast<double>(std::max<int64_t>(last - first + 1, 1));
  return {first, size / static_cast<double>(cells), limit};
}

template <typename T>
Status RunTyped(double scale, RunContext& context) {
  const Dims& dims = context.input(0).dims;
  const TensorRef& out = context.output(0);
  const int64_t channels = dims[1], height = dims[2], width = dims[3];
  const int64_t out_height = out.dims[2], out_width = out.dims[3];
  const T* rois = context.input(1).As<const T>();
  auto number = [&](int64_t roi, int64_t i) { return static_cast<double>(AsNumber(rois[roi * 5 + i])); };
  for (int64_t i = 0; i < out.dims[0]; ++i) {
    if (!(number(i, 0) >= 0 && number(i, 0) < static_cast<double>(dims[0]))) {
      return InvalidArgument("MaxRoiPool: batch index {} of {} images", number(i, 0), dims[0]);
    }
  }
  const T* x = context.input(0).As<const T>();
  context.threads().ParallelFor(out.dims[0] * channels, [&](int64_t plane) {
    const int64_t roi = plane / channels, channel = plane % channels;
    const Cells rows = CellsOf(number(roi, 2), number(roi, 4), scale, out_height, height);
    const Cells columns = CellsOf(number(roi, 1), number(roi, 3), scale, out_width, width);
    const T* from = x + (static_cast<int64_t>(number(roi, 0)) * channels + channel) * height * width;
    T* to = out.As<T>() + plane * out_height * out_width;
    for (int64_t i = 0; i < out_height; ++i) {
      for (int64_t j = 0; j < out_width; ++j) {
        bool any = false;
        WideNumber<T> most = 0;
        for (int64_t r = rows.begin(i); r < rows.end(i); ++r) {
          for (int64_t c = columns.begin(j); c < columns.end(j); ++c) {
            const WideNumber<T> item = AsNumber(from[r * width + c]);
            if (!any || item > most) most = item;
            any = true;
          }
        }
        to[i * out_width + j] = T(most);
      }
    }
  });
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  const Dims& x = context.input(0).dims;
  const Dims& rois = context.input(1).dims;
  const Dims& out = context.output(0).dims;
  if (x.size() != 4 || rois.size() != 2 || rois[1] != 5 || out.size() != 4 || out[0] != rois[0] ||
      out[1] != x[1]) {
    return InvalidArgument("MaxRoiPool: X {} and rois {}", DimsText(x), DimsText(rois));
  }
  return WithFloatType(context.input(0).dtype, [&](auto tag) {
    return RunTyped<typename decltype(tag)::Type>(*static_cast<const double*>(state), context);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  int64_t height = 0, width = 0;
  ORTOLAN_RETURN_IF_ERROR(PooledShape(context.node.attributes, &height, &width));
  prepared->state =
      std::make_shared<const double>(static_cast<double>(context.node.attributes.Float("spatial_scale", 1)));
  prepared->run = Run;
  prepared->kernel = "max_roi_pool";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"rois", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"spatial_scale", AttributeType::kFloat},
                                         {"pooled_shape", AttributeType::kInts, true}};

}  // namespace

extern const OpDef kMaxRoiPool;
constexpr OpDef kMaxRoiPool{.domain = "",
                            .name = "MaxRoiPool",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
