// Trilu: the upper or lower triangle of the last two axes, zero elsewhere; k shifts the diagonal. Refuses
// inputs of fewer than two axes.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.shape(0).has_rank() && context.shape(0).rank() < 2) {
    return InvalidArgument("Input tensor should have a rank of at least 2");
  }
  return InferSameShape(context);
}

struct State {
  bool upper;
  DType dtype;
};

template <typename T>
void CopyTriangle(const TensorRef& in, const TensorRef& out, int64_t k, bool upper) {
  const int64_t rows = in.dims[in.rank() - 2], columns = in.dims[in.rank() - 1];
  if (columns == 0) return;
  for (int64_t i = 0; i < in.count() / columns; ++i) {
    // The first column of the upper part, the end of the lower one.
    const int64_t border = std::clamp<int64_t>(i % rows + k + (upper ? 0 : 1), 0, columns);
    const T* x = in.As<T>() + i * columns;
    T* y = out.As<T>() + i * columns;
    std::fill(upper ? y : y + border, upper ? y + border : y + columns, T{});
    if (x != y) std::copy(upper ? x + border : x, upper ? x + columns : x + border, upper ? y + border : y);
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& in = context.input(0);
  if (in.rank() < 2) return InvalidArgument("Input tensor should have a rank of at least 2");
  int64_t k = 0;
  if (context.HasInput(1)) {
    if (context.input(1).count() != 1) return InvalidArgument("k should be a 1-D or 0-D tensor.");
    // Beyond any size it makes no difference, and sums with it stay in range.
    k = std::clamp<int64_t>(*context.input(1).As<int64_t>(), -(int64_t{1} << 62), int64_t{1} << 62);
  }
  return WithMovedType(state.dtype, [&](auto tag) {
    CopyTriangle<typename decltype(tag)::Type>(in, context.output(0), k, state.upper);
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  prepared->state = std::make_shared<const State>(
      State{context.node.attributes.Int("upper", 1) != 0, context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "trilu";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {14};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"k", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"upper", AttributeType::kInt}};

}  // namespace

extern const OpDef kTrilu;
constexpr OpDef kTrilu{.domain = "",
                       .name = "Trilu",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .traits = {.in_place = 1},
                       .infer = Infer,
                       .prepare = Prepare};

}  // namespace ortolan
