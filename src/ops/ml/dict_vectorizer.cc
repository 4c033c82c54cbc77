// DictVectorizer: the values of a map in the order of a vocabulary, as one row; zeros or empty texts for keys
// that the map lacks. Refuses maps whose keys are not of the vocabulary's type.
#include <algorithm>
#include <cstring>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

size_t WordCount(const graph::Attributes& attributes) {
  return std::max(attributes.Strings("string_vocabulary").size(), attributes.Ints("int64_vocabulary").size());
}

Status Infer(InferContext& context) {
  const ValueType& type = context.input(0).type;
  if (type.kind == ValueType::Kind::kMap && type.inner != nullptr) context.SetType(0, type.inner->dtype);
  context.SetShape(0, {1, static_cast<int64_t>(WordCount(context.attributes()))});
  return OkStatus();
}

template <typename Key>
Status Fill(const std::vector<Key>& vocabulary, const Map& map, const TensorRef& out) {
  const auto* keys = std::get_if<std::vector<Key>>(&map.keys);
  if (keys == nullptr) return InvalidArgument("DictVectorizer: the map's keys are of another type");
  if (map.values.dtype() != out.dtype || map.values.count() != static_cast<int64_t>(keys->size())) {
    return InvalidArgument("DictVectorizer: the map's values are of type {}", DTypeName(map.values.dtype()));
  }
  return WithMovedType(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (size_t i = 0; i < vocabulary.size(); ++i) {
      const auto found = std::find(keys->begin(), keys->end(), vocabulary[i]);
      out.As<T>()[i] = found == keys->end()
                           ? T{}
                           : map.values.Items<const T>()[static_cast<size_t>(found - keys->begin())];
    }
    return OkStatus();
  });
}

Status Run(const void* opaque, RunContext& context) {
  const ml::Labels& vocabulary = *static_cast<const ml::Labels*>(opaque);
  const Value& x = context.InputValue(0);
  if (x.kind() != Value::Kind::kMap) return InvalidArgument("DictVectorizer: the input is no map");
  return vocabulary.text() ? Fill(vocabulary.strings, x.map(), context.output(0))
                           : Fill(vocabulary.ints, x.map(), context.output(0));
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ml::Labels labels = ml::LabelsOf(context.node.attributes, "int64_vocabulary", "string_vocabulary");
  if (labels.size() == 0 || (!labels.ints.empty() && !labels.strings.empty())) {
    return InvalidArgument("DictVectorizer needs one of int64_vocabulary and string_vocabulary");
  }
  prepared->state = std::make_shared<const ml::Labels>(std::move(labels));
  prepared->run = Run;
  prepared->kernel = "dict_vectorizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", 0}, {"T2", SetOf(DType::kInt64, DType::kFloat, DType::kDouble, DType::kString)}};
constexpr AttributeSpec kAttributes[] = {{"string_vocabulary", AttributeType::kStrings},
                                         {"int64_vocabulary", AttributeType::kInts}};

}  // namespace

extern const OpDef kDictVectorizer;
constexpr OpDef kDictVectorizer{.domain = "ai.onnx.ml",
                                .name = "DictVectorizer",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
