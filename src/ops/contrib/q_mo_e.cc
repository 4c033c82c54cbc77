// QMoE: MoE whose experts have weights of 2, 4 or 8 bits with scales and zero points for each row or each
// block of a row, or 4- and 8-bit floats with scales. Integers that are constants run as MatMulNBits' do; of
// others the weights of an expert become floats when tokens go to it. Activations stay floats where
// quant_type is wfp4afp8 too. Refuses weights packed for GPUs.
#include <algorithm>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/quant/block_product.h"
#include "ops/contrib/mixture.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

enum Input : size_t { kX = 0, kRouter = 1, kRouterWeights = 14 };
constexpr size_t kWeights[] = {2, 5, 8}, kScales[] = {3, 6, 9}, kBias[] = {4, 7, 10}, kZeros[] = {11, 12, 13},
                 kGlobal[] = {15, 16, 15};

enum class Form : uint8_t { kInt, kFloat4, kFloat8 };

// The weights of a product of all experts as the block kernel has them, expert after expert.
struct PackedExperts {
  AlignedBuffer bytes;
  size_t stride = 0;  // 0: not packed
  int64_t block = 0, rows = 0, columns = 0;
  int bits = 4;
  bool has_zeros = false;

  kernels::BlockProduct Product(const kernels::BlockVariant& variant, int64_t count) const {
    kernels::BlockProduct product;
    product.variant = &variant;
    product.bits = bits, product.block = block, product.has_zeros = has_zeros;
    product.m = count, product.n = rows, product.k = product.a_stride = columns;
    return product;
  }
};

struct State {
  MixtureOptions options;
  const kernels::BlockVariant* blocks = nullptr;
  PackedExperts packed[3];
  Form form = Form::kInt;
  DType block_scales = DType::kUndefined;  // what bytes of scales are, for 4-bit floats
  int64_t block = 0;                       // 0: one number a row (or, for 8-bit floats, an expert)
  int bits[3] = {4, 4, 4};

  bool fused() const { return options.activation == ExpertActivation::kSwiGlu && options.fusion != 0; }
};

// How the numbers of one product stand.
struct Layout {
  int64_t rows = 0, columns = 0, row_bytes = 0;
  int64_t scale_columns = 1, scale_rows = 1;  // of one expert
  bool blocks_of_rows = false;                // a scale serves a block of rows too
  int64_t zero_bytes = 0;                     // of one expert
};

struct Bound {
  MixtureSizes sizes;
  Layout layouts[3];
  MixtureScratch scratch;
  size_t weights_at = 0, scales_at = 0, zeros_at = 0;
  size_t product_at = 0, product_bytes = 0;  // scratch of packed products, of one lane
};

bool Given(std::span<const Dims> inputs, size_t i) {
  return i < inputs.size() && !inputs[i].empty();
}

