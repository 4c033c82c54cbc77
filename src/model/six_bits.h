// The floats of 6 bits (float6e2m3, float6e3m2) as files hold them: four in three bytes, the first in the low
// bits. In memory each has a byte, so what moves elements needs no third way of packing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "value/dims.h"
#include "value/dtype.h"

namespace ortolan::model {

// Bytes that a tensor's elements take as raw or external data. Dims that CheckedBytes has passed.
size_t FileBytes(DType dtype, const Dims& dims);

void UnpackSixBits(const void* packed, int64_t count, uint8_t* codes);
std::string PackSixBits(const uint8_t* codes, int64_t count);  // the bits after the last element are zero

}  // namespace ortolan::model
