// STFT: Fourier transforms of overlapping frames of a signal, each multiplied with a window. One-sided by
// default. Refuses frames longer than the signal and windows of another length than the frame's.
#include <algorithm>

#include "ops/math/fourier.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

using graph::Dim;
using kernels::Complex;

Status Infer(InferContext& context) {
  const graph::Shape& signal = context.shape(0);
  if (!signal.has_rank()) return OkStatus();
  if (signal.rank() != 3) {
    return Fail("[ShapeInferenceError] STFT: the signal has rank {}, expected 3", signal.rank());
  }
  ORTOLAN_ASSIGN_OR_RETURN(const auto step, math::IntScalarDim(context, 1, "STFT: frame_step"));
  if (step && step->IsConstant() && step->constant() < 1) {
    return InvalidArgument("STFT: frame_step is {}, expected 1 or more", step->constant());
  }
  std::optional<Dim> length;
  if (context.HasInput(2) && context.shape(2).has_rank()) {
    if (context.shape(2).rank() != 1) return InvalidArgument("STFT: the window must have one dimension");
    length = context.shape(2)[0];
  }
  if (context.HasInput(3) && (!length || !length->IsConstant())) {
    ORTOLAN_ASSIGN_OR_RETURN(const auto given, math::IntScalarDim(context, 3, "STFT: frame_length"));
    if (given) length = given;
  }
  if (!context.HasInput(2) && !context.HasInput(3)) length = signal[1];
  graph::Shape::DimList dims = {signal[0], context.Unknown(), context.Unknown(), 2};
  if (length) {
    const bool onesided = context.attributes().Int("onesided", 1) != 0;
    dims[2] = onesided ? Dim::FloorDiv(*length, 2) + Dim(1) : *length;
    if (step && !step->Is(0)) dims[1] = Dim::FloorDiv(signal[1] - *length, *step) + Dim(1);
    if (dims[1].IsConstant() && dims[1].constant() < 1 && !dims[1].Is(-1)) {
      return InvalidArgument("STFT: a frame is longer than the signal");
    }
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  DType dtype;
  std::optional<int64_t> length;  // where constants tell it
  bool length_open;               // only input 3 of the run tells it
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& signal = context.inputs[0];
  if (signal.size() != 3) return InvalidArgument("STFT: the signal has shape {}", DimsText(signal));
  if (state.length_open) return OkStatus();
  int64_t length = state.length.value_or(signal[1]);
  if (context.inputs.size() > 2 && context.inputs[2].size() == 1) length = context.inputs[2][0];
  ORTOLAN_RETURN_IF_ERROR(math::CheckLength(length, "STFT: the frame's length"));
  return math::BindFourier(state.dtype, length, false, context.threads, binding);
}

template <typename T>
Status RunTyped(int64_t length, int64_t step, RunContext& context) {
  using Real = double;  // math::RunsInDouble
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const math::Fourier<Real>> fourier,
                           math::FourierOf<Real>(context, length, false));
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  const int64_t parts = in.dims[2], count = in.dims[1], frames = out.dims[1], bins = out.dims[2];
  const T* const window = context.HasInput(2) ? context.input(2).As<const T>() : nullptr;
  const T* const from = in.As<const T>();
  T* const to = out.As<T>();
  math::ForEachLine(
      *fourier, context, in.dims[0] * frames, [&](int64_t line, Complex<Real>* data, Complex<Real>* work) {
        const T* frame = from + (line / frames * count + line % frames * step) * parts;
        for (int64_t k = 0; k < length; ++k) {
          const Real factor = window != nullptr ? static_cast<Real>(AsNumber(window[k])) : Real{1};
          data[k].re = factor * static_cast<Real>(AsNumber(frame[k * parts]));
          data[k].im = parts == 2 ? factor * static_cast<Real>(AsNumber(frame[k * parts + 1])) : Real{0};
        }
        fourier->plan->Run(data, work);
        T* item = to + line * bins * 2;
        for (int64_t k = 0; k < bins; ++k) {
          item[2 * k] = StoredNumber<T>(data[k].re);
          item[2 * k + 1] = StoredNumber<T>(data[k].im);
        }
      });
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  if (in.dims[2] != 1 && in.dims[2] != 2) {
    return InvalidArgument("STFT: the signal's last axis is {}, expected 1 or 2", in.dims[2]);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t step, math::IntScalar(context.input(1), "STFT: frame_step"));
  if (step < 1) return InvalidArgument("STFT: frame_step is {}, expected 1 or more", step);
  int64_t length = in.dims[1];
  if (context.HasInput(3)) {
    ORTOLAN_ASSIGN_OR_RETURN(length, math::IntScalar(context.input(3), "STFT: frame_length"));
  }
  if (context.HasInput(2)) {
    const Dims& window = context.input(2).dims;
    if (window.size() != 1 || (context.HasInput(3) && window[0] != length)) {
      return InvalidArgument("STFT: a window of shape {} for frames of length {}", DimsText(window), length);
    }
    length = window[0];
  }
  ORTOLAN_RETURN_IF_ERROR(math::CheckLength(length, "STFT: the frame's length"));
  if (length > in.dims[1]) {
    return InvalidArgument("STFT: frames of {} are longer than the signal of {}", length, in.dims[1]);
  }
  const int64_t frames = (in.dims[1] - length) / step + 1;
  const bool whole = out.rank() == 4 && out.dims[2] == length;
  ORTOLAN_RETURN_IF_ERROR(
      ExpectDims(out, {in.dims[0], frames, whole ? length : length / 2 + 1, 2}, "STFT: the output"));
  return WithFloatType(
      in.dtype, [&](auto tag) { return RunTyped<typename decltype(tag)::Type>(length, step, context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  State state{context.input_dtype(0), {}, false};
  ORTOLAN_ASSIGN_OR_RETURN(state.length, math::ConstantIntScalar(context, 3, "STFT: frame_length"));
  state.length_open = context.node.HasInput(3) && !state.length && !context.node.HasInput(2);
  prepared->state = std::make_shared<const State>(state);
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "stft";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {17};
constexpr FormalParameter kInputs[] = {{"signal", "T1"},
                                       {"frame_step", "T2"},
                                       {"window", "T1", Arity::kOptional},
                                       {"frame_length", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}, {"T2", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"onesided", AttributeType::kInt}};

}  // namespace

extern const OpDef kSTFT;
constexpr OpDef kSTFT{.domain = "",
                      .name = "STFT",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .infer = Infer,
                      .prepare = Prepare};

}  // namespace ortolan
