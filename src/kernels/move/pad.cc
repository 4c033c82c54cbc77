#include "kernels/move/pad.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace ortolan::kernels {
namespace {

constexpr int64_t kChunkElements = 32 << 10;

// Where output index i of an axis is read.
int64_t SourceOf(const PadAxis& axis, PadMode mode, int64_t i) {
  const int64_t at = i - axis.before;
  if (at >= 0 && at < axis.in) return at;
  if (mode == PadMode::kEdge) return at < 0 ? 0 : axis.in - 1;
  if (mode == PadMode::kWrap) return (at % axis.in + axis.in) % axis.in;
  if (axis.in == 1) return 0;
  const int64_t period = 2 * (axis.in - 1);
  const int64_t folded = (at % period + period) % period;
  return folded < axis.in ? folded : period - folded;
}

template <typename T>
void PadRow(const PadAxis& axis, PadMode mode, const T* in, T* out) {
  const int64_t begin = std::clamp<int64_t>(axis.before, 0, axis.out);
  const int64_t end = std::clamp<int64_t>(axis.before + axis.in, begin, axis.out);
  for (int64_t i = 0; i < begin; ++i) out[i] = in[SourceOf(axis, mode, i)];
  std::copy(in + begin - axis.before, in + end - axis.before, out + begin);
  for (int64_t i = end; i < axis.out; ++i) out[i] = in[SourceOf(axis, mode, i)];
}

template <typename T>
void PadRows(std::span<const PadAxis> axes, PadMode mode, const T* in, T* out, ThreadPool& threads) {
  const PadAxis& inner = axes.back();
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < axes.size(); ++i) rows *= axes[i].out;
  if (rows == 0 || inner.out == 0) return;
  threads.ParallelRanges(rows, std::max<int64_t>(1, kChunkElements / inner.out),
                         [&](int64_t begin, int64_t end) {
                           for (int64_t row = begin; row < end; ++row) {
                             int64_t rest = row, offset = 0, stride = inner.in;
                             for (size_t i = axes.size() - 1; i-- > 0;) {
                               offset += SourceOf(axes[i], mode, rest % axes[i].out) * stride;
                               rest /= axes[i].out;
                               stride *= axes[i].in;
                             }
                             PadRow(inner, mode, in + offset, out + row * inner.out);
                           }
                         });
}

// Axes without pads go on with the axis around them.
SmallVector<PadAxis, 6> Merged(std::span<const PadAxis> axes) {
  SmallVector<PadAxis, 6> merged;
  for (const PadAxis& axis : axes) {
    const bool whole = axis.before == 0 && axis.in == axis.out;
    if (whole && !merged.empty()) {
      PadAxis& outer = merged.back();
      outer = {outer.in * axis.in, outer.out * axis.in, outer.before * axis.in};
    } else {
      merged.push_back(axis);
    }
  }
  return merged;
}

// Each row is written once, the constant and the elements between. For rows of some length.
template <typename T>
void PadConstantRows(std::span<const PadAxis> axes, const T* in, T constant, T* out, ThreadPool& threads) {
  const PadAxis inner = axes.back();
  const int64_t first = std::clamp<int64_t>(inner.before, 0, inner.out);
  const int64_t last = std::clamp<int64_t>(inner.before + inner.in, first, inner.out);
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < axes.size(); ++i) rows *= axes[i].out;
  threads.ParallelRanges(rows, std::max<int64_t>(1, kChunkElements / inner.out),
                         [&, constant](int64_t begin, int64_t end) {
                           for (int64_t row = begin; row < end; ++row) {
                             int64_t rest = row, offset = 0, stride = inner.in;
                             bool inside = true;
                             for (size_t i = axes.size() - 1; i-- > 0;) {
                               const int64_t at = rest % axes[i].out - axes[i].before;
                               inside = inside && at >= 0 && at < axes[i].in;
                               offset += at * stride;
                               rest /= axes[i].out;
                               stride *= axes[i].in;
                             }
                             T* to = out + row * inner.out;
                             if (!inside || first == last) {
                               std::fill_n(to, inner.out, constant);
                               continue;
                             }
                             std::fill_n(to, first, constant);
                             std::memcpy(to + first, in + offset + first - inner.before,
                                         static_cast<size_t>(last - first) * sizeof(T));
                             std::fill_n(to + last, inner.out - last, constant);
                           }
                         });
}

