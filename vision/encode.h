// Writes pictures to files. Internal.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "vision/image.h"

namespace ortolan::vision {

enum class PictureFormat { kJpeg, kPng, kWebp };

// By the ending of a path, whatever its case; kInvalidArgument for any other.
Result<PictureFormat> FormatOfPath(const std::string& path);

// JPEG and WebP with a quality of 92 of 100, PNG without loss.
Result<std::vector<std::byte>> EncodeImage(const ImageView& image, PictureFormat format);
Status SaveImageFile(const ImageView& image, const std::string& path);

}  // namespace ortolan::vision
