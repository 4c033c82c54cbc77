// DeformConv: a convolution whose taps read at positions moved by an offset of each output, bilinearly, and
// are weighted by a mask; over two spatial axes. The taps are gathered into columns, the rest is a matrix
// product. Refuses other ranks and offsets of another shape than the output's.
#include <algorithm>
#include <cmath>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/plain_gemm.h"
#include "ops/nn/conv_spec.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

enum Input : size_t { kX, kW, kOffset, kBias, kMask };

struct State {
  nn::ConvSpec spec;
  int64_t offset_groups;
  DType dtype;
  const kernels::GemmVariant* gemm;
  const kernels::PlainGemmVariant* plain;
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvSpec spec, nn::ReadConv(context.attributes()));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape,
                           nn::ConvOutput(spec, context.shape(kX), context.shape(kW), context.Unknown()));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

struct Bound {
  kernels::Window window;
  int64_t batch, channels, out_channels, groups;
  int64_t taps, pixels;
  kernels::GemmPlan gemm;
  std::vector<int64_t> offsets_a, offsets_b;  // of the groups, for double
  size_t gemm_bytes = 0, columns_bytes = 0;
};

Status CheckDims(const State& state, const BindContext& context, const Bound& bound) {
  const Dims& out = context.outputs[0];
  const Dims offset = {bound.batch, state.offset_groups * bound.taps * 2, out[2], out[3]};
  const Dims mask = {bound.batch, state.offset_groups * bound.taps, out[2], out[3]};
  auto given = [&](size_t i) { return context.inputs.size() > i && !context.inputs[i].empty(); };
  if (!(context.inputs[kOffset] == offset)) {
    return InvalidArgument("DeformConv: the offset has shape {}, expected {}",
                           DimsText(context.inputs[kOffset]), DimsText(offset));
  }
  if (given(kMask) && !(context.inputs[kMask] == mask)) {
    return InvalidArgument("DeformConv: the mask has shape {}, expected {}", DimsText(context.inputs[kMask]),
                           DimsText(mask));
  }
  if (given(kBias) && !(context.inputs[kBias] == Dims{bound.out_channels})) {
    return InvalidArgument("DeformConv: the bias has shape {}, expected {}", DimsText(context.inputs[kBias]),
                           bound.out_channels);
  }
  if (bound.channels % state.offset_groups != 0) {
    return InvalidArgument("DeformConv: {} channels in {} offset groups", bound.channels,
                           state.offset_groups);
  }
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims &x = context.inputs[kX], &w = context.inputs[kW], &out = context.outputs[0];
  const int64_t groups = state.spec.groups;
  if (x.size() != 4 || w.size() != 4 || out.size() != 4) {
    return NotImplemented("DeformConv of an input of shape {}", DimsText(x));
  }
  if (w[1] * groups != x[1] || w[0] % groups != 0) {
    return InvalidArgument("DeformConv: X {} and W {} in {} groups", DimsText(x), DimsText(w), groups);
  }
  auto bound = std::make_shared<Bound>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->window,
                           nn::BindWindow(state.spec.window, std::span<const int64_t>(x.begin() + 2, x.end()),
                                          std::span<const int64_t>(w.begin() + 2, w.end())));
  bound->batch = x[0], bound->channels = x[1], bound->out_channels = w[0], bound->groups = groups;
  bound->taps = bound->window.kernel_size(), bound->pixels = bound->window.out_size();
  if (!(out == Dims{x[0], w[0], bound->window.out[1], bound->window.out[2]})) {
    return InvalidArgument("DeformConv: the output has shape {}", DimsText(out));
  }
  ORTOLAN_RETURN_IF_ERROR(CheckDims(state, context, *bound));
  const int64_t m = w[0] / groups, k = w[1] * bound->taps;
  const bool wide = state.dtype == DType::kDouble;
  const DType worked = wide ? DType::kDouble : DType::kFloat;
  ORTOLAN_ASSIGN_OR_RETURN(bound->columns_bytes,
                           CheckedBytes(worked, Dims{x[1], bound->taps, bound->pixels}));
  ORTOLAN_ASSIGN_OR_RETURN(const size_t result_bytes, CheckedBytes(worked, Dims{w[0], bound->pixels}));
  bound->columns_bytes = (bound->columns_bytes + 63) / 64 * 64;
  if (wide) {
    for (int64_t g = 0; g < groups; ++g) {
      bound->offsets_a.push_back(g * m * k);
      bound->offsets_b.push_back(g * k * bound->pixels);
    }
  } else {
    kernels::GemmShape shape;
    shape.batch = groups, shape.m = m, shape.n = bound->pixels, shape.k = k;
    const kernels::GemmElement element = state.dtype == DType::kFloat16    ? kernels::GemmElement::kF16
                                         : state.dtype == DType::kBFloat16 ? kernels::GemmElement::kBF16
                                                                           : kernels::GemmElement::kF32;
    shape.a = {nullptr, k, 1, element};
    shape.b = {nullptr, bound->pixels, 1};
    bound->gemm = kernels::PlanGemm(*state.gemm, shape);
    bound->gemm_bytes = (bound->gemm.ScratchBytes(context.threads) + 63) / 64 * 64;
  }
  binding->scratch_bytes = bound->gemm_bytes + bound->columns_bytes + result_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

