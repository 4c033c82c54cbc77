// Graphs of float16 and bfloat16 compute in float32, for which there are kernels and fusions: values between
// nodes become float32, constants are converted once, and casts stand at the edges only (inputs and outputs
// of the graph, operators that must see the half type). So results are rounded to the half type at the edges
// and where the model says so with a Cast of its own, and nowhere between: as with onnxruntime, which casts
// around every node that has no half kernel and drops the pairs. (onnxruntime also drops a model's own Cast
// to float16 where it meets such a pair; here that rounding stays.)
//
// A node that does as well in half stays there where its data is: a cast behind it is as good as one in
// front, and a cache that is read and written in half never becomes float32.
#include <algorithm>
#include <unordered_map>

#include "ops/elementwise.h"
#include "ops/precision.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// They move elements without a look at them, or read and write the half types themselves.
constexpr std::string_view kAsWellInHalf[] = {
    "Attention", "Compress", "Concat",    "DepthToSpace",    "Expand",      "Flatten",       "Gather",
    "GatherND",  "Identity", "Pad",       "GatherElements",  "Reshape",     "ScatterND",     "Shape",
    "Size",      "Slice",    "Split",     "ReverseSequence", "Squeeze",     "TensorScatter", "Tile",
    "Transpose", "Trilu",    "Unsqueeze", "ScatterElements", "SpaceToDepth"};
// What they do hangs on the type that they see: its bits, or what it rounds.
constexpr std::string_view kTyped[] = {"BitCast", "Cast", "CastLike"};

bool IsHalf(const Value* value) {
  return value != nullptr && value->type.IsTensor() &&
         (value->type.dtype == DType::kFloat16 || value->type.dtype == DType::kBFloat16);
}

bool IsAnyOf(const Node& node, std::span<const std::string_view> names) {
  return node.op->domain.empty() && std::ranges::find(names, node.op->name) != names.end();
}

bool IsReadable(const Tensor& tensor) {
  return tensor.device().kind == Device::Kind::kCpu && tensor.HasElements();
}

bool TakesFloat(const OpDef& op, size_t input) {
  if (op.inputs.empty()) return false;
  const bool past = input >= op.inputs.size();
  if (past && op.inputs.back().arity != Arity::kVariadic) return false;
  const FormalParameter& formal = past ? op.inputs.back() : op.inputs[input];
  const auto constraint = std::ranges::find(op.types, formal.type, &TypeConstraint::name);
  return constraint != op.types.end() && Contains(constraint->tensors, DType::kFloat);
}

class Widener {
 public:
  Widener(Graph& graph, PassContext& context, const OpDef& cast)
      : graph_(graph), context_(context), cast_(cast) {}

  Status Run() {
    Status status;
    graph_.ForEachNode([&](Node& node) {
      if (!status.ok()) return;
      if (IsAnyOf(node, kTyped)) {
        FollowCast(node);
      } else if (MayWiden(node) && !StaysHalf(node) && GivesFloat(node)) {
        status = Widen(node);
      }
    });
    NarrowWhatIsRead();
    return status;
  }

 private:
  struct Pair {
    Value* half;
    Value* wide;
  };

