// Constant folding: one sweep in order, inferring as it goes, so that a chain of shape arithmetic folds in
// one go.
#include <algorithm>

#include "ops/elementwise.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// A result larger than this is made at run time, where its memory is shared with others'.
constexpr double kMostBytes = 64 << 20;
// Results may be so much larger than what they are made from; an Expand of one number to a megabyte is no
// saving.
constexpr double kMostGrowth = 2;
constexpr double kSmallBytes = 16 << 10;
// Arithmetic on constants of several axes (masks of windows, distances of positions) may grow more: every run
// would repeat it.
constexpr double kMostArithmetic = 4 << 20;
constexpr double kMostArithmeticGrowth = 64;

// Bytes of a value whose shape is known, or a very large number.
double BytesOf(const Value& value) {
  if (!value.type.IsTensor() || !value.shape.IsConstant()) return 1e30;
  double bytes = DTypeBits(value.type.dtype) / 8.0;
  for (const graph::Dim& dim : value.shape.dims()) bytes *= static_cast<double>(dim.constant());
  return bytes;
}

Tensor BoolsOf(const Dims& dims, const std::vector<int64_t>& items) {
  Result<Tensor> made = Tensor::Allocate(DType::kBool, dims);
  if (!made.ok()) return {};
  std::ranges::transform(items, made->Items<uint8_t>().begin(),
                         [](int64_t item) { return item != 0 ? 1 : 0; });
  return std::move(*made);
}

// The tensor that the output must be, where inference knows every element.
std::optional<Tensor> FromContents(const Value& value) {
  if (!value.contents || !value.type.IsTensor() || !value.shape.IsConstant()) return std::nullopt;
  Dims dims;
  for (const graph::Dim& dim : value.shape.dims()) dims.push_back(dim.constant());
  std::vector<int64_t> items;
  for (const graph::Dim& dim : *value.contents) {
    if (!dim.IsConstant()) return std::nullopt;
    items.push_back(dim.constant());
  }
  if (CheckedCount(dims) != static_cast<int64_t>(items.size())) return std::nullopt;
  if (value.type.dtype == DType::kInt64) return Tensor::Of<int64_t>(dims, items);
  if (value.type.dtype == DType::kBool) return BoolsOf(dims, items);
  if (value.type.dtype != DType::kInt32) return std::nullopt;
  return Tensor::Of<int32_t>(dims, std::vector<int32_t>(items.begin(), items.end()));
}

bool IsReadable(const Value& value) {
  const Tensor& tensor = value.constant();
  if (!tensor.defined() || tensor.device().kind != Device::Kind::kCpu) return false;
  return tensor.HasElements();
}

bool MayEvaluate(const Node& node) {
  if (!node.op->traits.pure || node.op->traits.control_flow) return false;
  double read = 0;
  for (const Value* value : node.inputs()) {
    if (value == nullptr) continue;
    if (!IsReadable(*value)) return false;
    read += static_cast<double>(value->constant().bytes());
  }
  if (node.op->traits.data_dependent_shape) return read <= kMostBytes;
  double written = 0;
  for (const Value* value : node.outputs()) {
    if (value != nullptr) written += BytesOf(*value);
  }
  if (written <= kSmallBytes || written <= std::min(kMostBytes, kMostGrowth * read)) return true;
  return node.op->emit != nullptr && written <= std::min(kMostArithmetic, kMostArithmeticGrowth * read);
}

// Whether the node makes float32 of a constant of a half type.
bool IsWidening(const Node& node) {
  if (!IsOp(&node, "Cast") || !node.HasInput(0) || node.output(0) == nullptr) return false;
  const Value& half = *node.input(0);
  return half.IsConstant() && IsReadable(half) && half.type.IsTensor() &&
         (half.type.dtype == DType::kFloat16 || half.type.dtype == DType::kBFloat16) &&
         node.output(0)->type == ValueType::TensorOf(DType::kFloat);
}

// A table that is only gathered from: the rows that a run takes are widened, not all of them.
bool WidenGathered(Graph& graph, Node& cast) {
  constexpr size_t kTableBytes = size_t{1} << 20;
  Value* const wide = cast.output(0);
  if (cast.input(0)->constant().bytes() < kTableBytes || wide->IsOutput() || wide->consumers().empty())
    return false;
  const std::vector<Node*> gathers(wide->consumers().begin(), wide->consumers().end());
  for (const Node* gather : gathers) {
    if (!IsOp(gather, "Gather") || gather->input(0) != wide || gather->input(1) == wide) return false;
  }
  for (Node* gather : gathers) {
    Value* const result = gather->output(0);
    Value* const rows = graph.NewValue(result->name());
    rows->type = cast.input(0)->type;
    rows->shape = result->shape;
    gather->SetInput(0, cast.input(0));
    gather->SetOutput(0, rows);
    Node& widening = *graph.InsertBefore(gather->next());
    InitNode(widening, *cast.op, *gather);
    widening.attributes.Set("to", static_cast<int64_t>(DType::kFloat));
    widening.SetInput(0, rows);
    widening.SetOutput(0, result);
  }
  graph.EraseNode(&cast);
  return true;
}

