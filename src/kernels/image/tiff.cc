// TIFF: the first page, as strips or tiles, uncompressed or by PackBits, LZW or Deflate; grey, palettes, RGB
// and CMYK of up to 16 bits. Our own reader: libtiff as distributions build it brings a library under the GPL
// (jbigkit) into the package. What only libtiff would read (fax, JPEG and floating point pages) is refused.
#include <zlib.h>

#include <algorithm>
#include <array>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

Status Broken(std::string_view what) {
  return InvalidArgument("cannot decode TIFF: {}", what);
}
Status Unknown(std::string_view what, uint64_t value) {
  return InvalidArgument("cannot identify this kind of TIFF: {} {}", what, value);
}

enum Tag : uint32_t {
  kWidth = 256,
  kHeight = 257,
  kBits = 258,
  kCompression = 259,
  kPhotometric = 262,
  kFillOrder = 266,
  kStripOffsets = 273,
  kSamples = 277,
  kRowsPerStrip = 278,
  kStripBytes = 279,
  kPlanes = 284,
  kPredictor = 317,
  kColorMap = 320,
  kTileWidth = 322,
  kTileHeight = 323,
  kTileOffsets = 324,
  kTileBytes = 325,
  kSampleFormat = 339,
};

enum Compression : uint64_t { kNone = 1, kLzw = 5, kDeflate = 8, kOldDeflate = 32946, kPackBits = 32773 };
enum Photometric : uint64_t { kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kCmyk = 5 };

// The file's numbers in its byte order; zeros behind its end.
class File {
 public:
  explicit File(std::span<const std::byte> bytes) : bytes_(bytes), big_(bytes[0] == std::byte{'M'}) {}
  uint64_t Number(uint64_t at, int size) const {
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) {
      const uint64_t from = at + static_cast<uint64_t>(big_ ? i : size - 1 - i);
      value = value << 8 | (from < bytes_.size() ? static_cast<uint64_t>(bytes_[from]) : 0);
    }
    return value;
  }
  bool big() const { return big_; }
  uint64_t size() const { return bytes_.size(); }
  std::span<const std::byte> Part(uint64_t at, uint64_t size) const {
    if (at >= bytes_.size()) return {};
    return bytes_.subspan(at, std::min<uint64_t>(size, bytes_.size() - at));
  }

 private:
  std::span<const std::byte> bytes_;
  bool big_;
};

// The first directory: lists of numbers by tag.
class Directory {
 public:
  explicit Directory(const File& file) : file_(file), at_(file.Number(4, 4)), count_(file.Number(at_, 2)) {}

  // Nothing where there is no such tag, its numbers are not whole or stand outside the file.
  std::vector<uint64_t> List(Tag tag) const {
    for (uint64_t i = 0; i < count_; ++i) {
      const uint64_t entry = at_ + 2 + 12 * i;
      if (file_.Number(entry, 2) != tag) continue;
      const uint64_t type = file_.Number(entry + 2, 2), count = file_.Number(entry + 4, 4);
      const int size = type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : 0;  // BYTE, SHORT, LONG
      const uint64_t bytes = count * static_cast<uint64_t>(size);
      const uint64_t from = bytes <= 4 ? entry + 8 : file_.Number(entry + 8, 4);
      if (size == 0 || bytes > file_.size() || from > file_.size() - bytes) return {};
      std::vector<uint64_t> list(count);
      for (uint64_t k = 0; k < count; ++k)
        list[k] = file_.Number(from + k * static_cast<uint64_t>(size), size);
      return list;
    }
    return {};
  }
  uint64_t One(Tag tag, uint64_t otherwise) const {
    const std::vector<uint64_t> list = List(tag);
    return list.empty() ? otherwise : list[0];
  }

 private:
  const File& file_;
  uint64_t at_, count_;
};

// What the directory says, checked.
struct Page {
  uint64_t width = 0, height = 0, bits = 1, samples = 1;
  uint64_t compression = kNone, photometric = kWhiteIsZero;
  bool planar = false, differences = false;
  // Strips are tiles as wide as the picture.
  uint64_t tile_width = 0, tile_height = 0, across = 0, down = 0;
  bool strips = true;
  std::vector<uint64_t> offsets, sizes, colors;

