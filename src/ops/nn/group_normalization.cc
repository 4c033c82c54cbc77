// GroupNormalization: channels in num_groups groups, each group of a batch item normalised, then every
// channel scaled and shifted. Before opset 21 scale and bias had one number a group. Refuses groups that do
// not divide the channels.
#include "ops/nn/group_normalization.h"

#include <algorithm>
#include <cmath>

#include "kernels/norm/norm.h"

namespace ortolan {
namespace {

constexpr std::string_view kPerGroup = "ortolan_scale_per_group";
// 64 KB of floats a chunk.
constexpr int64_t kChunkElements = 16 << 10;

Status Raise(RaiseContext& context) {
  if (context.opset < 21) context.node.attributes.Set(kPerGroup, int64_t{1});
  return OkStatus();
}

struct State {
  int64_t groups;
  bool per_group;
  double epsilon;
  DType dtype;
  const kernels::NormF32Variant* variant;
};

double NumberAt(const TensorRef& tensor, int64_t i) {
  switch (tensor.dtype) {
    case DType::kFloat:
      return static_cast<double>(tensor.As<float>()[i]);
    case DType::kDouble:
      return tensor.As<double>()[i];
    case DType::kFloat16:
      return static_cast<double>(static_cast<float>(tensor.As<Float16>()[i]));
    default:
      return static_cast<double>(static_cast<float>(tensor.As<BFloat16>()[i]));
  }
}

struct Sizes {
  int64_t batch, channels, inner, groups;
  int64_t channels_of_group() const { return channels / groups; }
};

// One group: `first` is its first channel among all batch items' channels.
void NormalizeFloat(const State& state, const Sizes& sizes, int64_t first, RunContext& context) {
  const int64_t channels = sizes.channels_of_group(), offset = first * sizes.inner;
  const float* x = context.input(0).As<float>() + offset;
  float* y = context.output(0).As<float>() + offset;
  double mean, variance;
  state.variant->moments(x, channels * sizes.inner, &mean, &variance);
  const double inverse = 1 / std::sqrt(variance + state.epsilon);
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t channel = (first + c) % sizes.channels;
    const int64_t parameter = state.per_group ? channel / channels : channel;
    const double scale = NumberAt(context.input(1), parameter) * inverse;
    const double shift = NumberAt(context.input(2), parameter) - mean * scale;
    state.variant->affine(x + c * sizes.inner, y + c * sizes.inner, sizes.inner, static_cast<float>(scale),
                          static_cast<float>(shift));
  }
}

template <typename T>
void NormalizePlain(const State& state, const Sizes& sizes, int64_t first, RunContext& context) {
  const int64_t channels = sizes.channels_of_group(), offset = first * sizes.inner,
                count = channels * sizes.inner;
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) sum += NumberAt(context.input(0), offset + i);
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    const double moved = NumberAt(context.input(0), offset + i) - mean;
    squares += moved * moved;
  }
  const double inverse = 1 / std::sqrt(squares / static_cast<double>(count) + state.epsilon);
  T* y = context.output(0).As<T>() + offset;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t channel = (first + i / sizes.inner) % sizes.channels;
    const int64_t parameter = state.per_group ? channel / channels : channel;
    const double item =
        (NumberAt(context.input(0), offset + i) - mean) * inverse * NumberAt(context.input(1), parameter) +
        NumberAt(context.input(2), parameter);
    if constexpr (std::is_same_v<T, double>) {
      y[i] = item;
    } else {
      y[i] = T(static_cast<float>(item));
    }
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& dims = context.input(0).dims;
  if (dims.size() < 2)
    return InvalidArgument("the input needs a batch axis and a channel axis, got {}", DimsText(dims));
  Sizes sizes{dims[0], dims[1], ElementCount(std::span<const int64_t>(dims.data(), dims.size()).subspan(2)),
              state.groups};
  if (sizes.groups == 0) sizes.groups = sizes.channels;
  if (ElementCount(dims) == 0) return OkStatus();
  if (sizes.channels % sizes.groups != 0) {
    return InvalidArgument("{} channels cannot be cut into {} groups", sizes.channels, sizes.groups);
  }
  const int64_t parameters = state.per_group ? sizes.groups : sizes.channels;
  if (context.input(1).count() != parameters || context.input(2).count() != parameters) {
    return InvalidArgument("scale and bias must have {} elements, got {} and {}", parameters,
                           context.input(1).count(), context.input(2).count());
  }
  const int64_t elements = sizes.channels_of_group() * sizes.inner;
  context.threads().ParallelRanges(sizes.batch * sizes.groups,
                                   std::max<int64_t>(1, kChunkElements / elements),
                                   [&](int64_t begin, int64_t end) {
                                     for (int64_t i = begin; i < end; ++i) {
                                       const int64_t first = i * sizes.channels_of_group();
                                       if (state.dtype == DType::kFloat)
                                         NormalizeFloat(state, sizes, first, context);
                                       if (state.dtype == DType::kDouble)
                                         NormalizePlain<double>(state, sizes, first, context);
                                       if (state.dtype == DType::kFloat16)
                                         NormalizePlain<Float16>(state, sizes, first, context);
                                       if (state.dtype == DType::kBFloat16)
                                         NormalizePlain<BFloat16>(state, sizes, first, context);
                                     }
                                   });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const int64_t groups = context.node.attributes.Int("num_groups", 0);
  if (groups <= 0) return InvalidArgument("num_groups must be positive, got {}", groups);
  return PrepareGroupNormalization(context, groups, context.node.attributes.Int(kPerGroup, 0) != 0, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {18, 21};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scale", "T"}, {"bias", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"stash_type", AttributeType::kInt},
                                         {"num_groups", AttributeType::kInt, true},
                                         {"epsilon", AttributeType::kFloat}};

}  // namespace

Status PrepareGroupNormalization(PrepareContext& context, int64_t groups, bool scale_per_group,
                                 Prepared* prepared) {
  State state{};
  state.groups = groups;
  state.per_group = scale_per_group;
  state.epsilon = static_cast<double>(context.node.attributes.Float("epsilon", 1e-5f));
  state.dtype = context.input_dtype(0);
  state.variant = &kernels::SelectNormF32(context.isa);
  for (size_t i = 0; i < 3; ++i) {
    if (!Contains(kFloatTypes, context.input_dtype(i))) {
      return NotImplemented("{} of {}", context.node.op_type, DTypeName(context.input_dtype(i)));
    }
  }
  prepared->kernel =
      state.dtype == DType::kFloat ? fmt::format("group_{}", state.variant->name) : "group_plain";
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  return OkStatus();
}

extern const OpDef kGroupNormalization;
constexpr OpDef kGroupNormalization{.domain = "",
                                    .name = "GroupNormalization",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise,
                                    .infer = InferSameShape,
                                    .prepare = Prepare};

}  // namespace ortolan
