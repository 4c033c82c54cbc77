// The product as the definition has it, for tests.
#include <algorithm>

#include "base/half.h"
#include "kernels/gemm/gemm.h"

namespace ortolan::kernels {
namespace {

double Element(const GemmMatrix& matrix, const void* data, int64_t offset, int64_t row, int64_t column) {
  const int64_t at = offset + row * matrix.row_stride + column * matrix.column_stride;
  switch (matrix.element) {
    case GemmElement::kF32:
      return static_cast<const float*>(data)[at];
    case GemmElement::kF16:
      return static_cast<float>(static_cast<const Float16*>(data)[at]);
    case GemmElement::kBF16:
      return static_cast<float>(static_cast<const BFloat16*>(data)[at]);
  }
  return 0;
}

}  // namespace

void ReferenceGemm(const GemmShape& shape, const GemmOperands& operands) {
  for (int64_t item = 0; item < shape.batch; ++item) {
    for (int64_t i = 0; i < shape.m; ++i) {
      for (int64_t j = 0; j < shape.n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < shape.k; ++k) {
          sum += Element(shape.a, operands.a, operands.a_batch.Offset(item), i, k) *
                 Element(shape.b, operands.b, operands.b_batch.Offset(item), k, j);
        }
        if (const Epilogue* epilogue = operands.epilogue; epilogue != nullptr) {
          if (epilogue->bias != nullptr)
            sum += static_cast<double>(epilogue->bias[epilogue->bias_per_m ? i : j]);
          if (sum < static_cast<double>(epilogue->lower)) sum = static_cast<double>(epilogue->lower);
          if (sum > static_cast<double>(epilogue->upper)) sum = static_cast<double>(epilogue->upper);
        }
        operands.c[item * operands.c_batch_stride + i * operands.c_stride + j] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace ortolan::kernels
