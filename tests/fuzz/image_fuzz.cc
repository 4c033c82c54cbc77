// Fuzzes the picture decoders and the resize after them. No input may crash, leak or take gigabytes.
#include <cstddef>
#include <cstdint>

#include "vision/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto image = ortolan::vision::DecodeImage({reinterpret_cast<const std::byte*>(data), size});
  // Large pictures decode correctly but slowly, which would keep the fuzzer from its work.
  if (!image.ok() || image->pixels.size() > (size_t{1} << 20)) return 0;
  const auto small = ortolan::vision::ShrinkToSize(*image, 9, 7);
  if (!small.ok() || small->width != 9 || small->height != 7) __builtin_trap();
  return 0;
}
