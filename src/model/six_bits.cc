#include "model/six_bits.h"

namespace ortolan::model {

size_t FileBytes(DType dtype, const Dims& dims) {
  const int64_t count = ElementCount(dims);
  if (!IsSixBit(dtype)) return DTypeBytes(dtype, count);
  const auto items = static_cast<size_t>(count);
  return items - items / 4;  // ceil(3 * items / 4), which cannot overflow
}

void UnpackSixBits(const void* packed, int64_t count, uint8_t* codes) {
  const auto* from = static_cast<const uint8_t*>(packed);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t group = i / 4 * 3;
    switch (i % 4) {
      case 0:
        codes[i] = from[group] & 0x3f;
        break;
      case 1:
        codes[i] = static_cast<uint8_t>((from[group] >> 6) | ((from[group + 1] & 0x0f) << 2));
        break;
      case 2:
        codes[i] = static_cast<uint8_t>((from[group + 1] >> 4) | ((from[group + 2] & 0x03) << 4));
        break;
      default:
        codes[i] = from[group + 2] >> 2;
    }
  }
}

std::string PackSixBits(const uint8_t* codes, int64_t count) {
  std::string packed;
  packed.reserve(static_cast<size_t>(count));
  unsigned bits = 0;
  int held = 0;  // bits that are not written yet
  for (int64_t i = 0; i < count; ++i) {
    bits |= (codes[i] & 0x3fu) << held;
    held += 6;
    if (held >= 8) {
      packed.push_back(static_cast<char>(bits & 0xff));
      bits >>= 8;
      held -= 8;
    }
  }
  if (held > 0) packed.push_back(static_cast<char>(bits));
  return packed;
}

}  // namespace ortolan::model
