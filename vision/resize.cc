// Pillow's arithmetic: a separable filter whose support grows with the scale, weights as 22-bit integers, and
// 8-bit pixels between the horizontal and the vertical pass.
#include <algorithm>
#include <cmath>

#include "vision/filter.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

// A weighted sum of 8-bit pixels with weights of this precision fits 32 signed bits with 2 to spare.
constexpr int kWeightBits = 32 - 8 - 2;

double Triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

uint8_t Clip8(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

}  // namespace

Filter MakeFilter(int in_size, int out_size) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_scale;  // the triangle reaches one pixel each way
  Filter filter;
  filter.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  filter.first.resize(out_size);
  filter.count.resize(out_size);
  filter.weights.assign(static_cast<size_t>(out_size) * filter.taps, 0);
  std::vector<double> exact(filter.taps);
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int count = std::min(in_size, static_cast<int>(center + support + 0.5)) - first;
    double sum = 0;
    for (int k = 0; k < count; ++k)
      sum += exact[k] = Triangle((k + first - center + 0.5) * (1.0 / filter_scale));
    int32_t* weights = filter.weights.data() + static_cast<size_t>(i) * filter.taps;
    for (int k = 0; k < count; ++k) {
      const double share = sum != 0.0 ? exact[k] / sum : exact[k];
      weights[k] = static_cast<int32_t>(share * (1 << kWeightBits) + (share < 0 ? -0.5 : 0.5));
    }
    filter.first[i] = first;
    filter.count[i] = count;
  }
  return filter;
}

bool HeightFirst(int in_width, int in_height, int width, int height) {
  const int fewer_rows = in_height - height;
  return fewer_rows > 0 && fewer_rows > 2 * (int64_t{in_width} - width);
}

void ResizeRow(const uint8_t* in, uint8_t* out, int out_width, const Filter& filter) {
  for (int x = 0; x < out_width; ++x, out += 3) {
    const uint8_t* pixel = in + static_cast<size_t>(filter.first[x]) * 3;
    const int32_t* weight = filter.of(x);
    int32_t r = kHalf, g = kHalf, b = kHalf;
    for (int k = 0; k < filter.count[x]; ++k, pixel += 3) {
      r += pixel[0] * weight[k];
      g += pixel[1] * weight[k];
      b += pixel[2] * weight[k];
    }
    out[0] = Clip8(r);
    out[1] = Clip8(g);
    out[2] = Clip8(b);
  }
}

// The inner loops run along the row, so that they vectorise.
void MixRows(const uint8_t* const* rows, int count, const int32_t* weights, size_t samples, int32_t* sums,
             uint8_t* out) {
  std::fill_n(sums, samples, kHalf);
  for (int k = 0; k < count; ++k) {
    const uint8_t* row = rows[k];
    const int32_t weight = weights[k];
    for (size_t i = 0; i < samples; ++i) sums[i] += row[i] * weight;
  }
  for (size_t i = 0; i < samples; ++i) out[i] = Clip8(sums[i]);
}

int ReductionFactor(int in_width, int in_height, int width, int height) {
  // More than 4096 would overflow the 32-bit sums (255 * 4096^2 < 2^32).
  return std::clamp(std::min(in_width / width, in_height / height), 1, 4096);
}

