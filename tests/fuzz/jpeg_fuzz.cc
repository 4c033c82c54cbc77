// Fuzzes the decoder of one format.
#include "picture_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto decode = [](std::span<const std::byte> bytes) {
    return ortolan::image::DecodeJpeg(bytes, [](const ortolan::image::Picture&, int) {});
  };
  return ortolan::FuzzDecoder(decode, data, size);
}