  uint64_t tile_samples() const { return planar ? 1 : samples; }
  uint64_t row_bytes() const { return (tile_width * tile_samples() * bits + 7) / 8; }
  // Rows of tile row `ty`: the last strip ends with the picture, tiles are whole.
  uint64_t rows(uint64_t ty) const {
    return strips ? std::min(tile_height, height - ty * tile_height) : tile_height;
  }
};

// How many bytes one byte of the file can become at most.
uint64_t MostExpansion(uint64_t compression) {
  switch (compression) {
    case kNone:
      return 1;
    case kPackBits:
      return 64;  // two bytes for a run of 128
    case kLzw:
      return 4096;  // a code of at least 9 bits for a string of at most 4,096 bytes
    default:
      return 1032;
  }
}

Status CheckForm(const Page& page) {
  const uint64_t form = page.photometric, bits = page.bits;
  if (page.compression != kNone && page.compression != kLzw && page.compression != kDeflate &&
      page.compression != kOldDeflate && page.compression != kPackBits)
    return Unknown("compression", page.compression);
  const bool grey = form == kWhiteIsZero || form == kBlackIsZero || form == kPalette;
  if (!grey && form != kRgb && form != kCmyk) return Unknown("photometric interpretation", form);
  const bool small = bits == 1 || bits == 2 || bits == 4;
  const bool wide = bits == 16 && form != kPalette && form != kCmyk;
  if (!(bits == 8 || wide || (small && grey && page.samples == 1))) return Unknown("bits a sample:", bits);
  const uint64_t needed = form == kRgb ? 3 : form == kCmyk ? 4 : 1;
  if (page.samples < needed || page.samples > 16) return Unknown("samples a pixel:", page.samples);
  if (page.differences && small) return Unknown("predictor with bits a sample:", bits);
  if (form == kPalette && page.colors.size() < (uint64_t{3} << bits)) return Broken("the palette is short");
  return OkStatus();
}

Result<Page> ReadPage(const File& file) {
  const Directory directory(file);
  Page page;
  page.width = directory.One(kWidth, 0);
  page.height = directory.One(kHeight, 0);
  ORTOLAN_RETURN_IF_ERROR(CheckSize(page.width, page.height));
  page.samples = directory.One(kSamples, 1);
  page.compression = directory.One(kCompression, kNone);
  page.photometric = directory.One(kPhotometric, kWhiteIsZero);
  page.planar = directory.One(kPlanes, 1) == 2;
  page.colors = directory.List(kColorMap);
  const uint64_t predictor = directory.One(kPredictor, 1);
  if (predictor > 2) return Unknown("predictor", predictor);
  page.differences = predictor == 2;
  page.bits = directory.One(kBits, 1);
  for (const uint64_t bits : directory.List(kBits))
    if (bits != page.bits) return Unknown("bits a sample:", bits);
  if (directory.One(kSampleFormat, 1) != 1) return Unknown("sample format", directory.One(kSampleFormat, 1));
  if (directory.One(kFillOrder, 1) != 1) return Unknown("fill order", 2);
  ORTOLAN_RETURN_IF_ERROR(CheckForm(page));
  page.strips = directory.List(kTileOffsets).empty();
  page.offsets = directory.List(page.strips ? kStripOffsets : kTileOffsets);
  page.sizes = directory.List(page.strips ? kStripBytes : kTileBytes);
  page.tile_width = page.strips ? page.width : directory.One(kTileWidth, 0);
  page.tile_height = page.strips ? std::min(directory.One(kRowsPerStrip, page.height), page.height)
                                 : directory.One(kTileHeight, 0);
  ORTOLAN_RETURN_IF_ERROR(CheckSize(page.tile_width, page.tile_height));
  page.across = (page.width + page.tile_width - 1) / page.tile_width;
  page.down = (page.height + page.tile_height - 1) / page.tile_height;
  const uint64_t tiles = page.across * page.down * (page.planar ? page.samples : 1);
  if (page.offsets.size() < tiles || page.sizes.size() < tiles) return Broken("strips are missing");
  // Of one tile and of all of them: more than the file can hold is refused before memory is asked for.
  const uint64_t most = MostExpansion(page.compression) * file.size();
  if (page.row_bytes() * page.rows(0) > kMostPixels * 4)
    return InvalidArgument("TIFF claims a strip of {} bytes, more than the limit of {}",
                           page.row_bytes() * page.rows(0), kMostPixels * 4);
  if (page.row_bytes() * page.rows(0) > most || (page.width * page.bits + 7) / 8 * page.height > most)
    return InvalidArgument("cannot decode TIFF: the file is truncated: {} bytes for {} x {} pixels",
                           file.size(), page.width, page.height);
  return page;
}

