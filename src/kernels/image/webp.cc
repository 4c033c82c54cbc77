// WebP through libwebp; of an animation the first frame.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

struct FreeAnimation {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

Result<Picture> DecodeFirstFrame(const WebPData& data, Picture image) {
  const std::unique_ptr<WebPAnimDecoder, FreeAnimation> decoder(WebPAnimDecoderNew(&data, nullptr));
  if (!decoder) return InvalidArgument("cannot decode WebP: broken animation");
  WebPAnimInfo info;
  uint8_t* rgba = nullptr;
  int time_ms = 0;
  if (!WebPAnimDecoderGetInfo(decoder.get(), &info) ||
      info.canvas_width != static_cast<uint32_t>(image.width) ||
      info.canvas_height != static_cast<uint32_t>(image.height) ||
      !WebPAnimDecoderGetNext(decoder.get(), &rgba, &time_ms))
    return InvalidArgument("cannot decode WebP: broken or truncated animation");
  const size_t count = image.pixels.size() / 3;
  for (size_t i = 0; i < count; ++i)
    for (size_t c = 0; c < 3; ++c) image.pixels[i * 3 + c] = rgba[i * 4 + c];
  return image;
}

}  // namespace

Result<Picture> DecodeWebp(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK)
    return InvalidArgument("cannot decode WebP: broken or truncated header");
  ORTOLAN_ASSIGN_OR_RETURN(Picture image, NewPicture(static_cast<uint64_t>(features.width),
                                                     static_cast<uint64_t>(features.height)));
  if (features.has_animation) return DecodeFirstFrame(WebPData{data, bytes.size()}, std::move(image));
  if (WebPDecodeRGBInto(data, bytes.size(), image.pixels.data(), image.pixels.size(), image.width * 3) ==
      nullptr)
    return InvalidArgument("cannot decode WebP: broken or truncated data");
  return image;
}

}  // namespace ortolan::image