// Pixels whose taps are computed before the channels that share them are read.
constexpr int64_t kTapBlock = 64;

// For each pixel of a block the four elements of a plane around its position, and their weights; zero
// outside.
template <typename Sum>
struct Taps {
  int64_t at[4][kTapBlock];
  Sum weight[4][kTapBlock];

  void Set(int64_t i, Sum y, Sum x, Sum scale, int64_t height, int64_t width) {
    const bool inside = y > -1 && y < static_cast<Sum>(height) && x > -1 && x < static_cast<Sum>(width);
    const Sum top = inside ? std::floor(y) : 0, left = inside ? std::floor(x) : 0;
    const Sum v = y - top, u = x - left;
    const auto row = static_cast<int64_t>(top), column = static_cast<int64_t>(left);
    const Sum weights[4] = {(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u};
    for (int k = 0; k < 4; ++k) {
      const int64_t r = row + k / 2, c = column + k % 2;
      const bool exists = inside && r >= 0 && c >= 0 && r < height && c < width;
      at[k][i] = exists ? r * width + c : 0;
      weight[k][i] = exists ? scale * weights[k] : 0;
    }
  }
};

// columns[channel][tap][pixel] of one batch item.
template <typename T, typename Sum>
void FillColumns(const State& state, const Bound& bound, RunContext& context, int64_t item, Sum* columns) {
  const kernels::Window& window = bound.window;
  const int64_t height = window.in[1], width = window.in[2], pixels = bound.pixels, taps = bound.taps;
  const T* x = context.input(kX).As<const T>() + item * bound.channels * height * width;
  const T* offset = context.input(kOffset).As<const T>() + item * state.offset_groups * taps * 2 * pixels;
  const T* mask = context.HasInput(kMask)
                      ? context.input(kMask).As<const T>() + item * state.offset_groups * taps * pixels
                      : nullptr;
  const int64_t channels = bound.channels / state.offset_groups;  // of one offset group
  const int64_t blocks = (pixels + kTapBlock - 1) / kTapBlock;
  context.threads().ParallelFor(state.offset_groups * taps * blocks, [&](int64_t chunk) {
    const int64_t moved = chunk / blocks, tap = moved % taps;
    const T* dy = offset + moved * 2 * pixels;
    const T* dx = dy + pixels;
    const int64_t first_y = tap / window.kernel[2] * window.dilation[1] - window.pad[1];
    const int64_t first_x = tap % window.kernel[2] * window.dilation[2] - window.pad[2];
    const int64_t begin = chunk % blocks * kTapBlock, count = std::min(kTapBlock, pixels - begin);
    Taps<Sum> around;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = begin + i, r = at / window.out[2], c = at % window.out[2];
      const Sum y = static_cast<Sum>(first_y + r * window.stride[1]) + static_cast<Sum>(AsNumber(dy[at]));
      const Sum u = static_cast<Sum>(first_x + c * window.stride[2]) + static_cast<Sum>(AsNumber(dx[at]));
      const Sum scale = mask != nullptr ? static_cast<Sum>(AsNumber(mask[moved * pixels + at])) : Sum{1};
      around.Set(i, y, u, scale, height, width);
    }
    for (int64_t channel = moved / taps * channels; channel < (moved / taps + 1) * channels; ++channel) {
      const T* plane = x + channel * height * width;
      Sum* to = columns + (channel * taps + tap) * pixels + begin;
      for (int64_t i = 0; i < count; ++i) {
        Sum sum = 0;
        for (int k = 0; k < 4; ++k)
          sum += around.weight[k][i] * static_cast<Sum>(AsNumber(plane[around.at[k][i]]));
        to[i] = sum;
      }
    }
  });
}

