// JPEG through libjpeg-turbo. The library reports errors by longjmp, so that no object with a destructor may
// live in a function that it jumps out of: Decoder owns everything and its methods hold plain variables only.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE and size_t
#include <string>

#include <jpeglib.h>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

// A small progressive file can ask for thousands of passes over a large picture; real ones have about ten.
constexpr int kMostScans = 500;

// a * b / 255, rounded.
uint8_t MultiplyDivide255(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<uint8_t>(((product >> 8) + product) >> 8);
}

// Four-colour JPEGs hold inverted ink (Adobe's way), so that a sample is already "255 minus ink".
void CmykToRgb(const uint8_t* cmyk, uint8_t* rgb, uint32_t width) {
  for (uint32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int light = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int value = light - MultiplyDivide255(255U - cmyk[c], static_cast<unsigned>(light));
      rgb[c] = static_cast<uint8_t>(value < 0 ? 0 : value);
    }
  }
}

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = OnError;
    errors_.emit_message = [](j_common_ptr, int) {
    };  // warnings: what can be decoded is shown, as Pillow does
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
    source_.bytes_in_buffer = bytes.size();
    source_.init_source = [](j_decompress_ptr) {};
    source_.term_source = [](j_decompress_ptr) {};
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.fill_input_buffer = OnEnd;
    source_.skip_input_data = OnSkip;
    progress_.progress_monitor = OnProgress;
  }
  ~Decoder() {
    if (created_) jpeg_destroy_decompress(&info_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // False where the library failed; message() says why.
  bool ReadHeader() {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_decompress(&info_);
    created_ = true;
    info_.client_data = this;  // jpeg_create_decompress keeps err and client_data, said here for the reader
    info_.src = &source_;
    info_.progress = &progress_;
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  // Decodes into `pixels`, RGB, and tells `on_rows` how many rows are done. Four colours pass through `inks`,
  // one row of them.
  bool ReadPixels(uint8_t* pixels, uint8_t* inks, FunctionRef<void(int)> on_rows) {
    if (setjmp(jump_) != 0) return false;
    info_.out_color_space = IsFourColor() ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      uint8_t* rgb = pixels + size_t{info_.output_scanline} * info_.output_width * 3;
      JSAMPROW row = IsFourColor() ? inks : rgb;
      jpeg_read_scanlines(&info_, &row, 1);
      if (IsFourColor()) CmykToRgb(inks, rgb, info_.output_width);
      // The library makes rows by sixteens, at most.
      if (info_.output_scanline % 16 == 0 || info_.output_scanline == info_.output_height)
        on_rows(static_cast<int>(info_.output_scanline));
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  uint32_t width() const { return info_.image_width; }
  uint32_t height() const { return info_.image_height; }
  bool IsFourColor() const { return info_.num_components == 4; }
  bool IsSupported() const { return info_.num_components == 1 || info_.num_components == 3 || IsFourColor(); }
  int components() const { return info_.num_components; }
  const char* message() const { return message_; }

 private:
  static Decoder* Self(void* info) {
    return static_cast<Decoder*>(static_cast<j_common_ptr>(info)->client_data);
  }

  [[noreturn]] static void Leave(j_common_ptr info, const char* message) {
    Decoder* self = Self(info);
    std::snprintf(self->message_, sizeof(self->message_), "%s", message);
    std::longjmp(self->jump_, 1);
  }
  [[noreturn]] static void OnError(j_common_ptr info) {
    char text[JMSG_LENGTH_MAX];
    (*info->err->format_message)(info, text);
    Leave(info, text);
  }
  static boolean OnEnd(j_decompress_ptr info) {
    Leave(reinterpret_cast<j_common_ptr>(info), "the file is truncated");
  }
  static void OnSkip(j_decompress_ptr info, long count) {
    if (count <= 0) return;
    if (static_cast<size_t>(count) > info->src->bytes_in_buffer) OnEnd(info);
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= static_cast<size_t>(count);
  }
  static void OnProgress(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMostScans)
      Leave(info, "the file has too many progressive scans");
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  char message_[JMSG_LENGTH_MAX] = "";
  bool created_ = false;
};

}  // namespace

Result<Picture> DecodeJpeg(std::span<const std::byte> bytes, OnRows on_rows) {
  Decoder decoder(bytes);
  if (!decoder.ReadHeader()) return InvalidArgument("cannot decode JPEG: {}", decoder.message());
  if (!decoder.IsSupported())
    return InvalidArgument("cannot decode JPEG: {} colour components, expected 1, 3 or 4",
                           decoder.components());
  ORTOLAN_ASSIGN_OR_RETURN(Picture image, NewPictureToFill(decoder.width(), decoder.height()));
  std::vector<uint8_t> inks(decoder.IsFourColor() ? static_cast<size_t>(image.width) * 4 : 0);
  if (!decoder.ReadPixels(image.pixels.data(), inks.data(), [&](int rows) { on_rows(image, rows); }))
    return InvalidArgument("cannot decode JPEG: {}", decoder.message());
  return image;
}

}  // namespace ortolan::image
