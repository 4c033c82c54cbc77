// Elementwise work over 8-bit maps: sums and products of two, tables of 256 entries (every function of one
// 8-bit number), largest and mean of several, and the ways between 8 bits and floats.
#pragma once

#include <span>

#include "base/cpu.h"
#include "kernels/quant/byte_maps_kernel.h"

namespace ortolan::kernels {

const ByteMaps& SelectByteMaps(Isa isa);
// All of them, best first; those above the machine's level must not be run.
std::span<const ByteMaps* const> AllByteMaps();

// The facts of a sum or product from scales and zero points.
ByteBinaryFacts BinaryFacts(bool product, bool is_signed, float a_scale, int32_t a_zero, float b_scale,
                            int32_t b_zero, float y_scale, int32_t y_zero);

}  // namespace ortolan::kernels