template <typename T>
Status RunTyped(const State& state, const Bound& bound, RunContext& context) {
  using Sum = WideNumber<T>;
  auto* columns = reinterpret_cast<Sum*>(context.scratch() + bound.gemm_bytes);
  auto* result = reinterpret_cast<Sum*>(context.scratch() + bound.gemm_bytes + bound.columns_bytes);
  const int64_t m = bound.out_channels / bound.groups, k = bound.channels / bound.groups * bound.taps;
  const T* bias = context.HasInput(kBias) ? context.input(kBias).As<const T>() : nullptr;
  for (int64_t item = 0; item < bound.batch; ++item) {
    if (context.cancelled()) return Fail("DeformConv: cancelled");
    FillColumns<T, Sum>(state, bound, context, item, columns);
    if constexpr (std::is_same_v<T, double>) {
      kernels::PlainGemm<double> product;
      product.batch = bound.groups, product.m = m, product.n = bound.pixels, product.k = k;
      product.a = context.input(kW).As<const double>(), product.a_row = k;
      product.b = columns, product.b_row = bound.pixels;
      product.c = result, product.c_row = bound.pixels;
      product.a_offsets = bound.offsets_a.data(), product.b_offsets = bound.offsets_b.data();
      product.c_batch_stride = m * bound.pixels;
      kernels::RunPlainGemm(*state.plain, product, context.threads());
    } else {
      kernels::GemmOperands operands;
      operands.a = context.input(kW).data, operands.b = columns, operands.c = result;
      operands.c_stride = bound.pixels;
      operands.a_batch.stride = m * k;
      operands.b_batch.stride = k * bound.pixels;
      operands.c_batch_stride = m * bound.pixels;
      kernels::RunGemm(*state.gemm, bound.gemm, operands, {context.scratch(), bound.gemm_bytes},
                       context.threads());
    }
    T* out = context.output(0).As<T>() + item * bound.out_channels * bound.pixels;
    for (int64_t channel = 0; channel < bound.out_channels; ++channel) {
      const Sum add = bias != nullptr ? AsNumber(bias[channel]) : Sum{0};
      for (int64_t i = channel * bound.pixels; i < (channel + 1) * bound.pixels; ++i)
        out[i] = T(result[i] + add);
    }
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& bound = *static_cast<const Bound*>(context.binding());
  if (context.output(0).count() == 0) return OkStatus();
  for (const size_t i : {kBias, kMask}) {  // of no dims, which `bind` takes for absent ones
    if (context.HasInput(i) && context.input(i).rank() == 0)
      return InvalidArgument("DeformConv: input {} is a scalar", i);
  }
  return WithFloatType(context.input(0).dtype, [&](auto tag) {
    return RunTyped<typename decltype(tag)::Type>(*static_cast<const State*>(opaque), bound, context);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  State state{};
  ORTOLAN_ASSIGN_OR_RETURN(state.spec, nn::ReadConv(context.node.attributes));
  state.offset_groups = context.node.attributes.Int("offset_group", 1);
  if (state.offset_groups < 1 || state.offset_groups > INT32_MAX) {
    return InvalidArgument("DeformConv: offset_group is {}, expected 1 or more", state.offset_groups);
  }
  state.dtype = context.input_dtype(0);
  state.gemm = &kernels::SelectGemmF32(context.isa);
  state.plain = &kernels::SelectPlainGemm(context.isa);
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "deform_conv";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {19, 22};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"W", "T"}, {"offset", "T"}, {"B", "T", Arity::kOptional}, {"mask", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"dilations", AttributeType::kInts},    {"group", AttributeType::kInt},
    {"kernel_shape", AttributeType::kInts}, {"offset_group", AttributeType::kInt},
    {"pads", AttributeType::kInts},         {"strides", AttributeType::kInts},
};

}  // namespace

extern const OpDef kDeformConv;
constexpr OpDef kDeformConv{.domain = "",
                            .name = "DeformConv",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