bool UnpackBits(std::span<const std::byte> from, std::span<uint8_t> to) {
  size_t at = 0, made = 0;
  while (made < to.size() && at < from.size()) {
    const auto head = static_cast<int8_t>(from[at++]);
    if (head == -128) continue;
    const size_t count = std::min(static_cast<size_t>(head < 0 ? 1 - head : 1 + head), to.size() - made);
    for (size_t i = 0; i < count; ++i) {
      if (at + (head < 0 ? 0 : i) >= from.size()) return false;
      to[made++] = static_cast<uint8_t>(from[at + (head < 0 ? 0 : i)]);
    }
    at += head < 0 ? 1 : count;
  }
  return made == to.size();
}

// Codes of 9 to 12 bits, highest bit first, one bit wider a code earlier than need be.
bool UnpackLzw(std::span<const std::byte> from, std::span<uint8_t> to) {
  constexpr uint32_t kClear = 256, kEnd = 257, kFirst = 258, kMostCodes = 4096;
  struct Entry {
    uint32_t before;  // the string without its last byte
    uint32_t length;
    uint8_t last, first;
  };
  std::array<Entry, kMostCodes> table{};
  for (uint32_t i = 0; i < 256; ++i) table[i] = {0, 1, static_cast<uint8_t>(i), static_cast<uint8_t>(i)};
  uint32_t next = kFirst, width = 9, previous = kClear, held = 0, bits = 0;
  size_t at = 0, made = 0;
  while (made < to.size()) {
    while (bits < width) {
      if (at == from.size()) return false;
      held = held << 8 | static_cast<uint32_t>(from[at++]);
      bits += 8;
    }
    const uint32_t code = held >> (bits - width) & ((1U << width) - 1);
    bits -= width;
    if (code == kEnd) return false;
    if (code == kClear) {
      next = kFirst;
      width = 9;
      previous = kClear;
      continue;
    }
    if (previous == kClear ? code >= 256 : code > next) return false;
    if (previous != kClear) {
      if (next >= kMostCodes) return false;
      const uint8_t last = code < next ? table[code].first : table[previous].first;
      table[next++] = {previous, table[previous].length + 1, last, table[previous].first};
    }
    const size_t length = table[code].length;
    uint32_t walk = code;
    for (size_t i = length; i-- > 0; walk = table[walk].before)
      if (made + i < to.size()) to[made + i] = table[walk].last;
    made = std::min(made + length, to.size());
    previous = code;
    if (next + 1 >= (1U << width) && width < 12) ++width;
  }
  return true;
}

bool Inflate(std::span<const std::byte> from, std::span<uint8_t> to) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return false;
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(from.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(from.size(), UINT32_MAX));
  stream.next_out = to.data();
  stream.avail_out = static_cast<uInt>(to.size());  // at most 16 samples of 2 bytes for 2^28 pixels, checked
  inflate(&stream, Z_FINISH);
  const bool whole = stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

bool Unpack(uint64_t compression, std::span<const std::byte> from, std::span<uint8_t> to) {
  switch (compression) {
    case kNone:
      if (from.size() < to.size()) return false;
      std::transform(from.begin(), from.begin() + static_cast<ptrdiff_t>(to.size()), to.begin(),
                     [](std::byte b) { return static_cast<uint8_t>(b); });
      return true;
    case kPackBits:
      return UnpackBits(from, to);
    case kLzw:
      return UnpackLzw(from, to);
    default:
      return Inflate(from, to);
  }
}

// Samples of 16 bits as bytes in memory's order of high and low.
uint32_t Wide(const uint8_t* at, bool big) {
  return big ? static_cast<uint32_t>(at[0]) << 8 | at[1] : static_cast<uint32_t>(at[1]) << 8 | at[0];
}

