#include "vision/encode.h"

#include <jpeglib.h>
#include <spng.h>
#include <webp/encode.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "vision/image.h"

namespace ortolan::vision {
namespace {

// Hardly any visible loss; at 75, the usual default, drawn lines and letters get fringes.
constexpr int kQuality = 92;

using Bytes = std::vector<std::byte>;

Bytes CopyOf(const void* data, size_t size) {
  const auto* first = static_cast<const std::byte*>(data);
  return {first, first + size};
}

// libjpeg reports errors by a function that must not return.
class JpegEncoder {
 public:
  JpegEncoder() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) {
      auto* self = static_cast<JpegEncoder*>(info->client_data);
      (*info->err->format_message)(info, self->message_);
      std::longjmp(self->jump_, 1);
    };
    errors_.output_message = [](j_common_ptr) {};
  }
  ~JpegEncoder() {
    if (created_) jpeg_destroy_compress(&info_);
    std::free(buffer_);
  }
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;

  bool Encode(const ImageView& image) {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_compress(&info_);
    created_ = true;
    info_.client_data = this;
    jpeg_mem_dest(&info_, &buffer_, &size_);
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, kQuality, TRUE);
    // Colour at full resolution: thin coloured lines would bleed otherwise.
    info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      // The library reads the row only; its interface is older than const.
      JSAMPROW row = const_cast<JSAMPROW>(image.row(static_cast<int>(info_.next_scanline)));
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }
  Bytes bytes() const { return CopyOf(buffer_, size_); }
  const char* message() const { return message_; }

 private:
  jpeg_compress_struct info_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf jump_;
  char message_[JMSG_LENGTH_MAX] = "";
  unsigned char* buffer_ = nullptr;
  unsigned long size_ = 0;
  bool created_ = false;
};

Result<Bytes> EncodeJpeg(const ImageView& image) {
  JpegEncoder encoder;
  if (!encoder.Encode(image)) return InvalidArgument("cannot encode JPEG: {}", encoder.message());
  return encoder.bytes();
}

Result<Bytes> EncodePng(const ImageView& image) {
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(SPNG_CTX_ENCODER), spng_ctx_free);
  if (!context) return Fail("no memory to encode PNG");
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(image.width);
  header.height = static_cast<uint32_t>(image.height);
  header.bit_depth = 8;
  header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  int code = spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  if (code == 0) code = spng_set_ihdr(context.get(), &header);
  if (code == 0)
    code = spng_encode_image(context.get(), image.pixels.data(), image.pixels.size(), SPNG_FMT_PNG,
                             SPNG_ENCODE_FINALIZE);
  size_t size = 0;
  std::unique_ptr<void, void (*)(void*)> buffer(nullptr, std::free);
  if (code == 0) buffer.reset(spng_get_png_buffer(context.get(), &size, &code));
  if (code != 0) return InvalidArgument("cannot encode PNG: {}", spng_strerror(code));
  return CopyOf(buffer.get(), size);
}

Result<Bytes> EncodeWebp(const ImageView& image) {
  uint8_t* encoded = nullptr;
  const size_t size = WebPEncodeRGB(image.pixels.data(), image.width, image.height, image.width * 3,
                                    static_cast<float>(kQuality), &encoded);
  const std::unique_ptr<uint8_t, void (*)(void*)> buffer(encoded, WebPFree);
  if (size == 0)
    return InvalidArgument("cannot encode WebP of {} x {} pixels (at most {} both ways)", image.width,
                           image.height, WEBP_MAX_DIMENSION);
  return CopyOf(encoded, size);
}

}  // namespace

Result<PictureFormat> FormatOfPath(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (ending == ".jpg" || ending == ".jpeg") return PictureFormat::kJpeg;
  if (ending == ".png") return PictureFormat::kPng;
  if (ending == ".webp") return PictureFormat::kWebp;
  return InvalidArgument("{}: cannot tell the picture's format, expected .jpg, .jpeg, .png or .webp", path);
}

Result<std::vector<std::byte>> EncodeImage(const ImageView& image, PictureFormat format) {
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  switch (format) {
    case PictureFormat::kJpeg:
      return EncodeJpeg(image);
    case PictureFormat::kPng:
      return EncodePng(image);
    case PictureFormat::kWebp:
      return EncodeWebp(image);
  }
  return InvalidArgument("unknown picture format");
}

Status SaveImageFile(const ImageView& image, const std::string& path) {
  ORTOLAN_ASSIGN_OR_RETURN(const PictureFormat format, FormatOfPath(path));
  ORTOLAN_ASSIGN_OR_RETURN(const Bytes bytes, EncodeImage(image, format));
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return InvalidArgument("cannot write {}: {}", path, std::strerror(errno));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) return Fail("cannot write {}: {}", path, std::strerror(errno));
  return OkStatus();
}

}  // namespace ortolan::vision
