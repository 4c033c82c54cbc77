// Gradient: derivatives of one value of the graph with respect to others, all named, by replaying the nodes
// between them on the given inputs and going back over them. Refuses operators without a rule below and
// broadcasting.
#include <unordered_map>

#include "ops/compose.h"

namespace ortolan {
namespace {

using graph::Node;
using graph::Value;
using Replaced = std::unordered_map<const Value*, Value*>;

Result<Value*> Named(const graph::Graph& graph, std::string_view name) {
  for (const auto& value : graph.values()) {
    if (value != nullptr && value->name() == name) return value.get();
  }
  return InvalidGraph("Gradient: there is no value '{}'", name);
}

// The derivatives of one node's inputs: its replayed inputs and output, and the derivative of the output.
struct Step {
  Composer& make;
  Value* a;
  Value* b;
  Value* y;
  Value* dy;
};

struct Rule {
  std::string_view op;
  Value* (*of_a)(Step& s);
  Value* (*of_b)(Step& s);
};

Value* Negative(Step& s, Value* value) {
  return s.make.Node("Neg", {value});
}

constexpr Rule kRules[] = {
    {"Add", [](Step& s) { return s.dy; }, [](Step& s) { return s.dy; }},
    {"Sub", [](Step& s) { return s.dy; }, [](Step& s) { return Negative(s, s.dy); }},
    {"Mul",
     [](Step& s) {
       return s.make.Node("Mul", {s.dy, s.b});
     },
     [](Step& s) {
       return s.make.Node("Mul", {s.dy, s.a});
     }},
    {"Div",
     [](Step& s) {
       return s.make.Node("Div", {s.dy, s.b});
     },
     [](Step& s) {
       return Negative(s, s.make.Node("Div", {s.make.Node("Mul", {s.dy, s.y}), s.b}));
     }},
    {"Neg", [](Step& s) { return Negative(s, s.dy); }, nullptr},
    {"Identity", [](Step& s) { return s.dy; }, nullptr},
    {"Exp",
     [](Step& s) {
       return s.make.Node("Mul", {s.dy, s.y});
     },
     nullptr},
    {"Log",
     [](Step& s) {
       return s.make.Node("Div", {s.dy, s.a});
     },
     nullptr},
    {"Sqrt",
     [](Step& s) {
       return s.make.Node("Div", {s.dy, s.make.Node("Add", {s.y, s.y})});
     },
     nullptr},
    {"Tanh",
     [](Step& s) {
       return s.make.Node("Sub", {s.dy, s.make.Node("Mul", {s.dy, s.make.Node("Mul", {s.y, s.y})})});
     },
     nullptr},
    {"Sigmoid",
     [](Step& s) {
       Value* part = s.make.Node("Mul", {s.dy, s.y});
       return s.make.Node("Sub", {part, s.make.Node("Mul", {part, s.y})});
     },
     nullptr},
};

const Rule* RuleOf(const Node& node) {
  for (const Rule& rule : kRules) {
    if (node.op != nullptr && node.op->domain.empty() && node.op->name == rule.op) return &rule;
  }
  return nullptr;
}

Value* OnesLike(Composer& make, Value* value, DType dtype) {
  const float one = 1;
  Value* ones = make.Node("ConstantOfShape", {make.Node("Shape", {value})},
                          {{"value", Tensor::Of<float>({1}, std::span<const float>(&one, 1))}});
  return dtype == DType::kFloat ? ones : make.Node("Cast", {ones}, {{"to", static_cast<int64_t>(dtype)}});
}

// The nodes that lead from the replaced values to others, played again on the replacements.
Result<std::vector<const Node*>> Replay(RaiseContext& context, Composer& make, Replaced* replaced) {
  std::vector<const Node*> between;
  std::vector<const Node*> nodes;
  for (const Node* node = context.graph.first(); node != &context.node; node = node->next())
    nodes.push_back(node);
  for (const Node* node : nodes) {
    bool reads = false;
    for (const Value* input : node->inputs())
      reads = reads || (input != nullptr && replaced->contains(input));
    const Value* output = node->output(0);
    if (!reads || output == nullptr || replaced->contains(output)) continue;
    if (RuleOf(*node) == nullptr) continue;  // an error only where y needs it
    std::vector<Value*> inputs;
    for (Value* input : node->inputs()) {
      if (!(input->shape == output->shape)) {
        return NotImplemented("Gradient: {} broadcasts or has unknown shapes", node->op_type);
      }
      inputs.push_back(replaced->contains(input) ? (*replaced)[input] : input);
    }
    (*replaced)[output] = make.Node(node->op->name, std::move(inputs));
    between.push_back(node);
  }
  return between;
}

Status Raise(RaiseContext& context) {
  Node& node = context.node;
  const graph::Attributes attributes = node.attributes;
  const auto xs = attributes.Strings("xs"), zs = attributes.Strings("zs");
  if (xs.empty() || node.inputs().size() != xs.size() + zs.size() || node.outputs().size() > xs.size() ||
      node.output(0) == nullptr) {
    return InvalidGraph("Gradient: {} inputs and {} outputs for {} xs and {} zs", node.inputs().size(),
                        node.outputs().size(), xs.size(), zs.size());
  }
  Composer make(context);
  Replaced replaced;
  std::vector<const Value*> sources;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    ORTOLAN_ASSIGN_OR_RETURN(const Value* value,
                             Named(context.graph, i < xs.size() ? xs[i] : zs[i - xs.size()]));
    if (node.input(i) == nullptr) return InvalidGraph("Gradient: input {} is absent", i);
    replaced[value] = node.input(i);
    sources.push_back(value);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Value* y, Named(context.graph, attributes.String("y", "")));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<const Node*> between, Replay(context, make, &replaced));
  if (!replaced.contains(y))
    return NotImplemented("Gradient: no operators with known derivatives lead to '{}'", y->name());
  Replaced derivatives;
  derivatives[y] = OnesLike(make, replaced[y], y->type.dtype);
  auto add = [&](const Value* to, Value* part) {
    Value*& sum = derivatives[to];
    sum = sum == nullptr ? part : make.Node("Add", {sum, part});
  };
  for (size_t i = between.size(); i-- > 0;) {
    const Node& own = *between[i];
    const auto dy = derivatives.find(own.output(0));
    if (dy == derivatives.end()) continue;
    auto input = [&](size_t k) -> Value* {
      Value* value = own.input(k);
      return value != nullptr && replaced.contains(value) ? replaced[value] : value;
    };
    Step step{make, input(0), input(1), replaced[own.output(0)], dy->second};
    const Rule& rule = *RuleOf(own);
    add(own.input(0), rule.of_a(step));
    if (rule.of_b != nullptr) add(own.input(1), rule.of_b(step));
  }
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    if (derivatives[sources[i]] == nullptr)
      return NotImplemented("Gradient: '{}' does not lead to the result", xs[i]);
  }
  for (size_t i = node.outputs().size(); i-- > 1;) {
    Value* output = node.output(i);
    if (output == nullptr) continue;
    make.Node("Identity", {derivatives[sources[i]]})->producer()->SetOutput(0, output);
  }
  node.TruncateOutputs(1);
  make.Last("Identity", {derivatives[sources[0]]});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"Inputs", "T1", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"Outputs", "T2", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {{"T1", kAllTypes}, {"T2", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"xs", AttributeType::kStrings, true},
                                         {"zs", AttributeType::kStrings},
                                         {"y", AttributeType::kString, true}};

}  // namespace

extern const OpDef kGradient;
constexpr OpDef kGradient{.domain = "ai.onnx.preview.training",
                          .name = "Gradient",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .raise = Raise};

}  // namespace ortolan
