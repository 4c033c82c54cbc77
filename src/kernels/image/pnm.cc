// PNM: bitmaps, grey and colour maps, as text (P1 to P3) or bytes (P4 to P6). Samples above 255 follow
// Pillow: colours are scaled to 8 bits, grey is scaled to 16 and cut at 255.
#include <cmath>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

Status Broken(std::string_view what) {
  return InvalidArgument("cannot decode PNM: {}", what);
}

bool IsSpace(int c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size() - at_; }
  int Next() { return at_ < bytes_.size() ? static_cast<int>(bytes_[at_++]) : -1; }

  // The next byte that is neither space nor comment; -1 at the end.
  int NextInk() {
    for (;;) {
      int c = Next();
      while (IsSpace(c)) c = Next();
      if (c != '#') return c;
      while (c != '\n' && c != '\r' && c >= 0) c = Next();
    }
  }
  // A whole number of at most nine digits and the one byte behind it; -1 where there is none.
  int64_t Number() {
    int c = NextInk();
    int64_t number = -1;
    for (int digits = 0; c >= '0' && c <= '9'; ++digits, c = Next()) {
      if (digits == 9) return -1;
      number = (number < 0 ? 0 : number * 10) + (c - '0');
    }
    if (c == '#') {  // a comment may follow without a space
      while (c != '\n' && c != '\r' && c >= 0) c = Next();
    }
    return c < 0 || IsSpace(c) ? number : -1;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 2;  // behind the magic
};

Status ReadBits(Reader reader, bool text, Picture* picture) {
  uint8_t* to = picture->pixels.data();
  for (int y = 0; y < picture->height; ++y) {
    int byte = 0;
    for (int x = 0; x < picture->width; ++x, to += 3) {
      bool ink = false;
      if (text) {
        const int c = reader.NextInk();
        if (c != '0' && c != '1') return Broken(c < 0 ? "the file is truncated" : "a bit is neither 0 nor 1");
        ink = c == '1';
      } else {
        if (x % 8 == 0) byte = reader.Next();
        ink = (byte >> (7 - x % 8) & 1) != 0;
      }
      to[0] = to[1] = to[2] = ink ? 0 : 255;
    }
  }
  return OkStatus();
}

Status ReadSamples(Reader reader, bool text, bool colour, int64_t most, Picture* picture) {
  // 8-bit output for colours and for grey of 8 bits; wider grey keeps 16 bits, which are then cut.
  const double scale = colour || most <= 255 ? 255 : 65535;
  const size_t count = picture->pixels.size() / (colour ? 1 : 3);
  for (size_t i = 0; i < count; ++i) {
    int64_t sample = 0;
    if (text) {
      sample = reader.Number();
      if (sample < 0) return Broken("the file is truncated");
      if (sample > most) return Broken("a sample is larger than the file's maximum");
    } else {
      sample = reader.Next();
      if (most > 255) sample = sample << 8 | reader.Next();
    }
    // In double and to even, as Python rounds.
    const double scaled = std::nearbyint(static_cast<double>(sample) / static_cast<double>(most) * scale);
    const auto value = static_cast<uint8_t>(scaled < 255 ? scaled : 255);
    if (colour) {
      picture->pixels[i] = value;
    } else {
      for (size_t c = 0; c < 3; ++c) picture->pixels[i * 3 + c] = value;
    }
  }
  return OkStatus();
}

}  // namespace

Result<Picture> DecodePnm(std::span<const std::byte> bytes) {
  const int kind = bytes.size() > 2 && bytes[0] == std::byte{'P'} ? static_cast<int>(bytes[1]) - '0' : 0;
  if (kind < 1 || kind > 6) return Broken("it begins with no P1 to P6");
  const bool text = kind <= 3, colour = kind % 3 == 0, bits = kind % 3 == 1;
  Reader reader(bytes);
  const int64_t width = reader.Number(), height = reader.Number(), most = bits ? 1 : reader.Number();
  if (width < 0 || height < 0) return Broken("no size");
  if (most < 1 || most > 65535) return Broken("the largest sample must be 1 to 65535");
  ORTOLAN_RETURN_IF_ERROR(CheckSize(static_cast<uint64_t>(width), static_cast<uint64_t>(height)));
  const auto samples = static_cast<uint64_t>(width * height * (colour ? 3 : 1));
  // Text spends a byte a sample and, but for bits, one between two of them.
  uint64_t needed = text ? (bits ? samples : samples * 2 - 1) : samples * (most > 255 ? 2 : 1);
  if (bits && !text) needed = static_cast<uint64_t>((width + 7) / 8 * height);
  if (needed > reader.left()) return Broken("the file is truncated");
  ORTOLAN_ASSIGN_OR_RETURN(Picture picture,
                           NewPicture(static_cast<uint64_t>(width), static_cast<uint64_t>(height)));
  ORTOLAN_RETURN_IF_ERROR(bits ? ReadBits(reader, text, &picture)
                               : ReadSamples(reader, text, colour, most, &picture));
  return picture;
}

}  // namespace ortolan::image
