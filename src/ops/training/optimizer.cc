#include "ops/training/optimizer.h"

namespace ortolan::training {

Status InferOptimizer(InferContext& context, size_t states) {
  const size_t lists = states + 2;
  if (context.input_count() < 2 + lists || (context.input_count() - 2) % lists != 0) {
    return Fail("{} inputs behind the step are no {} lists of equal length", context.input_count() - 2,
                lists);
  }
  const size_t groups = (context.input_count() - 2) / lists;
  if (context.output_count() > groups * (states + 1)) {
    return Fail("{} outputs, expected {}", context.output_count(), groups * (states + 1));
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    const size_t list = i / groups == 0 ? 0 : i / groups + 1;  // the gradients have no output
    const size_t input = 2 + list * groups + i % groups;
    context.SetType(i, context.dtype(input));
    context.SetShape(i, context.shape(input));
  }
  return OkStatus();
}

Result<Step> ReadStep(const RunContext& context) {
  const TensorRef& rate = context.input(0);
  const TensorRef& count = context.input(1);
  if (rate.count() != 1 || count.count() != 1) {
    return InvalidArgument("the learning rate and the number of the step must be scalars");
  }
  Step step{};
  step.rate =
      rate.dtype == DType::kDouble ? *rate.As<const double>() : static_cast<double>(*rate.As<const float>());
  step.count = *count.As<const int64_t>();
  return step;
}

}  // namespace ortolan::training
