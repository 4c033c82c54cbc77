// ConvTransposeWithDynamicPads: ConvTranspose whose pads are an input. Those that are no constant are cut off
// a result without pads.
#include <numeric>

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
  graph::Value* pads = make.input(2);
  const std::string_view automatic = context.node.attributes.String("auto_pad", "NOTSET");
  if (pads != nullptr && pads->IsConstant()) {
    const std::span<const int64_t> given = pads->constant().Items<const int64_t>();
    attributes.emplace_back("pads", std::vector<int64_t>(given.begin(), given.end()));
  } else if (pads != nullptr && (automatic == "NOTSET" || automatic.empty())) {
    const graph::Shape& x = make.input(0)->shape;
    if (!x.has_rank() || x.rank() < 3)
      return NotImplemented("ConvTransposeWithDynamicPads of {}", ShapeText(x));
    const int64_t axes = x.rank() - 2;
    graph::Value* whole =
        make.Node("ConvTranspose", {make.input(0), make.input(1), make.input(3)}, std::move(attributes));
    graph::Value* behind = make.Sliced(pads, 0, axes, 2 * axes);
    graph::Value* end = make.Node("Sub", {make.Sizes(whole, 2, 2 + axes), behind});
    end = make.Node("Max", {end, make.Ints({0})});  // below 0 Slice would count from the end
    std::vector<int64_t> spatial(static_cast<size_t>(axes));
    std::iota(spatial.begin(), spatial.end(), int64_t{2});
    make.Last("Slice", {whole, make.Sliced(pads, 0, 0, axes), end,
                        make.Constant(Tensor::Of<int64_t>({axes}, spatial))});
    return OkStatus();
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
