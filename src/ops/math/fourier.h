// What DFT and STFT share: integer scalars, and a transform with its memory. It is made when a plan is bound
// where constants tell its length, and in the run otherwise.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>

#include "base/aligned_buffer.h"
#include "kernels/fft/fft.h"
#include "ops/op.h"

namespace ortolan::math {

// A scalar (or a tensor of one element) of int32 or int64; kInvalidArgument for other counts.
Result<int64_t> IntScalar(const TensorRef& tensor, std::string_view what);
// The same of a constant input: nothing where the input is absent or no constant.
Result<std::optional<int64_t>> ConstantIntScalar(const PrepareContext& context, size_t input,
                                                 std::string_view what);
// The same for what inference knows; nothing where it does not.
Result<std::optional<graph::Dim>> IntScalarDim(const InferContext& context, size_t input,
                                               std::string_view what);

// kInvalidArgument for lengths that are none or beyond kernels::kMostFftLength.
Status CheckLength(int64_t length, std::string_view what);

// Real is double for forward transforms of any type: bins in which a signal cancels out are then zero as they
// are in numpy's, and not the rounding of a float. The inverse of all types but double runs in float.
inline bool RunsInDouble(DType dtype, bool inverse) {
  return dtype == DType::kDouble || !inverse;
}

template <typename Real>
struct Fourier {
  std::unique_ptr<const kernels::FftPlan<Real>> plan;
  int64_t slots = 1;     // lines that can be worked on at once
  AlignedBuffer memory;  // of the slots, where the run's scratch is not for them

  // Complex numbers of one slot: a line, then the work area.
  int64_t slot_count() const { return plan->length() + plan->WorkCount(); }
  size_t bytes() const { return static_cast<size_t>(slots * slot_count()) * sizeof(kernels::Complex<Real>); }
};

// For a checked length. kFail where the memory for its tables is missing.
template <typename Real>
Result<std::shared_ptr<Fourier<Real>>> MakeFourier(int64_t length, bool inverse, int64_t slots);

// The same as a binding, with the scratch for its slots.
Status BindFourier(DType dtype, int64_t length, bool inverse, int64_t slots, Binding* binding);

// The one that `bind` made if its length is this, or else one made here with memory of its own.
template <typename Real>
Result<std::shared_ptr<const Fourier<Real>>> FourierOf(RunContext& context, int64_t length, bool inverse);

// body(line, data, work) for each line, in parallel as far as there are slots.
template <typename Real, typename Body>
void ForEachLine(const Fourier<Real>& fourier, RunContext& context, int64_t lines, Body body) {
  std::byte* const memory = fourier.memory.data() != nullptr ? fourier.memory.data() : context.scratch();
  auto* const slots = reinterpret_cast<kernels::Complex<Real>*>(memory);
  const int64_t chunks = std::min(fourier.slots, lines);
  context.threads().ParallelFor(chunks, [&](int64_t chunk) {
    kernels::Complex<Real>* data = slots + chunk * fourier.slot_count();
    for (int64_t line = chunk; line < lines && !context.cancelled(); line += chunks)
      body(line, data, data + fourier.plan->length());
  });
}

}  // namespace ortolan::math
