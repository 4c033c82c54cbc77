// BatchNormalization: (x - mean) / sqrt(variance + epsilon) * scale + bias with one set of numbers a channel
// (axis 1). With training_mode the mean and variance are the batch's own and the running ones are given too.
// Opsets below 9 could have numbers for every element behind the batch axis (spatial = 0); opsets below 14
// had further outputs, which repeat the mean and the variance. Refuses parameters that do not fit the
// channels.
#include <cmath>

#include "kernels/norm/norm.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr std::string_view kPerElement = "ortolan_per_element";

// Below opset 14 training was told by `is_test` and by the number of outputs; a model that is run for
// inference means inference, as onnxruntime reads it.
Status Raise(RaiseContext& context) {
  graph::Attributes& attributes = context.node.attributes;
  if (context.opset < 9 && attributes.Int("spatial", 1) == 0) attributes.Set(kPerElement, int64_t{1});
  attributes.Remove("spatial");
  attributes.Remove("is_test");
  return OkStatus();
}

Status Infer(InferContext& context) {
  ORTOLAN_RETURN_IF_ERROR(InferSameShape(context));
  for (size_t i = 1; i < context.output_count(); ++i) context.SetShape(i, context.shape(i % 2 == 1 ? 3 : 4));
  return OkStatus();
}

struct State {
  double epsilon;
  double momentum;
  bool training;
  bool per_element;
  DType dtype;
  const kernels::NormF32Variant* variant;
  std::vector<double> scale, shift;  // of constant parameters
};

double NumberAt(const TensorRef& tensor, int64_t i) {
  switch (tensor.dtype) {
    case DType::kFloat:
      return static_cast<double>(tensor.As<float>()[i]);
    case DType::kDouble:
      return tensor.As<double>()[i];
    case DType::kFloat16:
      return static_cast<double>(static_cast<float>(tensor.As<Float16>()[i]));
    default:
      return static_cast<double>(static_cast<float>(tensor.As<BFloat16>()[i]));
  }
}

void SetNumber(const TensorRef& tensor, int64_t i, double value) {
  switch (tensor.dtype) {
    case DType::kFloat:
      tensor.As<float>()[i] = static_cast<float>(value);
      break;
    case DType::kDouble:
      tensor.As<double>()[i] = value;
      break;
    case DType::kFloat16:
      tensor.As<Float16>()[i] = Float16(static_cast<float>(value));
      break;
    default:
      tensor.As<BFloat16>()[i] = BFloat16(static_cast<float>(value));
  }
}

Result<kernels::AxisView> ViewOf(const State& state, std::span<const int64_t> dims) {
  if (dims.empty()) return InvalidArgument("BatchNormalization: the input must have at least one axis");
  kernels::AxisView view;
  view.outer = dims[0];
  view.count = dims.size() < 2 ? 1 : state.per_element ? ElementCount(dims.subspan(1)) : dims[1];
  view.inner = dims.size() < 2 || state.per_element ? 1 : ElementCount(dims.subspan(2));
  return view;
}

Status CheckParameters(RunContext& context, int64_t channels) {
  for (size_t i = 1; i < 5; ++i) {
    if (context.input(i).count() != channels) {
      return InvalidArgument("BatchNormalization: input {} has shape {} where the input has {} channels", i,
                             DimsText(context.input(i).dims), channels);
    }
  }
  return OkStatus();
}

// The factor and the term of channel c.
void Fold(const State& state, const TensorRef& scale, const TensorRef& bias, int64_t c, double mean,
          double variance, double* factor, double* term) {
  *factor = NumberAt(scale, c) / std::sqrt(variance + state.epsilon);
  *term = NumberAt(bias, c) - mean * *factor;
}

// The batch's mean and biased variance of one channel.
void BatchMoments(const TensorRef& x, const kernels::AxisView& view, int64_t c, double* mean,
                  double* variance) {
  const double count = static_cast<double>(view.outer * view.inner);
  double sum = 0, squares = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int64_t n = 0; n < view.outer; ++n) {
      const int64_t base = (n * view.count + c) * view.inner;
      for (int64_t i = 0; i < view.inner; ++i) {
        const double item = NumberAt(x, base + i);
        if (pass == 0) sum += item;
        if (pass == 1) squares += (item - sum / count) * (item - sum / count);
      }
    }
  }
  *mean = sum / count;
  *variance = squares / count;
}

// Fills scale and shift (`count` each) and the outputs beside Y.
void FoldAll(const State& state, const kernels::AxisView& view, RunContext& context, double* scale,
             double* shift) {
  for (int64_t c = 0; c < view.count; ++c) {
    const double old_mean = NumberAt(context.input(3), c), old_variance = NumberAt(context.input(4), c);
    double mean = old_mean, variance = old_variance;
    if (state.training) BatchMoments(context.input(0), view, c, &mean, &variance);
    Fold(state, context.input(1), context.input(2), c, mean, variance, &scale[c], &shift[c]);
    const double keep = state.training ? state.momentum : 1;
    for (size_t i = 1; i < context.output_count(); ++i) {
      if (!context.HasOutput(i)) continue;
      const double running =
          i % 2 == 1 ? old_mean * keep + mean * (1 - keep) : old_variance * keep + variance * (1 - keep);
      SetNumber(context.output(i), c, running);
    }
  }
}

