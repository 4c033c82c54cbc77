// ConvTransposeSpec: the attributes of a transposed convolution and what follows from them, shared by
// ConvTranspose and its blocked form.
#pragma once

#include "ops/nn/conv_spec.h"
#include "ops/nn/window.h"
#include "ops/op.h"

namespace ortolan::nn {

struct ConvTransposeSpec {
  WindowSpec window;
  int64_t groups = 1;
  Dims output_padding, output_shape;  // empty where absent
};

Result<ConvTransposeSpec> ReadConvTranspose(const graph::Attributes& attributes);

// The planar output shape for shapes of known rank.
Result<graph::Shape> ConvTransposeOutput(const ConvTransposeSpec& spec, const graph::Shape& x,
                                         const graph::Shape& w);

// Kernel, strides and dilations as kernels take them, ones in front; W of rank 3 to 5.
kernels::Window StepsOf(const ConvTransposeSpec& spec, const Dims& w);

// The convolution of which this is the transpose: its input is our output. `bias` is empty where there is
// none.
Result<kernels::ConvShape> BindConvTranspose(const ConvTransposeSpec& spec, const Dims& x, const Dims& w,
                                             const Dims& bias);

// What the layout pass asks: from which layouts a blocked output can be written.
BlockedSources TransposedSourcesOf(Isa isa, const ConvTransposeSpec& spec, const Dims& w);

}  // namespace ortolan::nn
