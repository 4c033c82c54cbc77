// Elementwise nodes behind a product or convolution go into it, as far as all that is read outside is one
// value of the same shape. Bias, residual and clamp become fields that kernels apply on registers, the rest a
// tile program.
#include "ops/epilogue.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "ops/elementwise.h"
#include "passes/passes.h"
#include "passes/region.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::Value;

constexpr size_t kMostNodes = 24;

bool IsFloatTensor(const Value* value) {
  return value->type == ValueType::TensorOf(DType::kFloat);
}

// Borders between the groups of output axes that a kernel sees as one axis each.
std::vector<size_t> GroupBorders(EpilogueForm form, size_t rank) {
  if (form == EpilogueForm::kMatrix) return {0, rank - 2, rank - 1, rank};
  if (form == EpilogueForm::kChannels) return {0, 1, 2, rank};
  return {0, 1, 2, rank - 1, rank};  // blocked: the lanes are a group of their own
}

size_t LeastRank(EpilogueForm form) {
  return form == EpilogueForm::kMatrix ? 2 : form == EpilogueForm::kChannels ? 3 : 4;
}

// Whether the operand is, in each group, either as large as the output or one element.
bool Broadcasts(const Value& operand, const Shape& output, EpilogueForm form) {
  if (!IsFloatTensor(&operand) || !operand.shape.has_rank()) return false;
  const size_t rank = output.dims().size(), own = operand.shape.dims().size();
  if (own > rank) return false;
  const auto dim = [&](size_t axis) { return axis + own < rank ? Dim(1) : operand.shape[axis + own - rank]; };
  const std::vector<size_t> borders = GroupBorders(form, rank);
  for (size_t group = 0; group + 1 < borders.size(); ++group) {
    bool full = true, one = true;
    for (size_t axis = borders[group]; axis < borders[group + 1]; ++axis) {
      full = full && dim(axis) == output[axis];
      one = one && dim(axis).Is(1);
    }
    if (!full && !one) return false;
  }
  return true;
}

// What may follow the anchor, as far as it may go in.
class Growth {
 public:
  Growth(const Node& anchor, const Order& order, const PassContext& context)
      : anchor_(anchor), order_(order), context_(context), form_(anchor.op->traits.epilogue) {}

  // The nodes in the graph's order; empty where there are none.
  std::vector<Node*> Run() {
    Value* tile = anchor_.output(0);
    Open(tile);
    while (!candidates_.empty() && nodes_.size() < kMostNodes) {
      Node* node = candidates_.begin()->second;
      candidates_.erase(candidates_.begin());
      if (const char* why = Obstacle(*node)) {
        if (CanEmit(*node)) context_.Left(*node, why);
        break;
      }
      nodes_.push_back(node);
      for (const Value* value : node->inputs()) Close(value);
      Value* made = node->output(0);
      Open(made);
      if (open_.size() == 1 && open_.contains(made) && IsFloatTensor(made)) committed_ = nodes_.size();
      if (made->IsOutput()) break;
    }
    if (committed_ < nodes_.size())
      context_.Left(*nodes_[committed_], "more than one result is read outside");
    nodes_.resize(committed_);
    return nodes_;
  }

 private:
  // Why the node cannot go in, or null; its operands count from then on.
  const char* Obstacle(const Node& node) {
    if (!CanEmit(node) || !node.op->traits.pure || node.payload != nullptr) return "it has no tile program";
    if (!(node.device == anchor_.device)) return "it runs on another device";
    if (!(node.output(0)->shape == anchor_.output(0)->shape)) return "its result has another shape";
    std::vector<const Value*> operands = operands_;
    for (const Value* value : node.inputs()) {
      if (value == nullptr || inside_.contains(value)) continue;
      const bool number =
          IsNumber(value) && value->shape.dims().size() <= node.output(0)->shape.dims().size();
      if (number || std::ranges::find(operands, value) != operands.end()) continue;
      if (!Broadcasts(*value, anchor_.output(0)->shape, form_))
        return "no stride describes how an operand broadcasts";
      operands.push_back(value);
    }
    if (operands.size() > kMostEpilogueOperands) return "the epilogue has too many operands";
    operands_ = std::move(operands);
    return nullptr;
  }