Status ReadLayout(const State& state, const MixtureSizes& sizes, std::span<const Dims> inputs, size_t product,
                  Layout* layout) {
  const int64_t rows = sizes.rows(product), columns = sizes.columns(product), bits = state.bits[product];
  layout->rows = rows, layout->columns = columns, layout->row_bytes = (columns * bits + 7) / 8;
  const Dims weights = {sizes.experts, rows, layout->row_bytes};
  const auto wrong = [&](std::string_view what, size_t i) {
    return InvalidArgument("QMoE: {} of fc{} have shape {} where weights have {}", what, product + 1,
                           DimsText(inputs[i]), DimsText(weights));
  };
  if (!(inputs[kWeights[product]] == weights)) return wrong("weights", kWeights[product]);
  if (Given(inputs, kBias[product]) && !(inputs[kBias[product]] == Dims{sizes.experts, rows}))
    return wrong("biases", kBias[product]);
  const int64_t blocks = state.block > 0 ? (columns + state.block - 1) / state.block : 1;
  layout->scale_rows = rows, layout->scale_columns = blocks;
  if (state.form == Form::kFloat8) {
    layout->blocks_of_rows = true;
    layout->scale_rows = state.block > 0 ? (rows + state.block - 1) / state.block : 1;
  }
  const bool scales = state.form != Form::kFloat8 || state.block > 0;
  if (scales) {
    if (!Given(inputs, kScales[product])) return InvalidArgument("QMoE: fc{} has no scales", product + 1);
    const Dims& given = inputs[kScales[product]];
    const bool flat = given.size() == 2 && blocks == 1 && given == Dims{sizes.experts, layout->scale_rows};
    if (!flat && !(given == Dims{sizes.experts, layout->scale_rows, blocks}))
      return wrong("scales", kScales[product]);
  }
  if (state.form != Form::kInt && !(state.form == Form::kFloat8 && scales)) {
    const size_t global = kGlobal[product];
    if (!Given(inputs, global) || !(inputs[global] == Dims{sizes.experts}))
      return InvalidArgument("QMoE: fc{} has no global scale for each expert", product + 1);
  }
  if (!Given(inputs, kZeros[product])) return OkStatus();
  if (state.form != Form::kInt) return InvalidArgument("QMoE: floats have no zero points");
  const Dims& zeros = inputs[kZeros[product]];
  const bool by_row = zeros.size() == 2 && blocks == 1;
  layout->zero_bytes = by_row ? (rows * bits + 7) / 8 : rows * ((blocks * bits + 7) / 8);
  const Dims wanted =
      by_row ? Dims{sizes.experts, layout->zero_bytes} : Dims{sizes.experts, rows, (blocks * bits + 7) / 8};
  return zeros == wanted ? OkStatus() : wrong("zero points", kZeros[product]);
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  const Dims &first = context.inputs[kWeights[0]], &second = context.inputs[kWeights[1]];
  if (first.size() != 3 || second.size() != 3) {
    return InvalidArgument("QMoE: fc1 {}, fc2 {}", DimsText(first), DimsText(second));
  }
  const int64_t inner = state.fused() ? first[1] / 2 : first[1];
  ORTOLAN_ASSIGN_OR_RETURN(bound->sizes, SizesOfMixture(state.options, "QMoE", context.inputs[kX],
                                                        context.inputs[kRouter], first[1], inner));
  // There is one room for the weights of an expert that is not packed.
  bool all_packed = true;
  for (const size_t product : {0, 1, 2})
    all_packed = all_packed &&
                 (state.packed[product].stride > 0 || (product == 2 && !Given(context.inputs, kWeights[2])));
  ORTOLAN_ASSIGN_OR_RETURN(bound->scratch,
                           ScratchOfMixture(state.options, bound->sizes, context.threads, all_packed));
  int64_t weights = 0, scales = 0, zeros = 0;
  for (const size_t product : {0, 1, 2}) {
    if (product == 2 && !Given(context.inputs, kWeights[2])) break;
    Layout& layout = bound->layouts[product];
    ORTOLAN_RETURN_IF_ERROR(ReadLayout(state, bound->sizes, context.inputs, product, &layout));
    ORTOLAN_RETURN_IF_ERROR(CheckedBytes(DType::kFloat, Dims{layout.rows, layout.columns}).status());
    weights = std::max(weights, layout.rows * layout.columns);
    scales = std::max(scales, layout.scale_rows * layout.scale_columns);
    zeros = std::max(zeros, layout.rows * layout.scale_columns);
  }
  if (Given(context.inputs, kRouterWeights) && !(context.inputs[kRouterWeights] == context.inputs[kRouter]))
    return InvalidArgument("QMoE: router_weights have shape {}", DimsText(context.inputs[kRouterWeights]));
  size_t at = (bound->scratch.bytes + 63) / 64 * 64;
  const auto take = [&](int64_t floats) {
    return std::exchange(at, at + (static_cast<size_t>(floats) * sizeof(float) + 63) / 64 * 64);
  };
  for (const size_t product : {0, 1, 2}) {
    const PackedExperts& packed = state.packed[product];
    if (packed.stride == 0) continue;
    if (packed.rows != bound->sizes.rows(product) || packed.columns != bound->sizes.columns(product))
      return InvalidArgument("QMoE: fc{} of {} by {} where {} by {} are wanted", product + 1, packed.rows,
                             packed.columns, bound->sizes.rows(product), bound->sizes.columns(product));
    bound->product_bytes = std::max(
        bound->product_bytes,
        (kernels::BlockScratchBytes(packed.Product(*state.blocks, bound->sizes.tokens)) + 63) / 64 * 64);
  }
  bound->product_at = at;
  at += bound->product_bytes * static_cast<size_t>(bound->scratch.lanes);
  bound->weights_at = take(weights), bound->scales_at = take(scales), bound->zeros_at = take(zeros);
  binding->scratch_bytes = at;
  binding->data = std::move(bound);
  return OkStatus();
}

