// Scaled dot product attention that a model spells out, softmax(Q K^T * scale + mask) V over heads, becomes
// ONNX's Attention, whose scores never leave the cache. Heads that were split off by Reshape and Transpose,
// and joined again behind, are read and written where they stand.
#include <algorithm>
#include <cmath>
#include <map>

#include "ops/all_ops.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::Value;

bool IsHeads(const Value* value) {
  return value != nullptr && value->type.dtype == DType::kFloat && value->type.IsTensor() &&
         value->shape.has_rank() && value->shape.rank() == 4;
}

// What makes `value`, where nothing else reads it.
Node* OwnMaker(const Value* value, std::string_view op) {
  return value != nullptr && value->HasOneUse() ? MakerOf(value, op) : nullptr;
}

// Takes a multiplication by one number off `value` and into `scale`.
Value* Unscaled(Value* value, double* scale) {
  if (const Node* product = OwnMaker(value, "Mul")) {
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const double factor = static_cast<double>(NumberOf(product->input(1 - i)));
      if (std::isfinite(factor) && factor != 0) return *scale *= factor, product->input(i);
    }
  }
  if (const Node* quotient = OwnMaker(value, "Div")) {
    const double divisor = static_cast<double>(NumberOf(quotient->input(1)));
    if (std::isfinite(divisor) && divisor != 0) return *scale /= divisor, quotient->input(0);
  }
  return value;
}

// The [batch, rows, heads * size] that `heads`, [batch, rows, heads, size], is a view of.
Value* Joined(const Value* heads) {
  const Node* reshape = MakerOf(heads, "Reshape");
  Value* joined = reshape != nullptr ? reshape->input(0) : nullptr;
  if (joined == nullptr || !joined->shape.has_rank() || joined->shape.rank() != 3) return nullptr;
  const Shape &from = joined->shape, &to = heads->shape;
  const bool same = to.has_rank() && to.rank() == 4 && from[0] == to[0] && from[1] == to[1] &&
                    to[2].IsConstant() && to[3].IsConstant() && from[2].IsConstant() &&
                    from[2].constant() == to[2].constant() * to[3].constant();
  return same ? joined : nullptr;
}

bool Permutes(const Node* transpose, std::initializer_list<int64_t> axes) {
  return transpose != nullptr && std::ranges::equal(PermutationOf(*transpose), axes);
}

// The content of a shape that Expand gets, past the exporters' where(shape == -1, 1, shape).
std::optional<graph::Contents> ExpandedTo(const Value* shape) {
  if (shape == nullptr) return std::nullopt;
  if (shape->contents) return shape->contents;
  const Node* where = MakerOf(shape, "Where");
  const Value* given = where != nullptr ? where->input(2) : nullptr;
  const Node* test = where != nullptr ? MakerOf(where->input(0), "Equal") : nullptr;
  const auto all = [](const Value* value, int64_t number) {
    const auto ints = IntsOf(value);
    return ints && std::ranges::all_of(*ints, [&](int64_t each) { return each == number; });
  };
  if (test == nullptr || given == nullptr || !given->contents) return std::nullopt;
  if (!all(OtherInput(*test, given), -1) || !all(where->input(1), 1)) return std::nullopt;
  graph::Contents made = *given->contents;
  std::ranges::replace(made, graph::Dim(-1), graph::Dim(1));
  return made;
}

// The heads of which groups of query heads share one each: [batch, heads, rows, size] that is repeated, each
// head so many times, by Unsqueeze, Expand and Reshape. Null where it is not.
Value* SharedHeads(const Value* repeated) {
  const Node* reshape = MakerOf(repeated, "Reshape");
  const Node* expand = reshape != nullptr ? MakerOf(reshape->input(0), "Expand") : nullptr;
  const Node* unsqueeze = expand != nullptr ? MakerOf(expand->input(0), "Unsqueeze") : nullptr;
  Value* heads = unsqueeze != nullptr ? unsqueeze->input(0) : nullptr;
  if (heads == nullptr || !IsHeads(heads) || !IsHeads(repeated) ||
      IntsOf(unsqueeze->input(1)) != std::vector<int64_t>{2})
    return nullptr;
  const Shape &from = heads->shape, &to = repeated->shape;
  const auto expanded = ExpandedTo(expand->input(1));
  if (!expanded || expanded->size() != 5 || !from[1].IsConstant() || !to[1].IsConstant()) return nullptr;
  const auto is = [&](size_t axis, graph::Dim own) {
    const graph::Dim& dim = (*expanded)[axis];
    return dim == own || dim.Is(1);
  };
  const graph::Dim& times = (*expanded)[2];
  const bool repeats = is(0, from[0]) && is(1, from[1]) && is(3, from[2]) && is(4, from[3]) &&
                       times.IsConstant() && times.constant() * from[1].constant() == to[1].constant();
  return repeats && from[0] == to[0] && from[2] == to[2] && from[3] == to[3] ? heads : nullptr;
}

