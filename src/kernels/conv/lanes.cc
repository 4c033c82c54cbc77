#include "kernels/conv/lanes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/conv/bands.h"

namespace ortolan::kernels {
namespace {

constexpr int64_t kChunkFloats = 16 << 10;  // 64 KB: some 3 us
constexpr int64_t kMostBlock = 16;

bool IsCopy(const LanePiece& piece, int64_t block) {
  for (int64_t i = 0; i < block; ++i) {
    if (piece.map.at[i] != i) return false;
  }
  return true;
}

}  // namespace

LanePlan PlanLanes(int64_t block, std::span<const int64_t> input_blocks, std::span<const int64_t> channels) {
  std::vector<int64_t> first_lane(1, 0);
  for (int64_t blocks : input_blocks) first_lane.push_back(first_lane.back() + blocks * block);
  LanePlan plan;
  for (size_t begin = 0; begin < channels.size(); begin += static_cast<size_t>(block)) {
    const size_t start = plan.pieces.size();
    plan.first.push_back(static_cast<int64_t>(start));
    const size_t end = std::min(channels.size(), begin + static_cast<size_t>(block));
    for (size_t c = begin; c < end; ++c) {
      const auto after = std::upper_bound(first_lane.begin(), first_lane.end(), channels[c]);
      const auto input = static_cast<int>(after - first_lane.begin()) - 1;
      const int64_t lane = channels[c] - first_lane[static_cast<size_t>(input)];
      auto piece =
          std::find_if(plan.pieces.begin() + static_cast<int64_t>(start), plan.pieces.end(),
                       [&](const LanePiece& p) { return p.input == input && p.input_block == lane / block; });
      if (piece == plan.pieces.end()) piece = plan.pieces.insert(piece, LanePiece{input, lane / block, {}});
      piece->map.at[c - begin] = static_cast<int32_t>(lane % block);
    }
    // Lanes beyond the last channel hold anything: of a single piece the rest of its block makes it a copy.
    if (end - begin < static_cast<size_t>(block) && plan.pieces.size() == start + 1) {
      for (size_t i = end - begin; i < static_cast<size_t>(block); ++i)
        plan.pieces.back().map.at[i] = static_cast<int32_t>(i);
    }
  }
  plan.first.push_back(static_cast<int64_t>(plan.pieces.size()));
  return plan;
}

void RunLanes(const ConvVariant& variant, const LanePlan& plan, std::span<const int64_t> input_blocks,
              std::span<const float* const> inputs, int64_t batch, int64_t pixels, float* y,
              ThreadPool& threads) {
  const int64_t block = variant.block, blocks = static_cast<int64_t>(plan.first.size()) - 1;
  const BlockedMaps maps{batch, blocks, block, pixels, pixels};
  ForEachRowOfMaps(maps, kChunkFloats / block, threads, [&](int64_t plane, int64_t begin, int64_t end) {
    const int64_t n = plane / blocks, b = plane % blocks;
    const auto first = static_cast<size_t>(plan.first[static_cast<size_t>(b)]);
    const auto last = static_cast<size_t>(plan.first[static_cast<size_t>(b) + 1]);
    std::array<const float*, kMostBlock> from;
    std::array<LaneMap, kMostBlock> lane_maps;
    LaneRow row;
    for (size_t p = first; p < last; ++p) {
      const LanePiece& piece = plan.pieces[p];
      const auto input = static_cast<size_t>(piece.input);
      from[p - first] =
          inputs[input] + ((n * input_blocks[input] + piece.input_block) * pixels + begin) * block;
      lane_maps[p - first] = piece.map;
    }
    row.inputs = from.data();
    row.maps = lane_maps.data();
    row.count = static_cast<int64_t>(last - first);
    row.pixels = end - begin;
    row.out = y + (plane * pixels + begin) * block;
    if (row.count == 1 && IsCopy(plan.pieces[first], block)) {
      std::memcpy(row.out, from[0], sizeof(float) * static_cast<size_t>(row.pixels * block));
    } else {
      (*variant.lanes)(row);
    }
  });
}

}  // namespace ortolan::kernels
