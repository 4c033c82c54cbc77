// What FusedConv, NhwcConv, NhwcFusedConv and nchwc.Conv share.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// Conv's attributes of the composed node.
std::vector<graph::Attributes::Item> ConvAttributes(const graph::Attributes& attributes);
// x with its channels behind the spatial axes, or in front of them. Refuses an unknown rank.
Result<graph::Value*> ChannelsLast(Composer& make, graph::Value* x);
Result<graph::Value*> ChannelsFirst(Composer& make, graph::Value* x);

}  // namespace ortolan
