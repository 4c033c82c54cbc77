// Fuzzes what reads a detector's or a segmenter's output: any numbers, of any of the sizes that fit.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "vision/masks.h"
#include "vision/yolo.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ortolan::vision;
  if (size < 8) return 0;
  const size_t classes = 1 + data[0] % 5, coefficients = data[1] % 4;
  const int across = 1 + data[2] % 9, down = 1 + data[3] % 9, width = 1 + data[4], height = 1 + data[5];
  std::vector<float> numbers((size - 8) / sizeof(float));
  std::memcpy(numbers.data(), data + 8, numbers.size() * sizeof(float));
  const size_t planes = coefficients * static_cast<size_t>(across) * down, rows = 4 + classes + coefficients;
  if (numbers.size() < planes + rows) return 0;
  const size_t cells = (numbers.size() - planes) / rows;
  const float* output = numbers.data() + planes;
  Letterbox place;
  place.scale = 0.1 + data[6] / 64.0;
  place.left = data[7] % 7;
  place.top = data[7] % 5;
  const auto found =
      DecodeYolo({output, (4 + classes) * cells}, classes, cells, place, width, height, {0.1F, 0.5F, 20});
  if (found.size() > 20) __builtin_trap();
  const Image picture{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height * 3)};
  for (const ScoredBox& object : found) {
    if (object.class_id < 0 || static_cast<size_t>(object.class_id) >= classes || object.cell >= cells)
      __builtin_trap();
    if (coefficients == 0) continue;
    const auto mask =
        DecodeMask({{numbers.data(), planes}, coefficients, down, across},
                   output + (4 + classes) * cells + object.cell, cells, object.box, place, 64, 64, 0.5F);
    if (mask.ok()) CutOut(picture, object.box, *mask);
  }
  return 0;
}
