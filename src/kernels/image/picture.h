// Pictures from the bytes of their files: what ops/image/image_decoder.cc and vision/ share. Each format is
// one file here, over that format's own library where it takes more than a page.
//
// No file is believed: the size that it claims is checked against kMostPixels, and against what its bytes can
// hold, before memory is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/status.h"

namespace ortolan::image {

// A file may claim any size: more pixels than this (805 MB as RGB) are refused before memory is asked for.
inline constexpr uint64_t kMostPixels = uint64_t{1} << 28;

// 8-bit RGB, rows from the top, no padding.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;  // height * width * 3
};

// A picture of this size, its pixels zero; kInvalidArgument where the size is empty or exceeds kMostPixels.
Result<Picture> NewPicture(uint64_t width, uint64_t height);
// The same for who writes every sample: pixels may be anything, and their memory may have served before.
Result<Picture> NewPictureToFill(uint64_t width, uint64_t height);
// Keeps the memory of a picture that is done with for the next one of its size: to get a megabyte anew from
// the system takes as long as to decode one. Two pictures of up to 16 MB are kept.
void KeepMemory(std::vector<uint8_t> pixels);
// What NewPicture would say of this size.
Status CheckSize(uint64_t width, uint64_t height);

// The picture in BMP, JPEG, JPEG 2000, PNG, PNM (PBM, PGM, PPM), TIFF or WebP bytes, told apart by their
// first bytes, in the colours that Pillow's `convert("RGB")` gives: alpha is dropped, palettes are looked up,
// 16 bits are cut to 8. EXIF rotation is not applied. kInvalidArgument where the bytes are of another format,
// broken or cut short.
Result<Picture> Decode(std::span<const std::byte> bytes);

// Is told of a picture while it is decoded: so many of its rows, from the top, have their pixels. Decoders
// need not tell.
using OnRows = FunctionRef<void(const Picture& picture, int rows)>;
Result<Picture> Decode(std::span<const std::byte> bytes, OnRows on_rows);

// One decoder a format. Bytes of another one are broken.
Result<Picture> DecodeBmp(std::span<const std::byte> bytes);
Result<Picture> DecodeJpeg(std::span<const std::byte> bytes, OnRows on_rows);
Result<Picture> DecodeJpeg2000(std::span<const std::byte> bytes);
Result<Picture> DecodePng(std::span<const std::byte> bytes);
Result<Picture> DecodePnm(std::span<const std::byte> bytes);
Result<Picture> DecodeTiff(std::span<const std::byte> bytes);
Result<Picture> DecodeWebp(std::span<const std::byte> bytes);

inline bool StartsWith(std::span<const std::byte> bytes, std::string_view magic, size_t offset = 0) {
  if (bytes.size() < offset + magic.size()) return false;
  for (size_t i = 0; i < magic.size(); ++i)
    if (static_cast<char>(bytes[offset + i]) != magic[i]) return false;
  return true;
}

}  // namespace ortolan::image
