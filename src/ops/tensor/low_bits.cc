#include "ops/tensor/low_bits.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

const SmallFloatFormat* FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat8E4M3FN:
      return &kE4M3FN;
    case DType::kFloat8E4M3FNUZ:
      return &kE4M3FNUZ;
    case DType::kFloat8E5M2:
      return &kE5M2;
    case DType::kFloat8E5M2FNUZ:
      return &kE5M2FNUZ;
    case DType::kFloat4E2M1:
      return &kE2M1;
    case DType::kFloat6E2M3:
      return &kE2M3;
    case DType::kFloat6E3M2:
      return &kE3M2;
    default:
      return nullptr;
  }
}

// Every code of a small float as a number.
std::array<float, 256> MakeTable(DType dtype) {
  std::array<float, 256> table{};
  const SmallFloatFormat* format = FormatOf(dtype);
  const int codes = DTypeBits(dtype) == 4 ? 16 : 256;
  for (int code = 0; code < codes; ++code) {
    const auto byte = static_cast<uint8_t>(code);
    table[byte] = format != nullptr ? DecodeSmallFloat(*format, byte) : DecodePower(byte);
  }
  return table;
}

const std::array<float, 256>& TableOf(DType dtype) {
  static const std::array<std::array<float, 256>, 8> tables = {
      MakeTable(DType::kFloat8E4M3FN),   MakeTable(DType::kFloat8E4M3FNUZ), MakeTable(DType::kFloat8E5M2),
      MakeTable(DType::kFloat8E5M2FNUZ), MakeTable(DType::kFloat4E2M1),     MakeTable(DType::kFloat6E2M3),
      MakeTable(DType::kFloat6E3M2),     MakeTable(DType::kFloat8E8M0)};
  switch (dtype) {
    case DType::kFloat8E4M3FN:
      return tables[0];
    case DType::kFloat8E4M3FNUZ:
      return tables[1];
    case DType::kFloat8E5M2:
      return tables[2];
    case DType::kFloat8E5M2FNUZ:
      return tables[3];
    case DType::kFloat4E2M1:
      return tables[4];
    case DType::kFloat6E2M3:
      return tables[5];
    case DType::kFloat6E3M2:
      return tables[6];
    default:
      return tables[7];
  }
}

// Elements are unpacked in pieces of this many: a multiple of kMostPacked that fits the stack.
constexpr int64_t kPiece = 1024;

// Calls body(bytes, at, n) for the codes of elements, `at` counting from begin.
template <typename Body>
void ForEachCodes(const TensorRef& from, int64_t begin, int64_t count, Body body) {
  if (DTypeBits(from.dtype) == 8) return body(from.As<const uint8_t>() + begin, int64_t{0}, count);
  uint8_t bytes[kPiece];
  for (int64_t at = 0; at < count; at += kPiece) {
    const int64_t n = std::min(kPiece, count - at);
    UnpackElements(from.dtype, from.data, begin + at, n, bytes);
    body(static_cast<const uint8_t*>(bytes), at, n);
  }
}

template <typename Fill>
void ForEachCodesToFill(const TensorRef& to, int64_t begin, int64_t count, Fill fill) {
  if (DTypeBits(to.dtype) == 8) return fill(to.As<uint8_t>() + begin, int64_t{0}, count);
  uint8_t bytes[kPiece];
  for (int64_t at = 0; at < count; at += kPiece) {
    const int64_t n = std::min(kPiece, count - at);
    fill(static_cast<uint8_t*>(bytes), at, n);
    PackElements(to.dtype, bytes, begin + at, n, to.data);
  }
}

bool IsSigned(DType dtype) {
  return dtype == DType::kInt4 || dtype == DType::kInt2;
}

// To odd: an inexact result gets an odd last bit, unless it is one already.
float RoundToOdd(double value) {
  const auto rounded = static_cast<float>(value);
  if (static_cast<double>(rounded) == value || std::isnan(value) || std::isinf(value)) return rounded;
  const float toward =
      std::abs(static_cast<double>(rounded)) > std::abs(value) ? std::nextafter(rounded, 0.0f) : rounded;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(toward) | 1u);
}

// What a number becomes in an integer type: towards zero, then the low bits; NaN and what int64 does not hold
// is 0.
int64_t TruncatedInt(float value) {
  if (!(std::abs(value) < 9.2e18f)) return 0;
  return static_cast<int64_t>(value);
}

}  // namespace

void UnpackElements(DType dtype, const void* packed, int64_t begin, int64_t count, uint8_t* bytes) {
  const auto* from = static_cast<const uint8_t*>(packed);
  const int bits = DTypeBits(dtype);
  const int64_t per_byte = 8 / bits;
  const int shift_out = 8 - bits;
  const bool extend = IsSigned(dtype);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = begin + i;
    const int left = from[at / per_byte]
                     << (shift_out - at % per_byte * bits);  // the element on top of a byte
    const auto top = static_cast<uint8_t>(left);
    bytes[i] = extend ? static_cast<uint8_t>(static_cast<int8_t>(top) >> shift_out)
                      : static_cast<uint8_t>(top >> shift_out);
  }
}

void PackElements(DType dtype, const uint8_t* bytes, int64_t begin, int64_t count, void* packed) {
  auto* to = static_cast<uint8_t*>(packed);
  const int bits = DTypeBits(dtype);
  const int64_t per_byte = 8 / bits;
  const int mask = (1 << bits) - 1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = begin + i;
    const auto shift = static_cast<int>(at % per_byte * bits);
    // The first element of a byte clears what stood there: the unused bits of a last byte are zero.
    const int rest = shift == 0 ? 0 : to[at / per_byte] & ~(mask << shift);
    to[at / per_byte] = static_cast<uint8_t>(rest | ((bytes[i] & mask) << shift));
  }
}

