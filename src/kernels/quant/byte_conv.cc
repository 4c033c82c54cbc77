#include "kernels/quant/byte_conv.h"

#include <algorithm>
#include <cstring>

#include "kernels/move/strided_copy.h"
#include "kernels/move/transpose_tile.h"

namespace ortolan::kernels {
namespace {

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool IsDepthwise(const ByteConvWeights& weights) {
  return weights.groups > 1 && weights.groups == weights.in_channels &&
         weights.groups == weights.out_channels;
}

int64_t KernelSize(const ByteConvWeights& weights) {
  return weights.kernel[0] * weights.kernel[1] * weights.kernel[2];
}

// The kernels of one group as the right side of a product over channels-last taps.
ByteMatrix MatrixOf(const ByteConvWeights& weights, int64_t group, int64_t tap_bytes) {
  const int64_t size = KernelSize(weights), group_in = weights.in_channels / weights.groups;
  ByteMatrix matrix;
  matrix.n = weights.out_channels / weights.groups;
  matrix.data = static_cast<const uint8_t*>(weights.w) + group * matrix.n * group_in * size;
  matrix.is_signed = weights.w_signed;
  matrix.taps = size;
  matrix.k = group_in;
  matrix.tap_stride = 1;
  matrix.k_stride = size;
  matrix.n_stride = group_in * size;
  matrix.k_bytes = tap_bytes;
  return matrix;
}

// Whole vectors of a row outside may be read. Behind the channels stand bytes that count as 0.
size_t OutsideBytes(const ByteConvWeights& facts) {
  return static_cast<size_t>(RoundUp(facts.in_channels, 4) + 128);
}

void FillOutside(const ByteConvWeights& facts, int32_t x_zero, uint8_t* to) {
  std::memset(to, facts.x_signed ? 0x80 : 0, OutsideBytes(facts));
  std::memset(to, static_cast<uint8_t>(x_zero), static_cast<size_t>(facts.in_channels));
}

struct Numbers {
  int32_t* start;
  int32_t* b_zero;
  float* scale;
  int32_t* slope;
};

Result<Numbers> AllocateNumbers(PackedByteConv& conv) {
  const int64_t count = conv.facts.groups * conv.group_columns;
  ORTOLAN_ASSIGN_OR_RETURN(conv.numbers, AlignedBuffer::Allocate(static_cast<size_t>(count) * 16 + 64));
  std::memset(conv.numbers.data(), 0, conv.numbers.size());
  auto* first = reinterpret_cast<int32_t*>(conv.numbers.data());
  return Numbers{first, first + count, reinterpret_cast<float*>(first + 2 * count), first + 3 * count};
}

Status PackDense(const ByteConvWeights& weights, PackedByteConv& conv, ThreadPool& threads) {
  const ByteVariant& variant = *conv.variant;
  const int64_t group_out = weights.out_channels / weights.groups, size = KernelSize(weights);
  const int64_t group_in = weights.in_channels / weights.groups;
  conv.group_columns = PaddedByteColumns(variant, group_out);
  const ByteMatrix shape =
      MatrixOf(weights, 0, conv.path == PackedByteConv::Path::kCopied ? conv.pixel_bytes : group_in);
  conv.group_panel_bytes = PackedByteBytes(variant, shape);
  ORTOLAN_ASSIGN_OR_RETURN(
      conv.panels, AlignedBuffer::Allocate(conv.group_panel_bytes * static_cast<size_t>(weights.groups)));
  ORTOLAN_ASSIGN_OR_RETURN(const Numbers numbers, AllocateNumbers(conv));
  bool fits = true;
  for (int64_t group = 0; weights.w_zero != nullptr && group < weights.groups; ++group) {
    fits = fits && FitsSigned(MatrixOf(weights, group, shape.k_bytes), weights.w_zero + group * group_out, 1);
  }
  conv.has_b_zero = !fits || (weights.w_zero == nullptr && !weights.w_signed);
  const int32_t moved_x_zero = weights.x_zero + (weights.x_signed ? 128 : 0);
  std::vector<int32_t> sums(static_cast<size_t>(conv.group_columns));
  for (int64_t group = 0; group < weights.groups; ++group) {
    const int64_t first = group * group_out, at = group * conv.group_columns;
    const int32_t* w_zero = weights.w_zero != nullptr ? weights.w_zero + first : nullptr;
    PackBytes(
        variant, MatrixOf(weights, group, shape.k_bytes), fits ? w_zero : nullptr, 1,
        reinterpret_cast<int8_t*>(conv.panels.data()) + static_cast<size_t>(group) * conv.group_panel_bytes,
        sums.data(), threads);
    for (int64_t j = 0; conv.has_b_zero && j < group_out; ++j)
      numbers.b_zero[at + j] = (w_zero != nullptr ? w_zero[j] : 0) - (weights.w_signed ? 0 : 128);
    ByteStart(sums.data(), weights.bias != nullptr ? weights.bias + first : nullptr,
              conv.has_b_zero ? numbers.b_zero + at : nullptr, moved_x_zero, size * group_in, group_out,
              conv.group_columns, numbers.start + at);
    if (weights.scale != nullptr) std::copy_n(weights.scale + first, group_out, numbers.scale + at);
    ByteStart(sums.data(), nullptr, conv.has_b_zero ? numbers.b_zero + at : nullptr, 1, size * group_in,
              group_out, conv.group_columns, numbers.slope + at);
  }
  return OkStatus();
}

Status PackDepthwise(const ByteConvWeights& weights, PackedByteConv& conv) {
  const ByteVariant& variant = *conv.variant;
  const int64_t unit = variant.depthwise_channels;
  // Few channels: the kernel takes several positions that lie side by side for one.
  conv.repeats = unit % weights.out_channels == 0 ? unit / weights.out_channels : 1;
  const int64_t channels = weights.out_channels * conv.repeats;
  const int64_t size = KernelSize(weights), quads = (size + 3) / 4, padded = RoundUp(channels, unit);
  conv.group_columns = (padded + weights.groups - 1) / weights.groups;  // numbers for `padded` in all
  ORTOLAN_ASSIGN_OR_RETURN(conv.panels, AlignedBuffer::Allocate(static_cast<size_t>(padded * quads * 4)));
  ORTOLAN_ASSIGN_OR_RETURN(const Numbers numbers, AllocateNumbers(conv));
  const int32_t moved_x_zero = weights.x_zero + (weights.x_signed ? 128 : 0);
  auto* to = reinterpret_cast<int8_t*>(conv.panels.data());
  for (int64_t begin = 0; begin < padded; begin += unit) {
    // As the kernel: the last group overlaps the one before it.
    const int64_t from = begin + unit > channels && begin > 0 ? channels - unit : begin;
    int8_t* group = to + begin * quads * 4;
    for (int64_t lane = 0; lane < unit; ++lane) {
      int64_t channel = from + variant.depthwise_channel(static_cast<int>(lane));
      if (channel >= channels) {
        for (int64_t tap = 0; tap < 4 * quads; ++tap) group[(tap / 4 * unit + lane) * 4 + tap % 4] = 0;
        continue;
      }
      channel %= weights.out_channels;
      const int32_t zero = weights.w_zero != nullptr ? weights.w_zero[channel] : 0;
      uint32_t sum = 0;
      for (int64_t tap = 0; tap < 4 * quads; ++tap) {
        int32_t item = 0;
        if (tap < size) {
          const int64_t at = channel * size + tap;
          item = (weights.w_signed ? int32_t{static_cast<const int8_t*>(weights.w)[at]}
                                   : int32_t{static_cast<const uint8_t*>(weights.w)[at]}) -
                 zero;
        }
        group[(tap / 4 * unit + lane) * 4 + tap % 4] = static_cast<int8_t>(item);
        sum += static_cast<uint32_t>(item);
      }
      const uint32_t bias = weights.bias != nullptr ? static_cast<uint32_t>(weights.bias[channel]) : 0;
      numbers.start[begin + lane] = static_cast<int32_t>(bias - static_cast<uint32_t>(moved_x_zero) * sum);
      numbers.scale[begin + lane] = weights.scale[channel];
    }
  }
  return OkStatus();
}

// The copy of one item of the batch: its halo and the pads of its pixels, channels padded to a quad.
struct CopiedMap {
  int64_t size[kSpatialAxes];

