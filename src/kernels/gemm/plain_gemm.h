// Matrix products of double and of the 32 and 64 bit integers (which wrap around). Correct and reasonably
// fast; float is in gemm.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/cpu.h"
#include "kernels/gemm/plain_gemm_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// C = A * B for each item of the batch. Strides in elements; offsets of the items' matrices are added to the
// pointers.
template <typename T>
struct PlainGemm {
  int64_t batch = 1, m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t a_row = 0, a_column = 1;
  const T* b = nullptr;
  int64_t b_row = 0, b_column = 1;
  T* c = nullptr;
  int64_t c_row = 0;
  const int64_t* a_offsets = nullptr;  // one per item; null: all 0
  const int64_t* b_offsets = nullptr;
  int64_t c_batch_stride = 0;
};

const PlainGemmVariant& SelectPlainGemm(Isa isa);
std::span<const PlainGemmVariant* const> AllPlainGemm();

// For double, int32_t, int64_t, uint32_t and uint64_t.
template <typename T>
void RunPlainGemm(const PlainGemmVariant& variant, const PlainGemm<T>& product, ThreadPool& threads);

}  // namespace ortolan::kernels
