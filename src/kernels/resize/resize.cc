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

template <typename T>
void NearestRows(const ResizePlan& plan, const T* in, T* out, ThreadPool& threads) {
  const ResizeTable& last = plan.axes.back();
  const int64_t rows = plan.out_count / last.out;
  threads.ParallelRanges(
      rows, std::max<int64_t>(1, kChunkElements / last.out), [&](int64_t begin, int64_t end) {
        int64_t previous = -1;
        for (int64_t row = begin; row < end; ++row) {
          int64_t rest = row, offset = 0, stride = last.in;
          for (size_t axis = plan.axes.size() - 1; axis-- > 0;) {
            const ResizeTable& table = plan.axes[axis];
            const int64_t at = rest % table.out;
            offset += (table.identity ? at : table.indices[static_cast<size_t>(at)]) * stride;
            stride *= table.in;
            rest /= table.out;
          }
          T* to = out + row * last.out;
          // Enlarging repeats whole rows.
          if (offset == previous) {
            std::memcpy(to, to - last.out, static_cast<size_t>(last.out) * sizeof(T));
            continue;
          }
          previous = offset;
          const T* from = in + offset;
          if (last.identity) {
            std::memcpy(to, from, static_cast<size_t>(last.out) * sizeof(T));
          } else {
            const int32_t* indices = last.indices.data();
            for (int64_t i = 0; i < last.out; ++i) to[i] = from[indices[i]];
          }
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
