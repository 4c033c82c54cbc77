// WordConvEmbedding: for each word the largest of the convolutions of its letters' embeddings, through tanh.
// Refuses letters outside of the table.
#include <algorithm>
#include <cmath>
#include <limits>

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

Status Run(const void*, RunContext& context) {
  const TensorRef &ids = context.input(0), &w = context.input(1), &b = context.input(2),
                  &table = context.input(3);
  if (ids.rank() < 1 || w.rank() != 4 || table.rank() != 2 || b.count() != w.dims[0] ||
      w.dims[3] != table.dims[1] || w.dims[1] != 1) {
    return InvalidArgument("WordConvEmbedding: Sequence {}, W {}, B {}, C {}", DimsText(ids.dims),
                           DimsText(w.dims), DimsText(b.dims), DimsText(table.dims));
  }
  const int64_t letters = ids.dims.back(), filters = w.dims[0], taps = w.dims[2], size = w.dims[3];
  const int64_t words = letters == 0 ? 0 : ids.count() / letters;
  for (const int32_t id : ids.Items<const int32_t>()) {
    if (id < 0 || id >= table.dims[0])
      return InvalidArgument("WordConvEmbedding: letter {} of {}", id, table.dims[0]);
  }
  float* const y = context.output(0).As<float>();
  context.threads().ParallelFor(words, [&](int64_t word) {
    const int32_t* own = ids.As<const int32_t>() + word * letters;
    float* to = y + word * filters;
    // A word is as long as it has letters that are not zero, and as the window at least.
    int64_t length = std::count_if(own, own + letters, [](int32_t id) { return id > 0; });
    if (length == 0) {
      std::fill_n(to, filters, 0.0f);
      return;
    }
    length = std::min(std::max(length, taps), letters);
    for (int64_t f = 0; f < filters; ++f) {
      float most = std::numeric_limits<float>::lowest();
      for (int64_t start = 0; start + taps <= length; ++start) {
        float sum = b.As<const float>()[f];
        for (int64_t t = 0; t < taps; ++t) {
          const float* letter = table.As<const float>() + own[start + t] * size;
          const float* weight = w.As<const float>() + (f * taps + t) * size;
          for (int64_t i = 0; i < size; ++i) sum += letter[i] * weight[i];
        }
        most = std::max(most, sum);
      }
      to[f] = std::tanh(most);
    }
  });
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "word_conv_embedding";
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
