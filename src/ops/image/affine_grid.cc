// AffineGrid: the sampling grid of an affine map for GridSample: each point of a regular grid over [-1, 1],
// times theta. Refuses sizes that are no N x C x H x W or N x C x D x H x W.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const auto size = context.Ints(1);
  const graph::Shape& theta = context.shape(0);
  if (theta.has_rank() && theta.rank() != 3) {
    return Fail("[ShapeInferenceError] AffineGrid: theta has rank {}, expected 3", theta.rank());
  }
  if (!size) {
    if (!theta.has_rank() || !theta[1].IsConstant()) return OkStatus();
    graph::Shape::DimList dims = {theta[0]};
    for (int64_t i = 0; i < theta[1].constant() && i < 3; ++i) dims.push_back(context.Unknown());
    dims.push_back(theta[1]);
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  if (size->size() != 4 && size->size() != 5) {
    return InvalidArgument("AffineGrid: size has {} elements, expected 4 or 5", size->size());
  }
  graph::Shape::DimList dims = {(*size)[0]};
  for (size_t i = 2; i < size->size(); ++i) {
    const graph::Dim& dim = (*size)[i];
    if (dim.IsConstant() && dim.constant() < 1) return InvalidArgument("AffineGrid: a size below 1");
    dims.push_back(dim);
  }
  dims.push_back(static_cast<int64_t>(size->size()) - 2);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

double Coordinate(int64_t i, int64_t size, bool align_corners) {
  const auto count = static_cast<double>(size);
  if (align_corners) return size == 1 ? 0.0 : -1.0 + 2.0 * static_cast<double>(i) / (count - 1);
  return (2.0 * static_cast<double>(i) + 1.0) / count - 1.0;
}

// Columns whose coordinates are computed at once, for all rows of a chunk.
constexpr int64_t kColumns = 64;

// Points of one row from their coordinates along it: each is `slopes` times that, plus `base`.
template <typename T, int kAxes>
void MapRow(const double* x, int64_t count, const double* slopes, const double* base, T* to) {
  for (int64_t i = 0; i < count; ++i) {
    for (int r = 0; r < kAxes; ++r) to[i * kAxes + r] = StoredNumber<T>(slopes[r] * x[i] + base[r]);
  }
}

// The grid as depth, height and width.
struct GridSizes {
  int64_t batch, depth, height, width;
  bool align_corners;
};

template <typename T, int kAxes>
void MapRows(const GridSizes& sizes, const T* theta, int64_t begin, int64_t end, T* to) {
  double x[kColumns];
  for (int64_t first = 0; first < sizes.width; first += kColumns) {
    const int64_t count = std::min(kColumns, sizes.width - first);
    for (int64_t i = 0; i < count; ++i) x[i] = Coordinate(first + i, sizes.width, sizes.align_corners);
    for (int64_t row = begin; row < end; ++row) {
      const T* own = theta + row / (sizes.depth * sizes.height) * kAxes * (kAxes + 1);
      const double y = Coordinate(row % sizes.height, sizes.height, sizes.align_corners);
      const double z = Coordinate(row / sizes.height % sizes.depth, sizes.depth, sizes.align_corners);
      double slopes[kAxes], base[kAxes];
      for (int r = 0; r < kAxes; ++r, own += kAxes + 1) {
        const auto factor = [&](int c) { return static_cast<double>(AsNumber(own[c])); };
        slopes[r] = factor(0);
        base[r] = factor(1) * y + (kAxes == 3 ? factor(2) * z : 0.0) + factor(kAxes);
      }
      MapRow<T, kAxes>(x, count, slopes, base, to + (row * sizes.width + first) * kAxes);
    }
  }
}

Status Run(const void* state, RunContext& context) {
  const TensorRef& theta = context.input(0);
  const TensorRef& grid = context.output(0);
  const int64_t axes = static_cast<int64_t>(grid.rank()) - 2;
  if (axes != 2 && axes != 3) return InvalidArgument("AffineGrid: a grid of shape {}", DimsText(grid.dims));
  ORTOLAN_RETURN_IF_ERROR(ExpectDims(theta, {grid.dims[0], axes, axes + 1}, "AffineGrid: theta"));
  if (grid.count() == 0) return OkStatus();
  const GridSizes sizes{grid.dims[0], axes == 3 ? grid.dims[1] : 1, grid.dims[static_cast<size_t>(axes) - 1],
                        grid.dims[static_cast<size_t>(axes)], *static_cast<const bool*>(state)};
  return WithFloatType(theta.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.threads().ParallelRanges(sizes.batch * sizes.depth * sizes.height,
                                     std::max<int64_t>(1, 4096 / sizes.width),
                                     [&](int64_t begin, int64_t end) {
                                       if (axes == 3) {
                                         MapRows<T, 3>(sizes, theta.As<const T>(), begin, end, grid.As<T>());
                                       } else {
                                         MapRows<T, 2>(sizes, theta.As<const T>(), begin, end, grid.As<T>());
                                       }
                                     });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const bool>(context.node.attributes.Int("align_corners", 0) != 0);
  prepared->run = Run;
  prepared->kernel = "affine_grid";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {20};
constexpr FormalParameter kInputs[] = {{"theta", "T1"}, {"size", "T2"}};
constexpr FormalParameter kOutputs[] = {{"grid", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}, {"T2", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"align_corners", AttributeType::kInt}};

}  // namespace

extern const OpDef kAffineGrid;
constexpr OpDef kAffineGrid{.domain = "",
                            .name = "AffineGrid",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
