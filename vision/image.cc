#include "vision/image.h"

#include "base/mapped_file.h"

namespace ortolan::vision {
namespace {

Result<Image> FromPicture(Result<image::Picture> picture) {
  if (!picture.ok()) return std::move(picture).status();
  return Image{picture->width, picture->height, std::move(picture->pixels)};
}

}  // namespace

Result<Image> NewImage(uint64_t width, uint64_t height) {
  return FromPicture(image::NewPicture(width, height));
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

Result<Image> DecodeImage(std::span<const std::byte> bytes) {
  return FromPicture(image::Decode(bytes));
}
Result<Image> DecodeImage(std::span<const std::byte> bytes, image::OnRows on_rows) {
  return FromPicture(image::Decode(bytes, on_rows));
}

Result<Image> LoadImageFile(const std::string& path) {
  return LoadImageFile(path, [](const image::Picture&, int) {});
}
Result<Image> LoadImageFile(const std::string& path, image::OnRows on_rows) {
  auto file = MappedFile::Open(path);
  if (!file.ok()) return std::move(file).status();
  auto image = DecodeImage((*file)->bytes(), on_rows);
  if (!image.ok()) return std::move(image).status().WithContext(path);
  return image;
}

}  // namespace ortolan::vision
