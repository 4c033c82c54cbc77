#include <cstring>
#include <new>
#include <string_view>

#include "base/mapped_file.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

bool StartsWith(std::span<const std::byte> bytes, std::string_view magic, size_t offset = 0) {
  return bytes.size() >= offset + magic.size() &&
         std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

}  // namespace

Result<Image> NewImage(uint64_t width, uint64_t height) {
  if (width == 0 || height == 0) return InvalidArgument("image of {} x {} pixels is empty", width, height);
  if (width > kMostPixels || height > kMostPixels || width * height > kMostPixels)
    return InvalidArgument("image claims {} x {} pixels, more than the limit of {}", width, height,
                           kMostPixels);
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  try {
    image.pixels.resize(width * height * 3);
  } catch (const std::bad_alloc&) {
    return Fail("no memory for an image of {} x {} pixels", width, height);
  }
  return image;
}

Status CheckImage(const ImageView& image) {
  if (image.width < 1 || image.height < 1)
    return InvalidArgument("image of {} x {} pixels is empty", image.width, image.height);
  const uint64_t expected = static_cast<uint64_t>(image.width) * static_cast<uint64_t>(image.height) * 3;
  if (image.pixels.size() != expected)
    return InvalidArgument("image of {} x {} pixels has {} bytes, expected {}", image.width, image.height,
                           image.pixels.size(), expected);
  return OkStatus();
}

namespace {

Result<Image> DecodeByMagic(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  if (StartsWith(bytes, "\xff\xd8\xff"sv)) return DecodeJpeg(bytes);
  if (StartsWith(bytes, "\x89PNG\r\n\x1a\n"sv)) return DecodePng(bytes);
  if (StartsWith(bytes, "RIFF"sv) && StartsWith(bytes, "WEBP"sv, 8)) return DecodeWebp(bytes);
  return InvalidArgument("cannot identify image: expected JPEG, PNG or WebP, got {} bytes of something else",
                         bytes.size());
}

}  // namespace

Result<Image> DecodeImage(std::span<const std::byte> bytes) {
  try {
    return DecodeByMagic(bytes);
  } catch (const std::bad_alloc&) {
    return Fail("no memory to decode the image");
  }
}

Result<Image> LoadImageFile(const std::string& path) {
  auto file = MappedFile::Open(path);
  if (!file.ok()) return std::move(file).status();
  auto image = DecodeImage((*file)->bytes());
  if (!image.ok()) return std::move(image).status().WithContext(path);
  return image;
}

}  // namespace ortolan::vision
