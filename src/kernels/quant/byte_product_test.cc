#include "kernels/quant/byte_product.h"

#include <gtest/gtest.h>

#include <random>

namespace ortolan::kernels {
namespace {

// Rows of k bytes side by side; the last one is read beyond its end by less than a quad.
TEST(ByteProduct, EveryVariantAgreesWithTheDefinition) {
  ThreadPool threads(2);
  std::mt19937 random(3);
  for (const ByteVariant* variant : RunnableBytes()) {
    for (const auto& [m, n, k] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
             {1, 1, 1}, {3, 17, 5}, {7, 64, 16}, {100, 70, 33}, {13, 300, 40}, {1, 129, 256}, {0, 4, 4}}) {
      for (int bits = 0; bits < 4; ++bits) {
        const bool a_signed = bits & 1, b_signed = bits & 2;
        std::vector<uint8_t> a(static_cast<size_t>(m * k + 4)), b(static_cast<size_t>(k * n));
        for (uint8_t& byte : a) byte = static_cast<uint8_t>(random());
        for (uint8_t& byte : b) byte = static_cast<uint8_t>(random());
        ByteMatrix matrix{b.data(), b_signed, 1, k, n, 0, n, 1, k};
        const int64_t padded = PaddedByteColumns(*variant, n);
        std::vector<int8_t> panels(PackedByteBytes(*variant, matrix));
        std::vector<int32_t> sums(static_cast<size_t>(padded)), zeros(static_cast<size_t>(padded)),
            start(sums);
        const int32_t a_zero = 5, b_zero = -9;
        for (int64_t j = 0; j < n; ++j) zeros[static_cast<size_t>(j)] = b_zero - (b_signed ? 0 : 128);
        PackBytes(*variant, matrix, nullptr, 0, panels.data(), sums.data(), threads);
        ByteStart(sums.data(), nullptr, zeros.data(), a_zero + (a_signed ? 128 : 0), k, n, padded,
                  start.data());
        const std::vector<float> scale(static_cast<size_t>(padded), 0.5f),
            bias(static_cast<size_t>(padded), 2.0f);
        std::vector<int32_t> c(static_cast<size_t>(m * n));
        std::vector<float> f(static_cast<size_t>(m * n));
        for (const bool floats : {false, true}) {
          ByteProduct product;
          product.variant = variant;
          product.a_signed = a_signed;
          product.k_bytes = k;
          product.n = n;
          product.panels = panels.data();
          product.start = start.data();
          product.b_zero = zeros.data();
          product.scale = scale.data();
          product.bias = bias.data();
          product.finish.output = floats ? ByteOutput::kFloats : ByteOutput::kSums;
          product.c = floats ? static_cast<void*>(f.data()) : c.data();
          product.c_stride = n;
          RunByteProduct(
              product, m,
              [&, length = k](int64_t first, int64_t count, const uint8_t** rows) {
                for (int64_t i = 0; i < count; ++i) rows[i] = a.data() + (first + i) * length;
              },
              threads);
        }
        const auto value = [](uint8_t byte, bool is_signed) {
          return is_signed ? int64_t{static_cast<int8_t>(byte)} : int64_t{byte};
        };
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            int64_t sum = 0;
            for (int64_t t = 0; t < k; ++t) {
              sum += (value(a[static_cast<size_t>(i * k + t)], a_signed) - a_zero) *
                     (value(b[static_cast<size_t>(t * n + j)], b_signed) - b_zero);
            }
            const auto at = static_cast<size_t>(i * n + j);
            ASSERT_EQ(c[at], sum) << variant->name << " " << m << "x" << n << "x" << k;
            ASSERT_EQ(f[at], static_cast<float>(sum) * 0.5f + 2.0f) << variant->name;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
