// Det: determinants of square matrices, a batch in the leading dimensions. Refuses what is no square matrix.
#include <cmath>
#include <utility>

#include "kernels/line/line.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() < 2) return Fail("[ShapeInferenceError] Det needs matrices, the input has rank {}", x.rank());
  const auto rank = static_cast<size_t>(x.rank());
  const graph::Dim rows = x[rank - 2], columns = x[rank - 1];
  if (rows.IsConstant() && columns.IsConstant() && rows != columns) {
    return Fail("[ShapeInferenceError] The inner-most 2 dimensions must have the same size: {} and {}",
                rows.constant(), columns.constant());
  }
  context.SetShape(0, graph::Shape::DimList(x.dims().begin(), x.dims().end() - 2));
  return OkStatus();
}

// Gaussian elimination with the largest pivot of each column, in place; `factors` is a row of n.
double Determinant(const kernels::LineKernels& lines, double* a, double* factors, int64_t n) {
  double product = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    }
    if (a[pivot * n + k] == 0) return 0;
    if (pivot != k) {
      for (int64_t j = k; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
      product = -product;
    }
    product *= a[k * n + k];
    for (int64_t i = k + 1; i < n; ++i) factors[i] = a[i * n + k] / a[k * n + k];
    lines.eliminate(factors + k + 1, a + k * n + k + 1, a + (k + 1) * n + k + 1, n - k - 1, n, n - k - 1);
  }
  return product;
}

Status Bind(const void*, const BindContext& context, Binding* binding) {
  const Dims& x = context.inputs[0];
  if (x.size() < 2 || x[x.size() - 1] != x[x.size() - 2]) {
    return InvalidArgument("Det: the input must hold square matrices, got shape {}", DimsText(x));
  }
  ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes,
                           CheckedBytes(DType::kDouble, Dims{x.back() + 1, x.back()}));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& lines = **static_cast<const kernels::LineKernels* const*>(opaque);
  const TensorRef& x = context.input(0);
  const int64_t n = x.dims.back();
  auto* work = reinterpret_cast<double*>(context.scratch());
  return WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const std::span<T> out = context.output(0).Items<T>();
    const T* from = x.As<const T>();
    for (T& item : out) {
      for (int64_t i = 0; i < n * n; ++i) work[i] = static_cast<double>(AsNumber(from[i]));
      item = StoredNumber<T>(Determinant(lines, work, work + n * n, n));
      from += n * n;
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const kernels::LineKernels* const>(&kernels::SelectLine(context.isa));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "det";
  return OkStatus();
}

constexpr int kVersions[] = {11, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kDet;
constexpr OpDef kDet{.domain = "",
                     .name = "Det",
                     .versions = kVersions,
                     .inputs = kInputs,
                     .outputs = kOutputs,
                     .types = kTypes,
                     .infer = Infer,
                     .prepare = Prepare};

}  // namespace ortolan
