// Which channels nodes only move: concatenations, slices, splits and shuffles along axis 1. The layout pass
// reads through them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/graph.h"

namespace ortolan::passes {

struct Channel {
  graph::Value* value = nullptr;
  int64_t index = 0;
};

struct MovedChannels {
  std::vector<std::vector<Channel>> outputs;  // for each output of the node its channels
  std::vector<graph::Node*> others;           // nodes before it that are part of the movement
};

// Nothing where the node does anything else, or where channel counts are not known.
std::optional<MovedChannels> ChannelsMovedBy(graph::Node& node);

}  // namespace ortolan::passes
