// WordConvEmbedding: for each word the largest of the convolutions of its letters' embeddings, through tanh.
// Refuses letters outside of the table.
#include <algorithm>
#include <limits>

#include "kernels/elementwise/tile_select.h"
#include "kernels/gemm/gemm.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape &ids = context.shape(0), &w = context.shape(1);
  if (!ids.has_rank() || !w.has_rank() || w.rank() < 1 || ids.rank() < 1) return OkStatus();
  graph::Shape::DimList dims(ids.dims().begin(), ids.dims().end() - 1);
  dims.push_back(w[0]);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

// Words whose convolutions are one product.
constexpr int64_t kWordsAtOnce = 128;

struct State {
  const kernels::GemmVariant* gemm;
  kernels::TileFunction tanh;
};

struct Sizes {
  int64_t words = 0, letters = 0, filters = 0, taps = 0, size = 0;

  // Rows of a product over `count` words: the windows that start at each letter, those that reach into the
  // next word included.
  int64_t rows(int64_t count) const { return std::max<int64_t>(0, count * letters - taps + 1); }
};

Result<Sizes> SizesOf(std::span<const Dims> inputs) {
  const Dims &ids = inputs[0], &w = inputs[1], &b = inputs[2], &table = inputs[3];
  if (ids.empty() || w.size() != 4 || table.size() != 2 || b.size() != 1 || b[0] != w[0] ||
      w[3] != table[1] || w[1] != 1) {
    return InvalidArgument("WordConvEmbedding: Sequence {}, W {}, B {}, C {}", DimsText(ids), DimsText(w),
                           DimsText(b), DimsText(table));
  }
  Sizes sizes{0, ids.back(), w[0], w[2], w[3]};
  sizes.words = ElementCount(std::span<const int64_t>(ids.begin(), ids.end() - 1));
  return sizes;
}

// Rows of A begin one letter after the other, so that a window is a row.
kernels::GemmShape Product(const Sizes& sizes, int64_t words) {
  const int64_t k = sizes.taps * sizes.size;
  kernels::GemmShape shape;
  shape.m = sizes.rows(words), shape.n = sizes.filters, shape.k = k;
  shape.a = {nullptr, sizes.size, 1};
  shape.b = {nullptr, 1, k};
  return shape;
}

struct Bound {
  Sizes sizes;
  size_t gemm_bytes = 0;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->sizes, SizesOf(context.inputs));
  const Sizes& sizes = bound->sizes;
  const int64_t most = std::min(kWordsAtOnce, sizes.words);
  for (const int64_t words : {most, sizes.words % kWordsAtOnce}) {
    const size_t bytes = kernels::PlanGemm(*state.gemm, Product(sizes, words)).ScratchBytes(1);
    bound->gemm_bytes = std::max(bound->gemm_bytes, bytes * static_cast<size_t>(context.threads));
  }
  bound->gemm_bytes = (bound->gemm_bytes + 63) / 64 * 64;
  ORTOLAN_ASSIGN_OR_RETURN(
      const size_t floats,
      CheckedBytes(DType::kFloat, Dims{most, sizes.letters, sizes.size + sizes.filters}));
  binding->scratch_bytes = bound->gemm_bytes + floats;
  binding->data = std::move(bound);
  return OkStatus();
}

// What one word's windows give; `products` is the row of its first.
void Finish(const State& state, const Sizes& sizes, const int32_t* letters, const float* products,
            const float* bias, float* to) {
  // A word is as long as it has letters that are not zero, and as the window at least.
  int64_t length = std::count_if(letters, letters + sizes.letters, [](int32_t id) { return id > 0; });
  if (length == 0) {
    std::fill_n(to, sizes.filters, 0.0f);
    return;
  }
  length = std::min(std::max(length, sizes.taps), sizes.letters);
  std::fill_n(to, sizes.filters, std::numeric_limits<float>::lowest());
  for (int64_t start = 0; start + sizes.taps <= length; ++start, products += sizes.filters) {
    for (int64_t f = 0; f < sizes.filters; ++f) {
      const float sum = products[f] + bias[f];
      to[f] = sum > to[f] ? sum : to[f];
    }
  }
  uint32_t fault = 0;
  state.tanh(to, to, nullptr, nullptr, sizes.filters, &fault);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const Sizes& sizes = bound.sizes;
  const TensorRef &ids = context.input(0), &table = context.input(3);
  for (const int32_t id : ids.Items<const int32_t>()) {
    if (id < 0 || id >= table.dims[0])
      return InvalidArgument("WordConvEmbedding: letter {} of {}", id, table.dims[0]);
  }
  const std::span<std::byte> scratch(context.scratch(), bound.gemm_bytes);
  auto* embedded = reinterpret_cast<float*>(context.scratch() + bound.gemm_bytes);
  float* products = embedded + std::min(kWordsAtOnce, sizes.words) * sizes.letters * sizes.size;
  for (int64_t first = 0; first < sizes.words; first += kWordsAtOnce) {
    if (context.cancelled()) break;
    const int64_t words = std::min(kWordsAtOnce, sizes.words - first);
    const int32_t* letters = ids.As<const int32_t>() + first * sizes.letters;
    for (int64_t i = 0; i < words * sizes.letters; ++i)
      std::copy_n(table.As<const float>() + letters[i] * sizes.size, sizes.size, embedded + i * sizes.size);
    kernels::GemmOperands operands;
    operands.a = embedded, operands.b = context.input(1).data;
    operands.c = products, operands.c_stride = sizes.filters;
    const kernels::GemmPlan plan = kernels::PlanGemm(*state.gemm, Product(sizes, words));
    kernels::RunGemm(*state.gemm, plan, operands, scratch, context.threads());
    context.threads().ParallelFor(words, [&](int64_t word) {
      Finish(state, sizes, letters + word * sizes.letters, products + word * sizes.letters * sizes.filters,
             context.input(2).As<const float>(),
             context.output(0).As<float>() + (first + word) * sizes.filters);
    });
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const auto& tanh =
      kernels::TileTableOf(context.isa)
          .ops[static_cast<int>(kernels::TileOp::kTanh)][static_cast<int>(kernels::ComputeType::kF32)];
  const State state{&kernels::SelectGemmF32(context.isa), tanh.by_mask[0]};
  prepared->state = std::make_shared<const State>(state);
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = fmt::format("word_conv_embedding_{}", state.gemm->name);
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"Sequence", "T"}, {"W", "T1"}, {"B", "T1"}, {"C", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kInt32)}, {"T1", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"char_embedding_size", AttributeType::kInt},
                                         {"conv_window_size", AttributeType::kInt},
                                         {"embedding_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsWordConvEmbedding;
constexpr OpDef kMsWordConvEmbedding{.domain = "com.microsoft",
                                     .name = "WordConvEmbedding",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .infer = Infer,
                                     .prepare = Prepare};

}  // namespace ortolan
