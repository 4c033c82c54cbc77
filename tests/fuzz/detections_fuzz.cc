// Fuzzes what reads a detector's or a segmenter's output: any numbers, of any of the sizes that fit.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "vision/decode.h"
#include "vision/masks.h"
#include "vision/yolo.h"

namespace {

// The same numbers as every other head has them, cut to any shape.
void DecodeOtherHeads(const uint8_t* data, std::span<const float> numbers) {
  using namespace ortolan::vision;
  HeadSpec spec;
  spec.family = static_cast<HeadFamily>(data[0] % 6);
  spec.extra = static_cast<HeadExtra>(data[1] % 4);
  spec.fit = data[2] % 2 == 0 ? Fit::kLetterbox : Fit::kStretch;
  spec.classes = data[3] % 7 - 1;
  spec.extras = data[4] % 9 - 1;
  spec.coordinates = 2 + data[5] % 2;
  spec.boxes =
      spec.family == HeadFamily::kDetr || spec.family == HeadFamily::kBoxes || data[6] % 2 == 0 ? 1 : -1;
  spec.labels = spec.scores = spec.family == HeadFamily::kBoxes ? 2 : -1;
  spec.prototypes = 3;
  const int64_t width = 1 + data[7] % 16, count = static_cast<int64_t>(numbers.size());
  const auto cut = [&](int64_t columns) {
    const int64_t rows = count / columns;
    return Output{numbers.first(static_cast<size_t>(rows * columns)), {}, {1, rows, columns}};
  };
  const std::vector<Output> outputs = {cut(width),
                                       cut(4),
                                       {numbers.first(numbers.size() / 4), {}, {count / 4}},
                                       {numbers, {}, {1, count, 1, 1}}};
  View view;
  view.input_width = view.input_height = 64;
  view.picture_width = 1 + data[4];
  view.picture_height = 1 + data[5];
  const auto found = DecodeHead(spec, outputs, view, {0.1F, 0.5F, 20});
  if (found.ok() && found->objects.size() > 20) __builtin_trap();
  const auto map = DecodeClassMap(cut(width), 1 + data[2] % 40, 1 + data[3] % 40);
  if (map.ok() && map->empty()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ortolan::vision;
  if (size < 8) return 0;
  const size_t classes = 1 + data[0] % 5, coefficients = data[1] % 4;
  const int across = 1 + data[2] % 9, down = 1 + data[3] % 9, width = 1 + data[4], height = 1 + data[5];
  std::vector<float> numbers((size - 8) / sizeof(float));
  if (numbers.empty()) return 0;
  std::memcpy(numbers.data(), data + 8, numbers.size() * sizeof(float));
  const size_t planes = coefficients * static_cast<size_t>(across) * down, rows = 4 + classes + coefficients;
  DecodeOtherHeads(data, numbers);
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
