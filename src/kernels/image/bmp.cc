// BMP: headers of OS/2 and Windows, 1 to 32 bits a pixel, palettes, bit fields and the two run-length forms.
#include <algorithm>
#include <array>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

Status Broken(std::string_view what) {
  return InvalidArgument("cannot decode BMP: {}", what);
}

// The bytes with zeros after their end, so that a header that is cut short reads as zeros and fails a check.
struct Bytes {
  std::span<const std::byte> all;
  uint32_t Byte(uint64_t at) const { return at < all.size() ? static_cast<uint32_t>(all[at]) : 0; }
  uint32_t U16(uint64_t at) const { return Byte(at) | Byte(at + 1) << 8; }
  uint32_t U32(uint64_t at) const { return U16(at) | U16(at + 2) << 16; }
};

enum Compression : uint32_t { kNone = 0, kRuns8 = 1, kRuns4 = 2, kBitFields = 3 };

struct Header {
  uint64_t width = 0, height = 0;
  uint64_t pixels_at = 0;
  uint64_t palette_at = 0, palette_entry_bytes = 4, colors = 0;
  uint32_t bits = 0;
  uint32_t compression = kNone;
  bool from_top = false;
  std::array<uint32_t, 3> masks{};  // red, green, blue of 16 and 32 bits
};

void ReadMasks(const Bytes& bytes, uint32_t header_bytes, Header* header) {
  if (header->compression == kBitFields) {
    // Long headers contain the masks, after short ones they stand: the same place either way.
    for (size_t c = 0; c < 3; ++c) header->masks[c] = bytes.U32(54 + 4 * c);
    if (header_bytes == 40) header->palette_at += 12;
    if (header->masks == std::array<uint32_t, 3>{0, 0, 0}) header->masks = {0xff0000, 0xff00, 0xff};
  } else if (header->bits == 16) {
    header->masks = {0x7c00, 0x3e0, 0x1f};
  } else {
    header->masks = {0xff0000, 0xff00, 0xff};
  }
}

Result<Header> ReadHeader(const Bytes& bytes) {
  Header header;
  header.pixels_at = bytes.U32(10);
  const uint32_t header_bytes = bytes.U32(14);
  header.palette_at = 14 + uint64_t{header_bytes};
  if (header_bytes == 12) {
    header.width = bytes.U16(18);
    header.height = bytes.U16(20);
    header.bits = bytes.U16(24);
    header.palette_entry_bytes = 3;
  } else if (header_bytes >= 40 && header_bytes <= 124) {
    header.width = bytes.U32(18);
    const auto height = static_cast<int32_t>(bytes.U32(22));
    header.from_top = height < 0;
    header.height = static_cast<uint64_t>(height < 0 ? -int64_t{height} : height);
    header.bits = bytes.U16(28);
    header.compression = bytes.U32(30);
    header.colors = bytes.U32(46);
  } else {
    return Broken("unknown header");
  }
  if (bytes.all.size() < header.palette_at) return Broken("the file is truncated");
  const uint32_t bits = header.bits;
  const bool fits = (header.compression == kNone &&
                     (bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32)) ||
                    (header.compression == kRuns8 && bits == 8) ||
                    (header.compression == kRuns4 && bits == 4) ||
                    (header.compression == kBitFields && (bits == 16 || bits == 24 || bits == 32));
  if (!fits)
    return InvalidArgument("cannot identify this kind of BMP: {} bits a pixel, compression {}", bits,
                           header.compression);
  ReadMasks(bytes, header_bytes, &header);
  if (bits > 8) {
    header.colors = 0;  // a palette would be a hint for other people's screens
  } else {
    if (header.colors == 0) header.colors = uint64_t{1} << bits;
    if (header.colors > 256) return Broken("more colours than a palette has");
    // Files without room for the palette before the pixels, as some writers leave them.
    if (header.pixels_at == header.palette_at) header.pixels_at += header.palette_entry_bytes * header.colors;
  }
  return header;
}

using Palette = std::array<std::array<uint8_t, 3>, 256>;

Palette ReadPalette(const Bytes& bytes, const Header& header) {
  Palette palette{};
  for (uint64_t i = 0; i < header.colors; ++i) {
    const uint64_t at = header.palette_at + i * header.palette_entry_bytes;
    for (uint64_t c = 0; c < 3; ++c) palette[i][c] = static_cast<uint8_t>(bytes.Byte(at + 2 - c));
  }
  return palette;
}

struct Field {
  uint32_t shift = 0, most = 0;
  explicit Field(uint32_t mask) {
    if (mask == 0) return;
    while ((mask >> shift & 1) == 0) ++shift;
    most = mask >> shift;
  }
  uint8_t Of(uint32_t pixel) const {
    return most == 0 ? 0 : static_cast<uint8_t>(uint64_t{pixel >> shift & most} * 255 / most);
  }
};

