#include "plan/arena.h"

#include <algorithm>
#include <iterator>

#include "base/aligned_buffer.h"

namespace ortolan::plan {
namespace {
size_t Rounded(size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}
}  // namespace

size_t ArenaPlanner::Take(size_t bytes) {
  bytes = Rounded(bytes);
  if (bytes == 0) return 0;
  live_ += bytes;
  most_live_ = std::max(most_live_, live_);
  auto best = holes_.end();
  for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
    if (hole->second >= bytes && (best == holes_.end() || hole->second < best->second)) best = hole;
  }
  if (best != holes_.end()) {
    const auto [offset, size] = *best;
    holes_.erase(best);
    if (size > bytes) holes_.emplace(offset + bytes, size - bytes);
    return offset;
  }
  // No hole fits: a hole at the very end is extended, else the block goes behind everything.
  size_t offset = end_;
  if (!holes_.empty()) {
    const auto last = std::prev(holes_.end());
    if (last->first + last->second == end_) {
      offset = last->first;
      holes_.erase(last);
    }
  }
  end_ = offset + bytes;
  return offset;
}

void ArenaPlanner::Give(size_t offset, size_t bytes) {
  bytes = Rounded(bytes);
  if (bytes == 0) return;
  live_ -= bytes;
  auto [hole, inserted] = holes_.emplace(offset, bytes);
  if (const auto next = std::next(hole); next != holes_.end() && hole->first + hole->second == next->first) {
    hole->second += next->second;
    holes_.erase(next);
  }
  if (hole != holes_.begin()) {
    if (const auto before = std::prev(hole); before->first + before->second == hole->first) {
      before->second += hole->second;
      holes_.erase(hole);
    }
  }
}

}  // namespace ortolan::plan
