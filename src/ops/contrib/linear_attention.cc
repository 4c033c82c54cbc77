// LinearAttention: ONNX's, with a window of states and more heads of keys than of queries.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  // ONNX's room reads state_window, too, which ONNX does not have.
  std::vector<graph::Attributes::Item> items = context.node.attributes.items();
  const int64_t window = context.node.attributes.Int("state_window", 0);
  if (window < 0 || window > 8) return InvalidArgument("LinearAttention: state_window {}", window);
  Composer make(context);
  std::vector<graph::Value*> inputs = context.node.inputs();
  make.Last("LinearAttention", std::move(inputs), std::move(items));
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T"},
                                       {"value", "T"},
                                       {"past_state", "S", Arity::kOptional},
                                       {"decay", "T", Arity::kOptional},
                                       {"beta", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present_state", "S"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"S", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"chunk_size", AttributeType::kInt},        {"kv_num_heads", AttributeType::kInt, true},
    {"q_num_heads", AttributeType::kInt, true}, {"scale", AttributeType::kFloat},
    {"state_window", AttributeType::kInt},      {"update_rule", AttributeType::kString}};

}  // namespace

extern const OpDef kMsLinearAttention;
constexpr OpDef kMsLinearAttention{.domain = "com.microsoft",
                                   .name = "LinearAttention",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .raise = Raise};

}  // namespace ortolan
