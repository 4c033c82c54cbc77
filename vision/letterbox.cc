#include "vision/letterbox.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "vision/filter.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

// The last few rows of a stage, each made when it is first asked for. Rows are asked for in rising order, so
// that as many as a filter has taps are never dropped too soon.
class Rows {
 public:
  using Maker = std::function<void(int y, uint8_t* out)>;

  Rows(int kept, size_t samples, Maker make)
      : kept_(kept), samples_(samples), make_(std::move(make)), which_(kept, -1), data_(samples * kept) {}

  const uint8_t* Get(int y) {
    const auto slot = static_cast<size_t>(y % kept_);
    uint8_t* row = data_.data() + slot * samples_;
    if (which_[slot] != y) {
      make_(y, row);
      which_[slot] = y;
    }
    return row;
  }

 private:
  int kept_;
  size_t samples_;
  Maker make_;
  std::vector<int> which_;
  std::vector<uint8_t> data_;
};

// Sends rows of pixels to three planes of floats.
class PlaneWriter {
 public:
  PlaneWriter(std::span<float> planes, int width, int height)
      : planes_(planes), width_(static_cast<size_t>(width)), count_(width_ * static_cast<size_t>(height)) {
    // A sample has 256 values, so that each is divided once.
    for (int value = 0; value < 256; ++value) table_[value] = static_cast<float>(value) / 255.0F;
  }

  // Everything around the picture.
  void WriteGrey(const Letterbox& place) {
    const float grey = table_[kLetterboxGrey];
    const auto left = static_cast<size_t>(place.left), wide = static_cast<size_t>(place.width);
    for (size_t c = 0; c < 3; ++c) {
      float* plane = planes_.data() + c * count_;
      std::fill_n(plane, place.top * width_, grey);
      float* row = plane + place.top * width_;
      for (int y = 0; y < place.height; ++y, row += width_) {
        std::fill_n(row, left, grey);
        std::fill(row + left + wide, row + width_, grey);
      }
      std::fill(row, plane + count_, grey);
    }
  }

  void WriteRow(const uint8_t* pixels, const Letterbox& place, int y) {
    float* r = planes_.data() + static_cast<size_t>(place.top + y) * width_ + place.left;
    float* g = r + count_;
    float* b = g + count_;
    for (int x = 0; x < place.width; ++x, pixels += 3) {
      r[x] = table_[pixels[0]];
      g[x] = table_[pixels[1]];
      b[x] = table_[pixels[2]];
    }
  }

 private:
  std::span<float> planes_;
  size_t width_;
  size_t count_;
  std::array<float, 256> table_;
};

}  // namespace

Result<Letterbox> FitInto(int picture_width, int picture_height, int width, int height) {
  if (picture_width < 1 || picture_height < 1 || width < 1 || height < 1)
    return InvalidArgument("cannot fit {} x {} pixels into {} x {}", picture_width, picture_height, width,
                           height);
  Letterbox place;
  place.scale =
      std::min(static_cast<double>(width) / picture_width, static_cast<double>(height) / picture_height);
  // std::nearbyint rounds halves to even, as Python does.
  place.width = std::min(width, static_cast<int>(std::nearbyint(picture_width * place.scale)));
  place.height = std::min(height, static_cast<int>(std::nearbyint(picture_height * place.scale)));
  if (place.width < 1 || place.height < 1)
    return InvalidArgument("picture of {} x {} pixels is too narrow for an input of {} x {}", picture_width,
                           picture_height, width, height);
  place.left = (width - place.width) / 2;
  place.top = (height - place.height) / 2;
  return place;
}

Status LetterboxToPlanes(const ImageView& image, const Letterbox& place, int width, int height,
                         std::span<float> planes) {
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  if (planes.size() != static_cast<size_t>(width) * static_cast<size_t>(height) * 3)
    return InvalidArgument("planes of {} floats do not hold {} x {} pixels", planes.size(), width, height);
  PlaneWriter writer(planes, width, height);
  writer.WriteGrey(place);

  // Stage 1: the picture, or the reduced picture.
  const int factor = ReductionFactor(image.width, image.height, place.width, place.height);
  const int in_width = (image.width + factor - 1) / factor, in_height = (image.height + factor - 1) / factor;
  const bool resize_width = in_width != place.width, resize_height = in_height != place.height;
  const Filter across = resize_width ? MakeFilter(in_width, place.width) : Filter{};
  const Filter down = resize_height ? MakeFilter(in_height, place.height) : Filter{};
  const int window = std::max(1, down.taps);
  std::vector<uint32_t> block_sums(factor > 1 ? static_cast<size_t>(image.width) * 3 : 0);
  Rows reduced(factor > 1 ? window : 1, factor > 1 ? static_cast<size_t>(in_width) * 3 : 0,
               [&](int y, uint8_t* out) { ReduceRow(image, factor, y, block_sums.data(), out); });
  const auto source = [&](int y) { return factor > 1 ? reduced.Get(y) : image.row(y); };

  // Stages 2 and 3: width and height, in Pillow's order.
  const bool height_first =
      resize_width && resize_height && HeightFirst(in_width, in_height, place.width, place.height);
  const size_t narrow = static_cast<size_t>(place.width) * 3;
  Rows resized(height_first ? 1 : window, resize_width ? narrow : 0,
               [&](int y, uint8_t* out) { ResizeRow(source(y), out, place.width, across); });
  const size_t mixed_samples = height_first ? static_cast<size_t>(in_width) * 3 : narrow;
  std::vector<uint8_t> mixed(mixed_samples), last(narrow);
  std::vector<int32_t> sums(resize_height ? mixed_samples : 0);
  std::vector<const uint8_t*> rows(window);
  for (int y = 0; y < place.height; ++y) {
    const auto wide_or_narrow = [&](int row) {
      return resize_width && !height_first ? resized.Get(row) : source(row);
    };
    if (!resize_height) {
      writer.WriteRow(wide_or_narrow(y), place, y);
      continue;
    }
    for (int k = 0; k < down.count[y]; ++k) rows[k] = wide_or_narrow(down.first[y] + k);
    MixRows(rows.data(), down.count[y], down.of(y), mixed_samples, sums.data(), mixed.data());
    if (height_first) ResizeRow(mixed.data(), last.data(), place.width, across);
    writer.WriteRow(height_first ? last.data() : mixed.data(), place, y);
  }
  return OkStatus();
}

}  // namespace ortolan::vision
