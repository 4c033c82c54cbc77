#include "kernels/image/samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/isa.h"

namespace ortolan::image {
namespace {

// Every level that this machine runs; buffers end where the pixels do, so that a sanitizer sees each byte too
// many.
class Samples : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > GetCpuInfo().isa) GTEST_SKIP();
  }
  std::vector<uint8_t> Random(size_t count) {
    std::vector<uint8_t> bytes(count);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    return bytes;
  }
  const SampleKernels& kernels() const { return SelectSampleKernels(GetParam()); }
  std::mt19937 random_{7};
};

TEST_P(Samples, GoToPlanes) {
  EXPECT_EQ(kernels().isa, GetParam());
  const PlaneScale scale{1.0F / 255.0F, {0.4F, 0.5F, 0.6F}, {0.2F, 0.25F, 0.3F}};
  for (const int64_t count : {0, 1, 15, 16, 17, 50}) {
    const auto rgb = Random(static_cast<size_t>(count) * 3);
    std::vector<float> planes[3];
    for (auto& plane : planes) plane.resize(static_cast<size_t>(count));
    kernels().to_planes(rgb.data(), count, scale, planes[0].data(), planes[1].data(), planes[2].data());
    for (size_t x = 0; x < static_cast<size_t>(count); ++x)
      for (size_t c = 0; c < 3; ++c)
        EXPECT_EQ(planes[c][x],
                  (static_cast<float>(rgb[x * 3 + c]) * scale.scale - scale.mean[c]) / scale.deviation[c]);
  }
}

TEST_P(Samples, AreHalved) {
  for (const int64_t count : {1, 4, 5, 6, 8, 9, 33}) {
    const auto upper = Random(static_cast<size_t>(count) * 6), lower = Random(static_cast<size_t>(count) * 6);
    std::vector<uint8_t> out(static_cast<size_t>(count) * 3);
    kernels().halve(upper.data(), lower.data(), count, out.data());
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t at = i / 3 * 6 + i % 3;
      EXPECT_EQ(out[i], static_cast<int>(
                            std::floor((upper[at] + upper[at + 3] + lower[at] + lower[at + 3]) / 4.0 + 0.5)));
    }
  }
}

TEST_P(Samples, AreAddedAndMixed) {
  for (const size_t count : {size_t{1}, size_t{7}, size_t{8}, size_t{16}, size_t{17}, size_t{61}}) {
    std::vector<std::vector<uint8_t>> rows;
    std::vector<const uint8_t*> pointers;
    for (int k = 0; k < 5; ++k) rows.push_back(Random(count));
    for (const auto& row : rows) pointers.push_back(row.data());
    // Among them weights whose sums leave 0..255 either way.
    const std::vector<int32_t> weights = {1 << 21, 1 << 20, -(1 << 20), 1 << 22, -(1 << 21)};
    std::vector<uint8_t> out(count);
    kernels().mix_rows(pointers.data(), weights.data(), 5, static_cast<int64_t>(count), out.data());
    std::vector<uint32_t> sums(count, 9);
    kernels().add_row(pointers[0], static_cast<int64_t>(count), sums.data());
    for (size_t i = 0; i < count; ++i) {
      int64_t sum = 1 << (kWeightBits - 1);
      for (size_t k = 0; k < 5; ++k) sum += int64_t{rows[k][i]} * weights[k];
      EXPECT_EQ(out[i], std::clamp<int64_t>(sum >> kWeightBits, 0, 255));
      EXPECT_EQ(sums[i], rows[0][i] + 9U);
    }
  }
}

TEST_P(Samples, AreResizedAlongARow) {
  const int64_t in_count = 40;
  const auto in = Random(static_cast<size_t>(in_count) * 3);
  std::vector<int> first, counts;
  std::vector<int32_t> weights;
  constexpr int64_t kStride = 6;
  for (int x = 0; x < 30; ++x) {
    counts.push_back(1 + x % 6);
    first.push_back(std::min<int>(x * 2, static_cast<int>(in_count) - counts.back()));
    for (int k = 0; k < kStride; ++k)
      weights.push_back(static_cast<int32_t>(random_() % (1U << 22)) - (k == 1 ? 1 << 22 : 0));
  }
  std::vector<uint8_t> out(30 * 3);
  kernels().resize_row(in.data(), in_count, first.data(), counts.data(), weights.data(), kStride, 30,
                       out.data());
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t x = i / 3;
    int64_t sum = 1 << (kWeightBits - 1);
    for (int k = 0; k < counts[x]; ++k)
      sum += int64_t{in[static_cast<size_t>(first[x] + k) * 3 + i % 3]} *
             weights[x * kStride + static_cast<size_t>(k)];
    EXPECT_EQ(out[i], std::clamp<int64_t>(sum >> kWeightBits, 0, 255)) << i;
  }
}

TEST_P(Samples, BestOfRowsPassesOverNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::uniform_real_distribution<float> number(-1, 1);
  for (const size_t count : {size_t{1}, size_t{63}, size_t{64}, size_t{129}, size_t{300}}) {
    const size_t rows = 7, stride = count + 3;
    std::vector<float> scores(rows * stride);
    for (float& score : scores) score = random_() % 9 == 0 ? nan : number(random_);
    std::vector<float> best(count);
    kernels().best_of_rows(scores.data(), rows, static_cast<int64_t>(stride), static_cast<int64_t>(count),
                           best.data());
    for (size_t i = 0; i < count; ++i) {
      float top = scores[i];
      for (size_t row = 1; row < rows; ++row)
        if (scores[row * stride + i] > top) top = scores[row * stride + i];
      if (std::isnan(top)) {
        EXPECT_TRUE(std::isnan(best[i]));
      } else {
        EXPECT_EQ(best[i], top);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Samples, ::testing::ValuesIn(kIsaLevels),
                         [](const auto& level) { return std::string(IsaName(level.param)); });

}  // namespace
}  // namespace ortolan::image
