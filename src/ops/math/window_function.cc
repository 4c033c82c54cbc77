#include "ops/math/window_function.h"

#include <algorithm>
#include <cmath>

#include "ops/math/fourier.h"
#include "ops/tensor/float_types.h"

namespace ortolan::math {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct State {
  WindowFunction function;
  bool periodic;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& out = context.output(0);
  const int64_t count = out.count();
  const auto period = static_cast<double>(std::max<int64_t>(1, state.periodic ? count : count - 1));
  return WithNumberType(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    // Windows are the same from both ends.
    const int64_t around = state.periodic ? count : count - 1;
    context.threads().ParallelRanges(around / 2 + 1, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const double cosine = std::cos(2 * kPi * static_cast<double>(i) / period);
        const double second = 2 * cosine * cosine - 1;  // of twice the angle
        const T number = StoredNumber<T>(state.function.constant - state.function.first * cosine +
                                         state.function.second * second);
        if (i < count) out.As<T>()[i] = number;
        if (around - i < count) out.As<T>()[around - i] = number;
      }
    });
    return OkStatus();
  });
}

}  // namespace

Status InferOutputDatatype(InferContext& context) {
  const int64_t dtype = context.attributes().Int("output_datatype", static_cast<int64_t>(DType::kFloat));
  if (!IsDefined(static_cast<int>(dtype)) || !Contains(kNumericTypes, static_cast<DType>(dtype))) {
    return InvalidArgument("output_datatype cannot be {}", dtype);
  }
  context.SetType(0, static_cast<DType>(dtype));
  return OkStatus();
}

Status InferWindowFunction(InferContext& context) {
  ORTOLAN_RETURN_IF_ERROR(InferOutputDatatype(context));
  ORTOLAN_ASSIGN_OR_RETURN(const auto size, IntScalarDim(context, 0, "size"));
  if (size && size->IsConstant() && size->constant() < 0) {
    return InvalidArgument("size is {}, expected 0 or more", size->constant());
  }
  context.SetShape(0, {size ? *size : context.Unknown()});
  return OkStatus();
}

Status PrepareWindowFunction(PrepareContext& context, const WindowFunction& function, Prepared* prepared) {
  prepared->state =
      std::make_shared<const State>(State{function, context.node.attributes.Int("periodic", 1) != 0});
  prepared->run = Run;
  prepared->kernel = "window_function";
  return OkStatus();
}

}  // namespace ortolan::math
