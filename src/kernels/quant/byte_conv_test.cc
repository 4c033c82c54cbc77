#include "kernels/quant/byte_conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ortolan::kernels {
namespace {

struct Case {
  int64_t batch, groups, in, out, height, width, kernel, stride, dilation, pad;
};

struct Numbers {
  std::mt19937 random{7};
  std::vector<uint8_t> Bytes(int64_t count) {
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    return bytes;
  }
  int32_t Zero(bool is_signed) {
    const auto byte = static_cast<uint8_t>(random());
    return is_signed ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
  }
};

int32_t At(const std::vector<uint8_t>& bytes, int64_t i, bool is_signed) {
  const uint8_t byte = bytes[static_cast<size_t>(i)];
  return is_signed ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
}

void Check(const ByteVariant& variant, const Case& c, bool x_signed, bool w_signed, bool w_zeros, bool planar,
           bool residual) {
  Numbers numbers;
  ThreadPool threads(2);
  ConvShape shape;
  shape.batch = c.batch;
  shape.groups = c.groups;
  shape.in_channels = c.in;
  shape.out_channels = c.out;
  Window& window = shape.window;
  const int64_t sizes[2] = {c.height, c.width};
  for (int axis = 0; axis < 2; ++axis) {
    window.in[axis + 1] = sizes[axis];
    window.kernel[axis + 1] = c.kernel;
    window.stride[axis + 1] = c.stride;
    window.dilation[axis + 1] = c.dilation;
    window.pad[axis + 1] = c.pad;
    window.out[axis + 1] = (sizes[axis] + 2 * c.pad - (c.kernel - 1) * c.dilation - 1) / c.stride + 1;
  }
  const int64_t group_in = shape.group_in(), out_size = window.out_size();
  const std::vector<uint8_t> x = numbers.Bytes(c.batch * c.in * window.in_size());
  const std::vector<uint8_t> w = numbers.Bytes(c.out * group_in * c.kernel * c.kernel);
  const std::vector<uint8_t> other = numbers.Bytes(c.batch * c.out * out_size);
  std::vector<int32_t> w_zero, bias;
  std::vector<float> scale;
  for (int64_t i = 0; i < c.out; ++i) {
    w_zero.push_back(w_zeros ? numbers.Zero(w_signed) : 0);
    bias.push_back(static_cast<int32_t>(numbers.random() % 20001) - 10000);
    scale.push_back(0.0005f + 0.00001f * static_cast<float>(i));
  }
  ByteConvWeights weights;
  weights.w = w.data();
  weights.w_signed = w_signed;
  weights.w_zero = w_zero.data();
  weights.bias = bias.data();
  weights.scale = scale.data();
  weights.groups = c.groups;
  weights.in_channels = c.in;
  weights.out_channels = c.out;
  weights.kernel[1] = weights.kernel[2] = c.kernel;
  weights.dilation_w = c.dilation;
  weights.x_signed = x_signed;
  weights.x_zero = numbers.Zero(x_signed);
  weights.x_planar = planar;
  if (!TakesByteConv(weights)) return;
  auto packed = PackByteConv(variant, weights, threads);
  ASSERT_TRUE(packed.ok());
  auto scratch = AlignedBuffer::Allocate(ByteConvScratch(*packed, shape) + 64);
  ByteFinish finish = BytesOf(x_signed, 3);
  if (residual && packed->path != PackedByteConv::Path::kDepthwise)
    finish.residual = {other.data(), 0, w_signed, false, true, 0.5f, 0.25f, 11.0f};
  // The sums with a zero point that the packed numbers do not know.
  std::vector<int32_t> sums(TakesByteSums(weights) && !residual ? other.size() : 0);
  if (!sums.empty()) {
    ByteConvWeights bare = weights;
    bare.bias = nullptr;
    bare.scale = nullptr;
    bare.x_zero = x_signed ? -3 : 3;
    auto again = PackByteConv(variant, bare, threads);
    ASSERT_TRUE(again.ok());
    auto more = AlignedBuffer::Allocate(ByteSumsScratch(*again, shape) + 64);
    RunByteSums(*again, shape, x.data(), weights.x_zero, sums.data(), more->data(), threads);
  }
  std::vector<uint8_t> y(other.size());
  RunByteConv(*packed, shape, x.data(), y.data(), finish, scratch->data(), threads);
  for (int64_t item = 0; item < c.batch; ++item) {
    for (int64_t p = 0; p < out_size; ++p) {
      for (int64_t m = 0; m < c.out; ++m) {
        int64_t sum = bias[static_cast<size_t>(m)];
        for (int64_t ci = 0; ci < group_in; ++ci) {
          const int64_t channel = m / shape.group_out() * group_in + ci;
          for (int64_t t = 0; t < c.kernel * c.kernel; ++t) {
            const int64_t h = p / window.out[2] * c.stride - c.pad + t / c.kernel * c.dilation;
            const int64_t v = p % window.out[2] * c.stride - c.pad + t % c.kernel * c.dilation;
            if (h < 0 || h >= c.height || v < 0 || v >= c.width) continue;
            const int64_t pixel = h * c.width + v;
            const int64_t at = planar ? (item * c.in + channel) * window.in_size() + pixel
                                      : (item * window.in_size() + pixel) * c.in + channel;
            sum += (At(x, at, x_signed) - weights.x_zero) *
                   (At(w, (m * group_in + ci) * c.kernel * c.kernel + t, w_signed) -
                    w_zero[static_cast<size_t>(m)]);
          }
        }
        if (!sums.empty()) {
          ASSERT_EQ(sums[static_cast<size_t>((item * c.out + m) * out_size + p)],
                    sum - bias[static_cast<size_t>(m)])
              << variant.name << " sums of item " << item << " pixel " << p << " channel " << m;
        }
        const float low = x_signed ? -128.0f : 0.0f, high = low + 255.0f;
        const float value = static_cast<float>(sum) * scale[static_cast<size_t>(m)];
        float expected = std::nearbyint(std::fmin(std::fmax(value, low - 3), high - 3)) + 3;
        const int64_t at = (item * out_size + p) * c.out + m;
        bool out_signed = x_signed;
        if (finish.residual.data != nullptr) {
          const float added = expected * 0.5f + static_cast<float>(At(other, at, w_signed)) * 0.25f + 11.0f;
          expected = std::nearbyint(std::fmin(std::fmax(added, 0.0f), 255.0f));
          out_signed = false;
        }
        ASSERT_EQ(At(y, at, out_signed), static_cast<int32_t>(expected))
            << variant.name << " item " << item << " pixel " << p << " channel " << m;
      }
    }
  }
}

TEST(ByteConv, EveryVariantAgreesWithTheDefinition) {
  const Case cases[] = {
      {1, 1, 8, 16, 5, 5, 1, 1, 1, 0},   {2, 1, 16, 70, 7, 9, 3, 1, 1, 1},
      {1, 1, 3, 20, 11, 9, 7, 2, 1, 3},  {1, 1, 5, 9, 6, 7, 3, 1, 2, 2},
      {1, 2, 8, 6, 6, 6, 3, 2, 1, 1},    {1, 1, 64, 130, 11, 10, 1, 2, 1, 0},
      {1, 24, 24, 24, 9, 8, 3, 1, 1, 1}, {2, 96, 96, 96, 6, 6, 5, 2, 1, 2},
      {1, 70, 70, 70, 5, 4, 3, 1, 2, 2}, {1, 1, 1, 1, 3, 3, 3, 1, 1, 1},
  };
  for (const ByteVariant* variant : RunnableBytes()) {
    for (const Case& c : cases) {
      for (int bits = 0; bits < 32; ++bits) {
        Check(*variant, c, bits & 1, bits & 2, bits & 4, bits & 8, bits & 16);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