// One of Q, K and V: [batch, heads, rows, size], or [batch, rows, heads * size].
struct Operand {
  Value* heads = nullptr;   // of rank 4; null where it is only known from the next
  Value* joined = nullptr;  // of rank 3, or null
};

Operand OperandOf(Value* heads, bool shared = false) {
  if (Value* fewer = shared ? SharedHeads(heads) : nullptr) heads = fewer;
  Operand made{heads};
  const Node* transpose = MakerOf(heads, "Transpose");
  if (Permutes(transpose, {0, 2, 1, 3})) made.joined = Joined(transpose->input(0));
  return made;
}

// The heads whose last two axes `value` has the other way round, [batch, heads, size, rows]: by one
// Transpose, or by one of [batch * heads, rows, size] between two Reshapes.
Value* TurnedFrom(const Value* value) {
  const Node* transpose = MakerOf(value, "Transpose");
  if (Permutes(transpose, {0, 1, 3, 2})) return transpose->input(0);
  const Node* apart = MakerOf(value, "Reshape");
  const Node* turn = apart != nullptr ? MakerOf(apart->input(0), "Transpose") : nullptr;
  const Node* merge = Permutes(turn, {0, 2, 1}) ? MakerOf(turn->input(0), "Reshape") : nullptr;
  Value* heads = merge != nullptr ? merge->input(0) : nullptr;
  if (!IsHeads(heads) || !IsHeads(value)) return nullptr;
  const Shape &from = heads->shape, &between = merge->output(0)->shape, &to = value->shape;
  const bool same = between.has_rank() && between.rank() == 3 && between[0] == from[0] * from[1] &&
                    between[1] == from[2] && between[2] == from[3] && to[0] == from[0] && to[1] == from[1] &&
                    to[2] == from[3] && to[3] == from[2];
  return same ? heads : nullptr;
}

// K from K^T, [batch, heads, size, rows]; neither of the two where K^T is all there is.
Operand KeysOf(const Value* transposed, bool shared = true) {
  if (Value* heads = TurnedFrom(transposed)) return OperandOf(heads, shared);
  const Node* transpose = MakerOf(transposed, "Transpose");
  if (Permutes(transpose, {0, 2, 3, 1})) return {nullptr, Joined(transpose->input(0))};
  return {};
}

// The Softmax behind probabilities, past a guard that puts zeros for NaN.
Node* SoftmaxOf(const Value* probabilities, bool* guarded) {
  if (const Node* where = OwnMaker(probabilities, "Where")) {
    const Node* test = OwnMaker(where->input(0), "IsNaN");
    const Value* rows = where->input(2);
    *guarded = test != nullptr && test->input(0) == rows && NumberOf(where->input(1)) == 0.0f &&
               rows->consumers().size() == 2 && !rows->IsOutput();
    return *guarded ? MakerOf(rows, "Softmax") : nullptr;
  }
  return OwnMaker(probabilities, "Softmax");
}

// Whether the mask may broadcast to scores of that shape without making them larger. Of dimensions that only
// a run knows Attention itself sees to it.
bool MayFit(const Value* mask, const Shape& scores) {
  if (mask == nullptr || mask->type.dtype != DType::kFloat || !mask->shape.has_rank()) return false;
  const Shape& shape = mask->shape;
  if (shape.rank() < 1 || shape.rank() > 4) return false;
  for (int i = 1; i <= shape.rank(); ++i) {
    const graph::Dim& own = shape[static_cast<size_t>(shape.rank() - i)];
    const graph::Dim& wanted = scores[static_cast<size_t>(4 - i)];
    if (own == wanted || !own.IsConstant()) continue;
    if (own.constant() != 1 && wanted.IsConstant()) return false;
  }
  return true;
}

// Dimensions that only a run knows: two names of one size, as far as a pass can tell. Attention refuses
// others.
bool MayEqual(const graph::Dim& a, const graph::Dim& b) {
  return a == b || (!a.IsConstant() && !b.IsConstant());
}

