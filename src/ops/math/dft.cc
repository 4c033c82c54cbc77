// DFT: the discrete Fourier transform along an axis and its inverse, of real or complex signals, cut or
// padded with zeros to a length. One-sided, the forward form gives the first half of the spectrum and the
// inverse one makes a real signal of it. Refuses the last axis and a one-sided inverse of real input.
#include <algorithm>

#include "ops/axes.h"
#include "ops/math/fourier.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

using graph::Dim;
using kernels::Complex;

// The axis was an attribute, 1 where absent, until opset 19.
Status Raise(RaiseContext& context) {
  if (context.opset >= 20) return OkStatus();
  graph::Node& node = context.node;
  const int64_t axis = node.attributes.Int("axis", 1);
  node.attributes.Remove("axis");
  node.SetInput(2, context.Constant(Tensor::Scalar<int64_t>(axis)));
  return OkStatus();
}

Result<size_t> AxisOf(int64_t axis, size_t rank) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t normal, NormalizeAxis(axis, static_cast<int64_t>(rank)));
  if (normal == static_cast<int64_t>(rank) - 1) {
    return InvalidArgument("DFT: the axis is {}, the last one, which holds real and imaginary parts", axis);
  }
  return static_cast<size_t>(normal);
}

Status Infer(InferContext& context) {
  const graph::Shape& in = context.shape(0);
  const bool inverse = context.attributes().Int("inverse", 0) != 0;
  const bool onesided = context.attributes().Int("onesided", 0) != 0;
  if (!in.has_rank()) return OkStatus();
  if (in.rank() < 2)
    return Fail("[ShapeInferenceError] DFT: the input has rank {}, expected 2 or more", in.rank());
  graph::Shape::DimList dims = in.dims();
  dims.back() = inverse && onesided ? 1 : 2;
  std::optional<Dim> axis = Dim(-2);
  if (context.HasInput(2)) {
    ORTOLAN_ASSIGN_OR_RETURN(axis, math::IntScalarDim(context, 2, "DFT: axis"));
  }
  if (!axis || !axis->IsConstant()) {
    for (size_t i = 0; i + 1 < dims.size(); ++i) dims[i] = context.Unknown();
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const size_t at, AxisOf(axis->constant(), dims.size()));
  std::optional<Dim> length;
  if (context.HasInput(1)) {
    ORTOLAN_ASSIGN_OR_RETURN(length, math::IntScalarDim(context, 1, "DFT: dft_length"));
    if (length && length->IsConstant())
      ORTOLAN_RETURN_IF_ERROR(math::CheckLength(length->constant(), "DFT: dft_length"));
  } else {
    length = inverse && onesided ? (dims[at] - Dim(1)) * Dim(2) : dims[at];
  }
  if (!length) {
    dims[at] = context.Unknown();
  } else {
    dims[at] = onesided && !inverse ? Dim::FloorDiv(*length, 2) + Dim(1) : *length;
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  DType dtype;
  bool inverse;
  bool onesided;
  bool axis_known, length_known;
  int64_t axis;                   // -2 where absent
  std::optional<int64_t> length;  // input 1, where it is a constant
};

// The length of the transform for an axis of `count`; nothing where only the run tells.
std::optional<int64_t> LengthOf(const State& state, int64_t count) {
  if (!state.length_known) return std::nullopt;
  if (state.length) return state.length;
  return state.inverse && state.onesided ? 2 * (count - 1) : count;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& in = context.inputs[0];
  if (in.size() < 2) return InvalidArgument("DFT: the input has shape {}", DimsText(in));
  if (!state.axis_known) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const size_t axis, AxisOf(state.axis, in.size()));
  const std::optional<int64_t> length = LengthOf(state, in[axis]);
  const std::optional<int64_t> count = CheckedCount(context.outputs[0]);
  if (!length || !count || *count == 0) return OkStatus();
  ORTOLAN_RETURN_IF_ERROR(math::CheckLength(*length, "DFT: the length"));
  const int64_t lines = *count / std::max<int64_t>(1, context.outputs[0][axis]);
  return math::BindFourier(state.dtype, *length, state.inverse, std::min<int64_t>(lines, context.threads),
                           binding);
}

// Line `line` of the other axes: where its first number stands.
int64_t LineOffset(int64_t line, int64_t inner, int64_t count, int64_t parts) {
  return (line / inner * count * inner + line % inner) * parts;
}

// Reads one line, padded with zeros.
template <typename T, typename Real>
void ReadLine(const T* from, int64_t count, int64_t stride, int64_t parts, int64_t length,
              Complex<Real>* data) {
  const int64_t read = std::min(count, length);
  for (int64_t k = 0; k < read; ++k) {
    const T* item = from + k * stride;
    data[k] = {static_cast<Real>(AsNumber(item[0])),
               parts == 2 ? static_cast<Real>(AsNumber(item[1])) : Real{0}};
  }
  std::fill(data + read, data + length, Complex<Real>{});
}

