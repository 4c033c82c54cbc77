// PNG through libspng.
#include <spng.h>

#include <memory>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

// Chunks beside the picture (colour profiles, texts, animation frames) may not take more memory than this.
constexpr size_t kMostChunkBytes = size_t{64} << 20;

// Deflate makes at most 1,032 bytes of one. A file too short for the size that it claims is refused before
// memory for that size is asked for.
constexpr uint64_t kMostExpansion = 1032;

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

Status Check(int code) {
  if (code == 0) return OkStatus();
  return InvalidArgument("cannot decode PNG: {}", spng_strerror(code));
}

int Channels(int color_type) {
  switch (color_type) {
    case SPNG_COLOR_TYPE_TRUECOLOR:
      return 3;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
      return 2;
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
      return 4;
    default:
      return 1;  // grey or palette
  }
}

// Pillow cuts 16-bit grey at 255 where it keeps the high byte of 16-bit colours.
Status DecodeGrey16(spng_ctx* context, Picture* image) {
  const size_t count = static_cast<size_t>(image->width) * image->height;
  std::vector<uint16_t> grey(count);
  ORTOLAN_RETURN_IF_ERROR(Check(spng_decode_image(context, grey.data(), count * 2, SPNG_FMT_PNG, 0)));
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<uint8_t>(grey[i] > 255 ? 255 : grey[i]);
    for (size_t c = 0; c < 3; ++c) image->pixels[i * 3 + c] = value;
  }
  return OkStatus();
}

}  // namespace

Result<Picture> DecodePng(std::span<const std::byte> bytes) {
  const Context context(spng_ctx_new(0));
  if (!context) return Fail("no memory for a PNG decoder");
  ORTOLAN_RETURN_IF_ERROR(Check(spng_set_chunk_limits(context.get(), kMostChunkBytes, kMostChunkBytes)));
  ORTOLAN_RETURN_IF_ERROR(Check(spng_set_png_buffer(context.get(), bytes.data(), bytes.size())));
  spng_ihdr header{};
  ORTOLAN_RETURN_IF_ERROR(Check(spng_get_ihdr(context.get(), &header)));
  const uint64_t bits = uint64_t{header.width} * Channels(header.color_type) * header.bit_depth;
  if (uint64_t{header.width} * header.height <= kMostPixels &&
      bits / 8 * header.height > kMostExpansion * bytes.size())
    return InvalidArgument("cannot decode PNG: the file is truncated: {} bytes for {} x {} pixels",
                           bytes.size(), header.width, header.height);
  ORTOLAN_ASSIGN_OR_RETURN(Picture image, NewPicture(header.width, header.height));
  if (header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && header.bit_depth == 16) {
    ORTOLAN_RETURN_IF_ERROR(DecodeGrey16(context.get(), &image));
    return image;
  }
  ORTOLAN_RETURN_IF_ERROR(
      Check(spng_decode_image(context.get(), image.pixels.data(), image.pixels.size(), SPNG_FMT_RGB8, 0)));
  return image;
}

}  // namespace ortolan::image