struct Found {
  Operand q, k, v;
  Value* transposed_keys = nullptr;  // where k is empty
  bool guarded = false;
  graph::Dim kv_heads;
  std::vector<Value*> masks;  // their sum
  Value* window_mask = nullptr;
  double scale = 1;
  std::vector<Node*> sources;
};

// A mask of each window of a picture, added to scores that Reshape takes from [pictures * windows, heads,
// ...] to [pictures, windows, heads, ...] for that, and back behind it.
struct WindowMask {
  Value* mask = nullptr;    // [1, windows, 1, rows, columns]
  Value* scores = nullptr;  // without it
};
std::optional<WindowMask> WindowMaskOf(const Value* value) {
  const Node* back = OwnMaker(value, "Reshape");
  const Node* sum = back != nullptr && IsHeads(value) ? OwnMaker(back->input(0), "Add") : nullptr;
  if (sum == nullptr) return std::nullopt;
  for (const size_t at : {size_t{0}, size_t{1}}) {
    const Node* apart = OwnMaker(sum->input(at), "Reshape");
    Value* mask = sum->input(1 - at);
    if (apart == nullptr || mask == nullptr || !IsHeads(apart->input(0)) || !mask->shape.IsConstant())
      continue;
    const Shape &from = apart->input(0)->shape, &to = sum->input(at)->shape, &own = mask->shape;
    if (!(value->shape == from) || to.rank() != 5 || own.rank() != 5 || mask->type.dtype != DType::kFloat)
      continue;
    const bool windows = to[2] == from[1] && to[3] == from[2] && to[4] == from[3] &&
                         from[0] == to[0] * to[1] && own[0].Is(1) && own[1] == to[1] && own[2].Is(1) &&
                         own[3] == to[3] && own[4] == to[4];
    if (windows) return WindowMask{mask, apart->input(0)};
  }
  return std::nullopt;
}

// Whether `value` is a product of heads, but for additions and a scale.
bool LeadsToProduct(Value* value) {
  double scale = 1;
  for (int most = 4; most > 0; --most) {
    if (OwnMaker(Unscaled(value, &scale), "MatMul") != nullptr) return true;
    const Node* sum = OwnMaker(value, "Add");
    if (sum == nullptr) return false;
    value = OwnMaker(sum->input(0), "Add") || OwnMaker(Unscaled(sum->input(0), &scale), "MatMul")
                ? sum->input(0)
                : sum->input(1);
  }
  return false;
}

std::optional<Found> AttentionBehind(const Node& product, const PassContext& context) {
  Found found;
  if (!IsOp(&product, "MatMul") || product.payload != nullptr) return std::nullopt;
  Node* softmax = SoftmaxOf(product.input(0), &found.guarded);
  if (softmax == nullptr) return std::nullopt;
  const auto left = [&](std::string_view why) {
    context.Left(*softmax, why);
    return std::nullopt;
  };
  if (!IsHeads(product.input(1)) || !IsHeads(softmax->input(0)))
    return left("it is not over float32 values of rank 4");
  const int64_t axis = softmax->attributes.Int("axis", -1);
  if (axis != -1 && axis != 3) return left("it is not over the last axis");
  Value* scores = softmax->input(0);
  if (const auto windows = WindowMaskOf(scores)) {
    found.window_mask = windows->mask;
    scores = windows->scores;
  }
  for (Node* sum = OwnMaker(scores, "Add"); sum != nullptr; sum = OwnMaker(scores, "Add")) {
    const size_t at = LeadsToProduct(sum->input(0)) ? 0 : 1;
    if (!IsHeads(sum->input(at)) || !LeadsToProduct(sum->input(at)))
      return left("what is added to the scores is no sum of masks and one product");
    found.masks.push_back(sum->input(1 - at));
    scores = sum->input(at);
  }
  Node* dot = OwnMaker(Unscaled(scores, &found.scale), "MatMul");
  if (dot == nullptr || dot->payload != nullptr || !IsHeads(dot->input(0)) || !IsHeads(dot->input(1)))
    return left("its scores are no product of heads that nothing else reads");
  found.q = OperandOf(Unscaled(dot->input(0), &found.scale));
  found.transposed_keys = Unscaled(dot->input(1), &found.scale);
  found.k = KeysOf(found.transposed_keys);
  found.v = OperandOf(product.input(1), true);
  const Shape &q = dot->input(0)->shape, &k = dot->input(1)->shape, &v = product.input(1)->shape;
  const bool alike = MayEqual(q[0], k[0]) && MayEqual(q[0], v[0]) && q[1] == k[1] && q[1] == v[1] &&
                     q[3] == k[2] && MayEqual(k[3], v[2]);
  if (!alike) return left("the shapes of Q, K and V do not agree");
  found.kv_heads = q[1];
  if (found.k.heads != nullptr && !(found.k.heads->shape[1] == q[1])) {
    // Fewer heads of keys than of queries, and as many of values; else both as the model repeats them.
    if (found.v.heads->shape[1] == found.k.heads->shape[1] && found.v.heads->shape[1].IsConstant()) {
      found.kv_heads = found.v.heads->shape[1];
    } else {
      found.k = KeysOf(found.transposed_keys, false);
      found.v = OperandOf(product.input(1));
    }
  } else if (!(found.v.heads->shape[1] == q[1])) {
    found.v = OperandOf(product.input(1));
  }
  for (const Value* mask : found.masks) {
    if (!MayFit(mask, {q[0], q[1], q[2], k[3]})) return left("a mask does not broadcast to the scores");
  }
  found.sources = {dot, softmax};
  return found;
}

