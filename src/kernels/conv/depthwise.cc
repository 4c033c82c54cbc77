#include "kernels/conv/depthwise.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/bands.h"
#include "kernels/conv/depthwise_row.h"

namespace ortolan::kernels {
namespace {

constexpr int64_t kChunkFloats = 16 << 10;  // products of a chunk over lanes: about 8 us
constexpr int64_t kProgramPixels = 256;     // between two runs of the epilogue's program: 16 KiB, still in L1

}  // namespace

bool IsDepthwise(int64_t groups, int64_t group_in, int64_t group_out, const int64_t* kernel) {
  return groups > 1 && group_in == 1 && group_out == 1 && kernel[0] == 1;
}

Result<PackedDepthwise> PackDepthwise(const ConvVariant& variant, int64_t channels, const int64_t* kernel,
                                      WeightSource source, const float* bias, WeightStore* store) {
  PackedDepthwise conv;
  conv.variant = &variant;
  conv.channels = channels;
  conv.kernel[0] = kernel[1];
  conv.kernel[1] = kernel[2];
  const int64_t block = variant.block, blocks = CeilDiv(channels, block), taps = kernel[1] * kernel[2];
  const auto pack = [&](std::byte* to) {
    const float* w = source.floats();
    auto* weights = reinterpret_cast<float*>(to);
    for (int64_t c = 0; c < blocks * block; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        float item = 0;  // which stands at any address, as the file has it
        if (c < channels) std::memcpy(&item, w + c * taps + tap, sizeof(item));
        weights[(c / block * taps + tap) * block + c % block] = item;
      }
    }
  };
  const auto pack_bias = [&](std::byte* to) {
    auto* floats = reinterpret_cast<float*>(to);
    for (int64_t c = 0; c < blocks * block; ++c) floats[c] = bias && c < channels ? bias[c] : 0.0f;
  };
  ORTOLAN_ASSIGN_OR_RETURN(
      conv.weights, TakeWeights(store, sizeof(float) * static_cast<size_t>(blocks * block * taps), pack));
  ORTOLAN_ASSIGN_OR_RETURN(
      conv.bias, TakeWeights(store, sizeof(float) * static_cast<size_t>(blocks * block), pack_bias));
  return conv;
}

void RunDepthwise(const PackedDepthwise& conv, const ConvShape& shape, const float* x, float* y,
                  const ConvEpilogue& epilogue, ThreadPool& threads) {
  const Window& w = shape.window;
  const int64_t block = conv.variant->block, blocks = CeilDiv(conv.channels, block);
  const int64_t taps = conv.kernel[0] * conv.kernel[1];
  const auto* weights = reinterpret_cast<const float*>(conv.weights.data());
  const auto* bias = reinterpret_cast<const float*>(conv.bias.data());
  DepthwiseRows all;
  all.in_pixels = w.in[2];
  all.out_pixels = w.out[2];
  all.kernel_rows = conv.kernel[0];
  all.columns = conv.kernel[1];
  all.row_stride = w.stride[1];
  all.row_dilation = w.dilation[1];
  all.row_pad = w.pad[1];
  all.stride = w.stride[2];
  all.dilation = w.dilation[2];
  all.pad = w.pad[2];
  all.lower = epilogue.lower;
  all.upper = epilogue.upper;
  // The depth axis, if there is one, is not reduced: its slices are further rows, but for the padding
  // between.
  const int64_t height = w.out[1];
  const int64_t grain = std::max<int64_t>(1, kChunkFloats / std::max<int64_t>(1, w.out[2] * taps));
  const int64_t most_rows =
      epilogue.program ? std::max<int64_t>(1, kProgramPixels / std::max<int64_t>(1, w.out[2])) : height;
  const BlockedMaps maps{shape.batch, blocks, block, w.out[0] * height, w.out_size()};
  ForEachRowOfMaps(maps, grain, threads, [&](int64_t plane, int64_t begin, int64_t end) {
    DepthwiseRows job = all;
    const int64_t b = plane % blocks;
    job.weights = weights + b * taps * block;
    job.bias = bias + b * block;
    while (begin < end) {
      const int64_t slice = begin / height, d = slice * w.stride[0] - w.pad[0];
      const bool inside = d >= 0 && d < w.in[0];
      job.begin = begin - slice * height;
      job.end = std::min({height, job.begin + (end - begin), job.begin + most_rows});
      job.in_rows = inside ? w.in[1] : 0;
      job.in = inside ? x + (plane * w.in[0] + d) * w.in[1] * w.in[2] * block : nullptr;
      const int64_t pixel = begin * w.out[2], at = (plane * w.out_size() + pixel) * block;
      job.residual = epilogue.residual ? epilogue.residual + at : nullptr;
      job.out = y + at;
      (*conv.variant->depthwise)(job);
      epilogue.Finish(job.out, plane / blocks, b, pixel, (job.end - job.begin) * w.out[2], block);
      begin += job.end - job.begin;
    }
  });
}

}  // namespace ortolan::kernels
