// Convolutions and what stands between them move to the blocked layout (kernels/conv/direct.h,
// ops/nn/blocked.h).
//
// One walk in order. A convolution with constant weights always gets a blocked output, whatever its input;
// other operators follow where all that they read is blocked already, so no conversion is ever made for them.
// What still needs the planar value afterwards gets one ReorderFromBlocked behind the producer; conversions
// that cancel are never made. Graph inputs and outputs, and what bodies capture, stay planar.
//
// Concatenations, slices and shuffles of channels of blocked values are noted, channel by channel, and made
// only where somebody reads the blocked result: of a row of them one GatherChannels is left. The planar nodes
// stay until the end, in case that the planar result is read too.
#include "passes/layout.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "ops/all_ops.h"
#include "ops/nn/blocked.h"
#include "ops/nn/conv_spec.h"
#include "ops/nn/conv_transpose_spec.h"
#include "passes/channels.h"
#include "passes/rewrite.h"
#include "passes/subpixel.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

class Layout {
 public:
  Layout(Graph& graph, const PassContext& context)
      : graph_(graph), context_(context), isa_(context.isa), block_(nn::BlockOf(context.isa)) {}

  Status Run() {
    for (Node* node = graph_.first(); node != nullptr;) {
      Node* next = node->next();
      ORTOLAN_RETURN_IF_ERROR(Visit(*node));
      node = next;
    }
    return Finish();
  }

 private:
  struct Blocked {
    Value* value;
    int64_t channels;
  };
  struct Lane {
    Value* value;  // blocked
    int64_t channel;
  };
  using Lanes = std::vector<Lane>;

  // The blocked form of a value that `reader` reads, or null. Channels that were only noted are moved here.
  Result<const Blocked*> Find(const Value* value, Node& reader) {
    const auto found = blocked_.find(value);
    if (found != blocked_.end()) return &found->second;
    const auto moved = moved_.find(value);
    if (moved == moved_.end()) return nullptr;
    const auto channels = static_cast<int64_t>(moved->second.size());
    if (BlocksOf(channels) * block_ > 2 * channels) return nullptr;  // WorthFollowing
    ORTOLAN_ASSIGN_OR_RETURN(Value * made, MoveChannels(*value, moved->second, reader));
    return &(blocked_[value] = {made, channels});
  }
  int64_t BlocksOf(int64_t channels) const { return (channels + block_ - 1) / block_; }
  // Lanes beyond the channels cost as much as the channels; followers bear at most as many.
  bool WorthFollowing(const Blocked& blocked) const {
    return BlocksOf(blocked.channels) * block_ <= 2 * blocked.channels;
  }

  Status Visit(Node& node) {
    if (node.payload != nullptr || node.outputs().empty() || node.output(0) == nullptr) return OkStatus();
    if (node.op == &kConv) return VisitConv(node);
    if (node.op == &kConvTranspose) return VisitConvTranspose(node);
    const std::string_view name = node.op->domain.empty() ? node.op->name : "";
    if (name == "MaxPool" && node.output(1) == nullptr) return Follow(node, kMaxPoolBlocked);
    if (name == "AveragePool") return Follow(node, kAveragePoolBlocked);
    if (name == "GlobalAveragePool" || IsSpatialMean(node)) return Follow(node, kGlobalAveragePoolBlocked);
    if (name == "Concat" || name == "Slice" || name == "Split" || name == "Reshape") {
      NoteMoved(node);
      return OkStatus();
    }
    if (name == "Resize") return VisitResize(node);
    if (node.op->emit != nullptr) return VisitElementwise(node);
    return OkStatus();
  }

  // A node of operator `op` in place of `node`, with its attributes; its output is the blocked form of the
  // node's.
  Status Replace(Node& node, const OpDef& op, graph::Attributes attributes, std::vector<Value*> inputs,
                 int64_t channels) {
    Node* made = graph_.InsertBefore(&node);
    made->op = &op;
    made->op_type = node.op_type;
    made->name = node.name;
    made->sources = node.sources;
    made->device = node.device;
    made->attributes = std::move(attributes);
    made->SetInputs(std::move(inputs));
    Value* planar = node.output(0);
    Value* value = graph_.NewValue(planar->name() + "_blocked");
    value->device = planar->device;
    made->SetOutput(0, value);
    ORTOLAN_RETURN_IF_ERROR(InferNode(*made, *graph_.dims()));
    blocked_[planar] = {value, channels};
    freed_.push_back(planar);
    graph_.EraseNode(&node);
    return OkStatus();
  }

