// Fuzzes the picture decoders, the resize and the letterbox after them. No input may crash, leak or take
// gigabytes.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/image.h"
#include "vision/letterbox.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto image = ortolan::vision::DecodeImage({reinterpret_cast<const std::byte*>(data), size});
  // Large pictures decode correctly but slowly, which would keep the fuzzer from its work.
  if (!image.ok() || image->pixels.size() > (size_t{1} << 20)) return 0;
  const auto small = ortolan::vision::ShrinkToSize(*image, 9, 7);
  if (!small.ok() || small->width != 9 || small->height != 7) __builtin_trap();
  // Narrow pictures have no place in a square; all others must fill it with samples of 0 to 1.
  const auto place = ortolan::vision::FitInto(image->width, image->height, 16, 16);
  if (!place.ok()) return 0;
  std::vector<float> planes(3 * 16 * 16, -1.0F);
  if (!ortolan::vision::LetterboxToPlanes(*image, *place, 16, 16, planes).ok()) __builtin_trap();
  for (const float sample : planes)
    if (!(sample >= 0.0F && sample <= 1.0F)) __builtin_trap();
  return 0;
}
