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
    if (hole->bytes >= bytes && (best == holes_.end() || hole->bytes < best->bytes)) best = hole;
  }
  if (best != holes_.end()) {
    const size_t offset = best->offset;
    best->offset += bytes;
    best->bytes -= bytes;
    if (best->bytes == 0) holes_.erase(best);
    return offset;
  }
  // No hole fits: a hole at the very end is extended, else the block goes behind everything.
  size_t offset = end_;
  if (!holes_.empty() && holes_.back().offset + holes_.back().bytes == end_) {
    offset = holes_.back().offset;
    holes_.pop_back();
  }
  end_ = offset + bytes;
  return offset;
}

void ArenaPlanner::Give(size_t offset, size_t bytes) {
  bytes = Rounded(bytes);
  if (bytes == 0) return;
  live_ -= bytes;
  auto after = std::ranges::lower_bound(holes_, offset, {}, &Hole::offset);
  const bool meets_after = after != holes_.end() && offset + bytes == after->offset;
  const bool meets_before =
      after != holes_.begin() && std::prev(after)->offset + std::prev(after)->bytes == offset;
  if (meets_before) {
    std::prev(after)->bytes += bytes + (meets_after ? after->bytes : 0);
    if (meets_after) holes_.erase(after);
  } else if (meets_after) {
    after->offset = offset;
    after->bytes += bytes;
  } else {
    holes_.insert(after, {offset, bytes});
  }
}

}  // namespace ortolan::plan
