#include "plan/plan.h"

#include <cstring>
#include <unordered_map>

#include "base/aligned_buffer.h"
#include "plan/repeated_weights.h"

namespace ortolan::plan {
namespace {

// Constants that every reader packed keep type and shape only: the packed form is the one copy in memory.
// They go as soon as the last reader has packed them, so that a load never holds all weights twice.
class PackedConstants {
 public:
  void Packed(const graph::Node& node, uint32_t consumed) {
    const auto& inputs = node.inputs();
    for (size_t i = 0; i < inputs.size() && i < 32; ++i) {
      if (inputs[i] == nullptr || ((consumed >> i) & 1) == 0) continue;
      inputs[i]->constant().DropPages();
      if (++readers_[inputs[i]] == inputs[i]->consumers().size() && !inputs[i]->IsOutput())
        inputs[i]->ReleaseConstantData();
    }
  }

 private:
  std::unordered_map<const graph::Value*, size_t> readers_;  // that have packed it
};

size_t ConstantBytes(const graph::Graph& graph) {
  size_t bytes = 0;
  for (const auto& value : graph.values()) {
    if (value != nullptr && value->IsConstant()) bytes += value->constant().bytes();
  }
  return bytes;
}

bool IsBorrowed(const Tensor& constant) {
  return constant.borrowed() || constant.pending();
}

// What is left of the model's own memory is copied into one block: after this nothing reads the file or the
// caller's bytes again.
Status CopyBorrowedConstants(const graph::Graph& graph, WeightStore* store) {
  size_t bytes = 0;
  auto padded = [](const Tensor& tensor) {
    return (tensor.bytes() + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  };
  std::vector<graph::Value*> borrowed;
  for (const auto& value : graph.values()) {
    if (value == nullptr || !value->IsConstant() || !IsBorrowed(value->constant())) continue;
    if (!value->constant().HasElements() || value->constant().dtype() == DType::kString) continue;
    borrowed.push_back(value.get());
    bytes += padded(value->constant());
  }
  const auto copy = [&](std::byte* to) {
    for (const graph::Value* value : borrowed) {
      const Tensor& from = value->constant();
      if (from.bytes() > 0) std::memcpy(to, from.source(), from.bytes());
      from.DropPages();
      to += padded(from);
    }
  };
  ORTOLAN_ASSIGN_OR_RETURN(const WeightBlock block, TakeWeights(store, bytes, copy));
  std::byte* at = block.data();
  for (graph::Value* value : borrowed) {
    const Tensor from = value->constant();
    value->MoveConstant(Tensor::Wrap(from.dtype(), from.dims(), at, block.owner(), from.device()));
    at += padded(from);
  }
  return OkStatus();
}

// Tensors in attributes are small: each gets memory of its own.
Status CopyBorrowedAttributes(graph::Node& node) {
  std::vector<graph::Attributes::Item> copies;
  for (const auto& [name, value] : node.attributes.items()) {
    const Tensor* tensor = std::get_if<Tensor>(&value);
    if (tensor == nullptr || !tensor->borrowed()) continue;
    ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, tensor->Copied());
    copies.emplace_back(name, std::move(copy));
  }
  for (auto& [name, value] : copies) node.attributes.Set(name, std::move(value));
  return OkStatus();
}

}  // namespace

Status NodeError(const graph::Node& node, Status status) {
  if (status.ok()) return status;
  return {status.code(),
          fmt::format("Non-zero status code returned while running {} node. Name:'{}' Status Message: {}",
                      node.op_type, node.name, status.message())};
}

Result<std::shared_ptr<const Plan>> Plan::Make(std::shared_ptr<graph::Graph> graph, const PlanOptions& given,
                                               ThreadPool& threads) {
  PlanOptions options = given;
  WeightStore own;
  if (options.store == nullptr) options.store = &own;
  options.store->Expect(ConstantBytes(*graph));
  auto plan = std::make_shared<Plan>();
  plan->parallel_ = options.parallel;
  std::unordered_map<const graph::Value*, int> index;
  for (const auto& value : graph->values()) {
    if (value == nullptr) continue;
    index.emplace(value.get(), static_cast<int>(plan->values_.size()));
    plan->values_.push_back(
        {value.get(), -1, value->type.IsTensor(), value->type.dtype, value->IsConstant()});
  }
  auto index_of = [&index](const graph::Value* value) { return value == nullptr ? -1 : index.at(value); };
  for (const graph::Value* input : graph->inputs()) {
    plan->values_[static_cast<size_t>(index_of(input))].input = static_cast<int>(plan->inputs_.size());
    plan->inputs_.push_back(index_of(input));
  }
  for (const graph::Value* output : graph->outputs()) plan->outputs_.push_back(index_of(output));

  size_t argument_count = 0;
  for (const graph::Node* node = graph->first(); node != nullptr; node = node->next())
    argument_count += node->inputs().size() + node->outputs().size();
  plan->arguments_.reserve(argument_count);  // spans point into it
  auto arguments = [&](const auto& values) {
    const size_t first = plan->arguments_.size();
    for (const graph::Value* value : values) plan->arguments_.push_back(index_of(value));
    return std::span<const int>(plan->arguments_).subspan(first);
  };
  PackedConstants packed;
  RepeatedWeights weights;
  for (graph::Node* node = graph->first(); node != nullptr; node = node->next()) {
    ORTOLAN_RETURN_IF_ERROR(CopyBorrowedAttributes(*node));
    Step step;
    step.node = node;
    step.inputs = arguments(node->inputs());
    step.outputs = arguments(node->outputs());
    const Traits& traits = node->op->traits;
    plan->step_facts_.push_back(
        {step.inputs, step.outputs, traits.view_of, traits.in_place, traits.control_flow});
    for (const auto& [name, attribute] : node->attributes.items()) {
      if (const auto* body = std::get_if<std::shared_ptr<graph::Graph>>(&attribute)) {
        ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> made, Make(*body, options, threads));
        step.bodies.push_back(std::move(made));
      }
    }
    if (traits.view_of < 0 && !traits.control_flow) {
      PrepareContext context{*node, options.isa, threads, options.deterministic, options.store};
      if (Status status = weights.Prepare(context, &step.prepared); !status.ok())
        return NodeError(*node, std::move(status));
    }
    packed.Packed(*node, step.prepared.consumed);
    plan->steps_.push_back(std::move(step));
  }
  ORTOLAN_RETURN_IF_ERROR(CopyBorrowedConstants(*graph, options.store));
  plan->graph_ = std::move(graph);
  return std::shared_ptr<const Plan>(std::move(plan));
}

std::string Dump(const Plan& plan) {
  std::string text;
  auto list = [&](std::span<const int> indices) {
    std::string items;
    for (int i : indices) {
      if (!items.empty()) items += ", ";
      items += i < 0 ? "-" : fmt::format("%{}", i);
    }
    return items;
  };
  for (const Step& step : plan.steps()) {
    text += fmt::format("{} = {}({})", list(step.outputs), step.node->op->name, list(step.inputs));
    if (step.node->op->traits.view_of >= 0) {
      text += "  view";
    } else if (!step.prepared.kernel.empty()) {
      text += "  " + step.prepared.kernel;
    }
    if (!step.node->name.empty()) text += "  # " + step.node->name;
    text += "\n";
    for (const auto& body : step.bodies) {
      text += "  {\n";
      const std::string inner = Dump(*body);
      for (size_t begin = 0; begin < inner.size();) {
        const size_t end = inner.find('\n', begin);
        text += "    " + inner.substr(begin, end - begin + 1);
        begin = end + 1;
      }
      text += "  }\n";
    }
  }
  return text;
}

}  // namespace ortolan::plan
