#include "ops/contrib/column_product.h"

#include <algorithm>
#include <vector>

namespace ortolan {
namespace {

float Dot(const float* a, const float* b, int64_t k) {
  constexpr int64_t kLanes = 16;
  float sums[kLanes] = {};
  int64_t t = 0;
  for (; t + kLanes <= k; t += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) sums[i] += a[t + i] * b[t + i];
  }
  for (; t < k; ++t) sums[0] += a[t] * b[t];
  float sum = 0;
  for (float part : sums) sum += part;
  return sum;
}

}  // namespace

void ColumnProduct(const float* a, int64_t m, int64_t n, int64_t k, const float* bias,
                   FunctionRef<void(int64_t j, float* to)> decode, float* c, ThreadPool& threads) {
  const int64_t grain = std::max<int64_t>(1, 65536 / std::max<int64_t>(1, k * (m + 1)));
  threads.ParallelRanges(n, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> column(static_cast<size_t>(k));
    for (int64_t j = begin; j < end; ++j) {
      decode(j, column.data());
      for (int64_t i = 0; i < m; ++i)
        c[i * n + j] = Dot(a + i * k, column.data(), k) + (bias != nullptr ? bias[j] : 0.0f);
    }
  });
}

}  // namespace ortolan
