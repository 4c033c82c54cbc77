// y = scale * x + shift per channel, with constants, goes into the weights of the node that makes x:
// BatchNormalization, and Mul or Add by one number a channel. A BatchNormalization that has no such node
// before it becomes a Mul and an Add.
#include <algorithm>
#include <cmath>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// One scale and shift a channel, in double: the weights are rounded once.
struct Affine {
  std::vector<double> scale, shift;
};

// The `channels` floats of a constant that has them all along axis 1 of a tensor of rank `rank`, or one float
// for all.
std::optional<std::vector<double>> PerChannel(const Value* value, size_t rank, int64_t channels) {
  const Tensor* tensor = FloatConstant(value);
  if (tensor == nullptr || tensor->dims().size() > rank) return std::nullopt;
  const auto items = tensor->Items<const float>();
  if (tensor->count() == 1)
    return std::vector<double>(static_cast<size_t>(channels), static_cast<double>(items[0]));
  const Dims& dims = tensor->dims();
  const size_t missing = rank - dims.size();
  if (missing > 1 || tensor->count() != channels || dims[1 - missing] != channels) return std::nullopt;
  return std::vector<double>(items.begin(), items.end());
}

std::optional<std::vector<double>> Vector(const Value* value, int64_t channels) {
  const Tensor* tensor = FloatConstant(value);
  if (tensor == nullptr || tensor->count() != channels) return std::nullopt;
  const auto items = tensor->Items<const float>();
  return std::vector<double>(items.begin(), items.end());
}

std::optional<Affine> OfBatchNorm(const Node& node, int64_t channels) {
  if (node.attributes.Int("training_mode", 0) != 0) return std::nullopt;
  for (size_t i = 1; i < node.outputs().size(); ++i) {
    if (node.output(i) != nullptr) return std::nullopt;
  }
  const auto scale = Vector(node.input(1), channels), shift = Vector(node.input(2), channels);
  const auto mean = Vector(node.input(3), channels), variance = Vector(node.input(4), channels);
  if (!scale || !shift || !mean || !variance) return std::nullopt;
  const double epsilon = static_cast<double>(node.attributes.Float("epsilon", 1e-5f));
  Affine affine;
  for (size_t c = 0; c < scale->size(); ++c) {
    affine.scale.push_back((*scale)[c] / std::sqrt((*variance)[c] + epsilon));
    affine.shift.push_back((*shift)[c] - (*mean)[c] * affine.scale.back());
  }
  return affine;
}

// What the node does to its input 0 (or to the input that is no constant), per channel; `x` is set to that
// input.
std::optional<Affine> AffineOf(const Node& node, Value** x) {
  const bool batch_norm = IsOp(&node, "BatchNormalization"), mul = IsOp(&node, "Mul"),
             add = IsOp(&node, "Add");
  if ((!batch_norm && !mul && !add) || node.output(0) == nullptr) return std::nullopt;
  const size_t at = !batch_norm && FloatConstant(node.input(0)) != nullptr ? 1 : 0;
  *x = node.input(at);
  if (*x == nullptr || (*x)->type.dtype != DType::kFloat || !(*x)->type.IsTensor() || !(*x)->shape.has_rank())
    return std::nullopt;
  const graph::Shape& shape = (*x)->shape;
  if (shape.rank() < 2 || !shape[1].IsConstant() || !(shape == node.output(0)->shape)) return std::nullopt;
  const int64_t channels = shape[1].constant();
  if (batch_norm) return OfBatchNorm(node, channels);
  const auto numbers = PerChannel(node.input(1 - at), shape.dims().size(), channels);
  if (!numbers) return std::nullopt;
  Affine affine{std::vector<double>(numbers->size(), 1), std::vector<double>(numbers->size(), 0)};
  (mul ? affine.scale : affine.shift) = *numbers;
  return affine;
}

Tensor FloatsOf(const Dims& dims, const std::vector<double>& items) {
  return Tensor::Of<float>(dims, std::vector<float>(items.begin(), items.end()));
}

// The scale's index for each element of the weights: along `axis`, which stands for one group's channels
// where `groups` blocks of axis 0 follow each other (ConvTranspose).
bool ScaleWeights(const Tensor& weights, size_t axis, int64_t groups, const std::vector<double>& scale,
                  Tensor* scaled) {
  const Dims& dims = weights.dims();
  const auto channels = static_cast<int64_t>(scale.size());
  if (axis >= dims.size() || groups < 1 || dims[axis] * groups != channels) return false;
  if (axis == 0 ? groups != 1 : dims[0] % groups != 0) return false;
  Result<Tensor> made = Tensor::Allocate(DType::kFloat, dims);
  if (!made.ok()) return false;
  int64_t inner = 1;
  for (size_t i = axis + 1; i < dims.size(); ++i) inner *= dims[i];
  const auto from = weights.Items<const float>();
  const auto to = made->Items<float>();
  const int64_t rows_per_group = axis == 0 ? 1 : dims[0] / groups;
  for (int64_t row = 0, i = 0; i < weights.count(); ++row) {
    const int64_t group = axis == 0 ? 0 : row / dims[axis] / std::max<int64_t>(rows_per_group, 1);
    const double factor = scale[static_cast<size_t>(group * dims[axis] + row % dims[axis])];
    for (int64_t end = i + inner; i < end; ++i) {
      to[static_cast<size_t>(i)] =
          static_cast<float>(static_cast<double>(from[static_cast<size_t>(i)]) * factor);
    }
  }
  *scaled = std::move(*made);
  return true;
}

