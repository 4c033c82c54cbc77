// What the fuzz targets of the picture decoders share: one decoder by itself, so that the fuzzer need not
// find the first bytes by which `Decode` tells the formats apart. No input may crash, leak or take gigabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "kernels/image/picture.h"

namespace ortolan {

template <typename Decoder>
int FuzzDecoder(Decoder decode, const uint8_t* data, size_t size) {
  try {
    const auto picture = decode(std::span(reinterpret_cast<const std::byte*>(data), size));
    if (!picture.ok()) return 0;
    const auto pixels = static_cast<uint64_t>(picture->width) * static_cast<uint64_t>(picture->height);
    if (pixels == 0 || pixels > image::kMostPixels || picture->pixels.size() != pixels * 3) __builtin_trap();
  } catch (const std::bad_alloc&) {
    // `Decode` makes an error of it.
  }
  return 0;
}

}  // namespace ortolan
