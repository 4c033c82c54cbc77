#include "ops/nn/likelihood_loss.h"

#include "ops/tensor/float_types.h"

namespace ortolan::nn {
namespace {

using graph::Shape;

template <typename T, typename Class>
Status Sum(const LikelihoodLoss& loss, const T* scores, RunContext& context) {
  const Dims& dims = context.input(0).dims;
  const std::span<const Class> targets = context.input(1).Items<const Class>();
  const T* const weights = context.HasInput(2) ? context.input(2).As<const T>() : nullptr;
  const int64_t classes = dims[1],
                inner = ElementCount(std::span<const int64_t>(dims.begin() + 2, dims.end()));
  T* const out = context.output(0).As<T>();
  double sum = 0, weight_sum = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const auto target = static_cast<int64_t>(targets[i]);
    double item = 0;
    if (!loss.ignored || target != *loss.ignored) {
      if (target < 0 || target >= classes) {
        return InvalidArgument("target {} is none of {} classes", target, classes);
      }
      const double weight = weights != nullptr ? static_cast<double>(AsNumber(weights[target])) : 1.0;
      const auto at = static_cast<int64_t>(i);
      const int64_t score = (at / inner * classes + target) * inner + at % inner;
      item = -weight * static_cast<double>(AsNumber(scores[score]));
      weight_sum += weight;
    }
    if (loss.reduction == Reduction::kNone) out[i] = StoredNumber<T>(item);
    sum += item;
  }
  if (loss.reduction == Reduction::kSum) *out = StoredNumber<T>(sum);
  if (loss.reduction == Reduction::kMean) *out = StoredNumber<T>(sum / weight_sum);
  return OkStatus();
}

Status CheckDims(const LikelihoodLoss& loss, const RunContext& context) {
  const Dims& scores = context.input(0).dims;
  if (scores.size() < 2) return InvalidArgument("the scores have shape {}, expected N x C", DimsText(scores));
  Dims targets = {scores[0]};
  for (size_t i = 2; i < scores.size(); ++i) targets.push_back(scores[i]);
  ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(1), targets, "the target"));
  if (context.HasInput(2)) ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(2), {scores[1]}, "the weight"));
  return ExpectDims(context.output(0), loss.reduction == Reduction::kNone ? targets : Dims{}, "the loss");
}

}  // namespace

Result<LikelihoodLoss> ReadLikelihoodLoss(const graph::Attributes& attributes) {
  LikelihoodLoss loss;
  const std::string_view reduction = attributes.String("reduction", "mean");
  if (reduction == "none") {
    loss.reduction = Reduction::kNone;
  } else if (reduction == "sum") {
    loss.reduction = Reduction::kSum;
  } else if (reduction != "mean") {
    return InvalidArgument("reduction cannot be '{}'", reduction);
  }
  if (attributes.Has("ignore_index")) loss.ignored = attributes.Int("ignore_index", 0);
  return loss;
}

Status InferLikelihoodLoss(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const LikelihoodLoss loss, ReadLikelihoodLoss(context.attributes()));
  const Shape& scores = context.shape(0);
  const Shape& targets = context.shape(1);
  if (scores.has_rank() && scores.rank() < 2) {
    return Fail("[ShapeInferenceError] The scores have rank {}, expected 2 or more", scores.rank());
  }
  if (scores.has_rank() && targets.has_rank() && targets.rank() != scores.rank() - 1) {
    return Fail("[ShapeInferenceError] The target has rank {}, expected {}", targets.rank(),
                scores.rank() - 1);
  }
  if (loss.reduction != Reduction::kNone) {
    context.SetShape(0, Shape::DimList{});
  } else if (scores.has_rank()) {
    Shape::DimList dims = {scores[0]};
    dims.insert(dims.end(), scores.dims().begin() + 2, scores.dims().end());
    context.SetShape(0, std::move(dims));
  } else {
    context.SetShape(0, targets);
  }
  return OkStatus();
}

Status RunLikelihoodLoss(const LikelihoodLoss& loss, const void* scores, RunContext& context) {
  ORTOLAN_RETURN_IF_ERROR(CheckDims(loss, context));
  return WithFloatType(context.input(0).dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = static_cast<const T*>(scores);
    return context.input(1).dtype == DType::kInt32 ? Sum<T, int32_t>(loss, from, context)
                                                   : Sum<T, int64_t>(loss, from, context);
  });
}

}  // namespace ortolan::nn
