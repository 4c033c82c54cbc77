#include "passes/region.h"

#include <algorithm>
#include <unordered_set>

#include "ops/elementwise.h"

namespace ortolan::passes {
namespace {

using graph::Node;
using graph::Value;
using kernels::Reg;

Reg EmbedNumber(kernels::ProgramBuilder& builder, const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat:
      return builder.Constant(kernels::Element::kF32, static_cast<double>(*tensor.ref().As<float>()));
    case DType::kDouble:
      return builder.Constant(kernels::Element::kF64, *tensor.ref().As<double>());
    case DType::kInt32:
      return builder.ConstantInt(kernels::Element::kI32, *tensor.ref().As<int32_t>());
    default:
      return builder.ConstantInt(kernels::Element::kI64, *tensor.ref().As<int64_t>());
  }
}

}  // namespace

Order OrderOf(const graph::Graph& graph) {
  Order order;
  order.reserve(graph.node_count());
  int position = 0;
  for (const Node* node = graph.first(); node != nullptr; node = node->next())
    order.emplace(node, position++);
  return order;
}

bool IsNumber(const Value* value) {
  if (value == nullptr || !value->IsConstant()) return false;
  const Tensor& tensor = value->constant();
  const bool type =
      Contains(SetOf(DType::kFloat, DType::kDouble, DType::kInt32, DType::kInt64), tensor.dtype());
  return type && tensor.count() == 1 && tensor.HasElements() && tensor.device().kind == Device::Kind::kCpu;
}

std::vector<Value*> OperandsOf(std::span<Node* const> nodes, const Value* tile, bool embed) {
  std::unordered_set<const Value*> known{nullptr, tile};
  for (const Node* node : nodes) known.insert(node->output(0));
  std::vector<Value*> operands;
  for (const Node* node : nodes) {
    for (Value* value : node->inputs()) {
      if ((embed && IsNumber(value)) || !known.insert(value).second) continue;
      operands.push_back(value);
    }
  }
  return operands;
}

Result<std::shared_ptr<const kernels::Program>> CompileRegion(std::span<Node* const> nodes,
                                                              std::span<Value* const> inputs, Value* result,
                                                              Isa isa) {
  kernels::ProgramBuilder builder;
  std::unordered_map<const Value*, Reg> registers;
  for (const Value* value : inputs) {
    const auto element = ElementOf(value->type.dtype);
    if (!element) return NotImplemented("{} in a tile program", TypeText(value->type));
    registers.emplace(value, builder.Input(*element));
  }
  std::vector<Reg> arguments;
  for (const Node* node : nodes) {
    arguments.clear();
    for (const Value* value : node->inputs()) {
      if (value == nullptr) {
        arguments.push_back(kernels::kNoReg);
      } else if (const auto found = registers.find(value); found != registers.end()) {
        arguments.push_back(found->second);
      } else if (IsNumber(value)) {
        arguments.push_back(EmbedNumber(builder, value->constant()));
      } else {
        return Fail("A fused node reads what is no input of its program");
      }
    }
    ORTOLAN_ASSIGN_OR_RETURN(registers[node->output(0)], EmitNode(*node, builder, arguments));
  }
  const auto element = ElementOf(result->type.dtype);
  const auto found = registers.find(result);
  if (!element || found == registers.end()) return Fail("A fused region does not make its result");
  builder.Output(found->second, *element);
  return builder.Build(isa);
}

std::string NamesOf(std::span<Node* const> nodes) {
  std::string names;
  for (const Node* node : nodes) names += fmt::format("{}{}", names.empty() ? "" : ", ", node->op_type);
  return names;
}

void EraseRegion(graph::Graph& graph, std::span<Node* const> nodes) {
  for (size_t i = nodes.size(); i-- > 0;) {
    Value* value = nodes[i]->output(0);  // null where another node has taken the value over
    graph.EraseNode(nodes[i]);
    if (value != nullptr) graph.EraseValue(value);
  }
}

}  // namespace ortolan::passes