  Status VisitConv(Node& node) {
    const Value* x = node.input(0);
    const Value* w = node.input(1);
    const Value* bias = node.input(2);
    const auto stays = [&](std::string_view why) {
      context_.Left(node, why);
      return OkStatus();
    };
    if (!x || !w || x->type.dtype != DType::kFloat || !x->shape.has_rank() || !w->IsConstant())
      return stays("its weights are no constant, or its input is not float32 of known rank");
    const Dims& dims = w->constant().dims();
    if (w->constant().count() == 0 || x->shape.rank() != static_cast<int>(dims.size())) return OkStatus();
    if (bias && (!bias->IsConstant() || bias->constant().dims() != Dims{dims[0]}))
      return stays("its bias is no constant by channel");
    auto spec = nn::ReadConv(node.attributes);
    if (!spec.ok()) return OkStatus();
    const nn::BlockedSources sources = nn::SourcesOf(isa_, *spec, dims);
    const Blocked* blocked = nullptr;
    if (sources.blocked) {
      ORTOLAN_ASSIGN_OR_RETURN(blocked, Find(x, node));
    }
    if (!blocked && sources.blocked && !sources.planar) {  // depthwise
      ORTOLAN_RETURN_IF_ERROR(Block(node, node.input(0), dims[1] * spec->groups));
      blocked = &blocked_.at(x);
    }
    const bool from_blocked = blocked && sources.blocked;
    if (!from_blocked && !sources.planar) return stays("no blocked kernel has its groups and sizes");
    graph::Attributes attributes = node.attributes;
    attributes.Set("block", block_);
    if (!from_blocked) attributes.Set("planar_input", int64_t{1});
    if (!context_.winograd) attributes.Set("winograd", int64_t{0});
    std::vector<Value*> inputs = node.inputs();
    if (from_blocked) inputs[0] = blocked->value;
    return Replace(node, kConvBlocked, std::move(attributes), std::move(inputs), dims[0]);
  }

  Status VisitConvTranspose(Node& node) {
    const Value* x = node.input(0);
    const Value* w = node.input(1);
    const Value* bias = node.input(2);
    const auto stays = [&](std::string_view why) {
      context_.Left(node, why);
      return OkStatus();
    };
    if (!x || !w || x->type.dtype != DType::kFloat || !x->shape.has_rank() || !w->IsConstant())
      return stays("its weights are no constant, or its input is not float32 of known rank");
    const Dims& dims = w->constant().dims();
    if (w->constant().count() == 0 || x->shape.rank() != static_cast<int>(dims.size())) return OkStatus();
    const auto spec = nn::ReadConvTranspose(node.attributes);
    if (!spec.ok()) return OkStatus();
    if (bias && (!bias->IsConstant() || bias->constant().dims() != Dims{dims[1] * spec->groups}))
      return stays("its bias is no constant by channel");
    const nn::BlockedSources sources = nn::TransposedSourcesOf(isa_, *spec, dims);
    const Blocked* blocked = nullptr;
    if (sources.blocked) {
      ORTOLAN_ASSIGN_OR_RETURN(blocked, Find(x, node));
    }
    if (!blocked && !sources.planar) return stays("no blocked kernel has its groups and sizes");
    graph::Attributes attributes;
    std::vector<Value*> inputs = node.inputs();
    if (blocked) inputs[0] = blocked->value;
    if (!blocked) attributes.Set("planar_input", int64_t{1});
    attributes.Set("block", block_);
    if (const auto sub_pixels = SubPixelsOf(*spec, dims, block_))
      return MakeSubPixels(*sub_pixels, std::move(inputs), std::move(attributes), node, graph_);
    for (const auto& [name, value] : node.attributes.items()) attributes.Set(name, value);
    return Replace(node, kConvTransposeBlocked, std::move(attributes), std::move(inputs),
                   dims[1] * spec->groups);
  }

  // Makes the blocked form of a planar value, before `node`.
  Status Block(Node& node, Value* planar, int64_t channels) {
    Node* made = graph_.InsertBefore(&node);
    made->op = &kReorderToBlocked;
    made->op_type = "ReorderToBlocked";
    made->name = node.name;
    made->sources = node.sources;
    made->attributes.Set("block", block_);
    made->SetInput(0, planar);
    Value* value = graph_.NewValue(planar->name() + "_blocked");
    made->SetOutput(0, value);
    ORTOLAN_RETURN_IF_ERROR(InferNode(*made, *graph_.dims()));
    blocked_[planar] = {value, channels};
    return OkStatus();
  }