float NumberAt(const uint8_t* bytes, int64_t i, int bits) {
  const int64_t bit = i * bits;
  return static_cast<float>(bytes[bit / 8] >> bit % 8 & ((1 << bits) - 1));
}

class Decoder {
 public:
  Decoder(const State& state, const Bound& bound, RunContext& context)
      : state_(state), bound_(bound), context_(context) {}

  // The weights of an expert as floats; null (and a status) where they cannot be read.
  const float* Weights(size_t product, int64_t expert) {
    const Layout& layout = bound_.layouts[product];
    float* to = At(bound_.weights_at);
    const Status read = Read(product, expert, layout, to);
    if (!read.ok()) status_ = read;
    return to;
  }
  const Status& status() const { return status_; }

 private:
  float* At(size_t offset) const { return reinterpret_cast<float*>(context_.scratch() + offset); }

  Status Read(size_t product, int64_t expert, const Layout& layout, float* to) {
    float* scales = At(bound_.scales_at);
    const int64_t count = layout.scale_rows * layout.scale_columns;
    const float global = state_.form != Form::kInt && context_.HasInput(kGlobal[product])
                             ? context_.input(kGlobal[product]).As<const float>()[expert]
                             : 1.0f;
    if (context_.HasInput(kScales[product])) {
      ORTOLAN_RETURN_IF_ERROR(ReadFloats(context_.input(kScales[product]), expert * count, count, scales));
    } else {
      std::fill_n(scales, count, 1.0f);
    }
    for (int64_t i = 0; i < count; ++i) scales[i] *= global;
    const auto* weights = static_cast<const uint8_t*>(context_.input(kWeights[product]).data) +
                          expert * layout.rows * layout.row_bytes;
    if (state_.form == Form::kInt) {
      ReadZeros(product, expert, layout);
      DecodeInts(product, layout, weights, scales, to);
      return OkStatus();
    }
    // A float format's codes are read as they stand, then scaled.
    const DType dtype = state_.form == Form::kFloat4 ? DType::kFloat4E2M1 : DType::kFloat8E4M3FN;
    TensorRef codes = context_.input(kWeights[product]);
    codes.dtype = dtype;
    codes.data = const_cast<uint8_t*>(weights);
    codes.dims = {layout.rows, layout.columns};
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(codes, 0, layout.rows * layout.columns, to));
    context_.threads().ParallelFor(layout.rows, [&](int64_t r) {
      const int64_t row = !layout.blocks_of_rows ? r : state_.block > 0 ? r / state_.block : 0;
      for (int64_t i = 0; i < layout.columns; ++i) {
        const int64_t block = state_.block > 0 ? i / state_.block : 0;
        to[r * layout.columns + i] *= scales[row * layout.scale_columns + block];
      }
    });
    return OkStatus();
  }

  void ReadZeros(size_t product, int64_t expert, const Layout& layout) {
    float* zeros = At(bound_.zeros_at);
    const int bits = state_.bits[product];
    const int64_t blocks = layout.scale_columns;
    if (layout.zero_bytes == 0) {
      std::fill_n(zeros, layout.rows * blocks, static_cast<float>(1 << (bits - 1)));
      return;
    }
    const auto* bytes = context_.input(kZeros[product]).As<const uint8_t>() + expert * layout.zero_bytes;
    const bool by_row = context_.input(kZeros[product]).dims.size() == 2;
    const int64_t row_bytes = (blocks * bits + 7) / 8;
    for (int64_t r = 0; r < layout.rows; ++r) {
      for (int64_t b = 0; b < blocks; ++b) {
        zeros[r * blocks + b] = by_row ? NumberAt(bytes, r, bits) : NumberAt(bytes + r * row_bytes, b, bits);
      }
    }
  }

  void DecodeInts(size_t product, const Layout& layout, const uint8_t* weights, const float* scales,
                  float* to) const {
    const float* zeros = At(bound_.zeros_at);
    const int bits = state_.bits[product];
    const int64_t block = state_.block > 0 ? state_.block : std::max<int64_t>(1, layout.columns);
    context_.threads().ParallelFor(layout.rows, [&](int64_t r) {
      const uint8_t* from = weights + r * layout.row_bytes;
      for (int64_t b = 0; b < layout.scale_columns; ++b) {
        const float scale = scales[r * layout.scale_columns + b], zero = zeros[r * layout.scale_columns + b];
        const int64_t end = std::min(layout.columns, (b + 1) * block);
        for (int64_t i = b * block; i < end; ++i)
          to[r * layout.columns + i] = (NumberAt(from, i, bits) - zero) * scale;
      }
    });
  }

  const State& state_;
  const Bound& bound_;
  RunContext& context_;
  Status status_;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const auto floats = [&](size_t i) -> const float* {
    return context.HasInput(i) ? context.input(i).As<const float>() : nullptr;
  };
  Decoder decoder(state, bound, context);
  const auto weights = [&](size_t product, int64_t expert) { return decoder.Weights(product, expert); };
  const auto multiply = [&](size_t product, int64_t expert, int64_t lane, const float* x, int64_t count,
                            float* to) {
    const PackedExperts& packed = state.packed[product];
    if (packed.stride == 0) return false;
    kernels::BlockProduct own = packed.Product(*state.blocks, count);
    own.packed =
        reinterpret_cast<const uint8_t*>(packed.bytes.data()) + static_cast<size_t>(expert) * packed.stride;
    own.a = x, own.c = to;
    kernels::RunBlockProduct(
        own, context.scratch() + bound.product_at + static_cast<size_t>(lane) * bound.product_bytes,
        context.threads());
    return true;
  };
  const FunctionRef<bool(size_t, int64_t, int64_t, const float*, int64_t, float*)> multiplied = multiply;
  const Status status = RunMixture({state.options,
                                    bound.sizes,
                                    bound.scratch,
                                    context.scratch(),
                                    floats(kX),
                                    floats(kRouter),
                                    floats(kRouterWeights),
                                    {floats(kBias[0]), floats(kBias[1]), floats(kBias[2])},
                                    context.HasInput(kWeights[2]),
                                    weights,
                                    context.output(0).As<float>(),
                                    {},
                                    &multiplied},
                                   context);
  if (!status.ok()) return Error(status.code(), "QMoE: {}", status.message());
  return decoder.status();
}