  CopiedMap(const Window& window) {
    for (int axis = 0; axis < kSpatialAxes; ++axis) {
      size[axis] = (window.out[axis] - 1) * window.stride[axis] +
                   (window.kernel[axis] - 1) * window.dilation[axis] + 1;
    }
  }
  int64_t pixels() const { return size[0] * size[1] * size[2]; }
};

// One row of the copy, `width` pixels of which the first is column -pad of the input's row.
void CopyRow(const PackedByteConv& conv, const Window& window, const uint8_t* outside, const uint8_t* x,
             int64_t row_offset, int64_t width, uint8_t* to) {
  const int64_t channels = conv.facts.in_channels, pixel = conv.pixel_bytes;
  const int64_t pad = window.pad[2], in_width = window.in[2];
  const int64_t begin = std::clamp<int64_t>(pad, 0, width),
                end = std::clamp<int64_t>(pad + in_width, begin, width);
  for (int64_t i = 0; i < begin; ++i) std::memcpy(to + i * pixel, outside, static_cast<size_t>(pixel));
  for (int64_t i = end; i < width; ++i) std::memcpy(to + i * pixel, outside, static_cast<size_t>(pixel));
  if (conv.facts.x_planar) {
    const int64_t plane = window.in_size();
    const uint8_t* from = x + row_offset + (begin - pad);
    uint8_t* const first = to + begin * pixel;
    if (channels == 3 && pixel == 4) {
      const uint8_t fill = outside[3];
      for (int64_t i = 0; i < end - begin; ++i) {
        const uint32_t quad = static_cast<uint32_t>(from[i]) | static_cast<uint32_t>(from[i + plane]) << 8 |
                              static_cast<uint32_t>(from[i + 2 * plane]) << 16 |
                              static_cast<uint32_t>(fill) << 24;
        std::memcpy(first + 4 * i, &quad, 4);
      }
      return;
    }
    TransposeStrip(from, plane, first, pixel, end - begin, channels);
    for (int64_t i = 0; i < end - begin; ++i) {
      for (int64_t c = channels; c < pixel; ++c) first[i * pixel + c] = outside[c];
    }
    return;
  }
  const uint8_t* from = x + (row_offset + begin - pad) * channels;
  for (int64_t i = begin; i < end; ++i, from += channels) {
    for (int64_t c = 0; c < channels; ++c) to[i * pixel + c] = from[c];
    for (int64_t c = channels; c < pixel; ++c) to[i * pixel + c] = outside[c];
  }
}

void CopyMap(const PackedByteConv& conv, const Window& window, const uint8_t* outside, const uint8_t* x,
             uint8_t* to, ThreadPool& threads) {
  const CopiedMap map(window);
  const int64_t row_bytes = map.size[2] * conv.pixel_bytes;
  threads.ParallelRanges(
      map.size[0] * map.size[1], std::max<int64_t>(1, 32768 / std::max<int64_t>(row_bytes, 1)),
      [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) {
          const int64_t d = row / map.size[1] - window.pad[0];
          const int64_t h = row % map.size[1] - window.pad[1];
          uint8_t* line = to + row * row_bytes;
          if (d >= 0 && d < window.in[0] && h >= 0 && h < window.in[1]) {
            CopyRow(conv, window, outside, x, (d * window.in[1] + h) * window.in[2], map.size[2], line);
            continue;
          }
          for (int64_t i = 0; i < map.size[2]; ++i) {
            std::memcpy(line + i * conv.pixel_bytes, outside, static_cast<size_t>(conv.pixel_bytes));
          }
        }
      });
}

// Calls body(at, pixel, run) for runs of output positions in one row: at is (d, h, w) of the first.
template <typename Body>
void ForEachRun(const Window& window, int64_t first, int64_t count, Body body) {
  for (int64_t i = 0; i < count;) {
    const int64_t position = first + i, w = position % window.out[2];
    const int64_t row = position / window.out[2];
    const int64_t run = std::min(window.out[2] - w, count - i);
    const int64_t at[3] = {row / window.out[1], row % window.out[1], w};
    body(at, i, run);
    i += run;
  }
}

// Where the taps of positions first..first + count begin in a channels-last map.
void LocateInPlace(const PackedByteConv& conv, const Window& window, const uint8_t* outside, const uint8_t* x,
                   int64_t first, int64_t count, const uint8_t** a) {
  const int64_t channels = conv.facts.in_channels;
  ForEachRun(window, first, count, [&](const int64_t(&at)[3], int64_t i, int64_t run) {
    const uint8_t** to = a + i;
    for (int64_t kd = 0; kd < window.kernel[0]; ++kd) {
      const int64_t d = at[0] * window.stride[0] - window.pad[0] + kd * window.dilation[0];
      for (int64_t kh = 0; kh < window.kernel[1]; ++kh) {
        const int64_t h = at[1] * window.stride[1] - window.pad[1] + kh * window.dilation[1];
        const bool live = d >= 0 && d < window.in[0] && h >= 0 && h < window.in[1];
        const uint8_t* row = x + (live ? (d * window.in[1] + h) * window.in[2] : 0) * channels;
        for (int64_t kw = 0; kw < window.kernel[2]; ++kw, to += count) {
          int64_t w = at[2] * window.stride[2] - window.pad[2] + kw * window.dilation[2];
          for (int64_t p = 0; p < run; ++p, w += window.stride[2])
            to[p] = live && w >= 0 && w < window.in[2] ? row + w * channels : outside;
        }
      }
    }
  });
}

void LocateInCopy(const PackedByteConv& conv, const Window& window, const uint8_t* copy, int64_t first,
                  int64_t count, const uint8_t** a) {
  const CopiedMap map(window);
  const int64_t pixel = conv.pixel_bytes;
  const int64_t columns = conv.merged ? 1 : window.kernel[2];
  ForEachRun(window, first, count, [&](const int64_t(&at)[3], int64_t i, int64_t run) {
    const uint8_t** to = a + i;
    for (int64_t kd = 0; kd < window.kernel[0]; ++kd) {
      const int64_t d = at[0] * window.stride[0] + kd * window.dilation[0];
      for (int64_t kh = 0; kh < window.kernel[1]; ++kh) {
        const int64_t h = at[1] * window.stride[1] + kh * window.dilation[1];
        const uint8_t* row = copy + (d * map.size[1] + h) * map.size[2] * pixel;
        for (int64_t kw = 0; kw < columns; ++kw, to += count) {
          const uint8_t* from = row + (at[2] * window.stride[2] + kw * window.dilation[2]) * pixel;
          for (int64_t p = 0; p < run; ++p) to[p] = from + p * window.stride[2] * pixel;
        }
      }
    }
  });
}

// The packed zero point of x and what follows from it, or those of one run.
struct ZeroPoint {
  const int32_t* start;
  const uint8_t* outside;
};

ZeroPoint PackedZeroPoint(const PackedByteConv& conv) {
  return {conv.start(), reinterpret_cast<const uint8_t*>(conv.outside.data())};
}

// y is channels-last, of bytes or of whatever else the finish says.
void RunDense(const PackedByteConv& conv, const ConvShape& shape, const ZeroPoint& zero, const uint8_t* x,
              uint8_t* y, const ByteFinish& finish, std::byte* scratch, ThreadPool& threads) {
  const Window& window = shape.window;
  const int64_t element_bytes = finish.output == ByteOutput::kBytes ? 1 : 4;
  const int64_t out_size = window.out_size(), group_out = shape.group_out();
  auto* copy = reinterpret_cast<uint8_t*>(scratch);
  for (int64_t item = 0; item < shape.batch; ++item) {
    const uint8_t* map = x + item * shape.in_channels * window.in_size();
    if (conv.path == PackedByteConv::Path::kCopied) CopyMap(conv, window, zero.outside, map, copy, threads);
    for (int64_t group = 0; group < shape.groups; ++group) {
      ByteProduct product;
      product.variant = conv.variant;
      product.a_signed = conv.facts.x_signed;
      product.taps = conv.taps;
      product.k_bytes = conv.tap_bytes;
      product.n = group_out;
      product.panels = reinterpret_cast<const int8_t*>(conv.panels.data()) +
                       static_cast<size_t>(group) * conv.group_panel_bytes;
      product.start = zero.start + group * conv.group_columns;
      product.b_zero = conv.has_b_zero ? conv.b_zero() + group * conv.group_columns : nullptr;
      product.scale = conv.scale() + group * conv.group_columns;
      product.finish = finish;
      if (finish.residual.data != nullptr) {
        product.finish.residual.stride = shape.out_channels;
        product.finish.residual.data += item * out_size * shape.out_channels + group * group_out;
      }
      product.c = y + (item * out_size * shape.out_channels + group * group_out) * element_bytes;
      product.c_stride = shape.out_channels;
      const uint8_t* from = map + group * shape.group_in();
      RunByteProduct(
          product, out_size,
          [&](int64_t first, int64_t count, const uint8_t** a) {
            if (conv.path == PackedByteConv::Path::kCopied) {
              LocateInCopy(conv, window, copy, first, count, a);
            } else {
              LocateInPlace(conv, window, zero.outside, from, first, count, a);
            }
          },
          threads);
    }
  }
}

// `most` where that many positions' taps follow each other without gaps, else 1.
int64_t SideBySide(const uint8_t* const* a, int64_t taps, int64_t stride, int64_t channels, int64_t most) {
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t i = 1; i < most; ++i) {
      if (a[tap * stride + i] != a[tap * stride] + i * channels) return 1;
    }
  }
  return most;
}