  bool MayWiden(const Node& node) const {
    const OpDef& op = *node.op;
    if (!op.domain.empty() && op.domain != "com.microsoft") return false;
    if (!op.traits.pure || op.traits.control_flow || node.payload != nullptr) return false;
    if (context_.place && context_.place(node).kind != Device::Kind::kCpu) return false;
    const auto tensor = [](const Value* value) { return value == nullptr || value->type.IsTensor(); };
    if (!std::ranges::all_of(node.inputs(), tensor) || !std::ranges::all_of(node.outputs(), tensor))
      return false;
    bool any = false;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      if (!IsHalf(node.input(i))) continue;
      if (!TakesFloat(op, i)) return false;
      any = true;
    }
    return any;
  }

  bool StaysHalf(const Node& node) const {
    if (!IsAnyOf(node, kAsWellInHalf)) return false;
    const auto computed = [this](const Value* value) { return computed_.contains(value); };
    const auto given = [this](const Value* value) {
      return IsHalf(value) && !computed_.contains(value) && !value->IsConstant();
    };
    const auto leaves = [](const Value* value) { return IsHalf(value) && value->IsOutput(); };
    if (std::ranges::none_of(node.inputs(), computed)) return true;
    return std::ranges::any_of(node.inputs(), given) && std::ranges::any_of(node.outputs(), leaves);
  }

  // Whether all half outputs become float32 with the inputs: an attribute may say otherwise.
  bool GivesFloat(const Node& node) const {
    std::vector<InferInput> inputs(node.inputs().size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Value* value = node.input(i);
      if (value == nullptr) continue;
      const Tensor& constant = value->constant();
      const bool half = IsHalf(value), data = !half && constant.defined() && IsReadable(constant);
      inputs[i] = {true, half ? ValueType::TensorOf(DType::kFloat) : value->type, value->shape,
                   value->contents ? &*value->contents : nullptr, data ? &constant.ref() : nullptr};
    }
    InferContext inference(node, std::move(inputs), node.outputs().size(), graph_.dims().get());
    if (!RunInference(inference).ok()) return false;
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      const ValueType& type = inference.output(i).type;
      if (IsHalf(node.output(i)) && !(type == ValueType::TensorOf(DType::kFloat))) return false;
    }
    return true;
  }

  // A Cast reads a half value as it is, unless that would round where nobody asked for it: on the way to
  // float32, and where the model casts to the type that is there.
  void FollowCast(Node& node) {
    if (!IsHalf(node.input(0)) || !IsOp(&node, "Cast") || node.output(0) == nullptr) return;
    if (node.output(0)->type == node.input(0)->type) return ReplaceNode(graph_, node, node.input(0));
    if (!(node.output(0)->type == ValueType::TensorOf(DType::kFloat))) return;
    if (const auto found = computed_.find(node.input(0)); found != computed_.end()) {
      node.SetInput(0, found->second);
    } else {
      cast_of_.emplace(node.input(0), node.output(0));
    }
  }

  // Products may go on to round their operands as the model has them, to multiply them faster.
  static bool MultipliesBFloat16(const Node& node) {
    constexpr std::string_view kProducts[] = {"Gemm", "MatMul"};
    const auto bfloat16 = [&](size_t i) {
      return IsHalf(node.input(i)) && node.input(i)->type.dtype == DType::kBFloat16;
    };
    return IsAnyOf(node, kProducts) && bfloat16(0) && bfloat16(1);
  }

  Status Widen(Node& node) {
    if (MultipliesBFloat16(node)) node.attributes.Set(std::string(kBFloat16Operands), int64_t{1});
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      if (!IsHalf(node.input(i))) continue;
      ORTOLAN_ASSIGN_OR_RETURN(Value * wide, WideOf(node.input(i), node));
      node.SetInput(i, wide);
    }
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      Value* half = node.output(i);
      if (!IsHalf(half)) continue;
      Value* wide = NewWide(*half);
      node.SetOutput(i, wide);
      computed_.emplace(half, wide);
      results_.push_back({half, wide});
    }
    return OkStatus();
  }

  Value* NewWide(const Value& half) {
    Value* wide = graph_.NewValue(half.name());
    wide->type = ValueType::TensorOf(DType::kFloat);
    wide->shape = half.shape;
    return wide;
  }

  Result<Value*> WideOf(Value* half, Node& reader) {
    if (const auto found = computed_.find(half); found != computed_.end()) return found->second;
    if (const auto found = cast_of_.find(half); found != cast_of_.end()) return found->second;
    Value* wide = nullptr;
    if (half->IsConstant() && IsReadable(half->constant())) {
      ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, Widened(half->constant(), context_.threads));
      wide = graph_.NewConstant(half->name(), std::move(tensor));
    } else {
      wide = NewWide(*half);
      AddCast(half, wide, &reader, reader);
    }
    cast_of_.emplace(half, wide);
    return wide;
  }

  void AddCast(Value* from, Value* to, Node* before, const Node& origin) {
    Node* node = graph_.InsertBefore(before);
    InitNode(*node, cast_, origin);
    node->attributes.Set("to", static_cast<int64_t>(to->type.dtype));
    node->SetInput(0, from);
    node->SetOutput(0, to);
  }

  void NarrowWhatIsRead() {
    for (const Pair& pair : results_) {
      if (pair.half->consumers().empty() && !pair.half->IsOutput()) {
        graph_.EraseValue(pair.half);
        continue;
      }
      Node* producer = pair.wide->producer();
      AddCast(pair.wide, pair.half, producer->next(), *producer);
    }
  }

  Graph& graph_;
  PassContext& context_;
  const OpDef& cast_;
  std::vector<Pair> results_;                          // of widened nodes, in order
  std::unordered_map<const Value*, Value*> computed_;  // the same, by the half value
  std::unordered_map<const Value*, Value*> cast_of_;   // of other half values
};

}  // namespace

Status RunWiden(Graph& graph, PassContext& context) {
  const OpDef* cast = FindOp("", "Cast");
  return cast == nullptr ? OkStatus() : Widener(graph, context, *cast).Run();
}

}  // namespace ortolan::passes
