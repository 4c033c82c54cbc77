// TIFF through libtiff: the first page, whatever its compression, as libtiff turns it into 8-bit RGBA.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "kernels/image/picture.h"

namespace ortolan::image {
namespace {

// The file in memory and where libtiff reads it; the first thing that libtiff had to say against it.
struct Source {
  std::span<const std::byte> bytes;
  uint64_t at = 0;
  std::string error;
};

tmsize_t Read(thandle_t handle, void* to, tmsize_t size) {
  auto& source = *static_cast<Source*>(handle);
  if (size <= 0 || source.at >= source.bytes.size()) return 0;
  const auto count = std::min<uint64_t>(static_cast<uint64_t>(size), source.bytes.size() - source.at);
  std::memcpy(to, source.bytes.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t RefuseWrite(thandle_t, void*, tmsize_t) {
  return 0;
}

toff_t Seek(thandle_t handle, toff_t offset, int whence) {
  auto& source = *static_cast<Source*>(handle);
  if (whence == SEEK_CUR) offset += source.at;
  if (whence == SEEK_END) offset += source.bytes.size();
  source.at = offset;
  return offset;
}

int Close(thandle_t) {
  return 0;
}

toff_t Size(thandle_t handle) {
  return static_cast<Source*>(handle)->bytes.size();
}

// libtiff maps the file: the bytes are there already, so that it reads strips without copying them.
int Map(thandle_t handle, void** base, toff_t* size) {
  const auto bytes = static_cast<Source*>(handle)->bytes;
  *base = const_cast<std::byte*>(bytes.data());
  *size = bytes.size();
  return 1;
}

void Unmap(thandle_t, void*, toff_t) {}

int OnError(TIFF*, void* data, const char*, const char* format, va_list arguments) {
  auto& source = *static_cast<Source*>(data);
  if (!source.error.empty()) return 1;
  char text[256];
  std::vsnprintf(text, sizeof(text), format, arguments);
  source.error = text;
  return 1;
}

int OnWarning(TIFF*, void*, const char*, const char*, va_list) {
  return 1;
}

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

Tiff Open(Source* source) {
  const char* name = "TIFF";
#if TIFFLIB_VERSION >= 20221213
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return nullptr;
  // A strip or a table may be as large as the largest picture, no larger.
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(kMostPixels * 4));
  TIFFOpenOptionsSetErrorHandlerExtR(options, OnError, source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, OnWarning, source);
  Tiff tiff(TIFFClientOpenExt(name, "r", source, Read, RefuseWrite, Seek, Close, Size, Map, Unmap, options));
  TIFFOpenOptionsFree(options);
  return tiff;
#else
  return Tiff(TIFFClientOpen(name, "r", source, Read, RefuseWrite, Seek, Close, Size, Map, Unmap));
#endif
}

Status Broken(const Source& source) {
  return InvalidArgument("cannot decode TIFF: {}",
                         source.error.empty() ? "the file is broken or truncated" : source.error.c_str());
}

template <typename T>
T Field(TIFF* tiff, uint32_t tag, T otherwise) {
  T value = otherwise;
  return TIFFGetFieldDefaulted(tiff, tag, &value) != 0 ? value : otherwise;
}

// How many bytes one byte of the file can become at most; 0 where there is no such bound.
uint64_t MostExpansion(uint16_t compression) {
  switch (compression) {
    case COMPRESSION_NONE:
      return 1;
    case COMPRESSION_PACKBITS:
      return 64;  // two bytes for a run of 128
    case COMPRESSION_LZW:
      return 4096;  // a code of at least 9 bits for a string of at most 4,096 bytes
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE:
      return 1032;
    default:
      return 0;
  }
}

// An alpha channel is dropped, so nothing may be multiplied by it: libtiff is told that it was already.
void KeepColours(TIFF* tiff) {
  uint16_t count = 0;
  uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 0 || count == 0) return;
  std::vector<uint16_t> given(kinds, kinds + count);
  std::replace(given.begin(), given.end(), uint16_t{EXTRASAMPLE_UNASSALPHA},
               uint16_t{EXTRASAMPLE_ASSOCALPHA});
  TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, count, given.data());
}

}  // namespace

Result<Picture> DecodeTiff(std::span<const std::byte> bytes) {
  Source source{bytes, 0, {}};
  const Tiff tiff = Open(&source);
  if (!tiff) return Broken(source);
  const auto width = Field<uint32_t>(tiff.get(), TIFFTAG_IMAGEWIDTH, 0),
             height = Field<uint32_t>(tiff.get(), TIFFTAG_IMAGELENGTH, 0);
  ORTOLAN_RETURN_IF_ERROR(CheckSize(width, height));
  const uint64_t row_bits = uint64_t{width} * Field<uint16_t>(tiff.get(), TIFFTAG_BITSPERSAMPLE, 1);
  const uint64_t expansion =
      MostExpansion(Field<uint16_t>(tiff.get(), TIFFTAG_COMPRESSION, COMPRESSION_NONE));
  if (expansion != 0 && row_bits / 8 * height > expansion * bytes.size())
    return InvalidArgument("cannot decode TIFF: the file is truncated: {} bytes for {} x {} pixels",
                           bytes.size(), width, height);
  // Tiles are decoded whole, however small the picture is.
  if (TIFFIsTiled(tiff.get()) != 0) {
    ORTOLAN_RETURN_IF_ERROR(CheckSize(Field<uint32_t>(tiff.get(), TIFFTAG_TILEWIDTH, 0),
                                      Field<uint32_t>(tiff.get(), TIFFTAG_TILELENGTH, 0)));
  }
  char why[1024] = "";
  if (TIFFRGBAImageOK(tiff.get(), why) == 0)
    return InvalidArgument("cannot identify this kind of TIFF: {}", why);
  KeepColours(tiff.get());
  // One buffer for both: four bytes a pixel first, then the three that stay.
  Picture picture{static_cast<int>(width), static_cast<int>(height), {}};
  picture.pixels.resize(size_t{width} * height * 4);
  auto* rgba = reinterpret_cast<uint32_t*>(picture.pixels.data());
  // Stops at the first error; rows from the top, whatever the file's orientation tag says of turning.
  TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  if (TIFFReadRGBAImageOriented(tiff.get(), width, height, rgba, ORIENTATION_TOPLEFT, 1) == 0)
    return Broken(source);
  uint8_t* to = picture.pixels.data();
  for (size_t i = 0; i < size_t{width} * height; ++i, to += 3) {
    const uint32_t pixel = rgba[i];
    to[0] = static_cast<uint8_t>(TIFFGetR(pixel));
    to[1] = static_cast<uint8_t>(TIFFGetG(pixel));
    to[2] = static_cast<uint8_t>(TIFFGetB(pixel));
  }
  picture.pixels.resize(size_t{width} * height * 3);
  return picture;
}

}  // namespace ortolan::image
