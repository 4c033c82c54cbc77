#include "ops/contrib/activation.h"

namespace ortolan {
namespace {

struct Known {
  std::string_view name;
  std::string_view first = {}, second = {};  // attributes that take the parameters
};
constexpr Known kKnown[] = {
    {"Relu"},
    {"Sigmoid"},
    {"Tanh"},
    {"Softplus"},
    {"Softsign"},
    {"HardSwish"},
    {"Gelu"},
    {"Mish"},
    {"Elu", "alpha"},
    {"Celu", "alpha"},
    {"LeakyRelu", "alpha"},
    {"ThresholdedRelu", "alpha"},
    {"HardSigmoid", "alpha", "beta"},
    {"Selu", "alpha", "gamma"},
};

}  // namespace

Result<graph::Value*> Activated(Composer& make, graph::Value* x, std::string_view name,
                                std::span<const float> parameters) {
  if (name.empty()) return x;
  if (name == "Clip") {
    if (parameters.size() != 2) return InvalidArgument("Clip with {} bounds", parameters.size());
    return make.Node("Clip", {x, make.Number(x, static_cast<double>(parameters[0])),
                              make.Number(x, static_cast<double>(parameters[1]))});
  }
  if (name == "QuickGelu") {
    return make.Node("Swish", {x}, {{"alpha", parameters.empty() ? 1.702f : parameters[0]}});
  }
  if (name == "Softmax") return make.Node("Softmax", {x}, {{"axis", int64_t{-1}}});
  for (const Known& known : kKnown) {
    if (known.name != name) continue;
    std::vector<graph::Attributes::Item> attributes;
    if (!known.first.empty() && !parameters.empty()) {
      attributes.emplace_back(known.first, parameters[0]);
    }
    if (!known.second.empty() && parameters.size() > 1) {
      attributes.emplace_back(known.second, parameters[1]);
    }
    return make.Node(name, {x}, std::move(attributes));
  }
  return NotImplemented("{}: no activation '{}' is known", make.composed().op_type, name);
}

Result<graph::Value*> ActivatedByParams(Composer& make, graph::Value* x) {
  const graph::Attributes& attributes = make.composed().attributes;
  return Activated(make, x, attributes.String("activation", ""), attributes.Floats("activation_params"));
}

Result<graph::Value*> ActivatedByGreek(Composer& make, graph::Value* x) {
  const graph::Attributes& attributes = make.composed().attributes;
  const std::string_view name = attributes.String("activation", "");
  const std::string_view second = name == "Selu" ? "activation_gamma" : "activation_beta";
  std::vector<float> parameters;
  if (name == "HardSigmoid" || name == "Selu" || attributes.Has("activation_alpha")) {
    const float otherwise = name == "Selu" ? 1.67326319f : name == "HardSigmoid" ? 0.2f : 0.0f;
    parameters.push_back(attributes.Float("activation_alpha", otherwise));
  }
  if (attributes.Has(second)) parameters.push_back(attributes.Float(second, 0.0f));
  if (name == "Softmax") {
    return make.Node("Softmax", {x}, {{"axis", attributes.Int("activation_axis", -1)}});
  }
  return Activated(make, x, name, parameters);
}

}  // namespace ortolan