// Behind the heads: their Transpose and the Reshape that joins them, where nothing else reads them.
Node* JoinBehind(const Value* heads) {
  const auto only = [](const Value* value, std::string_view op) {
    Node* reader = value->HasOneUse() && value->consumers().size() == 1 ? value->consumers()[0] : nullptr;
    return IsOp(reader, op) && reader->input(0) == value ? reader : nullptr;
  };
  Node* transpose = only(heads, "Transpose");
  if (!Permutes(transpose, {0, 2, 1, 3})) return nullptr;
  Node* reshape = only(transpose->output(0), "Reshape");
  if (reshape == nullptr || !reshape->output(0)->shape.has_rank()) return nullptr;
  const Shape &from = heads->shape, &to = reshape->output(0)->shape;
  const bool joins = to.rank() == 3 && to[0] == from[0] && to[1] == from[2] && from[1].IsConstant() &&
                     from[3].IsConstant() && to[2].IsConstant() &&
                     to[2].constant() == from[1].constant() * from[3].constant();
  return joins ? reshape : nullptr;
}

class Fusion {
 public:
  Fusion(Graph& graph, const PassContext& context) : graph_(graph), context_(context) {}

  Status Run() {
    std::vector<Node*> ends;
    graph_.ForEachNode([&](Node& node) {
      if (AttentionBehind(node, context_)) ends.push_back(&node);
    });
    graph_.ForEachNode([&](Node& node) {
      if (node.op == &kAttention) Adopt(node);
    });
    for (Node* end : ends) {
      if (const std::optional<Found> found = AttentionBehind(*end, context_)) {
        ORTOLAN_RETURN_IF_ERROR(Fuse(*end, *found));
      }
    }
    return OkStatus();
  }

  // Once shapes are inferred anew.
  void JoinHeads() {
    for (Node* node : made_) Join(*node);
  }
  bool any() const { return !made_.empty(); }
  bool made_constants() const { return constants_; }

 private:
  // Attention of the model's own, over heads that stand somewhere else.
  void Adopt(Node& node) {
    if (node.attributes.Has("ortolan_output_rank")) return;
    for (size_t i = 0; i < 3; ++i) {
      if (!IsHeads(node.input(i)) || !node.input(i)->shape[1].IsConstant()) return;
    }
    node.attributes.Set("q_num_heads", node.input(0)->shape[1].constant());
    node.attributes.Set("kv_num_heads", node.input(1)->shape[1].constant());
    node.attributes.Set("ortolan_output_rank", int64_t{4});
    for (size_t i = 0; i < 3; ++i) {
      if (Value* joined = OperandOf(node.input(i)).joined) node.SetInput(i, joined);
    }
    made_.push_back(&node);
  }

