// CategoryMapper: texts to integers or back, by two lists of equal length. Refuses lists of different
// lengths.
#include <algorithm>
#include <unordered_map>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, context.dtype(0) == DType::kString ? DType::kInt64 : DType::kString);
  return InferSameShape(context);
}

struct State {
  std::unordered_map<std::string, int64_t> numbers;
  std::unordered_map<int64_t, std::string> texts;
  int64_t default_number;
  std::string default_text;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  for (int64_t i = 0; i < x.count(); ++i) {
    if (x.dtype == DType::kString) {
      const auto found = state.numbers.find(x.As<const std::string>()[i]);
      y.As<int64_t>()[i] = found == state.numbers.end() ? state.default_number : found->second;
    } else {
      const auto found = state.texts.find(x.As<const int64_t>()[i]);
      y.As<std::string>()[i] = found == state.texts.end() ? state.default_text : found->second;
    }
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const auto ints = attributes.Ints("cats_int64s");
  const auto strings = attributes.Strings("cats_strings");
  if (ints.size() != strings.size()) {
    return InvalidArgument("CategoryMapper: {} integers for {} texts", ints.size(), strings.size());
  }
  State state{{},
              {},
              attributes.Int("default_int64", -1),
              std::string(attributes.String("default_string", "_Unused"))};
  for (size_t i = 0; i < ints.size(); ++i) {
    state.numbers[strings[i]] = ints[i];
    state.texts[ints[i]] = strings[i];
  }
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "category_mapper";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kString, DType::kInt64)},
                                     {"T2", SetOf(DType::kString, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"default_int64", AttributeType::kInt},
                                         {"default_string", AttributeType::kString},
                                         {"cats_int64s", AttributeType::kInts},
                                         {"cats_strings", AttributeType::kStrings}};

}  // namespace

extern const OpDef kCategoryMapper;
constexpr OpDef kCategoryMapper{.domain = "ai.onnx.ml",
                                .name = "CategoryMapper",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
