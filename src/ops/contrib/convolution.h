// What FusedConv, NhwcConv, NhwcFusedConv and nchwc.Conv share.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// The declaration of FusedConv and its form for channels that stand last.
inline constexpr FormalParameter kFusedConvInputs[] = {
    {"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}, {"Z", "T", Arity::kOptional}};
inline constexpr FormalParameter kFusedConvOutputs[] = {{"Y", "T"}};
inline constexpr TypeConstraint kFusedConvTypes[] = {{"T", kFloatTypes}};
inline constexpr AttributeSpec kFusedConvAttributes[] = {
    {"activation", graph::AttributeType::kString}, {"activation_params", graph::AttributeType::kFloats},
    {"auto_pad", graph::AttributeType::kString},   {"dilations", graph::AttributeType::kInts},
    {"group", graph::AttributeType::kInt},         {"kernel_shape", graph::AttributeType::kInts},
    {"pads", graph::AttributeType::kInts},         {"strides", graph::AttributeType::kInts}};

// Conv's attributes of the composed node.
std::vector<graph::Attributes::Item> ConvAttributes(const graph::Attributes& attributes);
// x with its channels behind the spatial axes, or in front of them. Refuses an unknown rank.
Result<graph::Value*> ChannelsLast(Composer& make, graph::Value* x);
Result<graph::Value*> ChannelsFirst(Composer& make, graph::Value* x);

}  // namespace ortolan
