// SoftmaxCrossEntropyLoss: the negative log likelihood loss of the logarithm of the softmax over axis 1,
// which is the second output. Refuses targets that are no class and not the ignored one.
#include "kernels/norm/norm.h"
#include "ops/nn/likelihood_loss.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetShape(1, context.shape(0));
  return nn::InferLikelihoodLoss(context);
}

struct State {
  nn::LikelihoodLoss loss;
  const kernels::NormF32Variant* variant;
  DType dtype;
  bool keeps_log_prob;
};

// The log probabilities, where nobody wants them as an output.
Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  if (state.keeps_log_prob) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(binding->scratch_bytes, CheckedBytes(state.dtype, context.inputs[0]));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& scores = context.input(0);
  if (scores.rank() < 2) return InvalidArgument("the scores have shape {}", DimsText(scores.dims));
  kernels::AxisView view{scores.dims[0], scores.dims[1], 1};
  view.inner = ElementCount(std::span<const int64_t>(scores.dims.begin() + 2, scores.dims.end()));
  void* log_prob = context.scratch();
  if (state.keeps_log_prob) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.output(1), scores.dims, "log_prob"));
    log_prob = context.output(1).data;
  }
  ORTOLAN_RETURN_IF_ERROR(WithFloatType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (scores.count() > 0)
      kernels::Softmax(*state.variant, view, true, scores.As<const T>(), static_cast<T*>(log_prob),
                       context.threads());
    return OkStatus();
  }));
  return nn::RunLikelihoodLoss(state.loss, log_prob, context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::LikelihoodLoss loss, nn::ReadLikelihoodLoss(context.node.attributes));
  const kernels::NormF32Variant& variant = kernels::SelectNormF32(context.isa);
  prepared->state = std::make_shared<const State>(
      State{loss, &variant, context.input_dtype(0), context.node.output(1) != nullptr});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "softmax_likelihood_loss";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {12, 13};
constexpr FormalParameter kInputs[] = {
    {"scores", "T"}, {"labels", "Tind"}, {"weights", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"log_prob", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"ignore_index", AttributeType::kInt},
                                         {"reduction", AttributeType::kString}};

}  // namespace

extern const OpDef kSoftmaxCrossEntropyLoss;
constexpr OpDef kSoftmaxCrossEntropyLoss{.domain = "",
                                         .name = "SoftmaxCrossEntropyLoss",
                                         .versions = kVersions,
                                         .inputs = kInputs,
                                         .outputs = kOutputs,
                                         .types = kTypes,
                                         .attributes = kAttributes,
                                         .infer = Infer,
                                         .prepare = Prepare};

}  // namespace ortolan