Status ReadForm(PrepareContext& context, State* state) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view type = attributes.String("quant_type", "int");
  state->block = std::max<int64_t>(0, attributes.Int("block_size", 0));
  constexpr std::string_view kWidths[] = {"fc1_expert_weight_bits", "fc2_expert_weight_bits",
                                          "fc3_expert_weight_bits"};
  if (type == "int") {
    const int64_t all = attributes.Int("expert_weight_bits", 4);
    for (const size_t i : {0, 1, 2}) {
      const int64_t bits = attributes.Int(kWidths[i], all);
      if (bits != 2 && bits != 4 && bits != 8)
        return InvalidArgument("QMoE: weights of {} bits, expected 2, 4 or 8", bits);
      state->bits[i] = static_cast<int>(bits);
    }
    if (state->block != 0 && (state->block < 16 || (state->block & (state->block - 1)) != 0))
      return InvalidArgument("QMoE: block_size is {}, expected a power of two from 16 on", state->block);
    if (attributes.Int("weights_prepacked", -1) == 1)
      return NotImplemented("QMoE with weights packed for GPUs");
    return OkStatus();
  }
  if (type == "fp8") {
    state->form = Form::kFloat8;
    std::ranges::fill(state->bits, 8);
    return OkStatus();
  }
  if (type != "fp4" && type != "wfp4afp8" && type != "nvfp4")
    return InvalidArgument("QMoE: quant_type is '{}', expected int, fp4, nvfp4, fp8 or wfp4afp8", type);
  state->form = Form::kFloat4;
  state->block = type == "nvfp4" ? 16 : 32;
  return OkStatus();
}