struct Target {
  size_t axis = 0;  // of the weights, along which output channels lie
  int64_t groups = 1;
};

std::optional<Target> TargetOf(const Node* node) {
  if (node == nullptr || node->payload != nullptr || node->outputs().size() != 1) return std::nullopt;
  if (IsOp(node, "Conv")) return Target{0, 1};
  if (IsOp(node, "ConvTranspose")) return Target{1, node->attributes.Int("group", 1)};
  if (!IsOp(node, "Gemm")) return std::nullopt;
  const bool plain = node->attributes.Float("alpha", 1) == 1.0f && node->attributes.Float("beta", 1) == 1.0f;
  if (!plain) return std::nullopt;
  return Target{node->attributes.Int("transB", 0) != 0 ? size_t{0} : size_t{1}, 1};
}

bool FoldIntoWeights(Graph& graph, Node& node, Value* x, const Affine& affine) {
  Node* before = x->producer();
  const std::optional<Target> target = TargetOf(before);
  if (!target || !x->HasOneUse()) return false;
  const auto channels = static_cast<int64_t>(affine.scale.size());
  const Tensor* weights = FloatConstant(before->input(1));
  std::vector<double> bias(affine.scale.size(), 0);
  if (before->HasInput(2)) {
    // Gemm's C may be one number, a row or a matrix; only what is one number a channel folds.
    const Tensor* old = FloatConstant(before->input(2));
    if (old == nullptr || (old->dims().size() == 2 && old->dims()[0] != 1) || old->dims().size() > 2)
      return false;
    if (old->count() != 1 && old->count() != channels) return false;
    for (size_t c = 0; c < bias.size(); ++c) {
      bias[c] = static_cast<double>(old->Items<const float>()[old->count() == 1 ? 0 : c]);
    }
  }
  const bool scales = std::ranges::any_of(affine.scale, [](double s) { return s != 1; });
  Tensor scaled;
  if (weights == nullptr || before->input(1)->shape.dims().size() < 2) return false;
  if (scales && !ScaleWeights(*weights, target->axis, target->groups, affine.scale, &scaled)) return false;
  if (scales) before->SetInput(1, graph.NewConstant(before->input(1)->name(), std::move(scaled)));
  for (size_t c = 0; c < bias.size(); ++c) bias[c] = bias[c] * affine.scale[c] + affine.shift[c];
  const bool biased = before->HasInput(2) || std::ranges::any_of(bias, [](double b) { return b != 0; });
  if (biased) before->SetInput(2, graph.NewConstant(before->name, FloatsOf({channels}, bias)));
  AddSources(*before, node);
  ReplaceNode(graph, node, x);
  return true;
}

// BatchNormalization as Mul and Add, which fuse with their neighbours.
void Split(Graph& graph, Node& node, Value* x, const Affine& affine) {
  const OpDef *mul = FindOp("", "Mul"), *add = FindOp("", "Add");
  if (mul == nullptr || add == nullptr) return;
  Dims dims(x->shape.dims().size() - 1, 1);
  dims[0] = static_cast<int64_t>(affine.scale.size());
  const auto append = [&](const OpDef& op, Value* input, const std::vector<double>& numbers, Value* output) {
    Node* made = graph.InsertBefore(&node);
    InitNode(*made, op, node);
    made->SetInputs({input, graph.NewConstant(node.name, FloatsOf(dims, numbers))});
    made->SetOutput(0, output);
  };
  Value* product = graph.NewValue(node.output(0)->name());
  product->type = x->type;
  product->shape = x->shape;
  append(*mul, x, affine.scale, product);
  append(*add, product, affine.shift, node.output(0));
  graph.EraseNode(&node);
}

}  // namespace

Status RunBatchNorm(Graph& graph, PassContext& context) {
  graph.ForEachNode([&](Node& node) {
    Value* x = nullptr;
    const std::optional<Affine> affine = AffineOf(node, &x);
    const bool batch_norm = IsOp(&node, "BatchNormalization");
    if (!affine && batch_norm) context.Left(node, "its parameters are no float32 constants by channel");
    if (!affine || FoldIntoWeights(graph, node, x, *affine) || !batch_norm) return;
    context.Left(node, "no convolution or product with constant weights precedes it alone");
    Split(graph, node, x, *affine);
  });
  return OkStatus();
}

}  // namespace ortolan::passes
