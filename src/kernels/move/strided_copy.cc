#include "kernels/move/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/move/transpose_tile.h"

namespace ortolan::kernels {
namespace {

// A chunk of this many bytes takes 10 to 30 us: enough to pay for a fork, small enough to share evenly.
constexpr int64_t kChunkBytes = 256 << 10;
// Source rows of a tile strip: 16 lines of 64 bytes stay in L1 while the destination runs along the other
// axis.
constexpr int64_t kTileBytes = 64;

struct Wide {
  uint64_t words[2];
};

// Walks the outer loops from a given position on, keeping both offsets.
class Odometer {
 public:
  Odometer(const CopyPlan& plan, int64_t position) : plan_(plan), index_(plan.outer_dims.size()) {
    for (size_t axis = index_.size(); axis-- > 0;) {
      index_[axis] = position % plan.outer_dims[axis];
      position /= plan.outer_dims[axis];
      from_ += index_[axis] * plan.outer_from[axis];
      to_ += index_[axis] * plan.outer_to[axis];
    }
  }
  int64_t from() const { return from_; }
  int64_t to() const { return to_; }
  void Next() {
    for (size_t axis = index_.size(); axis-- > 0;) {
      from_ += plan_.outer_from[axis];
      to_ += plan_.outer_to[axis];
      if (++index_[axis] < plan_.outer_dims[axis]) return;
      from_ -= plan_.outer_from[axis] * plan_.outer_dims[axis];
      to_ -= plan_.outer_to[axis] * plan_.outer_dims[axis];
      index_[axis] = 0;
    }
  }

 private:
  const CopyPlan& plan_;
  Extents index_;
  int64_t from_ = 0;
  int64_t to_ = 0;
};

// Memory may be aligned for a narrower element than the merged one, so elements go through memcpy (one plain
// move).
template <typename T>
T Read(const T* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
template <typename T>
void Write(T* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}
template <>
std::string Read<std::string>(const std::string* at) {
  return *at;
}
template <>
void Write<std::string>(std::string* at, std::string value) {
  *at = std::move(value);
}

template <typename T>
void CopyRun(const T* from, T* to, int64_t count) {
  if constexpr (std::is_same_v<T, std::string>) {
    std::copy(from, from + count, to);
  } else {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  }
}

// Stores of the baseline are a part of a line each, of which memory takes a fourth of what it takes of whole
// lines, as the copies of the C library are: so the first piece is stored, and copied for the others.
constexpr int64_t kFillBytes = 2048;

template <typename T>
void Fill(T* to, int64_t count, const T& value) {
  int64_t filled = count;
  if constexpr (!std::is_same_v<T, std::string>)
    filled = std::min(count, kFillBytes / static_cast<int64_t>(sizeof(T)));
  for (int64_t i = 0; i < filled; ++i) Write(to + i, value);
  for (int64_t at = filled; at < count; at += filled) CopyRun(to, to + at, std::min(filled, count - at));
}

template <typename T>
void RunInner(const CopyPlan& plan, const T* from, T* to, int64_t begin, int64_t end) {
  const int64_t step = plan.inner_from;
  const int64_t to_step = plan.inner_to;
  from += begin * step;
  to += begin * to_step;
  const int64_t count = end - begin;
  switch (plan.kind) {
    case CopyPlan::Kind::kRows:
      CopyRun(from, to, count);
      break;
    case CopyPlan::Kind::kFill: {
      const T value = Read(from);
      Fill(to, count, value);
      break;
    }
    default:
      for (int64_t i = 0; i < count; ++i) Write(to + i * to_step, Read(from + i * step));
  }
}

// Many short rows: chunks are ranges of rows. Few long ones: each row is cut.
template <typename T>
void RunRows(const CopyPlan& plan, const T* from, T* to, ThreadPool& threads) {
  constexpr int64_t kChunk = kChunkBytes / static_cast<int64_t>(sizeof(T));
  if (plan.inner_count >= kChunk) {
    const int64_t pieces = (plan.inner_count + kChunk - 1) / kChunk;
    threads.ParallelFor(plan.outer_count * pieces, [&](int64_t chunk) {
      const Odometer at(plan, chunk / pieces);
      const int64_t begin = chunk % pieces * kChunk;
      RunInner(plan, from + at.from(), to + at.to(), begin, std::min(begin + kChunk, plan.inner_count));
    });
    return;
  }
  threads.ParallelRanges(plan.outer_count, std::max<int64_t>(1, kChunk / plan.inner_count),
                         [&](int64_t begin, int64_t end) {
                           Odometer at(plan, begin);
                           for (int64_t i = begin; i < end; ++i, at.Next())
                             RunInner(plan, from + at.from(), to + at.to(), 0, plan.inner_count);
                         });
}

// The source runs along the tile axis, the destination along the inner one: strips of one cache line of
// source.
template <typename T>
void RunTiles(const CopyPlan& plan, const T* from, T* to, ThreadPool& threads) {
  constexpr int64_t kStrip = std::max<int64_t>(4, kTileBytes / static_cast<int64_t>(sizeof(T)));
  const int64_t strips = (plan.tile_count + kStrip - 1) / kStrip;
  const int64_t strip_elements = std::max<int64_t>(1, std::min(kStrip, plan.tile_count) * plan.inner_count);
  const int64_t grain = std::max<int64_t>(1, kChunkBytes / static_cast<int64_t>(sizeof(T)) / strip_elements);
  threads.ParallelRanges(plan.outer_count * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Odometer at(plan, i / strips);
      const int64_t first = i % strips * kStrip;
      TransposeStrip(from + at.from() + first, plan.inner_from, to + at.to() + first * plan.tile_to,
                     plan.tile_to, std::min(kStrip, plan.tile_count - first), plan.inner_count);
    }
  });
}

template <typename T>
void Run(const CopyPlan& plan, const void* from, void* to, ThreadPool& threads) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  if (plan.kind == CopyPlan::Kind::kTiles) {
    if constexpr (!std::is_same_v<T, std::string>) RunTiles(plan, source, target, threads);
  } else {
    RunRows(plan, source, target, threads);
  }
}

