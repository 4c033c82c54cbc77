// ArrayFeatureExtractor: the columns of the last axis that an index list names. Refuses indices outside.
#include <algorithm>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const graph::Shape& y = context.shape(1);
  if (!x.has_rank() || !y.has_rank()) return OkStatus();
  if (x.rank() < 1) return Fail("[ShapeInferenceError] ArrayFeatureExtractor: X is a scalar");
  graph::Shape::DimList dims(x.dims().begin(), x.dims().end() - 1);
  if (x.rank() == 1) dims.push_back(1);
  dims.push_back(y.Count());
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const TensorRef& x = context.input(0);
  const std::span<const int64_t> indices = context.input(1).Items<const int64_t>();
  if (x.rank() < 1) return InvalidArgument("ArrayFeatureExtractor: X is a scalar");
  const int64_t columns = x.dims.back(), count = static_cast<int64_t>(indices.size());
  if (count == 0) return InvalidArgument("ArrayFeatureExtractor: there are no indices");
  for (const int64_t index : indices) {
    if (index < 0 || index >= columns) {
      return InvalidArgument("Invalid Y argument: index is out of range: Y[] ({}) >={}", index, columns);
    }
  }
  const int64_t rows = columns == 0 ? 0 : x.count() / columns;
  return WithMovedType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < count; ++i) {
        context.output(0).As<T>()[row * count + i] =
            x.As<const T>()[row * columns + indices[static_cast<size_t>(i)]];
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "array_feature_extractor";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"Y", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"Z", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", ml::kFeatureTypes | SetOf(DType::kString)}};

}  // namespace

extern const OpDef kArrayFeatureExtractor;
constexpr OpDef kArrayFeatureExtractor{.domain = "ai.onnx.ml",
                                       .name = "ArrayFeatureExtractor",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .infer = Infer,
                                       .prepare = Prepare};

}  // namespace ortolan
