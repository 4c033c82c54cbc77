// Pooling over planar tensors: `planes` is batch times channels, each plane a map of the window's input. The
// blocked f32 kernels and the list of variants are in blocked.h.
#pragma once

#include <cstdint>

#include "kernels/conv/window.h"
#include "kernels/pool/blocked_row.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// How MaxPool numbers the elements of a plane in its second output: row-major, or with the first spatial axis
// fastest.
enum class IndexOrder : uint8_t { kRowMajor, kColumnMajor };

// The largest element of each window; NaN wins. A window without any element gives the lowest value of T.
// `indices`, where not null, receives the position in the whole input (plane * in_size + position in the
// plane) of the first largest one. T: float, double, int8, uint8, and int32 for what passes make.
template <typename T>
void MaxPoolPlanar(const PoolVariant& variant, const Window& window, int64_t planes, const T* x, T* y,
                   int64_t* indices, IndexOrder order, ThreadPool& threads);

// The mean of each window: over the elements alone, or with the padding that is part of the padded input
// counted as zeros. Summed in T, rows first; windows wider than the output in double. A window without any
// element gives 0. T: float, double.
template <typename T>
void AveragePoolPlanar(const PoolVariant& variant, const Window& window, int64_t planes, bool count_padding,
                       const T* x, T* y, ThreadPool& threads);

// (sum of |x|^p)^(1/p) of each window. T: float, double.
template <typename T>
void LpPoolPlanar(const Window& window, int64_t planes, double p, const T* x, T* y, ThreadPool& threads);

}  // namespace ortolan::kernels
