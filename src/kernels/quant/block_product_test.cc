#include "kernels/quant/block_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/aligned_buffer.h"

namespace ortolan::kernels {
namespace {

void Check(const BlockVariant& variant, int bits, int64_t m, int64_t n, int64_t k, int64_t block, bool zeros,
           bool wide) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  ThreadPool threads(2);
  BlockWeights weights{bits, block, n, k, nullptr, nullptr, nullptr};
  const int64_t blocks = weights.blocks();
  std::vector<uint8_t> b(static_cast<size_t>(n * blocks * block * bits / 8));
  for (uint8_t& byte : b) byte = static_cast<uint8_t>(random());
  std::vector<float> scale(static_cast<size_t>(n * blocks)), zero(scale), a(static_cast<size_t>(m * k));
  for (float& item : scale) item = 0.01f * normal(random);
  for (float& item : zero) item = static_cast<float>(random() % 4);
  for (float& item : a) item = normal(random);
  weights.b = b.data();
  weights.scales = scale.data();
  weights.zeros = zeros ? zero.data() : nullptr;
  std::vector<uint8_t> packed(PackedBlockBytes(variant, weights) + 8192);
  PackBlocks(variant, weights, packed.data(), threads);
  std::vector<float> bias(static_cast<size_t>(PaddedBlockColumns(variant, n)), 0.5f),
      c(static_cast<size_t>(m * n));
  BlockProduct product;
  product.variant = &variant;
  product.bits = bits;
  product.block = block;
  product.m = m;
  product.n = n;
  product.k = k;
  product.has_zeros = zeros;
  product.wide = wide;
  product.a = a.data();
  product.a_stride = k;
  product.packed = packed.data();
  product.bias = bias.data();
  product.c = c.data();
  auto scratch = AlignedBuffer::Allocate(BlockScratchBytes(product));
  RunBlockProduct(product, scratch->data(), threads);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0.5, size = 1;
      for (int64_t t = 0; t < k; ++t) {
        const int64_t bit = (j * blocks * block + t) * bits;
        const int number = b[static_cast<size_t>(bit / 8)] >> bit % 8 & ((1 << bits) - 1);
        const auto at = static_cast<size_t>(j * blocks + t / block);
        const float own = zeros ? zero[at] : static_cast<float>(1 << (bits - 1));
        const double term = static_cast<double>((static_cast<float>(number) - own) * scale[at]) *
                            static_cast<double>(a[static_cast<size_t>(i * k + t)]);
        sum += term;
        size += std::fabs(term);
      }
      ASSERT_NEAR(c[static_cast<size_t>(i * n + j)], sum, size * (wide ? 3e-5 : 5e-3))
          << variant.name << " " << bits << " bits, " << m << "x" << n << "x" << k << " in blocks of "
          << block;
    }
  }
}

TEST(BlockProduct, EveryVariantAgreesWithTheDefinition) {
  for (const BlockVariant* variant : RunnableBlocks()) {
    for (const int bits : {2, 4, 8}) {
      for (const bool zeros : {false, true}) {
        for (const bool wide : {false, true}) {
          Check(*variant, bits, 1, 40, 64, 32, zeros, wide);
          Check(*variant, bits, 5, 33, 100, 16, zeros, wide);
          Check(*variant, bits, 9, 7, 300, 128, zeros, wide);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
