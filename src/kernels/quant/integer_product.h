// Integer matrix product with 32-bit sums: c = a * transpose(b), where a and b hold 16-bit integers (8-bit
// ones with their zero points taken away). Both are read along k, which compilers turn into
// multiply-add-pairs instructions on every level. Sums wrap around as two's complement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cpu.h"
#include "kernels/quant/integer_product_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

const IntegerProductVariant& SelectIntegerProduct(Isa isa);
std::span<const IntegerProductVariant* const> AllIntegerProducts();

// c[i * c_stride + j] = sum over k of a[i * k_size + k] * b[j * k_size + k], for i < m and j < n. Cut into
// tiles whose borders depend on the sizes alone.
void IntegerProduct(const IntegerProductVariant& variant, const int16_t* a, const int16_t* b, int64_t m,
                    int64_t n, int64_t k, int32_t* c, int64_t c_stride, ThreadPool& threads);

// to[i] = from[i] - zero for 8-bit integers of either sign.
void WidenElements(const void* from, bool is_signed, int64_t count, int16_t zero, int16_t* to);

// Rounds sums to 8 bits: clamp(round(sum * scale) + zero), ties to even, in the range of the type.
void RequantizeElements(const int32_t* sums, int64_t count, float scale, int32_t zero, bool is_signed,
                        void* to);

}  // namespace ortolan::kernels