// Zero points of a constant product as floats, one for each block of `wide` blocks a row; empty without them.
std::vector<float> ZerosOf(const Tensor& given, int64_t rows, int64_t blocks, int64_t wide, int bits,
                           int64_t expert) {
  const auto* bytes = static_cast<const uint8_t*>(given.data());
  const bool by_row = given.dims().size() == 2;
  const int64_t row_bytes = (blocks * bits + 7) / 8;
  bytes += expert * (by_row ? (rows * bits + 7) / 8 : rows * row_bytes);
  std::vector<float> zeros;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t b = 0; b < wide; ++b)
      zeros.push_back(by_row ? NumberAt(bytes, r, bits)
                             : NumberAt(bytes + r * row_bytes, b * blocks / wide, bits));
  }
  return zeros;
}

// Packs a product whose numbers are constants and stand in whole blocks.
Status Pack(const PrepareContext& context, size_t product, State* state, Prepared* prepared) {
  const Tensor* weights = context.Constant(kWeights[product]);
  const Tensor* scales = context.Constant(kScales[product]);
  const Tensor* points = context.Constant(kZeros[product]);
  if (weights == nullptr || scales == nullptr || weights->data() == nullptr || scales->data() == nullptr ||
      weights->dims().size() != 3 || weights->dtype() != DType::kUInt8)
    return OkStatus();
  if (context.node.HasInput(kZeros[product]) && (points == nullptr || points->data() == nullptr))
    return OkStatus();
  const int bits = state->bits[product];
  const int64_t experts = weights->dims()[0], rows = weights->dims()[1],
                columns = weights->dims()[2] * 8 / bits;
  // Bytes may hold more numbers than a row has.
  const graph::Shape& from = context.node.input(product == 1 ? kWeights[0] : size_t{kX})->shape;
  if (!from.has_rank() || from.rank() < 2) return OkStatus();
  const graph::Dim& wanted = product == 1 ? from[1] : from.dims().back();
  if (!wanted.Is(product == 1 && state->fused() ? 2 * columns : columns)) return OkStatus();
  // Rows with one scale are cut into blocks that have it.
  int64_t block = state->block;
  for (int64_t size = 128; block == 0 && size >= 16; size /= 2)
    if (columns % size == 0) block = size;
  if (block == 0 || columns % block != 0 || experts == 0 || rows == 0) return OkStatus();
  const int64_t wide = columns / block, given = state->block > 0 ? wide : 1;
  if (scales->count() != experts * rows * given) return OkStatus();
  const bool by_row = points != nullptr && points->dims().size() == 2;
  const int64_t point_bytes = by_row ? (rows * bits + 7) / 8 : rows * ((given * bits + 7) / 8);
  if (points != nullptr && (points->dtype() != DType::kUInt8 || points->count() != experts * point_bytes ||
                            (by_row && given != 1)))
    return OkStatus();
  PackedExperts& packed = state->packed[product];
  packed.block = block, packed.rows = rows, packed.columns = columns, packed.bits = bits;
  packed.has_zeros = points != nullptr;
  std::vector<float> read(static_cast<size_t>(rows * given)), spread(static_cast<size_t>(rows * wide)), zeros;
  kernels::BlockWeights own;
  own.bits = bits, own.block = block, own.n = rows, own.k = columns;
  for (int64_t e = 0; e < experts; ++e) {
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(scales->ref(), e * rows * given, rows * given, read.data()));
    for (int64_t i = 0; i < rows * wide; ++i)
      spread[static_cast<size_t>(i)] = read[static_cast<size_t>(given == 1 ? i / wide : i)];
    if (points != nullptr) zeros = ZerosOf(*points, rows, given, wide, bits, e);
    own.b = static_cast<const uint8_t*>(weights->data()) + e * rows * weights->dims()[2];
    own.scales = spread.data(), own.zeros = points != nullptr ? zeros.data() : nullptr;
    if (e == 0) {
      const size_t bytes = (kernels::PackedBlockBytes(*state->blocks, own) + 63) / 64 * 64;
      // Prefetching runs ahead of the last group.
      ORTOLAN_ASSIGN_OR_RETURN(packed.bytes,
                               AlignedBuffer::Allocate(bytes * static_cast<size_t>(experts) + 8192));
      packed.stride = bytes;
    }
    kernels::PackBlocks(
        *state->blocks, own,
        reinterpret_cast<uint8_t*>(packed.bytes.data()) + static_cast<size_t>(e) * packed.stride,
        context.threads);
  }
  prepared->consumed |= uint32_t{1} << kWeights[product] | uint32_t{1} << kScales[product];
  if (points != nullptr) prepared->consumed |= uint32_t{1} << kZeros[product];
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->options, ReadMixture(context.node, context.isa));
  state->options.among_chosen = true;
  ORTOLAN_RETURN_IF_ERROR(ReadForm(context, state.get()));
  if (context.input_dtype(kX) != DType::kFloat)
    return NotImplemented("QMoE of {}", DTypeName(context.input_dtype(kX)));
  prepared->kernel = fmt::format("qmoe_{}", state->options.gemm->name);
  state->blocks = &kernels::SelectBlocks(context.isa);
  for (const size_t product : {0, 1, 2}) {
    if (state->form == Form::kInt) ORTOLAN_RETURN_IF_ERROR(Pack(context, product, state.get(), prepared));
  }
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

