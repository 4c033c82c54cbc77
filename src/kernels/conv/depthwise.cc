#include "kernels/conv/depthwise.h"

#include <algorithm>

#include "kernels/conv/depthwise_row.h"

namespace ortolan::kernels {
namespace {

constexpr int64_t kChunkFloats = 32 << 10;  // products of a chunk over lanes: about 10 us

}  // namespace

bool IsDepthwise(int64_t groups, int64_t group_in, int64_t group_out, const int64_t* kernel) {
  return groups > 1 && group_in == 1 && group_out == 1 && kernel[0] == 1;
}

Result<PackedDepthwise> PackDepthwise(const ConvVariant& variant, int64_t channels, const int64_t* kernel,
                                      const float* w, const float* bias) {
  PackedDepthwise conv;
  conv.variant = &variant;
  conv.channels = channels;
  conv.kernel[0] = kernel[1];
  conv.kernel[1] = kernel[2];
  const int64_t block = variant.block, blocks = CeilDiv(channels, block), taps = kernel[1] * kernel[2];
  ORTOLAN_ASSIGN_OR_RETURN(
      conv.weights, AlignedBuffer::Allocate(sizeof(float) * static_cast<size_t>(blocks * block * taps)));
  ORTOLAN_ASSIGN_OR_RETURN(conv.bias,
                           AlignedBuffer::Allocate(sizeof(float) * static_cast<size_t>(blocks * block)));
  auto* weights = reinterpret_cast<float*>(conv.weights.data());
  auto* packed_bias = reinterpret_cast<float*>(conv.bias.data());
  for (int64_t c = 0; c < blocks * block; ++c) {
    packed_bias[c] = bias && c < channels ? bias[c] : 0.0f;
    for (int64_t tap = 0; tap < taps; ++tap) {
      weights[(c / block * taps + tap) * block + c % block] = c < channels ? w[c * taps + tap] : 0.0f;
    }
  }
  return conv;
}

void RunDepthwise(const PackedDepthwise& conv, const ConvShape& shape, const float* x, float* y,
                  const ConvEpilogue& epilogue, ThreadPool& threads) {
  const Window& w = shape.window;
  const int64_t block = conv.variant->block, blocks = CeilDiv(conv.channels, block);
  const int64_t in_plane = w.in_size() * block, out_plane = w.out_size() * block;
  const int64_t taps = conv.kernel[0] * conv.kernel[1];
  const auto* weights = reinterpret_cast<const float*>(conv.weights.data());
  const auto* bias = reinterpret_cast<const float*>(conv.bias.data());
  // The depth axis, if there is one, is not reduced: its slices are rows of a longer map, but for the padding
  // between.
  const int64_t rows = w.out[0] * w.out[1];
  const int64_t grain = std::max<int64_t>(1, kChunkFloats / std::max<int64_t>(1, w.out[2] * taps));
  threads.ParallelRanges(shape.batch * blocks * rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t plane = i / rows, b = plane % blocks, od = i % rows / w.out[1], oh = i % w.out[1];
      const int64_t d = od * w.stride[0] - w.pad[0];
      const bool inside = d >= 0 && d < w.in[0];
      const IndexRange live = inside ? LiveTaps(w, 1, oh) : IndexRange{0, 0};
      const int64_t h = oh * w.stride[1] - w.pad[1] + live.begin * w.dilation[1];
      const int64_t at = plane * out_plane + (i % rows) * w.out[2] * block;
      DepthwiseRow row;
      row.rows = std::max<int64_t>(0, live.end - live.begin);
      row.in = x + plane * in_plane + (row.rows ? (d * w.in[1] + h) * w.in[2] * block : 0);
      row.row_stride = w.dilation[1] * w.in[2] * block;
      row.weights = weights + (b * taps + (row.rows ? live.begin * conv.kernel[1] : 0)) * block;
      row.bias = bias + b * block;
      row.residual = epilogue.residual ? epilogue.residual + at : nullptr;
      row.out = y + at;
      row.in_pixels = w.in[2];
      row.out_pixels = w.out[2];
      row.columns = conv.kernel[1];
      row.stride = w.stride[2];
      row.dilation = w.dilation[2];
      row.pad = w.pad[2];
      row.lower = epilogue.lower;
      row.upper = epilogue.upper;
      (*conv.variant->depthwise)(row);
      epilogue.Finish(row.out, plane / blocks, b, i % rows * w.out[2], w.out[2], block);
    }
  });
}

}  // namespace ortolan::kernels