void CopyRange(const TensorRef& from, int64_t from_at, const TensorRef& to, int64_t to_at, int64_t count) {
  if (count == 0) return;
  if (from.dtype == DType::kString) {
    std::copy_n(from.As<const std::string>() + from_at, count, to.As<std::string>() + to_at);
    return;
  }
  const int bits = DTypeBits(from.dtype);
  if (bits >= 8) {
    const auto width = static_cast<size_t>(bits) / 8;
    std::memcpy(to.As<std::byte>() + static_cast<size_t>(to_at) * width,
                from.As<const std::byte>() + static_cast<size_t>(from_at) * width,
                static_cast<size_t>(count) * width);
    return;
  }
  const int64_t per_byte = 8 / bits;
  const int mask = (1 << bits) - 1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t source = from_at + i, target = to_at + i;
    const int code = (from.As<const uint8_t>()[source / per_byte] >> (source % per_byte * bits)) & mask;
    const auto shift = static_cast<int>(target % per_byte * bits);
    uint8_t& byte = to.As<uint8_t>()[target / per_byte];
    byte = static_cast<uint8_t>((byte & ~(mask << shift)) | (code << shift));
  }
}

void ClearPacked(const TensorRef& tensor) {
  if (DTypeBits(tensor.dtype) < 8 && tensor.bytes() > 0) std::memset(tensor.data, 0, tensor.bytes());
}

Status ReadFloats(const TensorRef& from, int64_t begin, int64_t count, float* to) {
  if (Contains(kSmallFloats, from.dtype)) {
    const std::array<float, 256>& table = TableOf(from.dtype);
    ForEachCodes(from, begin, count, [&](const uint8_t* codes, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) to[at + i] = table[codes[i]];
    });
    return OkStatus();
  }
  if (Contains(kPackedIntegers, from.dtype)) {
    const bool is_signed = IsSigned(from.dtype);
    ForEachCodes(from, begin, count, [&](const uint8_t* codes, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        to[at + i] =
            is_signed ? static_cast<float>(static_cast<int8_t>(codes[i])) : static_cast<float>(codes[i]);
      }
    });
    return OkStatus();
  }
  if (from.dtype == DType::kDouble) {
    for (int64_t i = 0; i < count; ++i) to[i] = RoundToOdd(from.As<const double>()[begin + i]);
    return OkStatus();
  }
  return WithNumberType(from.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from.As<const T>()[begin + i]);
    return OkStatus();
  });
}

Status WriteFloats(const float* from, const TensorRef& to, int64_t begin, int64_t count,
                   const LowBitRounding& rounding) {
  if (const SmallFloatFormat* format = FormatOf(to.dtype)) {
    const bool saturate = rounding.saturate || !format->has_nan;  // the others have no code beyond numbers
    ForEachCodesToFill(to, begin, count, [&](uint8_t* codes, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) codes[i] = EncodeSmallFloat(*format, from[at + i], saturate);
    });
    return OkStatus();
  }
  if (to.dtype == DType::kFloat8E8M0) {
    for (int64_t i = 0; i < count; ++i)
      to.As<uint8_t>()[begin + i] = EncodePower(from[i], rounding.saturate, rounding.power);
    return OkStatus();
  }
  if (Contains(kPackedIntegers, to.dtype)) {
    ForEachCodesToFill(to, begin, count, [&](uint8_t* codes, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(TruncatedInt(from[at + i]));
    });
    return OkStatus();
  }
  if (to.dtype == DType::kBool) {
    for (int64_t i = 0; i < count; ++i) to.As<uint8_t>()[begin + i] = from[i] != 0 ? 1 : 0;
    return OkStatus();
  }
  return WithNumberType(to.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; i < count; ++i) {
      if constexpr (std::is_integral_v<T>) {
        to.As<T>()[begin + i] = static_cast<T>(TruncatedInt(from[i]));
      } else {
        to.As<T>()[begin + i] = T(from[i]);
      }
    }
    return OkStatus();
  });
}

Status ReadInts(const TensorRef& from, int64_t begin, int64_t count, int64_t* to) {
  if (Contains(kPackedIntegers, from.dtype)) {
    const bool is_signed = IsSigned(from.dtype);
    ForEachCodes(from, begin, count, [&](const uint8_t* codes, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) to[at + i] = is_signed ? static_cast<int8_t>(codes[i]) : codes[i];
    });
    return OkStatus();
  }
  return WithNumberType(from.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    if constexpr (std::is_integral_v<T>) {
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int64_t>(from.As<const T>()[begin + i]);
      return OkStatus();
    } else {
      return NotImplemented("{} read as integers", DTypeName(from.dtype));
    }
  });
}

Status WriteInts(const int64_t* from, const TensorRef& to, int64_t begin, int64_t count) {
  if (Contains(kPackedIntegers, to.dtype)) {
    ForEachCodesToFill(to, begin, count, [&](uint8_t* codes, int64_t at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(from[at + i]);
    });
    return OkStatus();
  }
  if (to.dtype == DType::kBool) {
    for (int64_t i = 0; i < count; ++i) to.As<uint8_t>()[begin + i] = from[i] != 0 ? 1 : 0;
    return OkStatus();
  }
  return WithNumberType(to.dtype, [&](auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    if constexpr (std::is_integral_v<T>) {
      for (int64_t i = 0; i < count; ++i) to.As<T>()[begin + i] = static_cast<T>(from[i]);
      return OkStatus();
    } else {
      return NotImplemented("{} written from integers", DTypeName(to.dtype));
    }
  });
}

}  // namespace ortolan
