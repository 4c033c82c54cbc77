#include <array>
#include <mutex>
#include <new>
#include <utility>

#include "kernels/image/picture.h"

namespace ortolan::image {

Status CheckSize(uint64_t width, uint64_t height) {
  if (width == 0 || height == 0) return InvalidArgument("image of {} x {} pixels is empty", width, height);
  if (width > kMostPixels || height > kMostPixels || width * height > kMostPixels)
    return InvalidArgument("image claims {} x {} pixels, more than the limit of {}", width, height,
                           kMostPixels);
  return OkStatus();
}

namespace {

// Never destroyed: an interpreter gives its last pictures back after everything else.
struct KeptMemory {
  std::mutex mutex;
  std::array<std::vector<uint8_t>, 2> blocks;
  size_t next = 0;
};
KeptMemory& Kept() {
  static auto& kept = *new KeptMemory;
  return kept;
}

constexpr size_t kMostKeptBytes = size_t{16} << 20;

}  // namespace

void KeepMemory(std::vector<uint8_t> pixels) {
  if (pixels.empty() || pixels.size() > kMostKeptBytes) return;
  KeptMemory& kept = Kept();
  const std::lock_guard lock(kept.mutex);
  std::swap(kept.blocks[kept.next], pixels);
  kept.next = (kept.next + 1) % kept.blocks.size();
}

Result<Picture> NewPictureToFill(uint64_t width, uint64_t height) {
  ORTOLAN_RETURN_IF_ERROR(CheckSize(width, height));
  {
    KeptMemory& kept = Kept();
    const std::lock_guard lock(kept.mutex);
    for (std::vector<uint8_t>& block : kept.blocks)
      if (block.size() == width * height * 3)
        return Picture{static_cast<int>(width), static_cast<int>(height), std::exchange(block, {})};
  }
  return NewPicture(width, height);
}

Result<Picture> NewPicture(uint64_t width, uint64_t height) {
  ORTOLAN_RETURN_IF_ERROR(CheckSize(width, height));
  Picture picture;
  picture.width = static_cast<int>(width);
  picture.height = static_cast<int>(height);
  try {
    picture.pixels.resize(width * height * 3);
  } catch (const std::bad_alloc&) {
    return Fail("no memory for an image of {} x {} pixels", width, height);
  }
  return picture;
}

namespace {

Result<Picture> DecodeByMagic(std::span<const std::byte> bytes, OnRows on_rows) {
  using namespace std::string_view_literals;
  if (StartsWith(bytes, "\xff\xd8\xff"sv)) return DecodeJpeg(bytes, on_rows);
  if (StartsWith(bytes, "\x89PNG\r\n\x1a\n"sv)) return DecodePng(bytes);
  if (StartsWith(bytes, "RIFF"sv) && StartsWith(bytes, "WEBP"sv, 8)) return DecodeWebp(bytes);
  if (StartsWith(bytes, "BM"sv)) return DecodeBmp(bytes);
  for (const auto magic : {"II\x2a\0"sv, "MM\0\x2a"sv, "II\x2b\0"sv, "MM\0\x2b"sv})
    if (StartsWith(bytes, magic)) return DecodeTiff(bytes);
  for (const auto magic : {"\xff\x4f\xff\x51"sv, "\0\0\0\x0cjP  \r\n\x87\n"sv})
    if (StartsWith(bytes, magic)) return DecodeJpeg2000(bytes);
  if (bytes.size() > 2 && bytes[0] == std::byte{'P'} && bytes[1] >= std::byte{'1'} &&
      bytes[1] <= std::byte{'6'})
    return DecodePnm(bytes);
  return InvalidArgument(
      "cannot identify image: expected BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP, got {} bytes of "
      "something else",
      bytes.size());
}

}  // namespace

Result<Picture> Decode(std::span<const std::byte> bytes) {
  return Decode(bytes, [](const Picture&, int) {});
}

Result<Picture> Decode(std::span<const std::byte> bytes, OnRows on_rows) {
  try {
    return DecodeByMagic(bytes, on_rows);
  } catch (const std::bad_alloc&) {
    return Fail("no memory to decode the image");
  }
}

}  // namespace ortolan::image