// The spectrum of a real signal has a conjugate second half.
template <typename Real>
void CompleteSpectrum(Complex<Real>* data, int64_t length) {
  data[0].im = 0;
  if (length % 2 == 0) data[length / 2].im = 0;
  for (int64_t k = length / 2 + 1; k < length; ++k) data[k] = {data[length - k].re, -data[length - k].im};
}

struct Problem {
  size_t axis;
  int64_t length;
};

Result<Problem> ProblemOf(const State& state, RunContext& context) {
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  Problem problem{};
  int64_t axis = -2;
  if (context.HasInput(2)) {
    ORTOLAN_ASSIGN_OR_RETURN(axis, math::IntScalar(context.input(2), "DFT: axis"));
  }
  ORTOLAN_ASSIGN_OR_RETURN(problem.axis, AxisOf(axis, in.rank()));
  const int64_t count = in.dims[problem.axis];
  problem.length = state.inverse && state.onesided ? 2 * (count - 1) : count;
  if (context.HasInput(1)) {
    ORTOLAN_ASSIGN_OR_RETURN(problem.length, math::IntScalar(context.input(1), "DFT: dft_length"));
  }
  ORTOLAN_RETURN_IF_ERROR(math::CheckLength(problem.length, "DFT: the length"));
  const int64_t parts = in.dims.back();
  if (parts != 1 && parts != 2) return InvalidArgument("DFT: the last axis is {}, expected 1 or 2", parts);
  if (parts == 1 && state.inverse && state.onesided) {
    return InvalidArgument("DFT: a one-sided inverse needs complex input");
  }
  Dims expected = in.dims;
  expected[problem.axis] = state.onesided && !state.inverse ? problem.length / 2 + 1 : problem.length;
  expected.back() = state.inverse && state.onesided ? 1 : 2;
  if (!(out.dims == expected)) return InvalidArgument("DFT: the output has shape {}", DimsText(out.dims));
  return problem;
}

template <typename T, typename Real>
Status RunTyped(const State& state, const Problem& problem, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const math::Fourier<Real>> fourier,
                           math::FourierOf<Real>(context, problem.length, state.inverse));
  const TensorRef& in = context.input(0);
  const TensorRef& out = context.output(0);
  const int64_t in_parts = in.dims.back(), out_parts = out.dims.back(), length = problem.length;
  const std::span<const int64_t> behind(in.dims.begin() + problem.axis + 1, in.dims.end() - 1);
  const int64_t inner = ElementCount(behind);
  const int64_t in_count = in.dims[problem.axis], out_count = out.dims[problem.axis];
  const T* from = in.As<const T>();
  T* to = out.As<T>();
  const Real scale = state.inverse ? Real{1} / static_cast<Real>(length) : Real{1};
  math::ForEachLine(*fourier, context, out.count() / out_count / out_parts,
                    [&](int64_t line, Complex<Real>* data, Complex<Real>* work) {
                      ReadLine(from + LineOffset(line, inner, in_count, in_parts), in_count, inner * in_parts,
                               in_parts, length, data);
                      if (state.inverse && state.onesided) CompleteSpectrum(data, length);
                      fourier->plan->Run(data, work);
                      T* item = to + LineOffset(line, inner, out_count, out_parts);
                      for (int64_t k = 0; k < out_count; ++k, item += inner * out_parts) {
                        item[0] = StoredNumber<T>(static_cast<double>(data[k].re * scale));
                        if (out_parts == 2)
                          item[1] = StoredNumber<T>(static_cast<double>(data[k].im * scale));
                      }
                    });
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const Problem problem, ProblemOf(state, context));
  if (context.output(0).count() == 0) return OkStatus();
  return WithFloatType(context.input(0).dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return math::RunsInDouble(state.dtype, state.inverse) ? RunTyped<T, double>(state, problem, context)
                                                          : RunTyped<T, float>(state, problem, context);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Node& node = context.node;
  State state{context.input_dtype(0),
              node.attributes.Int("inverse", 0) != 0,
              node.attributes.Int("onesided", 0) != 0,
              true,
              true,
              -2,
              {}};
  ORTOLAN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis,
                           math::ConstantIntScalar(context, 2, "DFT: axis"));
  ORTOLAN_ASSIGN_OR_RETURN(state.length, math::ConstantIntScalar(context, 1, "DFT: dft_length"));
  state.axis_known = axis.has_value() || !node.HasInput(2);
  state.length_known = state.length.has_value() || !node.HasInput(1);
  if (axis) state.axis = *axis;
  prepared->state = std::make_shared<const State>(state);
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "dft";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {17, 20};
constexpr FormalParameter kInputs[] = {
    {"input", "T1"}, {"dft_length", "T2", Arity::kOptional}, {"axis", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}, {"T2", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"inverse", AttributeType::kInt}, {"onesided", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kDFT;
constexpr OpDef kDFT{.domain = "",
                     .name = "DFT",
                     .versions = kVersions,
                     .inputs = kInputs,
                     .outputs = kOutputs,
                     .types = kTypes,
                     .attributes = kAttributes,
                     .raise = Raise,
                     .infer = Infer,
                     .prepare = Prepare,
                     .old_attributes = kOldAttributes};

}  // namespace ortolan
