#include "ops/reduce/cumulative.h"

#include <algorithm>

#include "ops/axes.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  Cumulative form;
  bool exclusive;
  bool reverse;
  DType dtype;
};

template <typename T>
void Slice(const T* x, T* y, int64_t count, int64_t stride, const State& state) {
  using Running = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
  auto stored = [](Running item) {
    if constexpr (std::is_arithmetic_v<T>)
      return static_cast<T>(item);
    else
      return T(static_cast<float>(item));
  };
  const bool sum = state.form == Cumulative::kSum;
  Running running = sum ? 0 : 1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = (state.reverse ? count - 1 - i : i) * stride;
    const Running item = static_cast<Running>(AsNumber(x[at]));
    const Running next = sum ? running + item : running * item;
    y[at] = stored(state.exclusive ? running : next);
    running = next;
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const Dims wanted = IntsOf(context.input(1));
  if (wanted.size() != 1) return InvalidArgument("Axis tensor should be 0D or 1D of one element");
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(wanted[0], static_cast<int64_t>(x.rank())));
  const std::span<const int64_t> dims(x.dims.data(), x.rank());
  const int64_t count = dims[static_cast<size_t>(axis)],
                inner = ElementCount(dims.subspan(static_cast<size_t>(axis) + 1));
  if (x.count() == 0) return OkStatus();
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = x.As<T>();
    T* to = context.output(0).As<T>();
    context.threads().ParallelRanges(x.count() / count, std::max<int64_t>(1, 16384 / count),
                                     [&](int64_t begin, int64_t end) {
                                       for (int64_t i = begin; i < end; ++i) {
                                         const int64_t offset = i / inner * count * inner + i % inner;
                                         Slice(from + offset, to + offset, count, inner, state);
                                       }
                                     });
    return OkStatus();
  });
}

}  // namespace

Status PrepareCumulative(PrepareContext& context, Cumulative form, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const DType dtype = context.input_dtype(0);
  if (!Contains(kNumericTypes, dtype)) {
    return NotImplemented("{} of {}", context.node.op_type, DTypeName(dtype));
  }
  prepared->state = std::make_shared<const State>(
      State{form, attributes.Int("exclusive", 0) != 0, attributes.Int("reverse", 0) != 0, dtype});
  prepared->run = Run;
  prepared->kernel = form == Cumulative::kSum ? "cum_sum" : "cum_prod";
  return OkStatus();
}

}  // namespace ortolan
