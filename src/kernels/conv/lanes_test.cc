#include "kernels/conv/lanes.h"

#include <gtest/gtest.h>

#include <random>

#include "kernels/conv/reorder.h"
#include "kernels/conv/window.h"

namespace ortolan::kernels {
namespace {

// `channels` of inputs with these channel counts, counted through the inputs.
void Check(const ConvVariant& variant, const std::vector<int64_t>& counts,
           const std::vector<int64_t>& channels, int64_t batch, int64_t pixels, int threads) {
  ThreadPool pool(threads);
  const int64_t block = variant.block;
  std::vector<int64_t> blocks, lanes;
  std::vector<std::vector<float>> planar, blocked;
  std::vector<std::pair<size_t, int64_t>> places;  // of each channel
  std::vector<int64_t> lane_of;
  int64_t lane = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    blocks.push_back(CeilDiv(counts[i], block));
    auto& values = planar.emplace_back(static_cast<size_t>(batch * counts[i] * pixels));
    for (size_t k = 0; k < values.size(); ++k)
      values[k] = static_cast<float>(k) + 1e6f * static_cast<float>(i);
    auto& made = blocked.emplace_back(static_cast<size_t>(batch * blocks[i] * block * pixels));
    ToBlocked(batch, counts[i], pixels, block, values.data(), made.data(), pool);
    for (int64_t c = 0; c < counts[i]; ++c) {
      places.emplace_back(i, c);
      lane_of.push_back(lane + c);
    }
    lane += blocks[i] * block;
  }
  for (int64_t c : channels) lanes.push_back(lane_of[static_cast<size_t>(c)]);
  const auto count = static_cast<int64_t>(channels.size());
  std::vector<float> y(static_cast<size_t>(batch * CeilDiv(count, block) * block * pixels), -1.0f);
  std::vector<float> result(static_cast<size_t>(batch * count * pixels));
  std::vector<const float*> inputs;
  for (const auto& values : blocked) inputs.push_back(values.data());
  RunLanes(variant, PlanLanes(block, blocks, lanes), blocks, inputs, batch, pixels, y.data(), pool);
  FromBlocked(batch, count, pixels, block, y.data(), result.data(), pool);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t c = 0; c < count; ++c) {
      const auto [input, channel] = places[static_cast<size_t>(channels[static_cast<size_t>(c)])];
      for (int64_t p = 0; p < pixels; ++p) {
        ASSERT_EQ(result[static_cast<size_t>((n * count + c) * pixels + p)],
                  planar[input][static_cast<size_t>((n * counts[input] + channel) * pixels + p)])
            << variant.name << ": channel " << c << " of " << count << ", pixel " << p;
      }
    }
  }
}

TEST(MovedLanes, TakeAnyChannelOfAnyInput) {
  std::mt19937 random(7);
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    const std::vector<std::vector<int64_t>> inputs = {{1},      {16},        {58},
                                                      {24, 24}, {16, 3, 40}, {5, 7, 9, 11, 13, 32}};
    for (const auto& counts : inputs) {
      int64_t total = 0;
      for (int64_t count : counts) total += count;
      std::vector<int64_t> all, reversed, drawn, half;
      for (int64_t c = 0; c < total; ++c) all.push_back(c);
      reversed.assign(all.rbegin(), all.rend());
      half.assign(all.begin(), all.begin() + (total + 1) / 2);
      for (int i = 0; i < 37; ++i)
        drawn.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(total)));
      for (const auto& channels : {all, reversed, half, drawn}) {
        for (int64_t pixels : {1, 49, 2500}) Check(*variant, counts, channels, 2, pixels, 2);
      }
    }
  }
}

TEST(MovedLanes, NoPixels) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa))
    Check(*variant, {20}, {3, 4, 19}, 1, 0, 1);
}

}  // namespace
}  // namespace ortolan::kernels
