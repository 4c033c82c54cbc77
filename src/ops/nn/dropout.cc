// Dropout. For inference the data as it is, and a mask of which every element is kept. With a training_mode
// that is true each element is zero with probability `ratio`, else divided by 1 - ratio; the mask says which
// are kept.
#include <algorithm>

#include "ops/elementwise_room.h"
#include "ops/random/stream.h"
#include "ops/tensor/element_types.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

// Before opset 12 ratio and is_test were attributes; without training_mode neither changes anything. Before
// opset 10 the mask had the type of the data; nothing reads it at inference.
Status Raise(RaiseContext& context) {
  context.node.attributes.Remove("ratio");
  context.node.attributes.Remove("is_test");
  return OkStatus();
}

Status Infer(InferContext& context) {
  context.SetType(1, DType::kBool);
  return InferSameShape(context);
}

constexpr float kUsualRatio = 0.5f;

Result<float> RatioOf(const RunContext& context) {
  float ratio = kUsualRatio;
  if (context.HasInput(1)) {
    if (context.input(1).count() != 1) return InvalidArgument("Dropout: ratio must have one element");
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(context.input(1), 0, 1, &ratio));
  }
  if (!(ratio >= 0 && ratio < 1))
    return InvalidArgument("Dropout: ratio is {}, expected one of [0, 1)", ratio);
  return ratio;
}

Status RunTraining(const random::Stream& stream, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const float ratio, RatioOf(context));
  const TensorRef& data = context.input(0);
  return WithNumberType(data.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    using W = WideNumber<T>;
    const T* x = data.As<const T>();
    T* y = context.HasOutput(0) ? context.output(0).As<T>() : nullptr;
    uint8_t* mask = context.HasOutput(1) ? context.output(1).As<uint8_t>() : nullptr;
    const W scale = static_cast<W>(1) / (static_cast<W>(1) - static_cast<W>(ratio));
    const auto drop = [&](int64_t begin, int64_t end, uint64_t counter) {
      for (int64_t i = begin; i < end; ++i) {
        const auto bits = Philox(stream.seed(), counter + static_cast<uint64_t>(i - begin));
        const bool kept = random::Uniform(bits) >= static_cast<double>(ratio);
        if (y != nullptr) y[i] = kept ? T(AsNumber(x[i]) * scale) : T(W{0});
        if (mask != nullptr) mask[i] = kept ? 1 : 0;
      }
    };
    random::ForEachDraw(stream, data.count(), context.threads(), drop);
    return OkStatus();
  });
}

Status Run(const void* state, RunContext& context) {
  if (context.HasInput(2) && context.input(2).count() > 0 && *context.input(2).As<const uint8_t>() != 0) {
    return RunTraining(*static_cast<const random::Stream*>(state), context);
  }
  const TensorRef& data = context.input(0);
  if (context.HasOutput(0) && context.output(0).data != data.data) CopyElements(data, context.output(0));
  if (context.HasOutput(1))
    std::fill_n(context.output(1).As<uint8_t>(), context.output(1).count(), uint8_t{1});
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const DType dtype = context.input_dtype(0);
  if (context.node.HasInput(2) && !Contains(kFloatTypes, dtype))
    return NotImplemented("Dropout of {} in training", DTypeName(dtype));
  prepared->state = random::StreamOf(context.node.attributes);
  prepared->kernel = "dropout";
  prepared->run = Run;
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 7, 10, 12, 13, 22};
constexpr FormalParameter kInputs[] = {
    {"data", "T"}, {"ratio", "T1", Arity::kOptional}, {"training_mode", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"mask", "T2", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | kFloat8Types}, {"T1", kFloatTypes | kFloat8Types}, {"T2", kBoolType}};
constexpr AttributeSpec kAttributes[] = {{"seed", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"ratio", AttributeType::kFloat},
                                            {"is_test", AttributeType::kInt}};

}  // namespace

extern const OpDef kDropout;
constexpr OpDef kDropout{.domain = "",
                         .name = "Dropout",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .traits = {.pure = false, .in_place = 1},
                         .raise = Raise,
                         .infer = Infer,
                         .cost = ElementwiseCost,
                         .prepare = Prepare,
                         .old_attributes = kOldAttributes};

}  // namespace ortolan
