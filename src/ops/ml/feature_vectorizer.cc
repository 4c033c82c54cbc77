// FeatureVectorizer: the features of several inputs side by side, as floats. Refuses inputs of different
// numbers of rows.
#include <algorithm>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  graph::Dim columns = 0;
  for (const int64_t size : context.attributes().Ints("inputdimensions"))
    columns = columns + graph::Dim(size);
  context.SetType(0, DType::kFloat);
  context.SetShape(0, {ml::RowCount(context.shape(0), context), columns});
  return OkStatus();
}

struct State {
  std::vector<int64_t> sizes;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& out = context.output(0);
  if (state.sizes.size() != context.input_count() || out.rank() != 2) {
    return InvalidArgument("FeatureVectorizer: {} inputdimensions for {} inputs", state.sizes.size(),
                           context.input_count());
  }
  std::fill_n(out.As<float>(), out.count(), 0.0f);
  int64_t start = 0;
  for (size_t k = 0; k < state.sizes.size(); ++k) {
    if (!context.HasInput(k)) return InvalidArgument("FeatureVectorizer: input {} is absent", k);
    const TensorRef& x = context.input(k);
    ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
    if (rows.count != out.dims[0])
      return InvalidArgument("FeatureVectorizer: input {} has {} rows", k, rows.count);
    ORTOLAN_RETURN_IF_ERROR(ml::WithFeatureType(x.dtype, [&](auto tag) {
      const auto* from = x.As<const typename decltype(tag)::Type>();
      for (int64_t i = 0; i < rows.count; ++i) {
        for (int64_t c = 0; c < std::min(rows.features, state.sizes[k]); ++c)
          out.As<float>()[i * out.dims[1] + start + c] = static_cast<float>(from[i * rows.features + c]);
      }
      return OkStatus();
    }));
    start += state.sizes[k];
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const auto sizes = context.node.attributes.Ints("inputdimensions");
  for (const int64_t size : sizes) {
    if (size < 0 || size > INT32_MAX)
      return InvalidArgument("FeatureVectorizer: an input dimension of {}", size);
  }
  prepared->state = std::make_shared<const State>(State{{sizes.begin(), sizes.end()}});
  prepared->run = Run;
  prepared->kernel = "feature_vectorizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr TypeConstraint kTypes[] = {{"T1", ml::kFeatureTypes}};
constexpr AttributeSpec kAttributes[] = {{"inputdimensions", AttributeType::kInts}};

}  // namespace

extern const OpDef kFeatureVectorizer;
constexpr OpDef kFeatureVectorizer{.domain = "ai.onnx.ml",
                                   .name = "FeatureVectorizer",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .infer = Infer,
                                   .prepare = Prepare};

}  // namespace ortolan
