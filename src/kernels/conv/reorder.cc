#include "kernels/conv/reorder.h"

#include <algorithm>

#include "kernels/conv/bands.h"
#include "kernels/move/transpose_tile.h"

namespace ortolan::kernels {
namespace {

// Pixels of a tile: a block of 16 channels times 64 pixels is 4 KB, so both sides stay in L1.
constexpr int64_t kTilePixels = 64;
constexpr int64_t kTilesPerChunk = 16;  // about 64 KB: 10 us or more

template <typename Body>
void ForEachTile(int64_t batch, int64_t channels, int64_t size, int64_t block, ThreadPool& threads,
                 Body body) {
  const int64_t blocks = (channels + block - 1) / block;
  const int64_t tiles = (size + kTilePixels - 1) / kTilePixels;
  const BlockedMaps maps{batch, blocks, block, tiles, size};
  ForEachRowOfMaps(maps, kTilesPerChunk, threads, [&](int64_t plane, int64_t begin, int64_t end) {
    const int64_t n = plane / blocks, b = plane % blocks;
    for (int64_t first = begin * kTilePixels; first < std::min(end * kTilePixels, size);
         first += kTilePixels) {
      const int64_t pixels = std::min(kTilePixels, size - first);
      const int64_t planar = (n * channels + b * block) * size + first;
      body(planar, (plane * size + first) * block, pixels, std::min(block, channels - b * block));
    }
  });
}

void TileToBlocked(const float* x, float* y, int64_t size, int64_t block, int64_t pixels, int64_t channels) {
  if (channels < block) std::fill_n(y, pixels * block, 0.0f);
  TransposeStrip(reinterpret_cast<const uint32_t*>(x), size, reinterpret_cast<uint32_t*>(y), block, pixels,
                 channels);
}

// A few planes at a time: where a plane's size is a multiple of 4 KB, their lines compete for the 8 or 12
// places of one set of L1, and 16 would drive each other out between the parts of a line.
constexpr int64_t kPlanesAtOnce = 4;

void TileFromBlocked(const float* x, float* y, int64_t size, int64_t block, int64_t pixels,
                     int64_t channels) {
  for (int64_t c = 0; c < channels; c += kPlanesAtOnce) {
    TransposeStrip(reinterpret_cast<const uint32_t*>(x + c), block, reinterpret_cast<uint32_t*>(y + c * size),
                   size, std::min(kPlanesAtOnce, channels - c), pixels);
  }
}

}  // namespace

void ToBlocked(int64_t batch, int64_t channels, int64_t size, int64_t block, const float* x, float* y,
               ThreadPool& threads) {
  ForEachTile(batch, channels, size, block, threads,
              [&](int64_t planar, int64_t blocked, int64_t pixels, int64_t live) {
                TileToBlocked(x + planar, y + blocked, size, block, pixels, live);
              });
}

void FromBlocked(int64_t batch, int64_t channels, int64_t size, int64_t block, const float* x, float* y,
                 ThreadPool& threads) {
  ForEachTile(batch, channels, size, block, threads,
              [&](int64_t planar, int64_t blocked, int64_t pixels, int64_t live) {
                TileFromBlocked(x + blocked, y + planar, size, block, pixels, live);
              });
}

}  // namespace ortolan::kernels