struct Axis {
  int64_t count, from, to;
};

bool Merges(const Axis& outer, const Axis& inner) {
  return outer.from == inner.from * inner.count && outer.to == inner.to * inner.count;
}

using Axes = SmallVector<Axis, 6>;

// Axes in destination order, without those of one element, merged where both sides run on.
Axes Normalize(std::span<const int64_t> dims, std::span<const int64_t> from, std::span<const int64_t> to) {
  Axes axes;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) axes.push_back({dims[i], from[i], to[i]});
  }
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.to > b.to; });
  Axes merged;
  for (const Axis& axis : axes) {
    if (!merged.empty() && Merges(merged.back(), axis)) {
      merged.back() = {merged.back().count * axis.count, axis.from, axis.to};
    } else {
      merged.push_back(axis);
    }
  }
  return merged;
}

// A contiguous inner run of 2 to 16 bytes becomes one wider element, so that short runs are moved whole and a
// transpose of pairs is a transpose.
void WidenElement(Axes* axes, int* width) {
  if (*width == kStringWidth || axes->size() < 2) return;
  const Axis inner = axes->back();
  if (inner.from != 1 || inner.to != 1) return;
  const int64_t bytes = *width * inner.count;
  if (inner.count > 16 || (bytes != 2 && bytes != 4 && bytes != 8 && bytes != 16)) return;
  for (size_t i = 0; i + 1 < axes->size(); ++i) {
    if ((*axes)[i].from % inner.count != 0 || (*axes)[i].to % inner.count != 0) return;
  }
  axes->pop_back();
  for (Axis& axis : *axes) {
    axis.from /= inner.count;
    axis.to /= inner.count;
  }
  *width = static_cast<int>(bytes);
}

}  // namespace

CopyPlan PlanCopy(std::span<const int64_t> dims, std::span<const int64_t> from_strides,
                  std::span<const int64_t> to_strides, int width) {
  CopyPlan plan;
  plan.width = width;
  for (int64_t dim : dims) {
    if (dim <= 0) return plan;
  }
  Axes axes = Normalize(dims, from_strides, to_strides);
  WidenElement(&axes, &plan.width);
  if (axes.empty()) {
    plan.kind = CopyPlan::Kind::kRows;  // one element
    return plan;
  }
  const Axis inner = axes.back();
  axes.pop_back();
  plan.inner_count = inner.count;
  plan.inner_from = inner.from;
  plan.inner_to = inner.to;
  plan.kind = CopyPlan::Kind::kElements;
  if (inner.to == 1) {
    if (inner.from == 1) {
      plan.kind = CopyPlan::Kind::kRows;
    } else if (inner.from == 0) {
      plan.kind = CopyPlan::Kind::kFill;
    } else if (plan.width != kStringWidth) {
      for (size_t i = 0; i < axes.size(); ++i) {
        if (axes[i].from != 1) continue;
        plan.kind = CopyPlan::Kind::kTiles;
        plan.tile_count = axes[i].count;
        plan.tile_to = axes[i].to;
        axes.erase(axes.begin() + i);
        break;
      }
    }
  }
  for (const Axis& axis : axes) {
    plan.outer_dims.push_back(axis.count);
    plan.outer_from.push_back(axis.from);
    plan.outer_to.push_back(axis.to);
    plan.outer_count *= axis.count;
  }
  return plan;
}

void RunCopy(const CopyPlan& plan, const void* from, void* to, ThreadPool& threads) {
  if (plan.kind == CopyPlan::Kind::kNothing) return;
  switch (plan.width) {
    case 1:
      return Run<uint8_t>(plan, from, to, threads);
    case 2:
      return Run<uint16_t>(plan, from, to, threads);
    case 4:
      return Run<uint32_t>(plan, from, to, threads);
    case 8:
      return Run<uint64_t>(plan, from, to, threads);
    case 16:
      return Run<Wide>(plan, from, to, threads);
    default:
      return Run<std::string>(plan, from, to, threads);
  }
}

void CopyBytes(const void* from, void* to, int64_t bytes, ThreadPool& threads) {
  if (bytes <= 0) return;
  const int64_t chunks = (bytes + kChunkBytes - 1) / kChunkBytes;
  threads.ParallelFor(chunks, [&](int64_t chunk) {
    const int64_t begin = chunk * kChunkBytes;
    std::memcpy(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
                static_cast<size_t>(std::min(kChunkBytes, bytes - begin)));
  });
}

}  // namespace ortolan::kernels
