// Upsample of a chain of nchwc operators: Resize by whole numbers. onnxruntime keeps such values in blocks
// of channels that suit its machine; here they are plain images whose channels are padded to whole blocks,
// and passes choose a layout.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::span<const int64_t> scales = attributes.Ints("scales");
  const std::vector<float> factors(scales.begin(), scales.end());
  const std::string mode(attributes.String("mode", "nearest"));
  const std::string place(attributes.String("coordinate_transformation_mode", "asymmetric"));
  Composer make(context);
  graph::Value* given = make.Constant(Tensor::Of<float>({static_cast<int64_t>(factors.size())}, factors));
  std::vector<graph::Attributes::Item> items = {{"mode", mode}, {"coordinate_transformation_mode", place}};
  if (mode == "nearest") items.emplace_back("nearest_mode", std::string("floor"));
  make.Last("Resize", {make.input(0), nullptr, given}, std::move(items));
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"coordinate_transformation_mode", AttributeType::kString},
                                         {"mode", AttributeType::kString},
                                         {"scales", AttributeType::kInts}};

}  // namespace

extern const OpDef kNchwcUpsample;
constexpr OpDef kNchwcUpsample{.domain = "com.microsoft.nchwc",
                               .name = "Upsample",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
