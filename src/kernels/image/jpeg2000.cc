// JPEG 2000, as a JP2 file or a bare codestream, through OpenJPEG.
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

// OpenJPEG holds every sample as 32 bits, and a few bytes of file can stand for any number of them: more than
// this (805 MB for three components) is refused before it starts.
constexpr uint64_t kMostSamples = (kMostPixels / 4) * 3;
// It also keeps some 10 KB for every tile that the header claims.
constexpr uint64_t kMostTiles = 16384;

struct Source {
  std::span<const std::byte> bytes;
  size_t at = 0;
  std::string error;
};

OPJ_SIZE_T Read(void* to, OPJ_SIZE_T size, void* data) {
  auto& source = *static_cast<Source*>(data);
  const size_t count = std::min(size, source.bytes.size() - source.at);
  if (count == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(to, source.bytes.data() + source.at, count);
  source.at += count;
  return count;
}

OPJ_OFF_T Skip(OPJ_OFF_T size, void* data) {
  auto& source = *static_cast<Source*>(data);
  if (size < 0) return -1;
  const auto count = std::min<uint64_t>(static_cast<uint64_t>(size), source.bytes.size() - source.at);
  if (count == 0) return -1;
  source.at += count;
  return static_cast<OPJ_OFF_T>(count);
}

OPJ_BOOL Seek(OPJ_OFF_T at, void* data) {
  auto& source = *static_cast<Source*>(data);
  if (at < 0 || static_cast<uint64_t>(at) > source.bytes.size()) return OPJ_FALSE;
  source.at = static_cast<size_t>(at);
  return OPJ_TRUE;
}

void OnError(const char* message, void* data) {
  auto& source = *static_cast<Source*>(data);
  if (source.error.empty()) source.error = message;
  while (!source.error.empty() && source.error.back() == '\n') source.error.pop_back();
}
void OnNote(const char*, void*) {}

// Codecs and streams are both void* to C++.
struct DestroyCodec {
  void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct DestroyStream {
  void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
struct DestroyImage {
  void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};

uint64_t Big(std::span<const std::byte> bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i)
    value = value << 8 | (at + i < bytes.size() ? static_cast<uint64_t>(bytes[at + i]) : 0);
  return value;
}

// Where the codestream begins: at once, or in the box "jp2c" of a JP2 file; the file's end where there is
// none.
size_t CodestreamAt(std::span<const std::byte> bytes) {
  if (StartsWith(bytes, "\xff\x4f")) return 0;
  for (size_t at = 0; at + 8 <= bytes.size();) {
    uint64_t length = Big(bytes, at, 4);
    size_t head = 8;
    if (length == 1) {
      length = Big(bytes, at + 8, 8);
      head = 16;
    }
    if (StartsWith(bytes, "jp2c", at + 4)) return std::min(bytes.size(), at + head);
    if (length < head || length > bytes.size() - at) break;
    at += length;
  }
  return bytes.size();
}

// The claims of the codestream's first marker, checked before OpenJPEG asks for memory by them.
Status CheckClaims(std::span<const std::byte> bytes) {
  const size_t at = CodestreamAt(bytes);
  if (Big(bytes, at, 4) != 0xff4fff51 || bytes.size() < at + 42)
    return InvalidArgument("cannot decode JPEG 2000: no codestream");
  auto field = [&](size_t offset) { return Big(bytes, at + offset, 4); };
  const uint64_t right = field(8), bottom = field(12), left = field(16), top = field(20);
  const uint64_t tile_width = field(24), tile_height = field(28), tile_left = field(32), tile_top = field(36);
  const uint64_t components = Big(bytes, at + 40, 2);
  if (right <= left || bottom <= top || tile_width == 0 || tile_height == 0 || tile_left > left ||
      tile_top > top)
    return InvalidArgument("cannot decode JPEG 2000: the size is malformed");
  ORTOLAN_RETURN_IF_ERROR(CheckSize(right - left, bottom - top));
  if (components < 1 || components > 4)
    return InvalidArgument("cannot identify this kind of JPEG 2000: {} components, expected 1 to 4",
                           components);
  if ((right - left) * (bottom - top) > kMostSamples / components)
    return InvalidArgument(
        "JPEG 2000 claims {} x {} pixels of {} components, more than the limit of {} samples", right - left,
        bottom - top, components, kMostSamples);
  const uint64_t tiles = ((right - tile_left + tile_width - 1) / tile_width) *
                         ((bottom - tile_top + tile_height - 1) / tile_height);
  if (tiles > kMostTiles)
    return InvalidArgument("JPEG 2000 claims {} tiles, more than the limit of {}", tiles, kMostTiles);
  return OkStatus();
}

// A component as 8-bit samples, whatever its precision, sign and subsampling.
class Component {
 public:
  explicit Component(const opj_image_comp_t& component) : component_(component) {
    const int bits = static_cast<int>(component.prec);
    down_ = std::max(bits - 8, 0);
    up_ = std::max(8 - bits, 0);
    offset_ = component.sgnd != 0 ? int64_t{1} << (bits - 1) : 0;
    if (down_ > 0) offset_ += int64_t{1} << (down_ - 1);  // rounds
  }
  bool Fits(uint64_t width, uint64_t height) const {
    return component_.data != nullptr && component_.prec >= 1 && component_.prec <= 31 &&
           component_.dx >= 1 && component_.dy >= 1 &&
           component_.w >= (width + component_.dx - 1) / component_.dx &&
           component_.h >= (height + component_.dy - 1) / component_.dy;
  }
  int At(uint64_t x, uint64_t y) const {
    const int64_t value = component_.data[y / component_.dy * component_.w + x / component_.dx] + offset_;
    return static_cast<int>(std::clamp<int64_t>(value >> down_ << up_, 0, 255));
  }

 private:
  const opj_image_comp_t& component_;
  int down_ = 0, up_ = 0;
  int64_t offset_ = 0;
};

uint8_t Clamped(double value) {
  return static_cast<uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

// Full-range YCbCr, as JPEG has it.
void YccToRgb(uint8_t* pixel) {
  const double y = pixel[0], blue = pixel[1] - 128.0, red = pixel[2] - 128.0;
  pixel[0] = Clamped(y + 1.402 * red);
  pixel[1] = Clamped(y - 0.344136 * blue - 0.714136 * red);
  pixel[2] = Clamped(y + 1.772 * blue);
}

Result<Picture> ToPicture(const opj_image_t& image) {
  const uint64_t width = image.x1 - image.x0, height = image.y1 - image.y0;
  const bool colour = image.numcomps >= 3;
  std::vector<Component> components;
  for (uint32_t c = 0; c < image.numcomps; ++c) {
    components.emplace_back(image.comps[c]);
    if (!components.back().Fits(width, height))
      return InvalidArgument("cannot decode JPEG 2000: a component does not fit the picture");
  }
  const bool ycc = colour && image.color_space == OPJ_CLRSPC_SYCC;
  ORTOLAN_ASSIGN_OR_RETURN(Picture picture, NewPicture(width, height));
  uint8_t* to = picture.pixels.data();
  for (uint64_t y = 0; y < height; ++y) {
    for (uint64_t x = 0; x < width; ++x, to += 3) {
      for (size_t c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(components[colour ? c : 0].At(x, y));
      if (ycc) YccToRgb(to);
    }
  }
  return picture;
}

}  // namespace

Result<Picture> DecodeJpeg2000(std::span<const std::byte> bytes) {
  ORTOLAN_RETURN_IF_ERROR(CheckClaims(bytes));
  Source source{bytes, 0, {}};
  const std::unique_ptr<opj_codec_t, DestroyCodec> codec(
      opj_create_decompress(StartsWith(bytes, "\xff\x4f") ? OPJ_CODEC_J2K : OPJ_CODEC_JP2));
  const std::unique_ptr<opj_stream_t, DestroyStream> stream(opj_stream_default_create(OPJ_TRUE));
  if (!codec || !stream) return Fail("no memory for a JPEG 2000 decoder");
  opj_set_error_handler(codec.get(), OnError, &source);
  opj_set_warning_handler(codec.get(), OnNote, &source);
  opj_set_info_handler(codec.get(), OnNote, &source);
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_stream_set_read_function(stream.get(), Read);
  opj_stream_set_skip_function(stream.get(), Skip);
  opj_stream_set_seek_function(stream.get(), Seek);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* made = nullptr;
  const bool opened = opj_setup_decoder(codec.get(), &parameters) != 0 &&
                      opj_read_header(stream.get(), codec.get(), &made) != 0;
  const std::unique_ptr<opj_image_t, DestroyImage> image(made);
  if (opened && image && image->numcomps > 4)
    return InvalidArgument("cannot decode JPEG 2000: the header contradicts the codestream");
  if (!opened || !image || opj_decode(codec.get(), stream.get(), image.get()) == 0 ||
      opj_end_decompress(codec.get(), stream.get()) == 0)
    return InvalidArgument("cannot decode JPEG 2000: {}",
                           source.error.empty() ? "the file is broken or truncated" : source.error.c_str());
  if (image->numcomps == 0 || image->x1 <= image->x0 || image->y1 <= image->y0 || image->comps == nullptr)
    return InvalidArgument("cannot decode JPEG 2000: no picture");
  ORTOLAN_RETURN_IF_ERROR(CheckSize(image->x1 - image->x0, image->y1 - image->y0));
  return ToPicture(*image);
}

}  // namespace ortolan::image