  // Pools: one input, same channels.
  Status Follow(Node& node, const OpDef& op) {
    ORTOLAN_ASSIGN_OR_RETURN(const Blocked* x, Find(node.input(0), node));
    if (!x || !WorthFollowing(*x)) return OkStatus();
    graph::Attributes attributes;
    if (&op != &kGlobalAveragePoolBlocked) attributes = node.attributes;
    attributes.Remove("storage_order");
    return Replace(node, op, std::move(attributes), {x->value}, x->channels);
  }

  // ReduceMean over exactly the spatial axes that keeps them.
  bool IsSpatialMean(const Node& node) const {
    if (!node.op->domain.empty() || node.op->name != "ReduceMean" || node.attributes.Int("keepdims", 1) != 1)
      return false;
    const Value* axes = node.input(1);
    if (!axes || !axes->IsConstant() || axes->constant().dtype() != DType::kInt64) return false;
    if (!node.input(0)->shape.has_rank()) return false;
    const int64_t rank = node.input(0)->shape.rank();
    uint64_t seen = 0;
    for (int64_t axis : axes->constant().Items<const int64_t>()) {
      if (axis < -rank || axis >= rank) return false;
      seen |= uint64_t{1} << (axis < 0 ? axis + rank : axis);
    }
    return rank <= 5 && seen == (uint64_t{1} << rank) - 4;
  }

  // Notes where the channels of the node's outputs come from, if all of them are blocked somewhere.
  void NoteMoved(Node& node) {
    const auto found = ChannelsMovedBy(node);
    if (!found) return;
    std::vector<Lanes> outputs;
    for (const auto& channels : found->outputs) {
      Lanes& lanes = outputs.emplace_back();
      for (const Channel& channel : channels) {
        const auto blocked = blocked_.find(channel.value);
        const auto moved = moved_.find(channel.value);
        if (blocked != blocked_.end() && channel.index < blocked->second.channels) {
          lanes.push_back({blocked->second.value, channel.index});
        } else if (moved != moved_.end() && static_cast<size_t>(channel.index) < moved->second.size()) {
          lanes.push_back(moved->second[static_cast<size_t>(channel.index)]);
        } else {
          return;
        }
        const Value& value = *lanes.back().value;
        if (value.type.dtype != DType::kFloat || !value.shape[1].IsConstant()) return;
      }
    }
    for (size_t i = 0; i < outputs.size(); ++i) moved_[node.output(i)] = std::move(outputs[i]);
    replaced_.insert(&node);
    replaced_.insert(found->others.begin(), found->others.end());
  }

  // The blocked value of these channels, made before `reader`: whole values one after the other by Concat, of
  // which the plan may make nothing, others by GatherChannels.
  Result<Value*> MoveChannels(const Value& planar, const Lanes& lanes, Node& reader) {
    std::vector<Value*> whole, inputs;
    std::vector<int64_t> channels;
    std::unordered_map<const Value*, int64_t> first_lane;
    int64_t lane_count = 0;
    bool aligned = true;
    for (const Lane& lane : lanes) {
      if (!first_lane.contains(lane.value)) {
        first_lane[lane.value] = lane_count;
        inputs.push_back(lane.value);
        lane_count += lane.value->shape[1].constant() * block_;
      }
      const int64_t at = static_cast<int64_t>(channels.size());
      channels.push_back(first_lane[lane.value] + lane.channel);
      if (lane.channel == 0) whole.push_back(lane.value);
      aligned = aligned && at % block_ == lane.channel % block_ && whole.size() > 0 &&
                lane.value == whole.back() &&
                (lane.channel == 0 || lane.channel == lanes[static_cast<size_t>(at) - 1].channel + 1);
    }
    // Every value to its last block, of which the channels beyond the value's are nobody's.
    int64_t blocks = 0;
    for (const Value* value : whole) blocks += value->shape[1].constant();
    aligned = aligned && blocks == BlocksOf(static_cast<int64_t>(lanes.size()));
    if (aligned && whole.size() == 1) return whole[0];
    Node* made = graph_.InsertBefore(&reader);
    InitNode(*made, aligned ? kConcat : kGatherChannels, *planar.producer());
    if (aligned) {
      made->attributes.Set("axis", int64_t{1});
      made->SetInputs(std::move(whole));
    } else {
      made->attributes.Set("block", block_);
      made->attributes.Set("channels", std::move(channels));
      made->SetInputs(std::move(inputs));
    }
    Value* value = graph_.NewValue(planar.name() + "_blocked");
    value->device = planar.device;
    made->SetOutput(0, value);
    replaced_.insert(made);
    ORTOLAN_RETURN_IF_ERROR(InferNode(*made, *graph_.dims()));
    return value;
  }

