// RotaryEmbedding: turns pairs of each head's elements by the angles of its position; the pairs are
// neighbours or halves. Refuses heads of odd size, caches of another width and positions outside of the
// cache.
#include <algorithm>

#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

struct State {
  int64_t heads;   // 0: X has an axis of them
  int64_t turned;  // 0: all elements of a head
  bool interleaved;
};

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (x.has_rank() && x.rank() != 3 && x.rank() != 4) {
    return Fail("[ShapeInferenceError] RotaryEmbedding: X has rank {}, expected 3 or 4", x.rank());
  }
  if (x.has_rank() && x.rank() == 3 && context.attributes().Int("num_heads", 0) < 1) {
    return Fail("[ShapeInferenceError] RotaryEmbedding: X of rank 3 needs num_heads");
  }
  return InferSameShape(context);
}

// X as heads that stand at b * batch_stride + s * position_stride + h * head_stride.
struct Layout {
  int64_t batch, positions, heads, size;
  int64_t position_stride, head_stride;
  int64_t half;  // pairs
};

Result<Layout> LayoutOf(const State& state, const Dims& x) {
  Layout layout{};
  if (x.size() == 4) {
    layout = {x[0], x[2], x[1], x[3], x[3], x[2] * x[3], 0};
  } else if (x.size() == 3 && state.heads > 0 && x[2] % state.heads == 0) {
    layout = {x[0], x[1], state.heads, x[2] / state.heads, x[2], x[2] / state.heads, 0};
  } else {
    return InvalidArgument("RotaryEmbedding: X of shape {} for {} heads", DimsText(x), state.heads);
  }
  const int64_t turned = state.turned > 0 ? state.turned : layout.size;
  if (turned > layout.size || turned % 2 != 0) {
    return InvalidArgument("RotaryEmbedding: {} of {} elements of a head cannot be turned", turned,
                           layout.size);
  }
  layout.half = turned / 2;
  return layout;
}

Status CheckCaches(const Layout& layout, const RunContext& context) {
  const Dims& cosine = context.input(1).dims;
  ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(2), cosine, "RotaryEmbedding: sin_cache"));
  if (!context.HasInput(3)) {
    return ExpectDims(context.input(1), {layout.batch, layout.positions, layout.half},
                      "RotaryEmbedding: cos_cache");
  }
  if (cosine.size() != 2 || cosine[1] != layout.half) {
    return InvalidArgument("RotaryEmbedding: cos_cache has shape {}, expected N x {}", DimsText(cosine),
                           layout.half);
  }
  ORTOLAN_RETURN_IF_ERROR(
      ExpectDims(context.input(3), {layout.batch, layout.positions}, "RotaryEmbedding: position_ids"));
  for (const int64_t position : context.input(3).Items<const int64_t>()) {
    if (position < 0 || position >= cosine[0]) {
      return InvalidArgument("RotaryEmbedding: position {} of a cache of {}", position, cosine[0]);
    }
  }
  return OkStatus();
}

template <typename T>
void Turn(const Layout& layout, bool interleaved, const T* x, const T* cosine, const T* sine, T* y) {
  const int64_t step = interleaved ? 2 : 1, apart = interleaved ? 1 : layout.half;
  for (int64_t i = 0; i < layout.half; ++i) {
    const WideNumber<T> c = AsNumber(cosine[i]), s = AsNumber(sine[i]);
    const WideNumber<T> a = AsNumber(x[i * step]), b = AsNumber(x[i * step + apart]);
    y[i * step] = T(c * a - s * b);
    y[i * step + apart] = T(s * a + c * b);
  }
  std::copy(x + 2 * layout.half, x + layout.size, y + 2 * layout.half);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const Layout layout, LayoutOf(state, x.dims));
  ORTOLAN_RETURN_IF_ERROR(CheckCaches(layout, context));
  const int64_t* const positions = context.HasInput(3) ? context.input(3).As<const int64_t>() : nullptr;
  const int64_t batch_stride = layout.positions * layout.heads * layout.size;
  return WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* cosine = context.input(1).As<const T>();
    const T* sine = context.input(2).As<const T>();
    const int64_t row = std::max<int64_t>(1, layout.heads * layout.size);
    context.threads().ParallelRanges(
        layout.batch * layout.positions, std::max<int64_t>(1, 16384 / row), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t at = (positions != nullptr ? positions[i] : i) * layout.half;
            const int64_t start =
                i / layout.positions * batch_stride + i % layout.positions * layout.position_stride;
            for (int64_t head = 0; head < layout.heads; ++head) {
              const int64_t offset = start + head * layout.head_stride;
              Turn(layout, state.interleaved, x.As<const T>() + offset, cosine + at, sine + at,
                   context.output(0).As<T>() + offset);
            }
          }
        });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const State state{attributes.Int("num_heads", 0), attributes.Int("rotary_embedding_dim", 0),
                    attributes.Int("interleaved", 0) != 0};
  if (state.heads < 0 || state.turned < 0) {
    return InvalidArgument("RotaryEmbedding: num_heads {} and rotary_embedding_dim {}", state.heads,
                           state.turned);
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "rotary_embedding";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {23};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"cos_cache", "T"}, {"sin_cache", "T"}, {"position_ids", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"num_heads", AttributeType::kInt},
                                         {"rotary_embedding_dim", AttributeType::kInt},
                                         {"interleaved", AttributeType::kInt}};

}  // namespace

extern const OpDef kRotaryEmbedding;
constexpr OpDef kRotaryEmbedding{.domain = "",
                                 .name = "RotaryEmbedding",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