// Each sample was kept as the difference from the one to its left.
void AddDifferences(const Page& page, bool big, uint64_t rows, std::vector<uint8_t>* tile) {
  const uint64_t step = page.tile_samples(), count = page.tile_width * step;
  for (uint64_t y = 0; y < rows; ++y) {
    uint8_t* row = tile->data() + y * page.row_bytes();
    for (uint64_t i = step; i < count; ++i) {
      if (page.bits == 8) {
        row[i] = static_cast<uint8_t>(row[i] + row[i - step]);
        continue;
      }
      const uint32_t sum = Wide(row + 2 * i, big) + Wide(row + 2 * (i - step), big);
      row[2 * i + (big ? 0 : 1)] = static_cast<uint8_t>(sum >> 8);
      row[2 * i + (big ? 1 : 0)] = static_cast<uint8_t>(sum);
    }
  }
}

// Sample i of a row, as 8 bits but for palettes, which count. As Pillow has it, 16-bit colours keep the high
// byte and 16-bit grey is cut at 255.
uint32_t SampleOf(const Page& page, bool big, const uint8_t* row, uint64_t i) {
  if (page.bits == 8) return row[i];
  if (page.bits == 16) {
    const uint32_t value = Wide(row + 2 * i, big);
    return page.photometric == kRgb ? value >> 8 : std::min<uint32_t>(value, 255);
  }
  const uint64_t bit = i * page.bits;
  const uint32_t most = (1U << page.bits) - 1;
  const uint32_t value = row[bit / 8] >> (8 - page.bits - bit % 8) & most;
  return page.photometric == kPalette ? value : value * 255 / most;
}

uint8_t WithoutInk(uint32_t ink, uint32_t light) {
  const uint32_t product = ink * light + 128;
  return static_cast<uint8_t>(light - std::min(light, ((product >> 8) + product) >> 8));
}

void StorePixel(const Page& page, const std::array<uint32_t, 4>& samples, uint8_t* to) {
  switch (page.photometric) {
    case kRgb:
      for (size_t c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(samples[c]);
      return;
    case kCmyk:
      for (size_t c = 0; c < 3; ++c) to[c] = WithoutInk(samples[c], 255 - samples[3]);
      return;
    case kPalette:
      for (size_t c = 0; c < 3; ++c)
        to[c] = static_cast<uint8_t>(page.colors[(c << page.bits) + samples[0]] >> 8);
      return;
    default:
      to[0] = to[1] = to[2] =
          static_cast<uint8_t>(page.photometric == kWhiteIsZero ? 255 - samples[0] : samples[0]);
  }
}

}  // namespace

Result<Picture> DecodeTiff(std::span<const std::byte> bytes) {
  const File file(bytes);
  if (file.Number(2, 2) != 42) return Unknown("version", file.Number(2, 2));
  ORTOLAN_ASSIGN_OR_RETURN(const Page page, ReadPage(file));
  ORTOLAN_ASSIGN_OR_RETURN(Picture picture, NewPicture(page.width, page.height));
  const uint64_t planes = page.planar ? std::min<uint64_t>(page.samples, 4) : 1;
  const uint64_t used = std::min<uint64_t>(page.samples, 4);
  std::vector<std::vector<uint8_t>> tiles(planes);
  for (uint64_t ty = 0; ty < page.down; ++ty) {
    const uint64_t rows = page.rows(ty);
    for (uint64_t tx = 0; tx < page.across; ++tx) {
      for (uint64_t plane = 0; plane < planes; ++plane) {
        const uint64_t tile = (plane * page.down + ty) * page.across + tx;
        tiles[plane].resize(page.row_bytes() * rows);
        if (!Unpack(page.compression, file.Part(page.offsets[tile], page.sizes[tile]), tiles[plane]))
          return Broken("the file is truncated or broken");
        if (page.differences) AddDifferences(page, file.big(), rows, &tiles[plane]);
      }
      const uint64_t top = ty * page.tile_height, left = tx * page.tile_width;
      for (uint64_t y = 0; y < std::min(rows, page.height - top); ++y) {
        uint8_t* to = picture.pixels.data() + ((top + y) * page.width + left) * 3;
        for (uint64_t x = 0; x < std::min(page.tile_width, page.width - left); ++x, to += 3) {
          std::array<uint32_t, 4> samples{};
          for (uint64_t s = 0; s < used; ++s) {
            const uint8_t* row = tiles[page.planar ? s : 0].data() + y * page.row_bytes();
            samples[s] = SampleOf(page, file.big(), row, page.planar ? x : x * page.samples + s);
          }
          StorePixel(page, samples, to);
        }
      }
    }
  }
  return picture;
}

}  // namespace ortolan::image
