// Placement of short-lived blocks in one arena: the planner walks the schedule, takes blocks as values are
// born and gives them back as they die.
#pragma once

#include <cstddef>
#include <vector>

namespace ortolan::plan {

class ArenaPlanner {
 public:
  // The offset of a free block of this size (a multiple of 64): the smallest hole that fits, else the arena
  // grows.
  size_t Take(size_t bytes);
  void Give(size_t offset, size_t bytes);

  size_t arena_bytes() const { return end_; }
  size_t live_bytes() const { return most_live_; }  // the most at once
  size_t live_now() const { return live_; }

 private:
  struct Hole {
    size_t offset;
    size_t bytes;
  };
  std::vector<Hole> holes_;  // by offset; neighbours are merged
  size_t end_ = 0;
  size_t live_ = 0;
  size_t most_live_ = 0;
};

}  // namespace ortolan::plan
