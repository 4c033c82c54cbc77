// MaxUnpool: puts what MaxPool took back to where its indices say, zeros elsewhere. The indices count the
// elements of the map that MaxPool read; a larger output_shape pads that map at its ends. Refuses indices
// outside.
#include <algorithm>
#include <cstring>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

struct State {
  Dims kernel, strides, pads;
};

Result<State> Read(const graph::Attributes& attributes) {
  auto list = [&](std::string_view name, size_t count, int64_t otherwise) {
    const auto items = attributes.Ints(name);
    return items.empty() ? Dims(count, otherwise) : Dims(items.begin(), items.end());
  };
  State state{list("kernel_shape", 0, 1), {}, {}};
  const size_t axes = state.kernel.size();
  state.strides = list("strides", axes, 1);
  state.pads = list("pads", 2 * axes, 0);
  auto bad = [](const Dims& dims, int64_t least) {
    return std::any_of(dims.begin(), dims.end(), [&](int64_t d) { return d < least || d > INT32_MAX; });
  };
  if (axes == 0 || state.strides.size() != axes || state.pads.size() != 2 * axes || bad(state.kernel, 1) ||
      bad(state.strides, 1) || bad(state.pads, 0)) {
    return InvalidArgument("MaxUnpool: kernel_shape, strides and pads do not fit together");
  }
  return state;
}

// The map that MaxPool read, as far as its result tells.
template <typename Dim>
Dim Unpooled(const State& state, size_t axis, Dim in) {
  return (in - Dim(1)) * Dim(state.strides[axis]) +
         Dim(state.kernel[axis] - state.pads[axis] - state.pads[axis + state.kernel.size()]);
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.attributes()));
  const graph::Shape& x = context.shape(0);
  if (x.has_rank() && static_cast<size_t>(x.rank()) != state.kernel.size() + 2) {
    return InvalidArgument("MaxUnpool: X has rank {}, expected {}", x.rank(), state.kernel.size() + 2);
  }
  if (context.HasInput(2)) {
    graph::Shape::DimList dims;
    if (const auto shape = context.Ints(2)) {
      if (shape->size() != state.kernel.size() + 2)
        return InvalidArgument("MaxUnpool: output_shape has {} elements, expected {}", shape->size(),
                               state.kernel.size() + 2);
      dims.assign(shape->begin(), shape->end());
    } else {
      for (size_t i = 0; i < state.kernel.size() + 2; ++i) dims.push_back(context.Unknown());
    }
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  if (!x.has_rank()) return OkStatus();
  graph::Shape::DimList dims = {x[0], x[1]};
  for (size_t i = 0; i < state.kernel.size(); ++i) {
    dims.push_back(Unpooled(state, i, x[i + 2]));
    if (dims.back().IsConstant() && dims.back().constant() < 0 && !x[i + 2].Is(-1))
      return InvalidArgument("MaxUnpool: the output would be empty");
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& x = context.inputs[0];
  const Dims& out = context.outputs[0];
  const size_t rank = state.kernel.size() + 2;
  if (x.size() != rank || out.size() != rank || !(context.inputs[1] == x)) {
    return InvalidArgument("MaxUnpool: X {}, indices {}, output {}", DimsText(x), DimsText(context.inputs[1]),
                           DimsText(out));
  }
  Dims map = {x[0], x[1]};
  for (size_t i = 0; i + 2 < rank; ++i) map.push_back(Unpooled(state, i, x[i + 2]));
  for (size_t i = 0; i < rank; ++i) {
    if (map[i] < 0 || map[i] > out[i]) {
      return InvalidArgument("MaxUnpool: the map {} is larger than the output {}", DimsText(map),
                             DimsText(out));
    }
  }
  binding->data = std::make_shared<const Dims>(std::move(map));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const Dims& map = *static_cast<const Dims*>(context.binding());
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  const std::span<const int64_t> indices = context.input(1).Items<const int64_t>();
  const int64_t count = ElementCount(map);
  if (y.count() > 0) std::memset(y.data, 0, y.bytes());
  const Dims strides = RowMajorStrides(y.dims);
  const bool same = map == y.dims;
  return WithMovedType(x.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    if constexpr (!std::is_same_v<T, std::string>) {
      const T* from = x.As<const T>();
      T* to = y.As<T>();
      // Each index is looked at where it is used: a pass of its own over them costs as much as the work.
      for (size_t i = 0; i < indices.size(); ++i) {
        int64_t at = indices[i];
        if (at < 0 || at >= count)
          return InvalidArgument("MaxUnpool: index {} outside a map of {} elements", at, count);
        if (!same) {
          int64_t rest = at;
          at = 0;
          for (size_t axis = map.size(); axis-- > 0; rest /= map[axis])
            at += rest % map[axis] * strides[axis];
        }
        to[at] = from[i];
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(State state, Read(context.node.attributes));
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "max_unpool";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 11, 22};
constexpr FormalParameter kInputs[] = {{"X", "T1"}, {"I", "T2"}, {"output_shape", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}, {"T2", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"pads", AttributeType::kInts},
                                         {"strides", AttributeType::kInts},
                                         {"kernel_shape", AttributeType::kInts, true}};

}  // namespace

extern const OpDef kMaxUnpool;
constexpr OpDef kMaxUnpool{.domain = "",
                           .name = "MaxUnpool",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
