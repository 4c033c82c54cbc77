// Inverse: the inverses of square matrices, a batch in the leading dimensions. What cannot be inverted gives
// infinities. Refuses what is no square matrix.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/line/line.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

// Matrices that are worked on at once, each with a piece of scratch: the matrix, a row of factors and one of
// pivots.
constexpr int64_t kMostSlots = 16;

int64_t SlotDoubles(int64_t n) {
  return n * (n + 2);
}

// Gauss and Jordan in place with the largest pivot of each column: column k, done with, takes what the unit
// matrix's column would have become.
void Invert(const kernels::LineKernels& lines, double* a, int64_t n) {
  double *factors = a + n * n, *pivots = factors + n;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    }
    pivots[k] = static_cast<double>(pivot);
    for (int64_t j = 0; j < n && pivot != k; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
    double* row = a + k * n;
    const double head = row[k];
    if (head == 0) {
      std::fill_n(a, n * n, std::numeric_limits<double>::infinity());
      return;
    }
    row[k] = 1;
    for (int64_t j = 0; j < n; ++j) row[j] /= head;
    for (int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      factors[i] = std::exchange(a[i * n + k], 0.0);
    }
    lines.eliminate(factors, row, a, k, n, n);
    lines.eliminate(factors + k + 1, row, row + n, n - k - 1, n, n);
  }
  // Rows that were exchanged are columns of the inverse.
  for (int64_t k = n; k-- > 0;) {
    const auto pivot = static_cast<int64_t>(pivots[k]);
    for (int64_t i = 0; i < n && pivot != k; ++i) std::swap(a[i * n + k], a[i * n + pivot]);
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
  const int64_t n = x.back();
  const int64_t matrices = n == 0 ? 0 : ElementCount(x) / (n * n);
  ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes,
                           CheckedBytes(DType::kDouble, Dims{std::min(matrices, kMostSlots), n, n + 2}));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& lines = **static_cast<const kernels::LineKernels* const*>(opaque);
  const TensorRef& x = context.input(0);
  const int64_t n = x.dims.back();
  auto* work = reinterpret_cast<double*>(context.scratch());
  return WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const int64_t matrices = n == 0 ? 0 : x.count() / (n * n), slots = std::min(matrices, kMostSlots);
    context.threads().ParallelFor(slots, [&](int64_t slot) {
      double* own = work + slot * SlotDoubles(n);
      for (int64_t i = slot * matrices / slots; i < (slot + 1) * matrices / slots; ++i) {
        const T* from = x.As<const T>() + i * n * n;
        T* to = context.output(0).As<T>() + i * n * n;
        for (int64_t j = 0; j < n * n; ++j) own[j] = static_cast<double>(AsNumber(from[j]));
        Invert(lines, own, n);
        for (int64_t j = 0; j < n * n; ++j) to[j] = StoredNumber<T>(own[j]);
      }
    });
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
