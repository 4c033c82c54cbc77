// What Adagrad, Adam and Momentum share: a step of training over groups of tensors. Inputs are the learning
// rate, the number of the step, then the lists of all tensors, of all gradients and of one or two kinds of
// state; outputs the lists of new tensors and new states.
#pragma once

#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan::training {

inline constexpr size_t kMostStates = 2;

// One element's step: x and the states before and after.
struct Element {
  double x;
  double gradient;
  double state[kMostStates];
};

// Types and shapes of the outputs for lists with `states` states; kFail where the inputs do not make whole
// lists.
Status InferOptimizer(InferContext& context, size_t states);

struct Step {
  double rate;
  int64_t count;
};
Result<Step> ReadStep(const RunContext& context);

// update(element) for each element of each group.
template <typename Update>
Status RunOptimizer(RunContext& context, size_t states, Update update) {
  const size_t groups = (context.input_count() - 2) / (states + 2);
  if (groups == 0 || 2 + groups * (states + 2) != context.input_count()) {
    return InvalidArgument("{} inputs behind the step are no whole lists", context.input_count());
  }
  for (size_t i = 2; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) return InvalidArgument("input {} is absent", i);
  }
  for (size_t i = 0; i < groups; ++i) {
    const TensorRef& x = context.input(2 + i);
    for (size_t k = 1; k < states + 2; ++k) {
      const TensorRef& other = context.input(2 + k * groups + i);
      ORTOLAN_RETURN_IF_ERROR(ExpectDims(other, x.dims, "a gradient or state"));
      if (other.dtype != x.dtype)
        return InvalidArgument("a gradient or state has another type than its tensor");
    }
    if (x.dtype != DType::kFloat && x.dtype != DType::kDouble)
      return NotImplemented("type {}", DTypeName(x.dtype));
    ORTOLAN_RETURN_IF_ERROR(WithFloatType(x.dtype, [&](auto tag) {
      using T = typename decltype(tag)::Type;
      context.threads().ParallelRanges(x.count(), 16384, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) {
          auto read = [&](size_t list) {
            return static_cast<double>(
                AsNumber(context.input(2 + list * groups + i).template As<const T>()[at]));
          };
          Element element{read(0), read(1), {}};
          for (size_t k = 0; k < states; ++k) element.state[k] = read(2 + k);
          update(element);
          if (context.HasOutput(i)) context.output(i).template As<T>()[at] = StoredNumber<T>(element.x);
          for (size_t k = 0; k < states; ++k) {
            const size_t to = (1 + k) * groups + i;
            if (context.HasOutput(to))
              context.output(to).template As<T>()[at] = StoredNumber<T>(element.state[k]);
          }
        }
      });
      return OkStatus();
    }));
  }
  return OkStatus();
}

inline constexpr FormalParameter kOptimizerInputs[] = {
    {"R", "T1"}, {"T", "T2"}, {"inputs", "T3", Arity::kVariadic}};
inline constexpr FormalParameter kOptimizerOutputs[] = {{"outputs", "T3", Arity::kVariadic}};
inline constexpr TypeConstraint kOptimizerTypes[] = {{"T1", SetOf(DType::kFloat, DType::kDouble)},
                                                     {"T2", SetOf(DType::kInt64)},
                                                     {"T3", SetOf(DType::kFloat, DType::kDouble)}};

}  // namespace ortolan::training