  void Open(Value* value) {
    inside_.insert(value);
    open_.emplace(value, value->consumers().size());
    for (Node* reader : value->consumers()) {
      if (const auto at = order_.find(reader); at != order_.end()) candidates_.emplace(at->second, reader);
    }
  }
  void Close(const Value* value) {
    const auto found = open_.find(value);
    if (found != open_.end() && --found->second == 0) open_.erase(found);
  }

  const Node& anchor_;
  const Order& order_;
  const PassContext& context_;
  const EpilogueForm form_;
  std::map<int, Node*> candidates_;
  std::vector<Node*> nodes_;
  size_t committed_ = 0;
  std::unordered_set<const Value*> inside_;
  std::unordered_map<const Value*, size_t> open_;  // readers that are not in the region yet
  std::vector<const Value*> operands_;
};

// The other input of a two-input node that reads `value` once, or null.
Value* Other(const Node& node, const Value* value) {
  if (node.inputs().size() != 2) return nullptr;
  if (node.input(0) == value && node.input(1) != value) return node.input(1);
  return node.input(1) == value ? node.input(0) : nullptr;
}

float BoundOf(const Value* value, float otherwise, bool* known) {
  if (value == nullptr) return otherwise;
  const Tensor* tensor = FloatConstant(value);
  if (tensor == nullptr || tensor->count() != 1) {
    *known = false;
    return otherwise;
  }
  return tensor->Items<const float>()[0];
}

// Takes the fields off the front of the nodes.
class Builder {
 public:
  Builder(Graph& graph, Node& anchor, std::vector<Node*> nodes, Isa isa)
      : graph_(graph), anchor_(anchor), nodes_(std::move(nodes)), isa_(isa), value_(anchor.output(0)) {}

  void Run() {
    TakeBias();
    TakeResidual();
    const size_t behind_bias = residual_at_;
    TakeClamp();
    if (!Compile(behind_bias)) {
      // What has no program ends where the fields end; without a residual, which needs one.
      nodes_.resize(residual_ ? residual_at_ : taken_);
      if (residual_) {
        fused_.lower = -std::numeric_limits<float>::infinity();
        fused_.upper = std::numeric_limits<float>::infinity();
      }
      residual_ = nullptr;
      operands_.clear();
      fused_.program = nullptr;
      fused_.residual_program = nullptr;
    }
    if (!nodes_.empty()) Attach();
  }

 private:
  bool Single() const { return value_->HasOneUse() && taken_ < nodes_.size(); }
  void Advance() { value_ = nodes_[taken_++]->output(0); }

  void TakeBias() {
    if (anchor_.op->traits.epilogue != EpilogueForm::kMatrix || !Single() || !IsOp(nodes_[0], "Add")) return;
    Value* bias = Other(*nodes_[0], value_);
    if (bias == nullptr || anchor_.inputs().size() > 2 || !IsFloatTensor(bias) || !bias->shape.has_rank())
      return;
    const auto& dims = bias->shape.dims();
    if (dims.empty() || !(dims.back() == value_->shape.dims().back())) return;
    if (!std::all_of(dims.begin(), dims.end() - 1, [](const Dim& dim) { return dim.Is(1); })) return;
    bias_ = bias;
    Advance();
  }
  void TakeResidual() {
    residual_at_ = taken_;
    if (!Single() || !IsOp(nodes_[taken_], "Add")) return;
    Value* other = Other(*nodes_[taken_], value_);
    if (other == nullptr || !IsFloatTensor(other) || !(other->shape == value_->shape)) return;
    residual_ = other;
    residual_at_ = taken_;
    Advance();
  }
  void TakeClamp() {
    if (!Single()) return;
    const Node& node = *nodes_[taken_];
    if (node.input(0) != value_) return;
    bool known = true;
    if (IsOp(&node, "Relu")) {
      fused_.lower = 0;
    } else if (IsOp(&node, "Clip")) {
      const float infinity = std::numeric_limits<float>::infinity();
      const float lower = BoundOf(node.input(1), -infinity, &known),
                  upper = BoundOf(node.input(2), infinity, &known);
      if (!known || !(lower <= upper)) return;
      fused_.lower = lower;
      fused_.upper = upper;
    } else {
      return;
    }
    Advance();
  }