// Whether rows are so long that what each of them costs beside its elements does not matter.
constexpr int64_t kLongRow = 64;

template <typename T>
void ConstantRows(std::span<const PadAxis> axes, const void* in, const void* constant, void* out,
                  ThreadPool& threads) {
  T item;
  std::memcpy(&item, constant, sizeof(T));
  PadConstantRows(axes, static_cast<const T*>(in), item, static_cast<T*>(out), threads);
}

bool PadByRows(std::span<const PadAxis> given, int width, const void* in, const void* constant, void* out,
               ThreadPool& threads) {
  const SmallVector<PadAxis, 6> axes = Merged(given);
  if (axes.empty() || axes.back().out < kLongRow) return false;
  const std::span<const PadAxis> all(axes.data(), axes.size());
  switch (width) {
    case 1:
      ConstantRows<uint8_t>(all, in, constant, out, threads);
      return true;
    case 2:
      ConstantRows<uint16_t>(all, in, constant, out, threads);
      return true;
    case 4:
      ConstantRows<uint32_t>(all, in, constant, out, threads);
      return true;
    case 8:
      ConstantRows<uint64_t>(all, in, constant, out, threads);
      return true;
    default:
      return false;
  }
}

void PadConstant(std::span<const PadAxis> axes, int width, const void* in, const void* constant, void* out,
                 ThreadPool& threads) {
  if (PadByRows(axes, width, in, constant, out, threads)) return;
  int64_t count = 1, from = 0, to = 0;
  Extents dims(axes.size()), from_strides(axes.size()), to_strides(axes.size());
  int64_t from_stride = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    const int64_t begin = std::clamp<int64_t>(axes[i].before, 0, axes[i].out);
    const int64_t end = std::clamp<int64_t>(axes[i].before + axes[i].in, begin, axes[i].out);
    dims[i] = end - begin;
    from_strides[i] = from_stride;
    to_strides[i] = count;
    from += (begin - axes[i].before) * from_stride;
    to += begin * count;
    from_stride *= axes[i].in;
    count *= axes[i].out;
  }
  const int64_t none = 0, one = 1;
  RunCopy(PlanCopy({&count, 1}, {&none, 1}, {&one, 1}, width), constant, out, threads);
  const CopyPlan plan = PlanCopy(dims, from_strides, to_strides, width);
  if (plan.kind == CopyPlan::Kind::kNothing) return;
  const int64_t bytes = width == kStringWidth ? static_cast<int64_t>(sizeof(std::string)) : width;
  RunCopy(plan, static_cast<const std::byte*>(in) + from * bytes, static_cast<std::byte*>(out) + to * bytes,
          threads);
}

struct Wide {
  uint64_t words[2];
};

template <typename T>
void Run(std::span<const PadAxis> axes, PadMode mode, const void* in, void* out, ThreadPool& threads) {
  PadRows(axes, mode, static_cast<const T*>(in), static_cast<T*>(out), threads);
}

}  // namespace

void Pad(std::span<const PadAxis> axes, PadMode mode, int width, const void* in, const void* constant,
         void* out, ThreadPool& threads) {
  if (mode == PadMode::kConstant) return PadConstant(axes, width, in, constant, out, threads);
  const PadAxis scalar{1, 1, 0};
  if (axes.empty()) axes = {&scalar, 1};
  switch (width) {
    case 1:
      return Run<uint8_t>(axes, mode, in, out, threads);
    case 2:
      return Run<uint16_t>(axes, mode, in, out, threads);
    case 4:
      return Run<uint32_t>(axes, mode, in, out, threads);
    case 8:
      return Run<uint64_t>(axes, mode, in, out, threads);
    case 16:
      return Run<Wide>(axes, mode, in, out, threads);
    default:
      return Run<std::string>(axes, mode, in, out, threads);
  }
}

}  // namespace ortolan::kernels
