// A product with weights that are decoded column by column, for forms that have no kernel of their own.
#pragma once

#include "base/function_ref.h"
#include "base/status.h"
#include "kernels/gemm/gemm.h"
#include "threads/pool.h"

namespace ortolan {

// c[i * n + j] = sum over t of a[i * k + t] * column j's number t, plus bias[j] where there is one.
// decode(j, to) writes column j. kFail without memory for the columns.
Status ColumnProduct(const kernels::GemmVariant& gemm, const float* a, int64_t m, int64_t n, int64_t k,
                     const float* bias, FunctionRef<void(int64_t j, float* to)> decode, float* c,
                     ThreadPool& threads);

}  // namespace ortolan