void RunDepthwise(const PackedByteConv& conv, const ConvShape& shape, const uint8_t* x, uint8_t* y,
                  const ByteFinish& finish, ThreadPool& threads) {
  const Window& window = shape.window;
  const int64_t channels = shape.in_channels, out_size = window.out_size();
  const int64_t taps = conv.taps, quads = (taps + 3) / 4;
  const auto* outside = reinterpret_cast<const uint8_t*>(conv.outside.data());
  // 16 K outputs take 8 microseconds or so.
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(channels, 1));
  threads.ParallelRanges(shape.batch * out_size, grain, [&](int64_t begin, int64_t end) {
    constexpr int64_t kRun = 16;
    const uint8_t* a[(kMostByteTaps + 3) * kRun];
    ByteDepthwise work{};
    work.quads = quads;
    work.b = reinterpret_cast<const int8_t*>(conv.panels.data());
    work.start = conv.start();
    work.scale = conv.scale();
    work.finish = &finish;
    const auto kernel = conv.variant->depthwise[conv.facts.x_signed ? 1 : 0];
    for (int64_t at = begin; at < end;) {
      const int64_t item = at / out_size, first = at % out_size;
      const int64_t count = std::min({kRun, end - at, out_size - first});
      LocateInPlace(conv, window, outside, x + item * channels * window.in_size(), first, count, a);
      for (int64_t i = taps * count; i < 4 * quads * count; ++i) a[i] = outside;
      work.a_stride = count;
      for (int64_t i = 0; i < count;) {
        const int64_t together = SideBySide(a + i, taps, count, channels, std::min(conv.repeats, count - i));
        work.a = a + i;
        work.c = y + (at + i) * channels;
        work.channels = together * channels;
        kernel(work);
        i += together;
      }
      at += count;
    }
  });
}

}  // namespace

