// Image: the one form in which pictures travel through the vision code, and the functions between a file's
// bytes and that form. Internal: include/ortolan/vision.h is the face that throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "kernels/image/picture.h"
#include "ortolan/vision.h"

namespace ortolan::vision {

using image::kMostPixels;

// An image that someone else keeps.
struct ImageView {
  int width = 0;
  int height = 0;
  std::span<const uint8_t> pixels;

  ImageView(int width_pixels, int height_pixels, std::span<const uint8_t> samples)
      : width(width_pixels), height(height_pixels), pixels(samples) {}
  // Implicit, so that functions take either.
  ImageView(const Image& image) : width(image.width), height(image.height), pixels(image.pixels) {}  // NOLINT

  const uint8_t* row(int y) const { return pixels.data() + static_cast<size_t>(y) * width * 3; }
};

// An image of this size, its pixels zero; kInvalidArgument where the size is empty or exceeds kMostPixels.
Result<Image> NewImage(uint64_t width, uint64_t height);

// kInvalidArgument where the image is empty or its pixels do not fit its size: callers make images
// themselves.
Status CheckImage(const ImageView& image);

// image::Decode in the form of this folder.
Result<Image> DecodeImage(std::span<const std::byte> bytes);
Result<Image> DecodeImage(std::span<const std::byte> bytes, image::OnRows on_rows);
// The same for a file; kNoSuchFile where there is none. Errors name the path.
Result<Image> LoadImageFile(const std::string& path);
Result<Image> LoadImageFile(const std::string& path, image::OnRows on_rows);

// Equal to Pillow's `resize((width, height), BILINEAR)` to the last bit; kInvalidArgument for a size out of
// range.
Result<Image> ResizeBilinear(const ImageView& image, int width, int height);
// Equal to Pillow's `reduce(factor)`: averages of factor x factor pixels, of what is there at the right and
// lower edge.
Result<Image> Reduce(const ImageView& image, int factor);
// The resize of classifiers: Reduce by the largest whole factor that leaves at least the target size, then
// ResizeBilinear. Much faster than ResizeBilinear alone on large pictures, and nearly the same.
Result<Image> ShrinkToSize(const ImageView& image, int width, int height);

}  // namespace ortolan::vision
