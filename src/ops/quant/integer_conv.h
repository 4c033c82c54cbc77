// What ConvInteger and QLinearConv share: 32-bit sums of 8-bit maps times kernels. Constant kernels of one
// group go through the 8-bit products (kernels/quant/byte_conv.h); for others the windows are laid out as
// rows of 16-bit numbers.
#pragma once

#include <optional>

#include "base/aligned_buffer.h"
#include "kernels/conv/conv.h"
#include "kernels/quant/byte_conv.h"
#include "kernels/quant/integer_product.h"
#include "ops/nn/conv_spec.h"
#include "ops/op.h"

namespace ortolan::quant {

struct ConvInputs {
  size_t x, x_zero, w, w_zero;
};

struct IntegerConv {
  ConvInputs inputs;
  nn::ConvSpec spec;
  const kernels::IntegerProductVariant* variant = nullptr;
  AlignedBuffer packed_w;                        // of a constant kernel and zero point
  std::optional<kernels::PackedByteConv> bytes;  // the same where the 8-bit products take it
};

// The shape of the output from inputs x and w; rank unknown where it cannot be told.
Status InferIntegerConv(InferContext& context, size_t x, size_t w);

Status PrepareIntegerConv(PrepareContext& context, const ConvInputs& inputs, IntegerConv* state,
                          Prepared* prepared);

struct IntegerConvBinding {
  kernels::ConvShape shape;
  size_t w_offset = 0, sums_offset = 0;  // in scratch, behind the windows
  size_t scratch_bytes = 0;
};
Status BindIntegerConv(const IntegerConv& state, const BindContext& context, const Dims& bias,
                       IntegerConvBinding* binding);

// One batch item and group after the other: sums(map) says where the sums of the group go, one row of
// window.out_size() for each of its output channels, done(map) is called behind each. `map` is the first
// output map of the group: batch * out_channels + group * group_out.
Status RunIntegerConv(const IntegerConv& state, const IntegerConvBinding& binding, RunContext& context,
                      FunctionRef<int32_t*(int64_t map)> sums, FunctionRef<void(int64_t map)> done);

}  // namespace ortolan::quant
