// ortolan::GatherChannels: any channels of values in the blocked layout, in any order, float only. Made by
// the layout pass of concatenations, slices and shuffles of channels. Attribute `channels` has for each
// channel of the output its lane, counted through the inputs one after the other, lanes beyond their channels
// included.
#include <algorithm>

#include "kernels/conv/lanes.h"
#include "kernels/conv/window.h"
#include "ops/nn/blocked.h"
#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  const kernels::ConvVariant* variant = nullptr;
  std::vector<int64_t> channels;
};

struct Bound {
  kernels::LanePlan plan;
  std::vector<int64_t> input_blocks;
  int64_t batch = 0, pixels = 0;
};

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() < 3) return InvalidArgument("the input has rank {}, expected at least 3", x.rank());
  const int64_t block = context.attributes().Int("block", 0);
  if (!nn::IsBlock(block)) return InvalidArgument("attribute block is {}, expected 8 or 16", block);
  graph::Shape::DimList dims = x.dims();
  dims[1] = kernels::CeilDiv(static_cast<int64_t>(context.attributes().Ints("channels").size()), block);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const int64_t block = state.variant->block;
  auto bound = std::make_shared<Bound>();
  Dims wanted = context.inputs[0];
  int64_t lanes = 0;
  for (const Dims& dims : context.inputs) {
    if (dims.size() < 3 || dims.size() != wanted.size() || dims.back() != block)
      return InvalidArgument("an input has shape {}, expected blocks of {}", DimsText(dims), block);
    wanted[1] = dims[1];
    if (!(dims == wanted))
      return InvalidArgument("inputs have shapes {} and {}", DimsText(wanted), DimsText(dims));
    bound->input_blocks.push_back(dims[1]);
    lanes += dims[1] * block;
  }
  wanted[1] = kernels::CeilDiv(static_cast<int64_t>(state.channels.size()), block);
  if (!(context.outputs[0] == wanted))
    return InvalidArgument("the output has shape {}, expected {}", DimsText(context.outputs[0]),
                           DimsText(wanted));
  for (int64_t lane : state.channels) {
    if (lane < 0 || lane >= lanes) return InvalidArgument("lane {} of {} does not exist", lane, lanes);
  }
  bound->plan = kernels::PlanLanes(block, bound->input_blocks, state.channels);
  bound->batch = wanted[0];
  bound->pixels = ElementCount(std::span<const int64_t>(wanted.data() + 2, wanted.size() - 3));
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  SmallVector<const float*, 8> inputs;
  for (size_t i = 0; i < context.input_count(); ++i) inputs.push_back(context.input(i).As<const float>());
  RunLanes(*state.variant, bound.plan, bound.input_blocks, {inputs.data(), inputs.size()}, bound.batch,
           bound.pixels, context.output(0).As<float>(), context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  const int64_t block = context.node.attributes.Int("block", 0);
  state->variant = kernels::ConvVariantOf(context.isa, block);
  if (!state->variant) return NotImplemented("no kernel for blocks of {} on {}", block, IsaName(context.isa));
  const auto channels = context.node.attributes.Ints("channels");
  state->channels.assign(channels.begin(), channels.end());
  prepared->kernel = fmt::format("gather_channels_{}", state->variant->name);
  prepared->run = Run;
  prepared->bind = Bind;
  prepared->state = std::move(state);
  return OkStatus();
}

constexpr AttributeSpec kAttributes[] = {{"block", graph::AttributeType::kInt, true},
                                         {"channels", graph::AttributeType::kInts, true}};
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kGatherChannels;
constexpr OpDef kGatherChannels{
    .domain = "ortolan",
    .name = "GatherChannels",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .infer = Infer,
    .prepare = Prepare,
};

}  // namespace ortolan
