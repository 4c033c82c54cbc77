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
      variant->lstm(gx.data(), gh.data(), n, false, lstm.data(), c.data());
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

// A whole step, its weights laid out as the GEMM packs them with their columns in blocks of gates, and the
// cell that reads such blocks.
TEST(RnnCells, StepOfAnLstm) {
  for (const RnnF32Variant* variant : AllRnnF32()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    const auto lanes = static_cast<size_t>(variant->lanes);
    for (size_t blocks : {2u, 4u, 6u}) {
      const size_t hidden = blocks * lanes, gates = 4 * hidden;
      const std::vector<float> gx = Random(gates), r = Random(gates * hidden), c0 = Random(hidden);
      std::vector<float> h0 = Random(hidden), gh(gates);
      for (float& h : h0) h *= 0.01f;
      // In blocks of gates: gate g of unit u.
      const auto at = [&](size_t g, size_t u) { return u / lanes * 4 * lanes + g * lanes + u % lanes; };
      const auto weight = [&](size_t k, size_t column) {
        const size_t panel = column / (2 * lanes), in = column % (2 * lanes);
        return r[panel * 2 * lanes * hidden + k * 2 * lanes + in];
      };
      std::vector<double> sums(gates);
      for (size_t j = 0; j < gates; ++j) {
        for (size_t k = 0; k < hidden; ++k)
          sums[j] += static_cast<double>(h0[k]) * static_cast<double>(weight(k, j));
        gh[j] = static_cast<float>(sums[j]);
      }
      std::vector<float> forwards(hidden), backwards(hidden), c = c0, c_back = c0, cell = h0, cell_c = c0;
      LstmStep step{gx.data(), r.data(), static_cast<int64_t>(hidden), h0.data(), forwards.data(),
                    c.data(),  false};
      variant->lstm_step(step);
      step.next_h = backwards.data();
      step.c = c_back.data();
      step.backwards = true;
      variant->lstm_step(step);
      EXPECT_EQ(forwards, backwards) << variant->name;
      EXPECT_EQ(c, c_back) << variant->name;
      variant->lstm(gx.data(), gh.data(), static_cast<int64_t>(hidden), true, cell.data(), cell_c.data());
      for (size_t u = 0; u < hidden; ++u) {
        const auto gate = [&](size_t g) { return static_cast<double>(gx[at(g, u)]) + sums[at(g, u)]; };
        const double next =
            Sigmoid(gate(2)) * static_cast<double>(c0[u]) + Sigmoid(gate(0)) * std::tanh(gate(3));
        EXPECT_NEAR(static_cast<double>(c[u]), next, 5e-6) << variant->name;
        EXPECT_NEAR(static_cast<double>(forwards[u]), Sigmoid(gate(1)) * std::tanh(next), 5e-6)
            << variant->name;
        EXPECT_NEAR(static_cast<double>(cell_c[u]), next, 5e-6) << variant->name;
        EXPECT_NEAR(static_cast<double>(cell[u]), Sigmoid(gate(1)) * std::tanh(next), 5e-6) << variant->name;
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
