// What the internal operators over 8-bit tensors and the passes that make them share.
#pragma once

#include <optional>
#include <vector>

#include "kernels/quant/byte_conv.h"
#include "kernels/quant/byte_maps.h"
#include "ops/op.h"

namespace ortolan::quant {

inline bool IsBytes(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kUInt8;
}

// [N, C, spatial...] to [N, spatial..., C] and back.
graph::Shape ChannelsLast(const graph::Shape& shape);
graph::Shape ChannelsFirst(const graph::Shape& shape);
Dims ChannelsLast(const Dims& dims);
Dims ChannelsFirst(const Dims& dims);

// The one number of a constant, whose elements are at hand; nothing where it has another count or type.
std::optional<float> FloatOf(const graph::Value* value);
// Of type int8 or uint8; 0 for an absent value.
std::optional<int32_t> ZeroOf(const graph::Value* value);

// The constants of a QLinearConv or ByteConv as its kernel takes them; `weights` points into the vectors.
struct ConvConstants {
  kernels::ByteConvWeights weights;
  std::vector<float> scale;
  std::vector<int32_t> w_zero;
  bool y_signed = false;
  int32_t y_zero = 0;

  ConvConstants() = default;
  ConvConstants(const ConvConstants&) = delete;
  ConvConstants& operator=(const ConvConstants&) = delete;
};
// kInvalidArgument where they do not fit each other, kNotImplemented where they are no constants.
Status ReadConvConstants(const graph::Node& node, ConvConstants* constants);

}  // namespace ortolan::quant
