#include "kernels/quant/integer_product.h"

#include <algorithm>
#include <limits>

namespace ortolan::kernels {

#define ORTOLAN_INTEGER_PRODUCT(identifier) extern const IntegerProductVariant identifier;
#include "kernels/quant/variants.inc"
#undef ORTOLAN_INTEGER_PRODUCT

namespace {

const IntegerProductVariant* const kVariants[] = {
#define ORTOLAN_INTEGER_PRODUCT(identifier) &identifier,
#include "kernels/quant/variants.inc"
#undef ORTOLAN_INTEGER_PRODUCT
};

// A tile's rows of b (64 x 1024 x 2 bytes for a usual k) stay in the second level of cache while the rows of
// a pass by.
constexpr int64_t kTileRows = 32;
constexpr int64_t kTileColumns = 64;

template <typename T>
void Widen(const T* from, int64_t count, int16_t zero, int16_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
}

template <typename T>
void Requantize(const int32_t* sums, int64_t count, float scale, int32_t zero, T* to) {
  // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, ties to even; the clamp before it keeps
  // the number in the range where that holds.
  constexpr float kRounder = 12582912.0f;
  const auto low = static_cast<float>(std::numeric_limits<T>::min() - zero);
  const auto high = static_cast<float>(std::numeric_limits<T>::max() - zero);
  for (int64_t i = 0; i < count; ++i) {
    float value = static_cast<float>(sums[i]) * scale;
    value = value > low ? value : low;
    value = value < high ? value : high;
    value = (value + kRounder) - kRounder;
    to[i] = static_cast<T>(static_cast<int32_t>(value) + zero);
  }
}

}  // namespace

const IntegerProductVariant& SelectIntegerProduct(Isa isa) {
  for (const IntegerProductVariant* variant : kVariants) {
    if (variant->isa <= isa) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const IntegerProductVariant* const> AllIntegerProducts() {
  return kVariants;
}

void IntegerProduct(const IntegerProductVariant& variant, const int16_t* a, const int16_t* b, int64_t m,
                    int64_t n, int64_t k, int32_t* c, int64_t c_stride, ThreadPool& threads) {
  if (m == 0 || n == 0) return;
  const int64_t row_tiles = (m + kTileRows - 1) / kTileRows;
  const int64_t column_tiles = (n + kTileColumns - 1) / kTileColumns;
  threads.ParallelFor(row_tiles * column_tiles, [&](int64_t tile) {
    const int64_t i = tile % row_tiles * kTileRows, j = tile / row_tiles * kTileColumns;
    variant.tile(a + i * k, b + j * k, std::min(kTileRows, m - i), std::min(kTileColumns, n - j), k,
                 c + i * c_stride + j, c_stride);
  });
}

void WidenElements(const void* from, bool is_signed, int64_t count, int16_t zero, int16_t* to) {
  if (is_signed) {
    Widen(static_cast<const int8_t*>(from), count, zero, to);
  } else {
    Widen(static_cast<const uint8_t*>(from), count, zero, to);
  }
}

void RequantizeElements(const int32_t* sums, int64_t count, float scale, int32_t zero, bool is_signed,
                        void* to) {
  if (is_signed) {
    Requantize(sums, count, scale, zero, static_cast<int8_t*>(to));
  } else {
    Requantize(sums, count, scale, zero, static_cast<uint8_t*>(to));
  }
}

}  // namespace ortolan::kernels
