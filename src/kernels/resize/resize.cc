#include "kernels/resize/resize.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "base/small_vector.h"

namespace ortolan::kernels {

#define ORTOLAN_RESIZE_ROWS(identifier) extern const ResizeRows identifier;
#include "kernels/resize/variants.inc"
#undef ORTOLAN_RESIZE_ROWS

namespace {

constexpr const ResizeRows* kRows[] = {
#define ORTOLAN_RESIZE_ROWS(identifier) &identifier,
#include "kernels/resize/variants.inc"
#undef ORTOLAN_RESIZE_ROWS
};

constexpr int64_t kChunkElements = 16 << 10;
constexpr int64_t kMostRowTaps = 16;  // of sums over rows in vectors; only antialiased shrinking has more

struct View {
  int64_t outer, inner;
};

template <typename C>
const C* WeightsOf(const ResizeTable& table) {
  if constexpr (std::is_same_v<C, double>) {
    return table.wide_weights.data();
  } else {
    return table.weights.data();
  }
}

// out[o][i] = sum of taps of in[o][...], along the last axis.
template <int kTaps, typename C>
void SumAlong(const ResizeTable& table, const C* from, C* to) {
  const int64_t taps = kTaps > 0 ? kTaps : table.taps;
  const int32_t* indices = table.indices.data();
  const C* weights = WeightsOf<C>(table);
  for (int64_t i = 0; i < table.out; ++i, indices += taps, weights += taps) {
    C sum = 0;
    for (int64_t k = 0; k < taps; ++k) sum += weights[k] * from[indices[k]];
    to[i] = sum;
  }
}

// One row of `inner` elements.
template <typename C>
void SumRows(const ResizePlan& plan, const ResizeTable& table, int64_t i, int64_t inner, const C* from,
             C* to) {
  const int64_t taps = table.taps;
  const int32_t* indices = table.indices.data() + i * taps;
  const C* weights = WeightsOf<C>(table) + i * taps;
  if constexpr (std::is_same_v<C, float>) {
    if (plan.rows && taps <= kMostRowTaps) {
      const float* rows[kMostRowTaps];
      for (int64_t k = 0; k < taps; ++k) rows[k] = from + indices[k] * inner;
      return plan.rows->sum(rows, weights, taps, inner, to);
    }
  }
  const C* source = from + indices[0] * inner;
  for (int64_t j = 0; j < inner; ++j) to[j] = weights[0] * source[j];
  for (int64_t k = 1; k < taps; ++k) {
    const C weight = weights[k];
    source = from + indices[k] * inner;
    for (int64_t j = 0; j < inner; ++j) to[j] += weight * source[j];
  }
}

// out[o][i][:] = sum of taps of in[o][...][:].
template <typename C>
void Pass(const ResizePlan& plan, const ResizeTable& table, const View& view, const C* in, C* out,
          ThreadPool& threads) {
  const int64_t work = table.taps * view.inner;
  if (view.inner == 1) {
    const int64_t grain = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, table.out * work));
    threads.ParallelRanges(view.outer, grain, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        const auto sum = table.taps == 2 ? SumAlong<2, C> : SumAlong<0, C>;
        sum(table, in + o * table.in, out + o * table.out);
      }
    });
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, work));
  threads.ParallelRanges(view.outer * table.out, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      SumRows(plan, table, row % table.out, view.inner, in + row / table.out * table.in * view.inner,
              out + row * view.inner);
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
  bool doubled = inner == 1 && last.out == 2 * last.in;
  for (int64_t i = 0; doubled && i < last.out; ++i) doubled = last.indices[static_cast<size_t>(i)] == i / 2;
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
          } else if (doubled) {  // in vectors, which indices keep from
            const T* from = in + offset;
            for (int64_t i = 0; i < last.in; ++i) to[2 * i] = to[2 * i + 1] = from[i];
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

const ResizeRows& SelectResizeRows(Isa isa) {
  for (const ResizeRows* rows : kRows) {
    if (rows->isa <= isa) return *rows;
  }
  return *kRows[std::size(kRows) - 1];
}

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
    Pass(plan, plan.axes[axis], view, in, to, threads);
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
