// What SVMClassifier and SVMRegressor share: the kernel function of rows with support vectors, and the loop
// over rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/svm/svm.h"
#include "ops/ml/features.h"

namespace ortolan::ml {

struct SvmKernel {
  enum class Kind : uint8_t { kLinear, kPoly, kRbf, kSigmoid };
  Kind kind = Kind::kLinear;
  float gamma = 0, shift = 0, degree = 0;

  kernels::SupportVectors Pack(std::span<const float> vectors, int64_t count, Isa isa) const;
  // values of `rows` rows; kSvmRows at most.
  void Run(const kernels::SupportVectors& vectors, const float* x, int64_t rows, float* values) const;
};

Result<SvmKernel> SvmKernelOf(const graph::Attributes& attributes);

// The sum of coefficients[i] * values[i], in double.
double WeightedSum(const float* coefficients, const float* values, int64_t count);

// How the rows of a run are cut, from the problem alone.
struct SvmChunks {
  // A value of the kernel function takes about a nanosecond: chunks of 20 us are worth a fork.
  static constexpr int64_t kChunkValues = 20000;
  // Scratch is kept for each chunk.
  static constexpr int64_t kMostChunks = 64;
  int64_t chunk_rows, chunks;

  SvmChunks(int64_t rows, int64_t vectors) {
    constexpr int64_t kRows = kernels::kSvmRows;
    chunk_rows =
        std::max(kChunkValues / std::max<int64_t>(vectors, 1), (rows + kMostChunks - 1) / kMostChunks);
    chunk_rows = std::max<int64_t>((chunk_rows + kRows - 1) / kRows * kRows, kRows);
    chunks = (rows + chunk_rows - 1) / chunk_rows;
  }
};

// The scratch of one chunk: rows as float, their values, and `extra_bytes` of the caller's.
struct SvmScratch {
  int64_t row_bytes, value_bytes, extra_bytes;

  SvmScratch(const kernels::SupportVectors& vectors, int64_t extra) {
    const auto aligned = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
    row_bytes = aligned(kernels::kSvmRows * vectors.features() * int64_t{sizeof(float)});
    value_bytes = aligned(kernels::kSvmRows * vectors.stride() * int64_t{sizeof(float)});
    extra_bytes = aligned(extra);
  }
  int64_t bytes() const { return row_bytes + value_bytes + extra_bytes; }
};

inline Status BindSvm(const kernels::SupportVectors& vectors, int64_t extra_bytes, const BindContext& context,
                      Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(const Rows rows, RowsOf(context.inputs[0]));
  const SvmChunks chunks(rows.count, vectors.count());
  ORTOLAN_ASSIGN_OR_RETURN(
      binding->scratch_bytes,
      CheckedBytes(DType::kUInt8, Dims{chunks.chunks, SvmScratch(vectors, extra_bytes).bytes()}));
  return OkStatus();
}

// finish(row, values, extra scratch) for each row.
template <typename Finish>
Status ForEachSvmRow(const SvmKernel& kernel, const kernels::SupportVectors& vectors, int64_t extra_bytes,
                     RunContext& context, Rows rows, Finish finish) {
  const SvmChunks chunks(rows.count, vectors.count());
  const SvmScratch scratch(vectors, extra_bytes);
  const TensorRef& x = context.input(0);
  return WithFeatureType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = x.As<const T>();
    const auto run = [&](int64_t chunk) {
      std::byte* own = context.scratch() + chunk * scratch.bytes();
      [[maybe_unused]] auto* items = reinterpret_cast<float*>(own);
      auto* values = reinterpret_cast<float*>(own + scratch.row_bytes);
      const int64_t end = std::min(rows.count, (chunk + 1) * chunks.chunk_rows);
      for (int64_t row = chunk * chunks.chunk_rows; row < end; row += kernels::kSvmRows) {
        const int64_t count = std::min<int64_t>(kernels::kSvmRows, end - row);
        const T* own_rows = from + row * rows.features;
        if constexpr (std::is_same_v<T, float>) {
          kernel.Run(vectors, own_rows, count, values);
        } else {
          for (int64_t i = 0; i < count * rows.features; ++i) items[i] = static_cast<float>(own_rows[i]);
          kernel.Run(vectors, items, count, values);
        }
        for (int64_t i = 0; i < count; ++i)
          finish(row + i, values + i * vectors.stride(), own + scratch.row_bytes + scratch.value_bytes);
      }
    };
    if (chunks.chunks == 1) {
      run(0);
    } else {
      context.threads().ParallelFor(chunks.chunks, run);
    }
    return OkStatus();
  });
}

}  // namespace ortolan::ml
