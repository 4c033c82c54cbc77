// Pillow's arithmetic: a separable filter whose support grows with the scale, weights as 22-bit integers, and
// 8-bit pixels between the horizontal and the vertical pass.
#include <algorithm>
#include <cmath>

#include "threads/pool.h"
#include "vision/filter.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

using image::kWeightBits;

double Triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
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

const image::SampleKernels& Kernels() {
  static const image::SampleKernels& best = image::SelectSampleKernels(GetCpuInfo().isa);
  return best;
}

void ResizeRow(const uint8_t* in, int in_width, uint8_t* out, int out_width, const Filter& filter) {
  Kernels().resize_row(in, in_width, filter.first.data(), filter.count.data(), filter.weights.data(),
                       filter.taps, out_width, out);
}

void ForRows(int count, uint64_t samples, FunctionRef<void(int, int)> body) {
  constexpr int kRowsOfRange = 64;
  if (samples < kFewSamples || count <= kRowsOfRange) return body(0, count);
  SharedThreadPool()->ParallelRanges(count, kRowsOfRange, [&](int64_t first, int64_t last) {
    body(static_cast<int>(first), static_cast<int>(last));
  });
}

int ReductionFactor(int in_width, int in_height, int width, int height) {
  // More than 4096 would overflow the 32-bit sums (255 * 4096^2 < 2^32).
  return std::clamp(std::min(in_width / width, in_height / height), 1, 4096);
}

// Averages of blocks of factor x factor pixels, rounded as Pillow rounds: by a multiplication with 2^24 / n,
// computed in single precision. Columns are summed first, which vectorises.
void ReduceRow(const ImageView& image, int factor, int y, uint32_t* sums, uint8_t* out) {
  const int rows = std::min(factor, image.height - y * factor);
  if (factor == 2 && rows == 2 && image.width % 2 == 0)
    return Kernels().halve(image.row(y * 2), image.row(y * 2 + 1), image.width / 2, out);
  const size_t samples = static_cast<size_t>(image.width) * 3;
  std::fill_n(sums, samples, 0U);
  for (int j = 0; j < rows; ++j)
    Kernels().add_row(image.row(y * factor + j), static_cast<int64_t>(samples), sums);
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
  ForRows(image.height, image.pixels.size(), [&](int first, int last) {
    for (int y = first; y < last; ++y) ResizeRow(image.row(y), image.width, result.row(y), width, filter);
  });
  return result;
}

Result<Image> ResizeHeight(const ImageView& image, int height) {
  ORTOLAN_ASSIGN_OR_RETURN(Image result,
                           NewImage(static_cast<uint64_t>(image.width), static_cast<uint64_t>(height)));
  const Filter filter = MakeFilter(image.height, height);
  const size_t samples = static_cast<size_t>(image.width) * 3;
  ForRows(height, image.pixels.size(), [&](int first, int last) {
    std::vector<const uint8_t*> rows(filter.taps);
    for (int y = first; y < last; ++y) {
      for (int k = 0; k < filter.count[y]; ++k) rows[k] = image.row(filter.first[y] + k);
      Kernels().mix_rows(rows.data(), filter.of(y), filter.count[y], static_cast<int64_t>(samples),
                         result.row(y));
    }
  });
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
  ForRows(result.height, image.pixels.size(), [&](int first, int last) {
    std::vector<uint32_t> sums(static_cast<size_t>(image.width) * 3);
    for (int y = first; y < last; ++y) ReduceRow(image, factor, y, sums.data(), result.row(y));
  });
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