bool TakesByteConv(const ByteConvWeights& weights) {
  if (weights.groups < 1 || weights.in_channels < 1 || weights.out_channels < 1) return false;
  const int64_t size = KernelSize(weights), group_in = weights.in_channels / weights.groups;
  if (size < 1 || size > kMostByteTaps || weights.in_channels % weights.groups != 0 ||
      weights.out_channels % weights.groups != 0) {
    return false;
  }
  if (IsDepthwise(weights)) {
    if (weights.x_planar) return false;
    if (weights.w_zero == nullptr) return weights.w_signed;
    for (int64_t i = 0; i < weights.out_channels * size; ++i) {
      const int32_t item = (weights.w_signed ? int32_t{static_cast<const int8_t*>(weights.w)[i]}
                                             : int32_t{static_cast<const uint8_t*>(weights.w)[i]}) -
                           weights.w_zero[i / size];
      if (item < -128 || item > 127) return false;
    }
    return true;
  }
  return weights.groups == 1 || (group_in % 4 == 0 && !weights.x_planar);
}

Result<PackedByteConv> PackByteConv(const ByteVariant& variant, const ByteConvWeights& weights,
                                    ThreadPool& threads) {
  if (!TakesByteConv(weights)) return NotImplemented("no 8-bit kernel for this convolution");
  PackedByteConv conv;
  conv.variant = &variant;
  conv.facts = weights;
  conv.facts.w = nullptr;
  conv.facts.w_zero = nullptr;
  conv.facts.bias = nullptr;
  conv.facts.scale = nullptr;
  const int64_t group_in = weights.in_channels / weights.groups, size = KernelSize(weights);
  const bool depthwise = IsDepthwise(weights);
  const bool copied = !depthwise && (weights.x_planar || group_in % 4 != 0);
  conv.path = depthwise ? PackedByteConv::Path::kDepthwise
              : copied  ? PackedByteConv::Path::kCopied
                        : PackedByteConv::Path::kDirect;
  conv.pixel_bytes = RoundUp(weights.in_channels, 4);
  conv.merged = copied && weights.dilation_w == 1;
  conv.taps = conv.merged ? weights.kernel[0] * weights.kernel[1] : size;
  conv.tap_bytes = copied ? conv.pixel_bytes * (conv.merged ? weights.kernel[2] : 1) : group_in;
  ORTOLAN_ASSIGN_OR_RETURN(conv.outside, AlignedBuffer::Allocate(OutsideBytes(weights)));
  FillOutside(weights, weights.x_zero, reinterpret_cast<uint8_t*>(conv.outside.data()));
  if (depthwise) {
    ORTOLAN_RETURN_IF_ERROR(PackDepthwise(weights, conv));
  } else {
    ORTOLAN_RETURN_IF_ERROR(PackDense(weights, conv, threads));
  }
  return conv;
}