// Averages of blocks of factor x factor pixels, rounded as Pillow rounds: by a multiplication with 2^24 / n,
// computed in single precision. Columns are summed first, which vectorises.
void ReduceRow(const ImageView& image, int factor, int y, uint32_t* sums, uint8_t* out) {
  const int rows = std::min(factor, image.height - y * factor);
  const size_t samples = static_cast<size_t>(image.width) * 3;
  std::copy_n(image.row(y * factor), samples, sums);
  for (int j = 1; j < rows; ++j) {
    const uint8_t* row = image.row(y * factor + j);
    for (size_t i = 0; i < samples; ++i) sums[i] += row[i];
  }
  const int width = (image.width + factor - 1) / factor;
  for (int x = 0; x < width; ++x, out += 3) {
    const int columns = std::min(factor, image.width - x * factor);
    const uint32_t n = static_cast<uint32_t>(columns) * static_cast<uint32_t>(rows);
    const auto multiplier = static_cast<uint32_t>(4294967296.0F / static_cast<float>(n << 8));
    uint32_t r = n / 2, g = n / 2, b = n / 2;
    for (int i = 0; i < columns; ++i, sums += 3) {
      r += sums[0];
      g += sums[1];
      b += sums[2];
    }
    out[0] = static_cast<uint8_t>((r * multiplier) >> 24);
    out[1] = static_cast<uint8_t>((g * multiplier) >> 24);
    out[2] = static_cast<uint8_t>((b * multiplier) >> 24);
  }
}

namespace {

Result<Image> ResizeWidth(const ImageView& image, int width) {
  ORTOLAN_ASSIGN_OR_RETURN(Image result,
                           NewImage(static_cast<uint64_t>(width), static_cast<uint64_t>(image.height)));
  const Filter filter = MakeFilter(image.width, width);
  for (int y = 0; y < image.height; ++y) ResizeRow(image.row(y), result.row(y), width, filter);
  return result;
}

Result<Image> ResizeHeight(const ImageView& image, int height) {
  ORTOLAN_ASSIGN_OR_RETURN(Image result,
                           NewImage(static_cast<uint64_t>(image.width), static_cast<uint64_t>(height)));
  const Filter filter = MakeFilter(image.height, height);
  const size_t samples = static_cast<size_t>(image.width) * 3;
  std::vector<int32_t> sums(samples);
  std::vector<const uint8_t*> rows(filter.taps);
  for (int y = 0; y < height; ++y) {
    for (int k = 0; k < filter.count[y]; ++k) rows[k] = image.row(filter.first[y] + k);
    MixRows(rows.data(), filter.count[y], filter.of(y), samples, sums.data(), result.row(y));
  }
  return result;
}

}  // namespace

Result<Image> ResizeBilinear(const ImageView& image, int width, int height) {
  if (width < 1 || height < 1) return InvalidArgument("cannot resize to {} x {} pixels", width, height);
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  if (width == image.width && height == image.height)
    return Image{width, height, {image.pixels.begin(), image.pixels.end()}};
  if (height == image.height) return ResizeWidth(image, width);
  if (width == image.width) return ResizeHeight(image, height);
  if (HeightFirst(image.width, image.height, width, height)) {
    ORTOLAN_ASSIGN_OR_RETURN(const Image low, ResizeHeight(image, height));
    return ResizeWidth(low, width);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Image narrow, ResizeWidth(image, width));
  return ResizeHeight(narrow, height);
}

Result<Image> Reduce(const ImageView& image, int factor) {
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  if (factor < 1) return InvalidArgument("cannot reduce by {}", factor);
  // More would overflow the 32-bit sums (255 * 4096^2 < 2^32).
  if (factor > 4096) return InvalidArgument("cannot reduce by {}, more than 4096", factor);
  ORTOLAN_ASSIGN_OR_RETURN(Image result,
                           NewImage((static_cast<uint64_t>(image.width) + factor - 1) / factor,
                                    (static_cast<uint64_t>(image.height) + factor - 1) / factor));
  std::vector<uint32_t> sums(static_cast<size_t>(image.width) * 3);
  for (int y = 0; y < result.height; ++y) ReduceRow(image, factor, y, sums.data(), result.row(y));
  return result;
}

Result<Image> ShrinkToSize(const ImageView& image, int width, int height) {
  if (width < 1 || height < 1) return InvalidArgument("cannot resize to {} x {} pixels", width, height);
  const int factor = ReductionFactor(image.width, image.height, width, height);
  if (factor <= 1) return ResizeBilinear(image, width, height);
  ORTOLAN_ASSIGN_OR_RETURN(const Image reduced, Reduce(image, factor));
  return ResizeBilinear(reduced, width, height);
}

}  // namespace ortolan::vision
