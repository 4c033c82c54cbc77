// Softmax and the normalisations: choice of the kernel, work on several threads, and the plain form for types
// other than float. Chunks depend on the sizes alone.
#pragma once

#include <cstdint>
#include <span>

#include "base/half.h"
#include "kernels/norm/norm_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// The best variant that runs on `isa`, and all of them, best first.
const NormF32Variant& SelectNormF32(Isa isa);
std::span<const NormF32Variant* const> AllNormF32();

// A tensor seen as [outer][count][inner], worked on along `count`.
struct AxisView {
  int64_t outer = 1;
  int64_t count = 1;
  int64_t inner = 1;
};

// y may be x. T: float, double, Float16, BFloat16; the variant serves float.
template <typename T>
void Softmax(const NormF32Variant& variant, const AxisView& view, bool log, const T* x, T* y,
             ThreadPool& threads);

// y[o][c][i] = x[o][c][i] * scale[c] + shift[c]; y may be x.
void ChannelAffine(const NormF32Variant& variant, const AxisView& view, const float* scale,
                   const float* shift, const float* x, float* y, ThreadPool& threads);

}  // namespace ortolan::kernels