  Status Fuse(Node& product, const Found& found) {
    ORTOLAN_ASSIGN_OR_RETURN(Value* const mask, MaskOf(product, found));
    constants_ = constants_ || (mask != nullptr && found.window_mask != nullptr);
    Node* made = graph_.InsertBefore(&product);
    InitNode(*made, kAttention, product);
    for (const Node* source : found.sources) AddSources(*made, *source);
    made->attributes.Set("scale", static_cast<float>(found.scale));
    // Where they are no constant no input is joined.
    if (const graph::Dim heads = product.input(1)->shape[1]; heads.IsConstant()) {
      made->attributes.Set("q_num_heads", heads.constant());
      const graph::Dim& shared = found.kv_heads;
      made->attributes.Set("kv_num_heads", shared.IsConstant() ? shared.constant() : heads.constant());
    }
    // What a row without a key gives in the model's own operators.
    made->attributes.Set("ortolan_nan_rows", std::string(found.guarded ? "zero" : "nan"));
    made->attributes.Set("ortolan_output_rank", int64_t{4});
    const auto input = [](const Operand& operand) {
      return operand.joined != nullptr ? operand.joined : operand.heads;
    };
    Value* keys = input(found.k);
    if (keys == nullptr) {
      keys = found.transposed_keys;
      made->attributes.Set("ortolan_keys_transposed", int64_t{1});
    }
    made->SetInputs({input(found.q), keys, input(found.v)});
    if (mask != nullptr) made->SetInput(3, mask);
    made->SetOutput(0, product.output(0));
    graph_.EraseNode(&product);
    made_.push_back(made);
    return OkStatus();
  }

  // The masks' sum, which layers share.
  Result<Value*> MaskOf(Node& before, const Found& found) {
    std::vector<Value*> masks = found.masks;
    if (found.window_mask != nullptr) {
      ORTOLAN_ASSIGN_OR_RETURN(Value* const windows, WindowsOf(before, found.window_mask));
      masks.push_back(windows);
    }
    if (masks.empty()) return nullptr;
    Value* sum = masks.back();
    for (size_t i = masks.size() - 1; i-- > 0;) {
      Value*& both = sums_[{sum, masks[i]}];
      if (both == nullptr) {
        Node* add = graph_.InsertBefore(&before);
        InitNode(*add, kAdd, before);
        add->SetInputs({sum, masks[i]});
        both = graph_.NewValue(sum->name() + "_sum");
        add->SetOutput(0, both);
        ORTOLAN_RETURN_IF_ERROR(InferInPlace(*add, *graph_.dims()));
      }
      sum = both;
    }
    return sum;
  }

  // [1, windows, 1, rows, columns] as [windows, 1, rows, columns], which goes for each picture.
  Result<Value*> WindowsOf(Node& before, Value* mask) {
    Value*& made = sums_[{mask, nullptr}];
    if (made != nullptr) return made;
    Node* squeeze = graph_.InsertBefore(&before);
    InitNode(*squeeze, kSqueeze, before);
    const int64_t axis = 0;
    squeeze->SetInputs(
        {mask, graph_.NewConstant(mask->name(), Tensor::Of<int64_t>({1}, std::span(&axis, 1)))});
    made = graph_.NewValue(mask->name() + "_windows");
    squeeze->SetOutput(0, made);
    ORTOLAN_RETURN_IF_ERROR(InferInPlace(*squeeze, *graph_.dims()));
    return made;
  }

  void Join(Node& attention) {
    Node* join = JoinBehind(attention.output(0));
    if (join == nullptr) return;
    attention.attributes.Set("ortolan_output_rank", int64_t{3});
    Value* joined = join->output(0);
    // What stands between is not read any more.
    Value* heads = attention.output(0);
    Node* transpose = heads->consumers()[0];
    attention.SetOutput(0, joined);
    graph_.EraseNode(join);
    Value* between = transpose->output(0);
    graph_.EraseNode(transpose);
    graph_.EraseValue(between);
    graph_.EraseValue(heads);
    // Its readers stand behind the Reshape, which stood behind the Transpose: the order still holds.
  }

  Graph& graph_;
  const PassContext& context_;
  std::vector<Node*> made_;
  std::map<std::pair<Value*, Value*>, Value*> sums_;
  bool constants_ = false;  // masks were added, which may be constants
};

}  // namespace

Status RunAttentionFusion(Graph& graph, PassContext& context) {
  Fusion fusion(graph, context);
  ORTOLAN_RETURN_IF_ERROR(fusion.Run());
  if (!fusion.any()) return OkStatus();
  // Scores took the shape of the mask into theirs, of which less may have been known.
  ORTOLAN_RETURN_IF_ERROR(fusion.made_constants() ? RunFold(graph, context) : RunInfer(graph, context));
  fusion.JoinHeads();
  return OkStatus();
}

}  // namespace ortolan::passes
