// ortolan::ReorderToBlocked and ReorderFromBlocked: between planar values and the blocked layout, float only.
// Made by the layout pass. Attribute `block` is the block's size, `channels` what the planar value has.
#include "kernels/conv/reorder.h"
#include "ops/nn/blocked.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kToAttributes[] = {{"block", graph::AttributeType::kInt, true}};
constexpr AttributeSpec kFromAttributes[] = {{"channels", graph::AttributeType::kInt, true}};

Status InferTo(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const int64_t block = context.attributes().Int("block", 0);
  if (!nn::IsBlock(block)) return InvalidArgument("attribute block is {}, expected 8 or 16", block);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() < 2) return InvalidArgument("the input has rank {}, expected at least 2", x.rank());
  context.SetShape(0, nn::BlockedShape(x, block));
  return OkStatus();
}

Status InferFrom(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() < 3) return InvalidArgument("the input has rank {}, expected at least 3", x.rank());
  context.SetShape(0, nn::PlanarShape(x, context.attributes().Int("channels", 0)));
  return OkStatus();
}

// Planar and blocked dims of one run, checked against each other.
Status CheckPair(const Dims& planar, const Dims& blocked) {
  bool fits = planar.size() >= 2 && blocked.size() == planar.size() + 1 && nn::IsBlock(blocked.back()) &&
              planar[0] == blocked[0] && blocked[1] == (planar[1] + blocked.back() - 1) / blocked.back();
  for (size_t i = 2; fits && i < planar.size(); ++i) fits = planar[i] == blocked[i];
  if (fits) return OkStatus();
  return InvalidArgument("{} is not the blocked form of {}", DimsText(blocked), DimsText(planar));
}
Status BindTo(const void*, const BindContext& context, Binding*) {
  return CheckPair(context.inputs[0], context.outputs[0]);
}
Status BindFrom(const void*, const BindContext& context, Binding*) {
  return CheckPair(context.outputs[0], context.inputs[0]);
}

int64_t SizeOf(const Dims& planar) {
  return ElementCount(std::span<const int64_t>(planar.data() + 2, planar.size() - 2));
}

Status RunTo(const void*, RunContext& context) {
  const TensorRef& x = context.input(0);
  kernels::ToBlocked(x.dims[0], x.dims[1], SizeOf(x.dims), context.output(0).dims.back(), x.As<const float>(),
                     context.output(0).As<float>(), context.threads());
  return OkStatus();
}

Status RunFrom(const void*, RunContext& context) {
  const TensorRef& y = context.output(0);
  kernels::FromBlocked(y.dims[0], y.dims[1], SizeOf(y.dims), context.input(0).dims.back(),
                       context.input(0).As<const float>(), y.As<float>(), context.threads());
  return OkStatus();
}

Status PrepareTo(PrepareContext&, Prepared* prepared) {
  *prepared = {.run = RunTo, .bind = BindTo, .kernel = "reorder_to_blocked"};
  return OkStatus();
}
Status PrepareFrom(PrepareContext&, Prepared* prepared) {
  *prepared = {.run = RunFrom, .bind = BindFrom, .kernel = "reorder_from_blocked"};
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kReorderToBlocked;
constexpr OpDef kReorderToBlocked{
    .domain = "ortolan",
    .name = "ReorderToBlocked",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kToAttributes,
    .infer = InferTo,
    .prepare = PrepareTo,
};

extern const OpDef kReorderFromBlocked;
constexpr OpDef kReorderFromBlocked{
    .domain = "ortolan",
    .name = "ReorderFromBlocked",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kFromAttributes,
    .infer = InferFrom,
    .prepare = PrepareFrom,
};

}  // namespace ortolan