// Rows of whole pixels, uncompressed.
Status ReadRows(const Bytes& bytes, const Header& header, Picture* picture) {
  const uint64_t stride = (header.width * header.bits + 31) / 32 * 4;
  const Palette palette = ReadPalette(bytes, header);
  const Field fields[3] = {Field(header.masks[0]), Field(header.masks[1]), Field(header.masks[2])};
  for (uint64_t y = 0; y < header.height; ++y) {
    const uint64_t row = header.pixels_at + stride * y;
    uint8_t* to = picture->pixels.data() + (header.from_top ? y : header.height - 1 - y) * header.width * 3;
    for (uint64_t x = 0; x < header.width; ++x, to += 3) {
      if (header.bits <= 8) {
        const uint64_t bit = x * header.bits;
        const uint32_t index =
            bytes.Byte(row + bit / 8) >> (8 - header.bits - bit % 8) & ((1U << header.bits) - 1);
        for (size_t c = 0; c < 3; ++c) to[c] = palette[index][c];
        continue;
      }
      const uint64_t at = row + x * header.bits / 8;
      uint32_t pixel = bytes.U16(at);
      if (header.bits >= 24) pixel |= bytes.Byte(at + 2) << 16;
      if (header.bits == 32) pixel |= bytes.Byte(at + 3) << 24;
      for (size_t c = 0; c < 3; ++c) to[c] = fields[c].Of(pixel);
    }
  }
  return OkStatus();
}

// Run-length forms: palette indices, row after row from the bottom. The list grows with the data, not with
// the size that the file claims.
Result<std::vector<uint8_t>> ReadRuns(const Bytes& bytes, const Header& header) {
  const uint64_t width = header.width, count = header.width * header.height;
  const bool half = header.compression == kRuns4;
  std::vector<uint8_t> indices;
  uint64_t at = header.pixels_at;
  auto next = [&] { return bytes.Byte(at++); };
  auto end_row = [&] { indices.resize((indices.size() + width - 1) / width * width); };
  while (indices.size() < count && at + 1 < bytes.all.size()) {
    const uint32_t length = next(), value = next();
    if (length != 0) {
      // A run may not pass the end of its row.
      const uint64_t room = std::min<uint64_t>(length, width - indices.size() % width);
      for (uint64_t i = 0; i < room; ++i)
        indices.push_back(static_cast<uint8_t>(!half ? value : i % 2 == 0 ? value >> 4 : value & 15));
    } else if (value == 0) {
      end_row();
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      const uint64_t right = next(), up = next();
      indices.resize(std::min(count, indices.size() + right + up * width));
    } else {
      for (uint32_t i = 0; i < value; ++i) {
        if (half && i % 2 == 1) {
          indices.push_back(static_cast<uint8_t>(bytes.Byte(at - 1) & 15));
        } else {
          const uint32_t byte = next();
          indices.push_back(static_cast<uint8_t>(half ? byte >> 4 : byte));
        }
      }
      at += at % 2;  // padded to words
    }
  }
  if (indices.size() < count) return Broken("the file is truncated");
  return indices;
}

}  // namespace

Result<Picture> DecodeBmp(std::span<const std::byte> file) {
  const Bytes bytes{file};
  ORTOLAN_ASSIGN_OR_RETURN(const Header header, ReadHeader(bytes));
  ORTOLAN_RETURN_IF_ERROR(CheckSize(header.width, header.height));
  if (header.compression == kNone || header.compression == kBitFields) {
    const uint64_t stride = (header.width * header.bits + 31) / 32 * 4;
    if (header.pixels_at > file.size() || stride * header.height > file.size() - header.pixels_at)
      return Broken("the file is truncated");
    ORTOLAN_ASSIGN_OR_RETURN(Picture picture, NewPicture(header.width, header.height));
    ORTOLAN_RETURN_IF_ERROR(ReadRows(bytes, header, &picture));
    return picture;
  }
  // A jump can leave any number of pixels out, which real files do not.
  constexpr uint64_t kMostExpansion = 4096;
  if (header.width * header.height > kMostExpansion * file.size()) return Broken("the file is truncated");
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<uint8_t> indices, ReadRuns(bytes, header));
  ORTOLAN_ASSIGN_OR_RETURN(Picture picture, NewPicture(header.width, header.height));
  const Palette palette = ReadPalette(bytes, header);
  for (uint64_t y = 0; y < header.height; ++y) {
    const uint8_t* from = indices.data() + (header.height - 1 - y) * header.width;
    uint8_t* to = picture.pixels.data() + y * header.width * 3;
    for (uint64_t x = 0; x < header.width; ++x)
      for (size_t c = 0; c < 3; ++c) to[x * 3 + c] = palette[from[x]][c];
  }
  return picture;
}

}  // namespace ortolan::image
