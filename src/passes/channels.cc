#include "passes/channels.h"

#include <algorithm>

#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Node;
using graph::Value;

constexpr int64_t kMostChannels = 1 << 16;

// Of a value with channels and at least one spatial axis; 0 where it has none or their number is not known.
int64_t ChannelsOf(const Value* value) {
  if (!value || !value->shape.has_rank() || value->shape.rank() < 3 || !value->shape[1].IsConstant())
    return 0;
  const int64_t channels = value->shape[1].constant();
  return channels <= kMostChannels ? std::max<int64_t>(channels, 0) : 0;
}

bool IsAxisOfChannels(int64_t axis, const Value* value) {
  return axis == 1 || (value->shape.has_rank() && axis == 1 - value->shape.rank());
}

std::optional<MovedChannels> Concatenated(Node& node) {
  MovedChannels moved;
  moved.outputs.emplace_back();
  for (Value* input : node.inputs()) {
    const int64_t channels = ChannelsOf(input);
    if (channels == 0 || !IsAxisOfChannels(node.attributes.Int("axis", 0), input)) return std::nullopt;
    for (int64_t c = 0; c < channels; ++c) moved.outputs[0].push_back({input, c});
  }
  return moved;
}

std::optional<MovedChannels> Sliced(Node& node) {
  Value* x = node.input(0);
  const int64_t channels = ChannelsOf(x), taken = ChannelsOf(node.output(0));
  const auto starts = IntsOf(node.input(1)), axes = IntsOf(node.input(3));
  const auto steps = node.input(4) ? IntsOf(node.input(4)) : std::vector<int64_t>{1};
  if (channels == 0 || taken == 0 || !starts || !axes || !steps) return std::nullopt;
  if (starts->size() != 1 || axes->size() != 1 || steps->size() != 1) return std::nullopt;
  if (!IsAxisOfChannels((*axes)[0], x) || (*steps)[0] <= 0 || (*steps)[0] > channels) return std::nullopt;
  const int64_t start =
      (*starts)[0] < 0 ? std::max<int64_t>(0, std::max((*starts)[0], -channels) + channels) : (*starts)[0];
  if (start >= channels || start + (taken - 1) * (*steps)[0] >= channels) return std::nullopt;
  MovedChannels moved;
  moved.outputs.emplace_back();
  for (int64_t i = 0; i < taken; ++i) moved.outputs[0].push_back({x, start + i * (*steps)[0]});
  return moved;
}

std::optional<MovedChannels> SplitApart(Node& node) {
  Value* x = node.input(0);
  const int64_t channels = ChannelsOf(x);
  if (channels == 0 || !IsAxisOfChannels(node.attributes.Int("axis", 0), x)) return std::nullopt;
  MovedChannels moved;
  int64_t at = 0;
  for (const Value* output : node.outputs()) {
    const int64_t taken = ChannelsOf(output);
    if (taken == 0 || at + taken > channels) return std::nullopt;
    moved.outputs.emplace_back();
    for (int64_t i = 0; i < taken; ++i) moved.outputs.back().push_back({x, at + i});
    at += taken;
  }
  if (at != channels) return std::nullopt;
  return moved;
}

// Reshape to [N, g, C / g, ...], Transpose of the two, Reshape back: channels dealt out like cards.
std::optional<MovedChannels> Shuffled(Node& node) {
  Node* transpose = MakerOf(node.input(0), "Transpose");
  Node* apart = transpose ? MakerOf(transpose->input(0), "Reshape") : nullptr;
  if (!apart) return std::nullopt;
  Value* x = apart->input(0);
  const graph::Shape& inner = apart->output(0)->shape;
  const int64_t channels = ChannelsOf(x);
  if (channels == 0 || !inner.has_rank() || inner.rank() != x->shape.rank() + 1) return std::nullopt;
  if (!(node.output(0)->shape == x->shape) || !(inner[0] == x->shape[0])) return std::nullopt;
  for (int axis = 2; axis < x->shape.rank(); ++axis) {
    if (!(inner[static_cast<size_t>(axis) + 1] == x->shape[static_cast<size_t>(axis)])) return std::nullopt;
  }
  std::vector<int64_t> order = PermutationOf(*transpose);
  if (static_cast<int>(order.size()) != inner.rank()) return std::nullopt;
  std::swap(order[1], order[2]);
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int64_t>(i)) return std::nullopt;
  }
  if (!inner[1].IsConstant() || !inner[2].IsConstant()) return std::nullopt;
  const int64_t groups = inner[1].constant(), each = inner[2].constant();
  if (groups <= 0 || each <= 0 || groups > channels || groups * each != channels) return std::nullopt;
  MovedChannels moved;
  moved.outputs.emplace_back();
  for (int64_t i = 0; i < channels; ++i) moved.outputs[0].push_back({x, i % groups * each + i / groups});
  moved.others = {transpose, apart};
  return moved;
}

}  // namespace

std::optional<MovedChannels> ChannelsMovedBy(Node& node) {
  if (IsOp(&node, "Concat")) return Concatenated(node);
  if (IsOp(&node, "Slice")) return Sliced(node);
  if (IsOp(&node, "Split")) return SplitApart(node);
  if (IsOp(&node, "Reshape")) return Shuffled(node);
  return std::nullopt;
}

}  // namespace ortolan::passes
