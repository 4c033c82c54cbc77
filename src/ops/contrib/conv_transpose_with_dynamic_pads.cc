// ConvTransposeWithDynamicPads: ConvTranspose whose pads are an input. Refuses pads that are no constant.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  std::vector<graph::Attributes::Item> attributes = ConvAttributes(context.node.attributes);
  if (const graph::AttributeValue* padding = context.node.attributes.Find("output_padding")) {
    attributes.emplace_back("output_padding", *padding);
  }
  Composer make(context);
  const graph::Value* pads = make.input(2);
  if (pads != nullptr) {
    if (!pads->IsConstant()) return NotImplemented("ConvTransposeWithDynamicPads: pads that are no constant");
    const std::span<const int64_t> given = pads->constant().Items<const int64_t>();
    attributes.emplace_back("pads", std::vector<int64_t>(given.begin(), given.end()));
  }
  make.Last("ConvTranspose", {make.input(0), make.input(1), make.input(3)}, std::move(attributes));
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"W", "T"}, {"Pads", "tensor(int64)", Arity::kOptional}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString},     {"dilations", AttributeType::kInts},
    {"group", AttributeType::kInt},           {"kernel_shape", AttributeType::kInts},
    {"output_padding", AttributeType::kInts}, {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kMsConvTransposeWithDynamicPads;
constexpr OpDef kMsConvTransposeWithDynamicPads{.domain = "com.microsoft",
                                                .name = "ConvTransposeWithDynamicPads",
                                                .versions = kVersions,
                                                .inputs = kInputs,
                                                .outputs = kOutputs,
                                                .types = kTypes,
                                                .attributes = kAttributes,
                                                .raise = Raise};

}  // namespace ortolan
