#include "kernels/resize/resize.h"

#include <algorithm>
#include <cstring>

#include "base/small_vector.h"

namespace ortolan::kernels {
namespace {

constexpr int64_t kChunkElements = 16 << 10;

struct View {
  int64_t outer, inner;
};

// out[o][i][:] = sum of taps of in[o][...][:].
template <typename C>
void Pass(const ResizeTable& table, const View& view, const C* in, C* out, ThreadPool& threads) {
  const int64_t taps = table.taps;
  const int32_t* indices = table.indices.data();
  const float* weights = table.weights.data();
  const int64_t grain =
      std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, table.out * view.inner * taps));
  if (view.inner == 1) {
    threads.ParallelRanges(view.outer, grain, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        const C* from = in + o * table.in;
        C* to = out + o * table.out;
        for (int64_t i = 0; i < table.out; ++i) {
          C sum = 0;
          for (int64_t k = 0; k < taps; ++k)
            sum += static_cast<C>(weights[i * taps + k]) * from[indices[i * taps + k]];
          to[i] = sum;
        }
      }
    });
    return;
  }
  const int64_t row_grain = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, view.inner * taps));
  threads.ParallelRanges(view.outer * table.out, row_grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t o = row / table.out, i = row % table.out;
      const C* from = in + o * table.in * view.inner;
      C* to = out + row * view.inner;
      const C first = static_cast<C>(weights[i * taps]);
      const C* source = from + indices[i * taps] * view.inner;
      for (int64_t j = 0; j < view.inner; ++j) to[j] = first * source[j];
      for (int64_t k = 1; k < taps; ++k) {
        const C weight = static_cast<C>(weights[i * taps + k]);
        source = from + indices[i * taps + k] * view.inner;
        for (int64_t j = 0; j < view.inner; ++j) to[j] += weight * source[j];
      }
    }
  });
}

bool IsOutside(const ResizePlan& plan, int64_t position) {
  for (size_t axis = plan.axes.size(); axis-- > 0;) {
    const ResizeTable& table = plan.axes[axis];
    const int64_t at = position % table.out;
    if (!table.outside.empty() && table.outside[static_cast<size_t>(at)] != 0) return true;
    position /= table.out;
  }
  return false;
}

// `count` items of `inner` elements each, from their places in a row. A block of channels of the blocked
// layout is a whole cache line or half of one: copied in registers.
template <typename T>
void PickItems(const T* from, const int32_t* indices, int64_t count, int64_t inner, T* to) {
  constexpr int64_t kLine = 64 / sizeof(T);
  if (inner == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[indices[i]];
  } else if (inner == kLine) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * kLine, from + indices[i] * kLine, 64);
  } else if (inner == kLine / 2) {
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(to + i * (kLine / 2), from + indices[i] * (kLine / 2), 32);
  } else {
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(to + i * inner, from + indices[i] * inner, static_cast<size_t>(inner) * sizeof(T));
  }
}

// A row is the last axis that changes, with what stands behind it.
template <typename T>
void NearestRows(const ResizePlan& plan, const T* in, T* out, ThreadPool& threads) {
  size_t axes = plan.axes.size();
  int64_t inner = 1;
  while (axes > 1 && plan.axes[axes - 1].identity) inner *= plan.axes[--axes].out;
  const ResizeTable& last = plan.axes[axes - 1];
  const int64_t row_elements = last.out * inner, rows = plan.out_count / row_elements;
  const size_t row_bytes = static_cast<size_t>(row_elements) * sizeof(T);
  threads.ParallelRanges(
      rows, std::max<int64_t>(1, kChunkElements / row_elements), [&](int64_t begin, int64_t end) {
        int64_t previous = -1;
        for (int64_t row = begin; row < end; ++row) {
          int64_t rest = row, offset = 0, stride = last.in * inner;
          for (size_t axis = axes - 1; axis-- > 0;) {
            const ResizeTable& table = plan.axes[axis];
            const int64_t at = rest % table.out;
            offset += (table.identity ? at : table.indices[static_cast<size_t>(at)]) * stride;
            stride *= table.in;
            rest /= table.out;
          }
          T* to = out + row * row_elements;
          if (offset == previous) {  // enlarging repeats whole rows
            std::memcpy(to, to - row_elements, row_bytes);
          } else if (last.identity) {
            std::memcpy(to, in + offset, row_bytes);
          } else {
            PickItems(in + offset, last.indices.data(), last.out, inner, to);
          }
          previous = offset;
        }
      });
}

template <typename T>
void Nearest(const ResizePlan& plan, const void* in, const void* fill, void* out, ThreadPool& threads) {
  if (plan.axes.empty()) {
    std::memcpy(out, in, sizeof(T));
    return;
  }
  T* to = static_cast<T*>(out);
  NearestRows(plan, static_cast<const T*>(in), to, threads);
  if (!plan.extrapolates) return;
  const T value = *static_cast<const T*>(fill);
  for (int64_t i = 0; i < plan.out_count; ++i) {
    if (IsOutside(plan, i)) to[i] = value;
  }
}

}  // namespace

void ResizeNearestCopy(const ResizePlan& plan, int width, const void* in, const void* fill, void* out,
                       ThreadPool& threads) {
  if (plan.out_count == 0 || plan.in_count == 0) return;
  switch (width) {
    case 1:
      return Nearest<uint8_t>(plan, in, fill, out, threads);
    case 2:
      return Nearest<uint16_t>(plan, in, fill, out, threads);
    case 4:
      return Nearest<uint32_t>(plan, in, fill, out, threads);
    default:
      return Nearest<uint64_t>(plan, in, fill, out, threads);
  }
}

template <typename C>
void ResizeInterpolate(const ResizePlan& plan, C extrapolation, const C* in, C* out, std::byte* scratch,
                       ThreadPool& threads) {
  if (plan.out_count == 0 || plan.in_count == 0) return;
  if (plan.order.empty()) std::memcpy(out, in, static_cast<size_t>(plan.out_count) * sizeof(C));
  C* buffers[2] = {reinterpret_cast<C*>(scratch), reinterpret_cast<C*>(scratch) + plan.buffer_count};
  SmallVector<bool, 8> done(plan.axes.size());
  for (size_t pass = 0; pass < plan.order.size(); ++pass) {
    const size_t axis = plan.order[pass];
    View view{1, 1};
    for (size_t i = 0; i < plan.axes.size(); ++i) {
      const int64_t size = done[i] ? plan.axes[i].out : plan.axes[i].in;
      if (i < axis) view.outer *= size;
      if (i > axis) view.inner *= size;
    }
    C* to = pass + 1 == plan.order.size() ? out : buffers[pass % 2];
    Pass(plan.axes[axis], view, in, to, threads);
    in = to;
    done[axis] = true;
  }
  if (!plan.extrapolates) return;
  for (int64_t i = 0; i < plan.out_count; ++i) {
    if (IsOutside(plan, i)) out[i] = extrapolation;
  }
}

template void ResizeInterpolate<float>(const ResizePlan&, float, const float*, float*, std::byte*,
                                       ThreadPool&);
template void ResizeInterpolate<double>(const ResizePlan&, double, const double*, double*, std::byte*,
                                        ThreadPool&);

}  // namespace ortolan::kernels
