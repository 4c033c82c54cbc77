// Inverse: the inverses of square matrices, a batch in the leading dimensions. What cannot be inverted gives
// infinities. Refuses what is no square matrix.
#include <cmath>
#include <utility>

#include "kernels/line/line.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

// Gauss and Jordan with the largest pivot of each column: [a | identity] -> [identity | inverse], n x 2n.
void Invert(const kernels::LineKernels& lines, double* a, int64_t n) {
  const int64_t width = 2 * n;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i * width + k]) > std::abs(a[pivot * width + k])) pivot = i;
    }
    for (int64_t j = 0; j < width && pivot != k; ++j) std::swap(a[k * width + j], a[pivot * width + j]);
    const double head = a[k * width + k];
    for (int64_t j = 0; j < width; ++j) a[k * width + j] /= head;
    for (int64_t i = 0; i < n; ++i) {
      const double factor = a[i * width + k];
      if (i == k || factor == 0) continue;
      lines.add_scaled(-factor, a + k * width + k, a + i * width + k, width - k);
    }
  }
}

Status Infer(InferContext& context) {
  if (context.shape(0).has_rank() && context.shape(0).rank() < 2) {
    return Fail("[ShapeInferenceError] Inverse needs matrices, the input has rank {}",
                context.shape(0).rank());
  }
  return InferSameShape(context);
}

Status Bind(const void*, const BindContext& context, Binding* binding) {
  const Dims& x = context.inputs[0];
  if (x.size() < 2 || x[x.size() - 1] != x[x.size() - 2]) {
    return InvalidArgument("Inverse: the input must hold square matrices, got shape {}", DimsText(x));
  }
  ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes, CheckedBytes(DType::kDouble, Dims{x.back(), 2, x.back()}));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& lines = **static_cast<const kernels::LineKernels* const*>(opaque);
  const TensorRef& x = context.input(0);
  const int64_t n = x.dims.back();
  auto* work = reinterpret_cast<double*>(context.scratch());
  return WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = x.As<const T>();
    T* to = context.output(0).As<T>();
    for (int64_t i = 0; n > 0 && i < x.count() / (n * n); ++i, from += n * n, to += n * n) {
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t c = 0; c < n; ++c) {
          work[r * 2 * n + c] = static_cast<double>(AsNumber(from[r * n + c]));
          work[r * 2 * n + n + c] = r == c ? 1 : 0;
        }
      }
      Invert(lines, work, n);
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t c = 0; c < n; ++c) to[r * n + c] = StoredNumber<T>(work[r * 2 * n + n + c]);
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const kernels::LineKernels* const>(&kernels::SelectLine(context.isa));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "inverse";
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsInverse;
constexpr OpDef kMsInverse{.domain = "com.microsoft",
                           .name = "Inverse",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