  // Programs for what the fields do not hold; false where one cannot be made.
  bool Compile(size_t residual_at) {
    const std::span<Node*const> all(nodes_), rest = all.subspan(taken_);
    Value* result = nodes_.back()->output(0);
    if (residual_ != nullptr) operands_.push_back(residual_);
    for (Value* value : OperandsOf(rest, value_, true)) {
      if (value != residual_) operands_.push_back(value);
    }
    const auto inputs = [this](Value* tile) {
      std::vector<Value*> values{tile};
      values.insert(values.end(), operands_.begin(), operands_.end());
      return values;
    };
    if (!rest.empty()) {
      auto program = CompileRegion(rest, inputs(value_), result, isa_);
      if (!program.ok()) return false;
      fused_.program = std::move(*program);
    }
    if (residual_ != nullptr) {
      const auto tail = all.subspan(residual_at);
      Value* tile = residual_at == 0 ? anchor_.output(0) : nodes_[residual_at - 1]->output(0);
      auto program = CompileRegion(tail, inputs(tile), result, isa_);
      if (!program.ok()) return false;
      fused_.residual_program = std::move(*program);
    }
    return true;
  }

  void Attach() {
    Value* result = nodes_.back()->output(0);
    size_t next = anchor_.op->inputs.size();
    if (anchor_.inputs().size() > next) return;  // a variadic operator has no place for operands
    Node* const last = nodes_.back();
    graph_.MoveBefore(&anchor_, last->next());
    anchor_.payload_text = NamesOf(nodes_);
    for (const Node* node : nodes_) AddSources(anchor_, *node);
    if (bias_ != nullptr) {
      fused_.bias = static_cast<int>(next);
      anchor_.SetInput(next++, bias_);
    }
    fused_.first_operand = next;
    fused_.operand_count = operands_.size();
    if (residual_ != nullptr) fused_.residual = static_cast<int>(next);
    for (Value* value : operands_) anchor_.SetInput(next++, value);
    anchor_.payload = std::make_shared<const FusedEpilogue>(std::move(fused_));
    Value* const tile = anchor_.output(0);
    anchor_.SetOutput(0, result);
    EraseRegion(graph_, nodes_);
    graph_.EraseValue(tile);
  }

  Graph& graph_;
  Node& anchor_;
  std::vector<Node*> nodes_;
  const Isa isa_;
  Value* value_;  // what the fields that were taken so far make
  size_t taken_ = 0;
  Value* bias_ = nullptr;
  Value* residual_ = nullptr;
  size_t residual_at_ = 0;
  std::vector<Value*> operands_;
  FusedEpilogue fused_;
};

bool IsMatrix(const Value* value) {
  return value != nullptr && value->shape.has_rank() && value->shape.rank() >= 2;
}

bool IsAnchor(const Node& node) {
  if (node.op->traits.epilogue == EpilogueForm::kNone || node.payload != nullptr) return false;
  if (node.outputs().size() != 1 || node.output(0) == nullptr || node.output(0)->IsOutput()) return false;
  // A product with a vector has fewer axes than (batch, m, n).
  if (node.op->traits.epilogue == EpilogueForm::kMatrix &&
      !(IsMatrix(node.input(0)) && IsMatrix(node.input(1)))) {
    return false;
  }
  const Value& made = *node.output(0);
  return IsFloatTensor(&made) && made.shape.has_rank() &&
         made.shape.dims().size() >= LeastRank(node.op->traits.epilogue);
}

}  // namespace

Status RunEpilogueFusion(Graph& graph, PassContext& context) {
  // Backwards: of two products that are added, the later one takes the other as its residual.
  const Order order = OrderOf(graph);
  for (Node* node = graph.last(); node != nullptr;) {
    Node* const previous = node->previous();
    if (IsAnchor(*node)) {
      std::vector<Node*> nodes = Growth(*node, order, context).Run();
      if (!nodes.empty()) Builder(graph, *node, std::move(nodes), context.isa).Run();
    }
    node = previous;
  }
  return OkStatus();
}

}  // namespace ortolan::passes
