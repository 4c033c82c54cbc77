// CausalConvWithState: a depthwise convolution over the past of a sequence, whose end is handed on to the
// next call; SiLU behind it where asked. Refuses weights that are not one kernel a channel.
#include <algorithm>
#include <cmath>

#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const graph::Shape& w = context.shape(1);
  if ((x.has_rank() && x.rank() != 3) || (w.has_rank() && w.rank() != 3)) {
    return Fail("[ShapeInferenceError] CausalConvWithState: input and weight need rank 3");
  }
  context.SetShape(0, x);
  if (x.has_rank()) {
    context.SetShape(1, {x[0], x[1], w.has_rank() ? w[2] - graph::Dim(1) : context.Unknown()});
  }
  return OkStatus();
}

template <typename T>
void RunTyped(bool silu, RunContext& context) {
  const Dims& dims = context.input(0).dims;
  const int64_t channels = dims[1], length = dims[2], taps = context.input(1).dims[2], kept = taps - 1;
  auto input = [&](size_t i) {
    return context.HasInput(i) ? context.input(i).template As<const T>() : nullptr;
  };
  const T *x = input(0), *w = input(1), *bias = input(2), *past = input(3);
  T* const y = context.output(0).template As<T>();
  T* const present = context.HasOutput(1) ? context.output(1).template As<T>() : nullptr;
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, length * taps));
  context.threads().ParallelRanges(dims[0] * channels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* own = x + row * length;
      const T* weight = w + row % channels * taps;
      // Element i of the past and the input behind it.
      auto padded = [&](int64_t i) {
        if (i >= kept) return AsNumber(own[i - kept]);
        return past != nullptr ? AsNumber(past[row * kept + i]) : WideNumber<T>{0};
      };
      for (int64_t t = 0; t < length; ++t) {
        WideNumber<T> sum = bias != nullptr ? AsNumber(bias[row % channels]) : WideNumber<T>{0};
        for (int64_t k = 0; k < taps; ++k) sum += AsNumber(weight[k]) * padded(t + k);
        y[row * length + t] = T(silu ? sum / (1 + std::exp(-sum)) : sum);
      }
      if (present == nullptr) continue;
      for (int64_t i = 0; i < kept; ++i) present[row * kept + i] = T(padded(length + i));
    }
  });
}

Status Run(const void* state, RunContext& context) {
  const Dims& x = context.input(0).dims;
  const Dims& w = context.input(1).dims;
  if (x.size() != 3 || w.size() != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1) {
    return InvalidArgument("CausalConvWithState: input {} and weight {}", DimsText(x), DimsText(w));
  }
  if (context.HasInput(2)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(2), {x[1]}, "CausalConvWithState: the bias"));
  }
  const Dims kept = {x[0], x[1], w[2] - 1};
  if (context.HasInput(3)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(3), kept, "CausalConvWithState: past_state"));
  }
  if (context.HasOutput(1)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.output(1), kept, "CausalConvWithState: present_state"));
  }
  return WithFloatType(context.input(0).dtype, [&](auto tag) {
    RunTyped<typename decltype(tag)::Type>(*static_cast<const bool*>(state), context);
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const std::string_view activation = context.node.attributes.String("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    return InvalidArgument("CausalConvWithState: activation cannot be '{}'", activation);
  }
  prepared->state = std::make_shared<const bool>(activation != "none");
  prepared->run = Run;
  prepared->kernel = "causal_conv";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {27};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"weight", "T"}, {"bias", "T", Arity::kOptional}, {"past_state", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present_state", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kString}};

}  // namespace

extern const OpDef kCausalConvWithState;
constexpr OpDef kCausalConvWithState{.domain = "",
                                     .name = "CausalConvWithState",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .infer = Infer,
                                     .prepare = Prepare};

}  // namespace ortolan
