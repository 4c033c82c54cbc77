// Normalizer: rows divided by their largest element, by the sum of magnitudes or by the root of the sum of
// squares; a row whose norm is zero stays as it is. Refuses other norms.
#include <algorithm>
#include <cmath>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  return InferSameShape(context);
}

enum class Norm : uint8_t { kMax, kL1, kL2 };

template <typename T>
void Row(Norm norm, const T* x, int64_t count, float* y) {
  float size = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto item = static_cast<float>(x[i]);
    if (norm == Norm::kMax) size = i == 0 ? item : std::max(size, item);
    if (norm == Norm::kL1) size += std::abs(item);
    if (norm == Norm::kL2) size += item * item;
  }
  if (norm == Norm::kL2) size = std::sqrt(size);
  for (int64_t i = 0; i < count; ++i) {
    const auto item = static_cast<float>(x[i]);
    y[i] = size == 0 ? item : item / size;
  }
}

Status Run(const void* state, RunContext& context) {
  const Norm norm = *static_cast<const Norm*>(state);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; i < rows.count; ++i) {
      Row(norm, x.As<const T>() + i * rows.features, rows.features,
          context.output(0).As<float>() + i * rows.features);
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const std::string_view name = context.node.attributes.String("norm", "MAX");
  if (name != "MAX" && name != "L1" && name != "L2")
    return InvalidArgument("Normalizer: norm cannot be '{}'", name);
  prepared->state = std::make_shared<const Norm>(name == "MAX"  ? Norm::kMax
                                                 : name == "L1" ? Norm::kL1
                                                                : Norm::kL2);
  prepared->run = Run;
  prepared->kernel = "normalizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr AttributeSpec kAttributes[] = {{"norm", AttributeType::kString}};

}  // namespace

extern const OpDef kNormalizer;
constexpr OpDef kNormalizer{.domain = "ai.onnx.ml",
                            .name = "Normalizer",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = ml::kFeatureT,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
