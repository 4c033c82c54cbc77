#include "ops/contrib/column_product.h"

#include <algorithm>
#include <atomic>

#include "base/aligned_buffer.h"
#include "threads/alone.h"

namespace ortolan {
namespace {

// Columns that are decoded together: a few tiles' worth, whose numbers stay in L2 up to k = 4096.
constexpr int64_t kColumns = 32;

}  // namespace

Status ColumnProduct(const kernels::GemmVariant& gemm, const float* a, int64_t m, int64_t n, int64_t k,
                     const float* bias, FunctionRef<void(int64_t j, float* to)> decode, float* c,
                     ThreadPool& threads) {
  if (m == 0 || n == 0) return OkStatus();
  const int64_t panels = (n + kColumns - 1) / kColumns;
  std::atomic<bool> failed{false};
  threads.ParallelFor(panels, [&](int64_t panel) {
    const WorkAlone alone(panels > 1);
    const int64_t first = panel * kColumns, columns = std::min(kColumns, n - first);
    kernels::GemmShape shape;
    shape.m = m, shape.n = columns, shape.k = k;
    shape.a = {nullptr, k, 1};
    shape.b = {nullptr, 1, k};
    const kernels::GemmPlan plan = kernels::PlanGemm(gemm, shape);
    const size_t numbers = (static_cast<size_t>(columns * k) * sizeof(float) + 63) / 64 * 64;
    const size_t scratch = plan.ScratchBytes(1);
    Result<AlignedBuffer> buffer = AlignedBuffer::Allocate(numbers + scratch);
    if (!buffer.ok()) {
      failed = true;
      return;
    }
    auto* decoded = reinterpret_cast<float*>(buffer->data());
    for (int64_t j = 0; j < columns; ++j) decode(first + j, decoded + j * k);
    kernels::GemmOperands operands;
    operands.a = a, operands.b = decoded;
    operands.c = c + first, operands.c_stride = n;
    kernels::RunGemm(gemm, plan, operands, std::span(buffer->data() + numbers, scratch), threads);
    for (int64_t i = 0; bias != nullptr && i < m; ++i) {
      for (int64_t j = 0; j < columns; ++j) c[i * n + first + j] += bias[first + j];
    }
  });
  return failed ? Fail("no memory for {} numbers of decoded weights", kColumns * k) : OkStatus();
}

}  // namespace ortolan