size_t ByteConvScratch(const PackedByteConv& conv, const ConvShape& shape) {
  if (conv.path != PackedByteConv::Path::kCopied) return 0;
  return static_cast<size_t>(CopiedMap(shape.window).pixels() * conv.pixel_bytes + 64);
}

void RunByteConv(const PackedByteConv& conv, const ConvShape& shape, const uint8_t* x, uint8_t* y,
                 const ByteFinish& finish, std::byte* scratch, ThreadPool& threads) {
  if (shape.batch == 0 || shape.window.out_size() == 0) return;
  if (conv.path == PackedByteConv::Path::kDepthwise) {
    RunDepthwise(conv, shape, x, y, finish, threads);
  } else {
    RunDense(conv, shape, PackedZeroPoint(conv), x, y, finish, scratch, threads);
  }
}

bool TakesByteSums(const ByteConvWeights& weights) {
  return weights.groups == 1 && TakesByteConv(weights);
}

namespace {

// Where things stand in the scratch of RunByteSums, in bytes.
struct SumsScratch {
  size_t outside, start, sums, all;

  SumsScratch(const PackedByteConv& conv, const ConvShape& shape) {
    constexpr int64_t kUnit = 64;
    const auto padded = [](int64_t bytes) { return static_cast<size_t>(RoundUp(bytes, kUnit)); };
    outside = padded(static_cast<int64_t>(ByteConvScratch(conv, shape)));
    start = outside + padded(static_cast<int64_t>(OutsideBytes(conv.facts)));
    sums = start + padded(conv.group_columns * 4);
    all = sums + padded(shape.window.out_size() * shape.out_channels * 4);
  }
};

}  // namespace

