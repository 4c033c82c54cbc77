// Binarizer: one above the threshold, else zero.
#include <algorithm>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  return InferSameShape(context);
}

Status Run(const void* state, RunContext& context) {
  const float threshold = *static_cast<const float*>(state);
  const TensorRef& x = context.input(0);
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = x.As<const T>();
    T* to = context.output(0).As<T>();
    for (int64_t i = 0; i < x.count(); ++i)
      to[i] = static_cast<double>(from[i]) > static_cast<double>(threshold) ? T{1} : T{0};
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const float>(context.node.attributes.Float("threshold", 0));
  prepared->run = Run;
  prepared->kernel = "binarizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr AttributeSpec kAttributes[] = {{"threshold", AttributeType::kFloat}};

}  // namespace

extern const OpDef kBinarizer;
constexpr OpDef kBinarizer{.domain = "ai.onnx.ml",
                           .name = "Binarizer",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = ml::kFeatureT,
                           .attributes = kAttributes,
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
