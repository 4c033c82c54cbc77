// WindowSpec: the attributes that convolutions and pools share (kernel_shape, strides, dilations, pads,
// auto_pad, ceil_mode), read and checked once, and the shapes that follow from them, symbolic and concrete.
#pragma once

#include <span>

#include "base/status.h"
#include "graph/attribute.h"
#include "graph/dim.h"
#include "kernels/conv/window.h"
#include "value/dims.h"

namespace ortolan::nn {

enum class AutoPad : uint8_t { kNotSet, kSameUpper, kSameLower, kValid };

struct WindowSpec {
  AutoPad auto_pad = AutoPad::kNotSet;
  bool ceil_mode = false;
  // As the attributes have them; empty where absent (then ones, ones, ones, zeros; a convolution's kernel is
  // its weight's).
  Dims kernel, strides, dilations, pads;
};

// kInvalidArgument where lists disagree in length or a number is out of range (sizes above 2^31 are refused).
// Pools refuse negative padding, convolutions crop with it.
Result<WindowSpec> ReadWindow(const graph::Attributes& attributes, bool pool);

// The spatial output dimensions for spatial input and kernel dimensions of equal rank.
Result<graph::Shape::DimList> WindowOutputs(const WindowSpec& spec, std::span<const graph::Dim> in,
                                            std::span<const graph::Dim> kernel);

// The window for concrete sizes. Its `out` follows from the rest; kInvalidArgument where the kernel is larger
// than the padded input, kNotImplemented where there are more than three spatial axes.
Result<kernels::Window> BindWindow(const WindowSpec& spec, std::span<const int64_t> in,
                                   std::span<const int64_t> kernel);

// One axis of the above: the output size, and the padding before and after that SAME and VALID imply.
struct AxisWindow {
  int64_t out, pad, pad_end;
};
AxisWindow BindAxis(const WindowSpec& spec, size_t axis, size_t rank, int64_t in, int64_t kernel);

}  // namespace ortolan::nn