size_t ByteSumsScratch(const PackedByteConv& conv, const ConvShape& shape) {
  return SumsScratch(conv, shape).all;
}

void RunByteSums(const PackedByteConv& conv, const ConvShape& shape, const uint8_t* x, int32_t x_zero,
                 int32_t* y, std::byte* scratch, ThreadPool& threads) {
  const int64_t out_size = shape.window.out_size(), maps = shape.out_channels;
  if (out_size == 0) return;
  const SumsScratch at(conv, shape);
  auto* outside = reinterpret_cast<uint8_t*>(scratch + at.outside);
  auto* start = reinterpret_cast<int32_t*>(scratch + at.start);
  auto* sums = reinterpret_cast<int32_t*>(scratch + at.sums);
  FillOutside(conv.facts, x_zero, outside);
  const auto moved = static_cast<uint32_t>(x_zero - conv.facts.x_zero);
  for (int64_t j = 0; j < conv.group_columns; ++j) {
    start[j] = static_cast<int32_t>(static_cast<uint32_t>(conv.start()[j]) +
                                    moved * static_cast<uint32_t>(conv.slope()[j]));
  }
  ByteFinish finish{};
  finish.output = ByteOutput::kSums;
  ConvShape one = shape;
  one.batch = 1;
  const int64_t dims[] = {maps, out_size}, from[] = {1, maps}, to[] = {out_size, 1};
  const CopyPlan transpose = PlanCopy(dims, from, to, 4);
  for (int64_t item = 0; item < shape.batch; ++item) {
    RunDense(conv, one, {start, outside}, x + item * shape.in_channels * shape.window.in_size(),
             reinterpret_cast<uint8_t*>(sums), finish, scratch, threads);
    RunCopy(transpose, sums, y + item * maps * out_size, threads);
  }
}

}  // namespace ortolan::kernels
