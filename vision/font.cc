#include "vision/font.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>

namespace ortolan::vision {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The next code point of UTF-8 text, which it is taken off; kReplacement for a byte that is none.
char32_t TakeCodePoint(std::string_view& text) {
  const auto lead = static_cast<uint8_t>(text.front());
  const size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (length == 0 || text.size() < length) {
    text.remove_prefix(1);
    return kReplacement;
  }
  char32_t code = length == 1 ? lead : lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if (next >> 6 != 2) {
      text.remove_prefix(1);
      return kReplacement;
    }
    code = code << 6 | (next & 0x3F);
  }
  text.remove_prefix(length);
  return code;
}

// Lays `color` over the picture as densely as the glyph covers each pixel.
void Blend(Image& image, const FT_Bitmap& glyph, int left, int top, const Color& color) {
  for (int row = 0; row < static_cast<int>(glyph.rows); ++row) {
    const int y = top + row;
    if (y < 0 || y >= image.height) continue;
    const uint8_t* cover = glyph.buffer + static_cast<ptrdiff_t>(row) * glyph.pitch;
    for (int column = 0; column < static_cast<int>(glyph.width); ++column) {
      const int x = left + column;
      if (x < 0 || x >= image.width) continue;
      uint8_t* pixel = image.row(y) + static_cast<size_t>(x) * 3;
      for (size_t c = 0; c < 3; ++c)
        pixel[c] =
            static_cast<uint8_t>((pixel[c] * (255 - cover[column]) + color[c] * cover[column] + 127) / 255);
    }
  }
}

}  // namespace

struct Font::Impl {
  FT_Library library = nullptr;
  FT_Face face = nullptr;

  // The next glyph of `text`, drawn where `render` says so; null where there is nothing to show.
  FT_GlyphSlot Take(std::string_view& text, bool render) {
    FT_UInt index = FT_Get_Char_Index(face, TakeCodePoint(text));
    if (index == 0) index = FT_Get_Char_Index(face, kReplacement);
    return FT_Load_Glyph(face, index, render ? FT_LOAD_RENDER : FT_LOAD_DEFAULT) == 0 ? face->glyph : nullptr;
  }
};

void Font::Closer::operator()(Impl* impl) const {
  if (impl->face != nullptr) FT_Done_Face(impl->face);
  if (impl->library != nullptr) FT_Done_FreeType(impl->library);
  delete impl;
}

Result<Font> Font::Open(int pixels) {
  if (pixels < 1 || pixels > 1000) return InvalidArgument("cannot draw text {} pixels high", pixels);
  Font font;
  font.impl_.reset(new Impl);
  Impl& impl = *font.impl_;
  if (FT_Init_FreeType(&impl.library) != 0) return Fail("cannot start the font renderer");
  if (FT_New_Memory_Face(impl.library, reinterpret_cast<const FT_Byte*>(FontFile().data()),
                         static_cast<FT_Long>(FontFile().size()), 0, &impl.face) != 0)
    return Fail("cannot open the font");
  if (FT_Set_Pixel_Sizes(impl.face, 0, static_cast<FT_UInt>(pixels)) != 0)
    return Fail("the font has no size of {} pixels", pixels);
  return font;
}

// FreeType counts in 64ths of a pixel.
int Font::ascent() const {
  return static_cast<int>((impl_->face->size->metrics.ascender + 63) / 64);
}
int Font::descent() const {
  return static_cast<int>((63 - impl_->face->size->metrics.descender) / 64);
}

int Font::Width(std::string_view text) {
  FT_Pos width = 0;
  while (!text.empty())
    if (const FT_GlyphSlot glyph = impl_->Take(text, false)) width += glyph->advance.x;
  return static_cast<int>((width + 63) / 64);
}

void Font::Draw(Image& image, int x, int y, std::string_view text, const Color& color) {
  FT_Pos along = static_cast<FT_Pos>(x) * 64;
  while (!text.empty()) {
    const FT_GlyphSlot glyph = impl_->Take(text, true);
    if (glyph == nullptr) continue;
    Blend(image, glyph->bitmap, static_cast<int>(along / 64) + glyph->bitmap_left, y - glyph->bitmap_top,
          color);
    along += glyph->advance.x;
  }
}

}  // namespace ortolan::vision
