// 8-bit convolutions with constant kernels and what stands between them move to channels-last maps
// (kernels/quant/byte_conv.h), where the channels that a convolution sums lie side by side.
//
// One walk in order, as the layout pass for floats: a convolution makes its input channels-last where it is
// not yet, other operators follow where all that they read is; what still needs the channels-first value gets
// a Transpose behind the producer. Sums of a convolution's result and another map go into the convolution at
// last.
#include <algorithm>
#include <unordered_map>

#include "ops/all_ops.h"
#include "ops/quant/byte_facts.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

std::vector<int64_t> ToLast(int rank) {
  std::vector<int64_t> order = {0};
  for (int axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return order;
}
std::vector<int64_t> ToFirst(int rank) {
  std::vector<int64_t> order = {0, rank - 1};
  for (int axis = 1; axis + 1 < rank; ++axis) order.push_back(axis);
  return order;
}
// Where axis `axis` of a channels-first value is in the channels-last one.
int64_t AxisInLast(int64_t axis, int rank) {
  if (axis < 0) axis += rank;
  return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}

class ByteLayout {
 public:
  explicit ByteLayout(Graph& graph) : graph_(graph) {}

  Status Run() {
    for (Node* node = graph_.first(); node != nullptr;) {
      Node* next = node->next();
      ORTOLAN_RETURN_IF_ERROR(Visit(*node));
      node = next;
    }
    ORTOLAN_RETURN_IF_ERROR(Finish());
    for (Node* node = graph_.first(); node != nullptr;) {
      Node* next = node->next();
      if (node->op == &kByteBinary) JoinSum(*node);
      node = next;
    }
    return OkStatus();
  }

 private:
  Value* Find(const Value* value) const {
    const auto found = last_.find(value);
    return found == last_.end() ? nullptr : found->second;
  }

  Status Visit(Node& node) {
    if (node.payload != nullptr || node.outputs().empty() || node.output(0) == nullptr) return OkStatus();
    if (node.op == &kQLinearConv) return VisitConv(node);
    if (node.op == &kByteTable) return Follow(node, *node.op, node.attributes, 1);
    if (node.op == &kByteBinary) return VisitBinary(node);
    if (node.op == &kByteGlobalAverage) {
      graph::Attributes attributes = node.attributes;
      attributes.Set("channels_last", int64_t{1});
      return Follow(node, *node.op, std::move(attributes), 1);
    }
    if (node.op == &kMaxPool) {
      if (node.output(1) != nullptr || !quant::IsBytes(node.output(0)->type.dtype)) return OkStatus();
      int64_t taps = 1;
      for (int64_t size : node.attributes.Ints("kernel_shape")) taps = taps > 256 ? taps : taps * size;
      if (taps > 256) return OkStatus();
      graph::Attributes attributes = node.attributes;
      attributes.Remove("storage_order");
      return Follow(node, kByteMaxPool, std::move(attributes), 1);
    }
    if (node.op == &kConcat) return VisitConcat(node);
    if (node.op == &kSplit) return VisitSplit(node);
    if (node.op == &kSlice) return VisitSlice(node);
    if (node.op == &kResize) return VisitResize(node);
    return OkStatus();
  }

  Node* Make(Node& origin, const OpDef& op, graph::Attributes attributes, std::vector<Value*> inputs) {
    Node* made = graph_.InsertBefore(&origin);
    InitNode(*made, op, origin);
    made->attributes = std::move(attributes);
    made->SetInputs(std::move(inputs));
    return made;
  }

  // The node gives the channels-last form of `planar`.
  void Gives(Node& made, size_t output, Value* planar) {
    Value* value = graph_.NewValue(planar->name() + "_last");
    value->device = planar->device;
    made.SetOutput(output, value);
    last_[planar] = value;
    freed_.push_back(planar);
  }

  Status Replace(Node& node, const OpDef& op, graph::Attributes attributes, std::vector<Value*> inputs) {
    Node* made = Make(node, op, std::move(attributes), std::move(inputs));
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      if (node.output(i) != nullptr) Gives(*made, i, node.output(i));
    }
    ORTOLAN_RETURN_IF_ERROR(InferInPlace(*made, *graph_.dims()));
    graph_.EraseNode(&node);
    return OkStatus();
  }

  // The first `maps` inputs become their channels-last forms, where there are such.
  Status Follow(Node& node, const OpDef& op, graph::Attributes attributes, size_t maps) {
    std::vector<Value*> inputs = node.inputs();
    for (size_t i = 0; i < maps; ++i) {
      inputs[i] = inputs[i] ? Find(inputs[i]) : nullptr;
      if (inputs[i] == nullptr) return OkStatus();
    }
    return Replace(node, op, std::move(attributes), std::move(inputs));
  }

  Status VisitConv(Node& node) {
    Value* x = node.input(0);
    if (x == nullptr || !x->shape.has_rank() || x->shape.rank() < 3 || x->shape.rank() > 5) return OkStatus();
    quant::ConvConstants constants;
    if (!quant::ReadConvConstants(node, &constants).ok()) return OkStatus();
    if (static_cast<int>(node.input(3)->constant().dims().size()) != x->shape.rank()) return OkStatus();
    kernels::ByteConvWeights& weights = constants.weights;
    Value* last = Find(x);
    // A few channels are brought together by the convolution's own copy.
    weights.x_planar = last == nullptr && weights.groups == 1 && weights.in_channels <= 4;
    if (!kernels::TakesByteConv(weights)) return OkStatus();
    graph::Attributes attributes = node.attributes;
    attributes.Set("signed", int64_t{constants.y_signed ? 1 : 0});
    if (weights.x_planar) {
      attributes.Set("planar_input", int64_t{1});
    } else if (last == nullptr) {
      ORTOLAN_ASSIGN_OR_RETURN(last, TransposedBefore(node, x));
    }
    std::vector<Value*> inputs = node.inputs();
    if (last != nullptr) inputs[0] = last;
    return Replace(node, kByteConv, std::move(attributes), std::move(inputs));
  }

  Result<Value*> TransposedBefore(Node& node, Value* planar) {
    graph::Attributes attributes;
    attributes.Set("perm", ToLast(planar->shape.rank()));
    Node* made = Make(node, kTranspose, std::move(attributes), {planar});
    Value* value = graph_.NewValue(planar->name() + "_last");
    made->SetOutput(0, value);
    ORTOLAN_RETURN_IF_ERROR(InferInPlace(*made, *graph_.dims()));
    last_[planar] = value;
    return value;
  }

  Status VisitBinary(Node& node) {
    std::vector<Value*> inputs = node.inputs();
    bool any = false;
    for (Value*& input : inputs) {
      if (Value* last = Find(input)) {
        if (!input->shape.has_rank() || !node.output(0)->shape.has_rank() ||
            input->shape.rank() != node.output(0)->shape.rank())
          return OkStatus();
        input = last;
        any = true;
      } else if (!input->IsConstant() || input->constant().count() != 1 || input->shape.rank() > 1) {
        return OkStatus();
      }
    }
    return any ? Replace(node, *node.op, node.attributes, std::move(inputs)) : OkStatus();
  }

  Status VisitConcat(Node& node) {
    const Value* y = node.output(0);
    if (!y->shape.has_rank()) return OkStatus();
    graph::Attributes attributes = node.attributes;
    attributes.Set("axis", AxisInLast(attributes.Int("axis", 0), y->shape.rank()));
    return Follow(node, *node.op, std::move(attributes), node.inputs().size());
  }

  Status VisitSplit(Node& node) {
    if (Find(node.input(0)) == nullptr) return OkStatus();
    graph::Attributes attributes = node.attributes;
    attributes.Set("axis", AxisInLast(attributes.Int("axis", 0), node.input(0)->shape.rank()));
    return Follow(node, *node.op, std::move(attributes), 1);
  }

  Status VisitSlice(Node& node) {
    const Value* axes = node.input(3);
    if (Find(node.input(0)) == nullptr || axes == nullptr || !axes->IsConstant() ||
        axes->constant().dtype() != DType::kInt64) {
      return OkStatus();
    }
    std::vector<int64_t> moved;
    const int rank = node.input(0)->shape.rank();
    for (int64_t axis : axes->constant().Items<const int64_t>()) {
      if (axis < -rank || axis >= rank) return OkStatus();
      moved.push_back(AxisInLast(axis, rank));
    }
    std::vector<Value*> inputs = node.inputs();
    inputs[0] = Find(inputs[0]);
    inputs[3] =
        graph_.NewConstant(axes->name() + "_last", Tensor::Of<int64_t>(axes->constant().dims(), moved));
    return Replace(node, *node.op, node.attributes, std::move(inputs));
  }

  // By constant scales or sizes for all axes.
  Status VisitResize(Node& node) {
    Value* last = Find(node.input(0));
    if (last == nullptr || node.attributes.Has("axes") || node.input(1) != nullptr) return OkStatus();
    std::vector<Value*> inputs = node.inputs();
    inputs[0] = last;
    const std::vector<int64_t> order = ToLast(node.input(0)->shape.rank());
    for (size_t i = 2; i < inputs.size(); ++i) {
      if (inputs[i] == nullptr) continue;
      if (!inputs[i]->IsConstant()) return OkStatus();
      const Tensor& list = inputs[i]->constant();
      if (list.count() == 0) continue;
      if (list.count() != static_cast<int64_t>(order.size())) return OkStatus();
      Tensor moved;
      if (list.dtype() == DType::kFloat) {
        moved = Moved<float>(list, order);
      } else if (list.dtype() == DType::kInt64) {
        moved = Moved<int64_t>(list, order);
      } else {
        return OkStatus();
      }
      inputs[i] = graph_.NewConstant(inputs[i]->name() + "_last", std::move(moved));
    }
    return Replace(node, *node.op, node.attributes, std::move(inputs));
  }
  template <typename T>
  static Tensor Moved(const Tensor& list, const std::vector<int64_t>& order) {
    std::vector<T> items;
    for (int64_t axis : order) items.push_back(list.Items<const T>()[static_cast<size_t>(axis)]);
    return Tensor::Of<T>(list.dims(), items);
  }

  // Channels-first values that are still read come back; the others go.
  Status Finish() {
    for (Value* planar : freed_) {
      if (planar->consumers().empty() && !planar->IsOutput()) {
        last_.erase(planar);
        graph_.EraseValue(planar);
        continue;
      }
      Value* last = last_.at(planar);
      Node* producer = last->producer();
      Node* made = producer->next() ? graph_.InsertBefore(producer->next()) : graph_.AppendNode();
      InitNode(*made, kTranspose, *producer);
      made->attributes.Set("perm", ToFirst(planar->shape.rank()));
      made->SetInput(0, last);
      made->SetOutput(0, planar);
    }
    return OkStatus();
  }

  // A convolution that makes `value` for this sum alone and can add to its result.
  static Node* Summand(Value* value) {
    Node* node = value->producer();
    if (node == nullptr || node->op != &kByteConv || node->HasInput(9) || !value->HasOneUse() ||
        value->IsOutput())
      return nullptr;
    const int64_t groups = node->attributes.Int("group", 1);
    return groups == 1 || groups != node->input(3)->constant().dims()[0] ? node : nullptr;
  }

  void JoinSum(Node& sum) {
    if (sum.attributes.Int("product", 0) != 0) return;
    Value* a = sum.input(0);
    Value* b = sum.input(1);
    if (a == b || !(a->shape == b->shape) || !a->shape.has_rank()) return;
    Node* conv = Summand(a);
    bool first = true;
    Node* other = Summand(b);
    // Of two convolutions the later one: the other has made its map by then.
    if (conv == nullptr || (other != nullptr && IsBefore(conv, other))) {
      if (other == nullptr) return;
      conv = other;
      first = false;
    }
    const graph::Attributes& facts = sum.attributes;
    const bool is_signed = a->type.dtype == DType::kInt8;
    const kernels::ByteBinaryFacts binary = kernels::BinaryFacts(
        false, is_signed, facts.Float("a_scale", 1), static_cast<int32_t>(facts.Int("a_zero", 0)),
        facts.Float("b_scale", 1), static_cast<int32_t>(facts.Int("b_zero", 0)), facts.Float("y_scale", 1),
        static_cast<int32_t>(facts.Int("y_zero", 0)));
    Value* own = first ? a : b;
    Value* result = sum.output(0);
    conv->attributes.Set("own_first", int64_t{first ? 0 : 1});
    conv->attributes.Set("own_ratio", first ? binary.a_ratio : binary.b_ratio);
    conv->attributes.Set("other_ratio", first ? binary.b_ratio : binary.a_ratio);
    conv->attributes.Set("fixed", binary.fixed);
    conv->attributes.Set("signed", int64_t{result->type.dtype == DType::kInt8 ? 1 : 0});
    conv->SetInput(9, first ? b : a);
    graph_.MoveBefore(conv, &sum);
    AddSources(*conv, sum);
    graph_.EraseNode(&sum);
    conv->SetOutput(0, result);
    graph_.EraseValue(own);
  }

  // Both stand before the sum, so the walk from `node` meets `other` or ends there.
  static bool IsBefore(const Node* node, const Node* other) {
    for (const Node* at = node->next(); at != nullptr; at = at->next()) {
      if (at == other) return true;
    }
    return false;
  }

  Graph& graph_;
  std::unordered_map<const Value*, Value*> last_;  // by the channels-first value
  std::vector<Value*> freed_;                      // channels-first values whose producer is gone
};

}  // namespace

Status RunByteLayout(Graph& graph, PassContext&) {
  return ByteLayout(graph).Run();
}

}  // namespace ortolan::passes