Status Infer(InferContext& context) {
  return InferSameShape(context);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"},
                                       {"router_probs", "T"},
                                       {"fc1_experts_weights", "T1"},
                                       {"fc1_scales", "T2", Arity::kOptional},
                                       {"fc1_experts_bias", "T", Arity::kOptional},
                                       {"fc2_experts_weights", "T1"},
                                       {"fc2_scales", "T2", Arity::kOptional},
                                       {"fc2_experts_bias", "T", Arity::kOptional},
                                       {"fc3_experts_weights", "T1", Arity::kOptional},
                                       {"fc3_scales", "T2", Arity::kOptional},
                                       {"fc3_experts_bias", "T", Arity::kOptional},
                                       {"fc1_zero_points", "T1", Arity::kOptional},
                                       {"fc2_zero_points", "T1", Arity::kOptional},
                                       {"fc3_zero_points", "T1", Arity::kOptional},
                                       {"router_weights", "T", Arity::kOptional},
                                       {"fc1_global_scale", "T4", Arity::kOptional},
                                       {"fc2_global_scale", "T4", Arity::kOptional},
                                       {"fc1_act_scale", "T4", Arity::kOptional},
                                       {"fc2_act_scale", "T4", Arity::kOptional},
                                       {"fc1_act_block_scale", "T2", Arity::kOptional},
                                       {"fc2_act_block_scale", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr DTypeSet kFloats = SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16);
constexpr TypeConstraint kTypes[] = {{"T", kFloats},
                                     {"T1", SetOf(DType::kUInt8, DType::kFloat8E4M3FN)},
                                     {"T2", kFloats | SetOf(DType::kFloat8E4M3FN, DType::kFloat8E8M0)},
                                     {"T4", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"accuracy_level", AttributeType::kInt},
                                         {"activation_alpha", AttributeType::kFloat},
                                         {"activation_beta", AttributeType::kFloat},
                                         {"activation_type", AttributeType::kString},
                                         {"block_size", AttributeType::kInt},
                                         {"expert_weight_bits", AttributeType::kInt},
                                         {"fc1_expert_weight_bits", AttributeType::kInt},
                                         {"fc2_expert_weight_bits", AttributeType::kInt},
                                         {"fc3_expert_weight_bits", AttributeType::kInt},
                                         {"k", AttributeType::kInt},
                                         {"normalize_routing_weights", AttributeType::kInt},
                                         {"quant_type", AttributeType::kString},
                                         {"swiglu_fusion", AttributeType::kInt},
                                         {"swiglu_limit", AttributeType::kFloat},
                                         {"use_sparse_mixer", AttributeType::kInt},
                                         {"weights_prepacked", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQMoE;
constexpr OpDef kMsQMoE{.domain = "com.microsoft",
                        .name = "QMoE",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