// Replaces the node by its results; all of them are tensors.
void Install(Graph& graph, Node& node, std::vector<Tensor> results) {
  const std::vector<Value*> outputs = node.outputs();
  graph.EraseNode(&node);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] != nullptr) outputs[i]->set_constant(std::move(results[i]));
  }
}

bool FoldByContents(Graph& graph, Node& node) {
  if (!node.op->traits.pure || node.outputs().size() != 1 || node.output(0) == nullptr) return false;
  std::optional<Tensor> tensor = FromContents(*node.output(0));
  if (!tensor) return false;
  Install(graph, node, {std::move(*tensor)});
  return true;
}

// An error leaves the node for the run, where it may never be reached.
void FoldByEvaluation(Graph& graph, Node& node, ThreadPool& threads) {
  std::vector<ortolan::Value> inputs;
  for (const Value* value : node.inputs()) {
    inputs.push_back(value ? ortolan::Value(value->constant()) : ortolan::Value());
  }
  Result<std::vector<ortolan::Value>> results = Evaluate(node, inputs, threads);
  if (!results.ok()) return;
  std::vector<Tensor> tensors(node.outputs().size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (node.output(i) == nullptr) continue;
    if (i >= results->size() || (*results)[i].kind() != ortolan::Value::Kind::kTensor) return;
    tensors[i] = (*results)[i].tensor();
    const bool large = static_cast<double>(tensors[i].bytes()) > kMostBytes;
    if (large && node.op->traits.data_dependent_shape) return;
  }
  Install(graph, node, std::move(tensors));
}

// torch writes the weights of layers that share them as Identity of the first one's: they stay one constant.
bool HandOnConstant(Graph& graph, Node& node) {
  if (node.op->traits.view_of < 0 || node.outputs().size() != 1 || node.output(0) == nullptr) return false;
  Value *from = node.input(static_cast<size_t>(node.op->traits.view_of)), *to = node.output(0);
  if (from == nullptr || !from->IsConstant() || to->IsOutput()) return false;
  if (from->type != to->type || from->shape != to->shape) return false;
  graph.ReplaceUses(to, from);
  graph.EraseNode(&node);
  graph.EraseValue(to);
  return true;
}

void FoldWidening(Graph& graph, Node& node, ThreadPool& threads) {
  Result<Tensor> wide = Widened(node.input(0)->constant(), threads);
  if (wide.ok()) Install(graph, node, {std::move(*wide)});
}

// Captured values that became constants become constants of the bodies, so that they fold there.
void PushIntoBodies(Node& node) {
  size_t captured = graph::CapturedCount(node);
  if (captured == 0) return;
  std::vector<Graph*> bodies;
  for (const auto& [name, attribute] : node.attributes.items()) {
    const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute);
    if (body != nullptr && *body != nullptr) bodies.push_back(body->get());
  }
  std::vector<Value*> inputs = node.inputs();
  for (const Graph* body : bodies) {
    if (captured > std::min(inputs.size(), body->inputs().size())) return;
  }
  size_t behind = 0;  // inputs behind the one at hand
  while (behind < captured) {
    const size_t at = inputs.size() - 1 - behind;
    if (inputs[at] == nullptr || !inputs[at]->IsConstant()) {
      ++behind;
      continue;
    }
    for (Graph* body : bodies) {
      const size_t position = body->inputs().size() - 1 - behind;
      Value* inner = body->inputs()[position];
      body->ReplaceUses(inner, body->NewConstant(inner->name(), inputs[at]->constant()));
      body->RemoveInput(position);
      body->EraseValue(inner);
    }
    inputs.erase(inputs.begin() + static_cast<ptrdiff_t>(at));
    --captured;
  }
  if (inputs.size() == node.inputs().size()) return;
  node.SetInputs(std::move(inputs));
  node.attributes.Set(graph::kCapturedAttribute, static_cast<int64_t>(captured));
}

}  // namespace

Status RunFold(Graph& graph, PassContext& context) {
  Status status;
  graph.ForEachNode([&](Node& node) {
    if (!status.ok()) return;
    PushIntoBodies(node);
    UpdateCaptured(node);
    status = InferInPlace(node, *graph.dims());
    if (!status.ok() || FoldByContents(graph, node) || HandOnConstant(graph, node)) return;
    if (IsWidening(node)) {
      if (!WidenGathered(graph, node)) FoldWidening(graph, node, context.threads);
    } else if (MayEvaluate(node)) {
      FoldByEvaluation(graph, node, context.threads);
    }
  });
  return status;
}

}  // namespace ortolan::passes
