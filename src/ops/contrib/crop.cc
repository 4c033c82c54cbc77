// Crop: cuts the border (left, top, right, bottom) off images, or with `scale` keeps that many rows and
// columns behind it.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const std::span<const int64_t> border = context.node.attributes.Ints("border");
  const std::span<const int64_t> scale = context.node.attributes.Ints("scale");
  if (border.size() < 4) return InvalidArgument("Crop: border has {} numbers, expected 4", border.size());
  if (!scale.empty() && scale.size() != 2) return InvalidArgument("Crop: scale has {} numbers", scale.size());
  for (const int64_t size : border) {
    if (size < 0 || size > INT32_MAX) return InvalidArgument("Crop: a border of {}", size);
  }
  const int64_t left = border[0], top = border[1], right = border[2], bottom = border[3];
  Composer make(context);
  graph::Value* sizes = make.Sizes(make.input(0), 2, 4);
  graph::Value* ends = scale.empty() ? make.Node("Sub", {sizes, make.Ints({bottom, right})})
                                     : make.Ints({top + scale[0], left + scale[1]});
  make.Last("Slice", {make.input(0), make.Ints({top, left}), ends, make.Ints({2, 3})});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"border", AttributeType::kInts}, {"scale", AttributeType::kInts}};

}  // namespace

extern const OpDef kCrop;
constexpr OpDef kCrop{.domain = "",
                      .name = "Crop",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .raise = Raise};

}  // namespace ortolan
