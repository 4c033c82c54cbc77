// Pad by constant, reflection, edge or wrapping around; negative pads crop.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/move/strided_copy.h"

namespace ortolan::kernels {

enum class PadMode : uint8_t { kConstant, kReflect, kEdge, kWrap };

struct PadAxis {
  int64_t in = 0;
  int64_t out = 0;
  int64_t before = 0;  // negative: cropped
};

// `constant` is one element, used by kConstant. Axes with out > 0 need in > 0 unless the mode is kConstant.
void Pad(std::span<const PadAxis> axes, PadMode mode, int width, const void* in, const void* constant,
         void* out, ThreadPool& threads);

}  // namespace ortolan::kernels