  // Resize of the spatial axes: with these named, it does not mind the axis of lanes behind them.
  Status VisitResize(Node& node) {
    ORTOLAN_ASSIGN_OR_RETURN(const Blocked* x, Find(node.input(0), node));
    if (!x || !WorthFollowing(*x) || node.input(0)->type.dtype != DType::kFloat) return OkStatus();
    // What comes back to planar right behind is cheaper to bring back before it grows.
    const auto& readers = node.output(0)->consumers();
    const bool stays = std::ranges::any_of(readers, [](const Node* reader) {
      return reader->op == &kConv || reader->op == &kConcat || reader->op->emit != nullptr;
    });
    if (!stays || node.output(0)->IsOutput()) return OkStatus();
    const graph::Shape& shape = node.input(0)->shape;
    const graph::Attributes& attributes = node.attributes;
    if (attributes.String("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" ||
        attributes.String("keep_aspect_ratio_policy", "stretch") != "stretch") {
      return OkStatus();
    }
    const size_t spatial = static_cast<size_t>(shape.rank()) - 2;
    std::vector<int64_t> axes(spatial);
    std::iota(axes.begin(), axes.end(), 2);
    Value *scales = node.input(2), *sizes = node.input(3);
    const auto named = attributes.Ints("axes");
    if (!std::ranges::equal(named, axes)) {
      if (!named.empty()) return OkStatus();
      if (sizes && !SizesOfSpatialAxes(node, shape, &sizes)) return OkStatus();
      if (!sizes && !(scales = ScalesOfSpatialAxes(scales, spatial))) return OkStatus();
    }
    graph::Attributes made = attributes;
    made.Set("axes", std::move(axes));
    std::vector<Value*> inputs = {x->value, nullptr, sizes ? nullptr : scales};
    if (sizes) inputs.push_back(sizes);
    return Replace(node, *node.op, std::move(made), std::move(inputs), x->channels);
  }

  Value* ScalesOfSpatialAxes(const Value* scales, size_t spatial) {
    const Tensor* all = FloatConstant(scales);
    if (!all || all->count() != static_cast<int64_t>(spatial + 2)) return nullptr;
    const auto items = all->Items<const float>();
    if (items[0] != 1.0f || items[1] != 1.0f) return nullptr;
    const Dims dims = {static_cast<int64_t>(spatial)};
    return graph_.NewConstant(scales->name(), Tensor::Of<float>(dims, items.subspan(2)));
  }

  // Takes the last of the sizes, where the first two are known to be those of x.
  bool SizesOfSpatialAxes(Node& node, const graph::Shape& x, Value** sizes) {
    const auto& contents = (*sizes)->contents;
    if (!contents || contents->size() != static_cast<size_t>(x.rank()) || !((*contents)[0] == x[0]) ||
        !((*contents)[1] == x[1])) {
      return false;
    }
    const auto constant = [&](std::span<const int64_t> items) {
      return graph_.NewConstant((*sizes)->name(), Tensor::Of<int64_t>({std::ssize(items)}, items));
    };
    if (const auto known = IntsOf(*sizes)) {
      *sizes = constant(std::span(*known).subspan(2));
      return true;
    }
    const auto number = [&](int64_t item) { return constant(std::span<const int64_t>(&item, 1)); };
    Node* slice = graph_.InsertBefore(&node);
    InitNode(*slice, kSlice, node);
    slice->SetInputs({*sizes, number(2), number(x.rank())});
    *sizes = graph_.NewValue((*sizes)->name() + "_spatial");
    slice->SetOutput(0, *sizes);
    return InferNode(*slice, *graph_.dims()).ok();
  }

  // Elementwise operators read blocked values of one channel count, single elements, and constants of one
  // element a channel.
  Status VisitElementwise(Node& node) {
    if (node.outputs().size() != 1 || node.output(0)->type.dtype != DType::kFloat) return OkStatus();
    const graph::Shape& y = node.output(0)->shape;
    if (!y.has_rank()) return OkStatus();
    int64_t channels = 0;
    std::vector<Value*> inputs = node.inputs();
    for (Value*& input : inputs) {
      ORTOLAN_ASSIGN_OR_RETURN(const Blocked* blocked, Find(input, node));
      if (!blocked) continue;
      if (input->shape.rank() != y.rank() || (channels != 0 && blocked->channels != channels))
        return OkStatus();
      if (!WorthFollowing(*blocked) || input->type.dtype != DType::kFloat) return OkStatus();
      channels = blocked->channels;
      input = blocked->value;
    }
    if (channels == 0 || !y[1].Is(channels)) return OkStatus();
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i] || inputs[i] != node.input(i)) continue;  // absent, or blocked by now
      if (IsSingle(*inputs[i], y.rank())) continue;
      inputs[i] = PerChannel(*inputs[i], channels, y.rank());
      if (!inputs[i]) return OkStatus();
    }
    return Replace(node, *node.op, node.attributes, std::move(inputs), channels);
  }

  static bool IsSingle(const Value& value, int rank) {
    if (!value.shape.has_rank() || value.shape.rank() > rank) return false;
    return std::all_of(value.shape.dims().begin(), value.shape.dims().end(),
                       [](graph::Dim dim) { return dim.Is(1); });
  }

  // A constant [C, 1, ...] or [1, C, 1, ...] as [C / block, 1, ..., block], or null where it has another
  // form.
  Value* PerChannel(const Value& value, int64_t channels, int rank) {
    if (!value.IsConstant() || value.type.dtype != DType::kFloat) return nullptr;
    const Dims& dims = value.constant().dims();
    const size_t spatial = static_cast<size_t>(rank) - 2;
    if (dims.size() < spatial + 1 || dims.size() > spatial + 2 || value.constant().count() != channels)
      return nullptr;
    if (dims[dims.size() - spatial - 1] != channels) return nullptr;
    Dims blocked = {BlocksOf(channels)};
    for (size_t i = 0; i < spatial; ++i) blocked.push_back(1);
    blocked.push_back(block_);
    auto made = Tensor::Allocate(DType::kFloat, blocked);
    if (!made.ok()) return nullptr;
    const auto from = value.constant().Items<const float>();
    const auto to = made->Items<float>();
    std::fill(to.begin(), to.end(), 0.0f);
    std::copy(from.begin(), from.end(), to.begin());
    return graph_.NewConstant(value.name() + "_blocked", std::move(*made));
  }

  // Planar values that are still read come back; the others go, and so do the planar nodes that moved
  // channels where nobody reads them.
  Status Finish() {
    for (Node* node = replaced_.empty() ? nullptr : graph_.last(); node != nullptr;) {
      Node* previous = node->previous();
      if (replaced_.contains(node) && IsUnread(*node)) {
        const std::vector<Value*> outputs = node->outputs();
        graph_.EraseNode(node);
        for (Value* output : outputs) graph_.EraseValue(output);
      }
      node = previous;
    }
    for (Value* planar : freed_) {
      if (planar->consumers().empty() && !planar->IsOutput()) {
        blocked_.erase(planar);
        graph_.EraseValue(planar);
        continue;
      }
      const Blocked& blocked = blocked_.at(planar);
      Node* producer = blocked.value->producer();
      Node* made = producer->next() ? graph_.InsertBefore(producer->next()) : graph_.AppendNode();
      made->op = &kReorderFromBlocked;
      made->op_type = "ReorderFromBlocked";
      made->name = producer->name;
      made->sources = producer->sources;
      made->device = producer->device;
      made->attributes.Set("channels", blocked.channels);
      made->SetInput(0, blocked.value);
      made->SetOutput(0, planar);
      for (const Node* reader : planar->consumers())
        context_.Left(*reader, "it reads a map in planar order, which is converted for it");
    }
    return OkStatus();
  }

  static bool IsUnread(const Node& node) {
    return std::ranges::all_of(node.outputs(), [](const Value* output) {
      return output != nullptr && output->consumers().empty() && !output->IsOutput();
    });
  }

  Graph& graph_;
  const PassContext& context_;
  const Isa isa_;
  const int64_t block_;
  std::unordered_map<const Value*, Blocked> blocked_;  // by the planar value
  std::vector<Value*> freed_;                          // planar values whose producer is gone
  std::unordered_map<const Value*, Lanes> moved_;      // by the planar value
  std::unordered_set<const Node*> replaced_;           // that move channels: nodes that may be unread now
};

}  // namespace

Status RunLayout(Graph& graph, PassContext& context) {
  return Layout(graph, context).Run();
}

}  // namespace ortolan::passes
