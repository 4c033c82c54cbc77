// What the operators of ai.onnx.ml share: inputs as rows of features, labels that are integers or texts, and
// what becomes of scores at the end.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan::ml {

inline constexpr DTypeSet kFeatureTypes = SetOf(DType::kFloat, DType::kDouble, DType::kInt64, DType::kInt32);
inline constexpr TypeConstraint kFeatureT[] = {{"T", kFeatureTypes}};
inline constexpr TypeConstraint kClassifierTypes[] = {{"T1", kFeatureTypes},
                                                      {"T2", SetOf(DType::kString, DType::kInt64)}};

// call(ElementTag<T>) for the types above.
template <typename Call>
Status WithFeatureType(DType dtype, Call call) {
  switch (dtype) {
    case DType::kFloat:
      return call(ElementTag<float>());
    case DType::kDouble:
      return call(ElementTag<double>());
    case DType::kInt64:
      return call(ElementTag<int64_t>());
    case DType::kInt32:
      return call(ElementTag<int32_t>());
    default:
      return NotImplemented("type {}", DTypeName(dtype));
  }
}

// N rows of C features; a vector is one row. kInvalidArgument for other ranks.
struct Rows {
  int64_t count = 0;
  int64_t features = 0;
};
Result<Rows> RowsOf(const Dims& dims);

// The shape [N, columns] for an input of either rank; unknown where the rank is.
graph::Shape RowsShape(const graph::Shape& x, graph::Dim columns);
graph::Dim RowCount(const graph::Shape& x, InferContext& context);

enum class PostTransform : uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
Result<PostTransform> PostTransformOf(std::string_view name);
// In place, one row of scores.
void Transform(PostTransform transform, float* scores, int64_t count);
// The same for the targets of a regressor; as in onnxruntime a single one is only changed by kProbit.
void TransformTargets(PostTransform transform, float* scores, int64_t count);
float Logistic(float x);
float Probit(float x);

// Class labels: one of the two lists.
struct Labels {
  std::vector<int64_t> ints;
  std::vector<std::string> strings;
  bool text() const { return !strings.empty(); }
  size_t size() const { return text() ? strings.size() : ints.size(); }
};
Labels LabelsOf(const graph::Attributes& attributes, std::string_view ints, std::string_view strings);
// Writes label `index` to element i of a tensor of int64 or strings; an index past the labels is the label
// itself.
void StoreLabel(const Labels& labels, int64_t index, const TensorRef& to, int64_t i);

// A list of floats: the attribute, or the tensor attribute that may stand in for it, as double.
std::vector<double> NumbersOf(const graph::Attributes& attributes, std::string_view floats,
                              std::string_view tensor);
// The numbers of a tensor of any numeric type.
std::vector<double> NumbersOf(const Tensor& tensor);

}  // namespace ortolan::ml
