// Text on pictures, in the one font that is compiled in. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "ortolan/vision.h"

namespace ortolan::vision {

using Color = std::array<uint8_t, 3>;

// The font file's bytes; made by CMake from vision/fonts/.
std::span<const std::byte> FontFile();

// The font at one size. Not for use by two threads at once.
class Font {
 public:
  // `pixels`: the height of the em square, 1 to 1000.
  static Result<Font> Open(int pixels);

  int ascent() const;   // pixels above the baseline that letters may take
  int descent() const;  // and below it
  // The width of UTF-8 text in pixels; what is no UTF-8 or not in the font shows as one replacement sign.
  int Width(std::string_view text);
  // Draws text with its baseline's left end at (x, y); what lies outside the picture is cut off.
  void Draw(Image& image, int x, int y, std::string_view text, const Color& color);

 private:
  struct Impl;
  struct Closer {
    void operator()(Impl* impl) const;
  };
  std::unique_ptr<Impl, Closer> impl_;
};

}  // namespace ortolan::vision