template <typename T>
void PlainAffine(const kernels::AxisView& view, const double* scale, const double* shift, const T* x, T* y) {
  for (int64_t i = 0; i < view.outer * view.count; ++i) {
    const double a = scale[i % view.count], b = shift[i % view.count];
    for (int64_t j = i * view.inner; j < (i + 1) * view.inner; ++j) {
      if constexpr (std::is_same_v<T, double>) {
        y[j] = x[j] * a + b;
      } else {
        y[j] = T(static_cast<float>(static_cast<double>(static_cast<float>(x[j])) * a + b));
      }
    }
  }
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewOf(state, context.inputs[0]));
  // Scale and shift in double and again in float.
  binding->scratch_bytes = static_cast<size_t>(view.count) * (2 * sizeof(double) + 2 * sizeof(float));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewOf(state, x.dims));
  double* numbers = reinterpret_cast<double*>(context.scratch());
  const double* scale = numbers;
  const double* shift = numbers + view.count;
  if (!state.scale.empty()) {
    if (static_cast<int64_t>(state.scale.size()) != view.count) {
      return InvalidArgument("BatchNormalization: {} parameters where the input has {} channels",
                             state.scale.size(), view.count);
    }
    scale = state.scale.data();
    shift = state.shift.data();
  } else {
    ORTOLAN_RETURN_IF_ERROR(CheckParameters(context, view.count));
    FoldAll(state, view, context, numbers, numbers + view.count);
  }
  switch (state.dtype) {
    case DType::kFloat: {
      float* floats = reinterpret_cast<float*>(numbers + 2 * view.count);
      for (int64_t c = 0; c < view.count; ++c) {
        floats[c] = static_cast<float>(scale[c]);
        floats[view.count + c] = static_cast<float>(shift[c]);
      }
      kernels::ChannelAffine(*state.variant, view, floats, floats + view.count, x.As<float>(), y.As<float>(),
                             context.threads());
      break;
    }
    case DType::kDouble:
      PlainAffine(view, scale, shift, x.As<double>(), y.As<double>());
      break;
    case DType::kFloat16:
      PlainAffine(view, scale, shift, x.As<Float16>(), y.As<Float16>());
      break;
    default:
      PlainAffine(view, scale, shift, x.As<BFloat16>(), y.As<BFloat16>());
  }
  return OkStatus();
}

// Constant parameters of an inference are folded once.
void FoldConstants(PrepareContext& context, State* state) {
  const Tensor* parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    parameters[i] = context.Constant(i + 1);
    if (parameters[i] == nullptr || parameters[i]->count() != parameters[0]->count()) return;
  }
  for (size_t i = 1; i < context.node.outputs().size(); ++i) {
    if (context.node.output(i) != nullptr) return;  // they repeat the parameters
  }
  const int64_t count = parameters[0]->count();
  state->scale.resize(static_cast<size_t>(count));
  state->shift.resize(static_cast<size_t>(count));
  for (int64_t c = 0; c < count; ++c) {
    Fold(*state, parameters[0]->ref(), parameters[1]->ref(), c, NumberAt(parameters[2]->ref(), c),
         NumberAt(parameters[3]->ref(), c), &state->scale[static_cast<size_t>(c)],
         &state->shift[static_cast<size_t>(c)]);
  }
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  for (size_t i = 0; i < 5; ++i) {
    if (!Contains(kFloatTypes, context.input_dtype(i))) {
      return NotImplemented("BatchNormalization of {}", DTypeName(context.input_dtype(i)));
    }
  }
  State state{};
  state.epsilon = static_cast<double>(attributes.Float("epsilon", 1e-5f));
  state.momentum = static_cast<double>(attributes.Float("momentum", 0.9f));
  state.training = attributes.Int("training_mode", 0) != 0;
  state.per_element = attributes.Int(kPerElement, 0) != 0;
  state.dtype = context.input_dtype(0);
  state.variant = &kernels::SelectNormF32(context.isa);
  if (!state.training) FoldConstants(context, &state);
  prepared->kernel =
      state.dtype == DType::kFloat ? fmt::format("affine_{}", state.variant->name) : "affine_plain";
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 6, 7, 9, 14, 15};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"scale", "T1"}, {"B", "T1"}, {"input_mean", "T2"}, {"input_var", "T2"}};
// The last two are of opsets below 14 only.
constexpr FormalParameter kOutputs[] = {{"Y", "T"},
                                        {"running_mean", "T2", Arity::kOptional},
                                        {"running_var", "T2", Arity::kOptional},
                                        {"saved_mean", "T2", Arity::kOptional},
                                        {"saved_var", "T2", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"T1", kFloatTypes}, {"T2", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"training_mode", AttributeType::kInt},
                                         {"momentum", AttributeType::kFloat},
                                         {"epsilon", AttributeType::kFloat}};
constexpr AttributeSpec kOldAttributes[] = {{"is_test", AttributeType::kInt},
                                            {"spatial", AttributeType::kInt}};

}  // namespace

extern const OpDef kBatchNormalization;
constexpr OpDef kBatchNormalization{.domain = "",
                                    .name = "BatchNormalization",
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
