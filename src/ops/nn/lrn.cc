// LRN: every element divided by (bias + alpha / size * the squares of the same place in the neighbouring
// channels) to the power beta. Refuses inputs without a channel axis and a size below one.
#include <algorithm>
#include <cmath>

#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  double alpha, beta, bias;
  int64_t size;
  DType dtype;
};

// One batch item: the sum over channels moves along with the window, in double, so that it does not drift.
constexpr int64_t kChunkElements = 1 << 10;  // about 20 us

// Elements [begin, end) of each channel of one item.
template <typename T>
void NormalizeItem(const State& state, const T* x, T* y, int64_t channels, int64_t inner, int64_t begin,
                   int64_t end) {
  const int64_t before = (state.size - 1) / 2, after = state.size - 1 - before;
  auto square = [&](int64_t c, int64_t i) {
    const double item = static_cast<double>(AsNumber(x[c * inner + i]));
    return item * item;
  };
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t k = std::max<int64_t>(0, c - before); k <= std::min(channels - 1, c + after); ++k)
        sum += square(k, i);
      const double divisor =
          std::pow(state.bias + state.alpha / static_cast<double>(state.size) * sum, state.beta);
      y[c * inner + i] =
          T(static_cast<WideNumber<T>>(static_cast<double>(AsNumber(x[c * inner + i])) / divisor));
    }
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& dims = context.input(0).dims;
  if (dims.size() < 2)
    return InvalidArgument("LRN: the input needs a batch axis and a channel axis, got {}", DimsText(dims));
  const int64_t channels = dims[1],
                inner = ElementCount(std::span<const int64_t>(dims.data(), dims.size()).subspan(2));
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* x = context.input(0).As<T>();
    T* y = context.output(0).As<T>();
    const int64_t piece = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, channels));
    const int64_t pieces = (inner + piece - 1) / piece;
    context.threads().ParallelFor(dims[0] * pieces, [&](int64_t i) {
      const int64_t offset = i / pieces * channels * inner, begin = i % pieces * piece;
      NormalizeItem(state, x + offset, y + offset, channels, inner, begin, std::min(inner, begin + piece));
    });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  State state{static_cast<double>(attributes.Float("alpha", 1e-4f)),
              static_cast<double>(attributes.Float("beta", 0.75f)),
              static_cast<double>(attributes.Float("bias", 1.0f)), attributes.Int("size", 0),
              context.input_dtype(0)};
  if (state.size < 1) return InvalidArgument("LRN: size must be positive, got {}", state.size);
  if (!Contains(kFloatTypes, state.dtype)) return NotImplemented("LRN of {}", DTypeName(state.dtype));
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "lrn";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 13};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"bias", AttributeType::kFloat},
                                         {"beta", AttributeType::kFloat},
                                         {"alpha", AttributeType::kFloat},
                                         {"size", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kLRN;
constexpr OpDef kLRN{.domain = "",
                     .name = "LRN",
                     .versions = kVersions,
                     .inputs = kInputs,
                     .outputs = kOutputs,
                     .types = kTypes,
                     .attributes = kAttributes,
                     .infer = InferSameShape,
                     .prepare = Prepare};

}  // namespace ortolan
