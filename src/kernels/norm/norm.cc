#include "kernels/norm/norm.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <type_traits>

namespace ortolan::kernels {

#define ORTOLAN_NORM_F32(identifier) extern const NormF32Variant identifier;
#include "kernels/norm/variants.inc"
#undef ORTOLAN_NORM_F32

namespace {

constexpr const NormF32Variant* kVariants[] = {
#define ORTOLAN_NORM_F32(identifier) &identifier,
#include "kernels/norm/variants.inc"
#undef ORTOLAN_NORM_F32
};

// An exponential costs half a nanosecond, so 16K elements take 8 us: worth a fork.
constexpr int64_t kSoftmaxChunk = 16 << 10;
// A multiply and add is bound by memory: 128 KB.
constexpr int64_t kAffineChunk = 32 << 10;

// Double for double, float for the half types.
template <typename T>
using Computed = std::conditional_t<std::is_same_v<T, double>, double, float>;

// The half types round where ONNX's function body of Softmax does, after Sub, Exp, ReduceSum and Div: models
// and tests made with it then agree to the last bit. A sum that the type cannot hold keeps float's range.
template <typename T>
void HalfSoftmax(const T* x, T* y, int64_t count, int64_t stride) {
  const auto rounded = [](float value) { return static_cast<float>(T(value)); };
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i) most = std::max(most, static_cast<float>(x[i * stride]));
  const auto term = [&](int64_t i) {
    return rounded(std::exp(rounded(static_cast<float>(x[i * stride]) - most)));
  };
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += term(i);
  if (std::isfinite(rounded(sum))) sum = rounded(sum);
  for (int64_t i = 0; i < count; ++i) y[i * stride] = T(term(i) / sum);
}

template <typename T>
void PlainSoftmax(const T* x, T* y, int64_t count, int64_t stride, bool log) {
  if constexpr (sizeof(T) == 2) {
    if (!log) return HalfSoftmax(x, y, count, stride);
  }
  using C = Computed<T>;
  C most = -std::numeric_limits<C>::infinity();
  for (int64_t i = 0; i < count; ++i) most = std::max(most, static_cast<C>(x[i * stride]));
  C sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += std::exp(static_cast<C>(x[i * stride]) - most);
  const C shift = log ? most + std::log(sum) : 0;
  for (int64_t i = 0; i < count; ++i) {
    const C item = static_cast<C>(x[i * stride]);
    y[i * stride] = T(log ? item - shift : std::exp(item - most) / sum);
  }
}

// Inner columns cut into parts of a chunk's size, a multiple of a cache line.
int64_t ColumnsOfChunk(const AxisView& view) {
  const int64_t columns = std::max<int64_t>(1, kSoftmaxChunk / view.count);
  return std::min(view.inner, (columns + 63) / 64 * 64);
}

}  // namespace

const NormF32Variant& SelectNormF32(Isa isa) {
  for (const NormF32Variant* variant : kVariants) {
    if (variant->isa <= isa) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const NormF32Variant* const> AllNormF32() {
  return kVariants;
}

template <typename T>
void Softmax(const NormF32Variant& variant, const AxisView& view, bool log, const T* x, T* y,
             ThreadPool& threads) {
  if (view.outer <= 0 || view.count <= 0 || view.inner <= 0) return;
  if (view.inner == 1) {
    threads.ParallelRanges(view.outer, std::max<int64_t>(1, kSoftmaxChunk / view.count),
                           [&](int64_t begin, int64_t end) {
                             if constexpr (std::is_same_v<T, float>) {
                               variant.softmax_rows(x + begin * view.count, y + begin * view.count,
                                                    end - begin, view.count, log);
                             } else {
                               for (int64_t i = begin; i < end; ++i)
                                 PlainSoftmax(x + i * view.count, y + i * view.count, view.count, 1, log);
                             }
                           });
    return;
  }
  const int64_t columns = ColumnsOfChunk(view);
  const int64_t strips = (view.inner + columns - 1) / columns;
  const int64_t grain = std::max<int64_t>(1, kSoftmaxChunk / (view.count * columns));
  threads.ParallelRanges(view.outer * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * columns;
      const int64_t offset = i / strips * view.count * view.inner + first;
      const int64_t width = std::min(columns, view.inner - first);
      if constexpr (std::is_same_v<T, float>) {
        variant.softmax_columns(x + offset, y + offset, view.count, view.inner, width, log);
      } else {
        for (int64_t j = 0; j < width; ++j)
          PlainSoftmax(x + offset + j, y + offset + j, view.count, view.inner, log);
      }
    }
  });
}

template void Softmax<float>(const NormF32Variant&, const AxisView&, bool, const float*, float*, ThreadPool&);
template void Softmax<double>(const NormF32Variant&, const AxisView&, bool, const double*, double*,
                              ThreadPool&);
template void Softmax<Float16>(const NormF32Variant&, const AxisView&, bool, const Float16*, Float16*,
                               ThreadPool&);
template void Softmax<BFloat16>(const NormF32Variant&, const AxisView&, bool, const BFloat16*, BFloat16*,
                                ThreadPool&);

void ChannelAffine(const NormF32Variant& variant, const AxisView& view, const float* scale,
                   const float* shift, const float* x, float* y, ThreadPool& threads) {
  if (view.outer <= 0 || view.count <= 0 || view.inner <= 0) return;
  if (view.inner == 1) {
    threads.ParallelRanges(
        view.outer, std::max<int64_t>(1, kAffineChunk / view.count), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            variant.affine_each(x + i * view.count, y + i * view.count, view.count, scale, shift);
          }
        });
    return;
  }
  threads.ParallelRanges(view.outer * view.count, std::max<int64_t>(1, kAffineChunk / view.inner),
                         [&](int64_t begin, int64_t end) {
                           for (int64_t i = begin; i < end; ++i) {
                             const int64_t channel = i % view.count;
                             variant.affine(x + i * view.inner, y + i * view.inner, view.inner,
                                            scale[channel], shift[channel]);
                           }
                         });
}

}  // namespace ortolan::kernels
