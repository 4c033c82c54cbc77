#include "kernels/rnn/rnn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

// The cells of every variant against the equations; whole layers are tested by the operators' cases.
std::vector<float> Random(size_t count) {
  static std::mt19937 random(5);
  std::uniform_real_distribution<float> draw(-3, 3);
  std::vector<float> items(count);
  for (float& item : items) item = draw(random);
  return items;
}

double Sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

TEST(RnnCells, EveryVariantFollowsTheEquations) {
  for (const RnnF32Variant* variant : AllRnnF32()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    for (size_t hidden : {1u, 3u, 8u, 16u, 17u, 40u}) {
      const std::vector<float> gx = Random(4 * hidden), gh = Random(4 * hidden), h0 = Random(hidden),
                               c0 = Random(hidden);
      const int64_t n = static_cast<int64_t>(hidden);
      auto gate = [&](size_t which, size_t i) {
        return static_cast<double>(gx[which * hidden + i]) + static_cast<double>(gh[which * hidden + i]);
      };
      std::vector<float> lstm = h0, c = c0, gru = h0, linear = h0, rnn = h0, z(hidden), rh(hidden);
      variant->lstm(gx.data(), gh.data(), n, lstm.data(), c.data());
      variant->gru_gates(gx.data(), gh.data(), n, h0.data(), z.data(), rh.data());
      variant->gru_update(gx.data() + 2 * hidden, gh.data() + 2 * hidden, n, z.data(), gru.data());
      variant->gru(gx.data(), gh.data(), n, linear.data());
      variant->rnn(gx.data(), gh.data(), n, rnn.data());
      for (size_t i = 0; i < hidden; ++i) {
        const double h = static_cast<double>(h0[i]);
        const double cell =
            Sigmoid(gate(2, i)) * static_cast<double>(c0[i]) + Sigmoid(gate(0, i)) * std::tanh(gate(3, i));
        EXPECT_NEAR(static_cast<double>(c[i]), cell, 5e-6) << variant->name;
        EXPECT_NEAR(static_cast<double>(lstm[i]), Sigmoid(gate(1, i)) * std::tanh(cell), 5e-6)
            << variant->name;
        const double update = Sigmoid(gate(0, i)), reset = Sigmoid(gate(1, i));
        EXPECT_NEAR(static_cast<double>(rh[i]), reset * h, 5e-6) << variant->name;
        EXPECT_NEAR(static_cast<double>(gru[i]), (1 - update) * std::tanh(gate(2, i)) + update * h, 1e-5)
            << variant->name;
        const double third =
            static_cast<double>(gx[2 * hidden + i]) + reset * static_cast<double>(gh[2 * hidden + i]);
        EXPECT_NEAR(static_cast<double>(linear[i]), (1 - update) * std::tanh(third) + update * h, 1e-5)
            << variant->name;
        EXPECT_NEAR(static_cast<double>(rnn[i]), std::tanh(gate(0, i)), 5e-6) << variant->name;
      }
    }
  }
}

// Where the update gate is all but 1, what is left of it has its own precision and is not 1 minus a rounded
// number.
TEST(RnnCells, NearlyClosedUpdateGate) {
  const std::vector<float> gx = {14.0f, 2.0f, 0.5f}, none = {0.0f, 0.0f, 0.0f};
  const double rest = Sigmoid(-14.0), want = rest * std::tanh(0.5);
  for (const RnnF32Variant* variant : AllRnnF32()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    float h = 0, z = 0, rh = 0;
    variant->gru_gates(gx.data(), none.data(), 1, &h, &z, &rh);
    variant->gru_update(gx.data() + 2, none.data() + 2, 1, &z, &h);
    EXPECT_NEAR(static_cast<double>(h), want, 1e-5 * want) << variant->name;
    h = 0;
    variant->gru(gx.data(), none.data(), 1, &h);
    EXPECT_NEAR(static_cast<double>(h), want, 1e-5 * want) << variant->name;
  }
}

}  // namespace
}  // namespace ortolan::kernels
