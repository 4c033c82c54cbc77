// OneHotEncoder: a new last axis with a one at the category of each element. Without `zeros`, refuses
// elements that are no category.
#include <algorithm>
#include <unordered_map>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

size_t Categories(const graph::Attributes& attributes, bool text) {
  return text ? attributes.Strings("cats_strings").size() : attributes.Ints("cats_int64s").size();
}

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  graph::Shape::DimList dims = x.dims();
  dims.push_back(static_cast<int64_t>(Categories(context.attributes(), context.dtype(0) == DType::kString)));
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  std::unordered_map<int64_t, int64_t> ints;
  std::unordered_map<std::string, int64_t> strings;
  int64_t count;
  bool zeros;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  float* to = context.output(0).As<float>();
  std::fill_n(to, context.output(0).count(), 0.0f);
  auto put = [&](int64_t i, const auto& map, const auto& key) {
    const auto found = map.find(key);
    if (found != map.end()) to[i * state.count + found->second] = 1;
    return found != map.end() || state.zeros ? OkStatus() : Fail("Unknown Category and zeros = 0.");
  };
  if (x.dtype == DType::kString) {
    for (int64_t i = 0; i < x.count(); ++i)
      ORTOLAN_RETURN_IF_ERROR(put(i, state.strings, x.As<const std::string>()[i]));
    return OkStatus();
  }
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    const auto* from = x.As<const typename decltype(tag)::Type>();
    for (int64_t i = 0; i < x.count(); ++i) {
      const auto number = static_cast<double>(from[i]);
      const bool fits = number > -9e18 && number < 9e18;
      ORTOLAN_RETURN_IF_ERROR(put(i, state.ints, fits ? static_cast<int64_t>(from[i]) : INT64_MIN));
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  State state{};
  state.zeros = attributes.Int("zeros", 1) != 0;
  state.count = static_cast<int64_t>(Categories(attributes, context.input_dtype(0) == DType::kString));
  for (const int64_t item : attributes.Ints("cats_int64s"))
    state.ints.emplace(item, static_cast<int64_t>(state.ints.size()));
  for (const std::string& item : attributes.Strings("cats_strings"))
    state.strings.emplace(item, static_cast<int64_t>(state.strings.size()));
  if (state.count == 0) return InvalidArgument("OneHotEncoder has no categories of its input's type");
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "one_hot_encoder";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr TypeConstraint kTypes[] = {{"T", ml::kFeatureTypes | SetOf(DType::kString)}};
constexpr AttributeSpec kAttributes[] = {{"zeros", AttributeType::kInt},
                                         {"cats_strings", AttributeType::kStrings},
                                         {"cats_int64s", AttributeType::kInts}};

}  // namespace

extern const OpDef kOneHotEncoder;
constexpr OpDef kOneHotEncoder{.domain = "ai.onnx.ml",
                               .name = "OneHotEncoder",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
