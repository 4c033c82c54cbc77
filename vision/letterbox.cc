#include "vision/letterbox.h"

#include <algorithm>
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

// Samples over 255, exactly: one division each.
constexpr image::PlaneScale kOver255 = {1.0F, {0, 0, 0}, {255.0F, 255.0F, 255.0F}};

// Sends rows of pixels to three planes of floats.
class PlaneWriter {
 public:
  PlaneWriter(std::span<float> planes, int width, int height)
      : planes_(planes), width_(static_cast<size_t>(width)), count_(width_ * static_cast<size_t>(height)) {}

  // What is above and below the picture.
  void WriteAboveAndBelow(const Letterbox& place) {
    for (size_t c = 0; c < 3; ++c) {
      float* plane = planes_.data() + c * count_;
      std::fill_n(plane, place.top * width_, kGrey);
      std::fill(plane + static_cast<size_t>(place.top + place.height) * width_, plane + count_, kGrey);
    }
  }

  // A row of the picture and what is beside it.
  void WriteRow(const uint8_t* pixels, const Letterbox& place, int y) {
    float* rows[3];
    const auto left = static_cast<size_t>(place.left), wide = static_cast<size_t>(place.width);
    for (size_t c = 0; c < 3; ++c) {
      float* row = planes_.data() + c * count_ + static_cast<size_t>(place.top + y) * width_;
      std::fill_n(row, left, kGrey);
      std::fill(row + left + wide, row + width_, kGrey);
      rows[c] = row + left;
    }
    Kernels().to_planes(pixels, place.width, kOver255, rows[0], rows[1], rows[2]);
  }

 private:
  static constexpr float kGrey = static_cast<float>(kLetterboxGrey) / 255.0F;

  std::span<float> planes_;
  size_t width_;
  size_t count_;
};

// A picture on its way through the stages of a resize, row by row: reduced, then resized in width and height,
// in Pillow's order. What all rows share.
struct Stages {
  Stages(const ImageView& picture, const Letterbox& to)
      : image(picture),
        place(to),
        factor(ReductionFactor(image.width, image.height, place.width, place.height)),
        in_width((image.width + factor - 1) / factor),
        in_height((image.height + factor - 1) / factor) {
    if (in_width != place.width) across = MakeFilter(in_width, place.width);
    if (in_height != place.height) down = MakeFilter(in_height, place.height);
    height_first =
        resize_width() && resize_height() && HeightFirst(in_width, in_height, place.width, place.height);
  }
  bool resize_width() const { return in_width != place.width; }
  bool resize_height() const { return in_height != place.height; }

  const ImageView& image;
  const Letterbox& place;
  int factor, in_width, in_height;
  Filter across, down;
  bool height_first = false;
};

// Rows [first, last) of the resized picture. They hang on nothing but the picture, so that ranges of them can
// be made by several threads.
void WriteRows(const Stages& s, int first, int last, PlaneWriter& writer) {
  const int window = std::max(1, s.down.taps);
  std::vector<uint32_t> block_sums(s.factor > 1 ? static_cast<size_t>(s.image.width) * 3 : 0);
  Rows reduced(s.factor > 1 ? window : 1, s.factor > 1 ? static_cast<size_t>(s.in_width) * 3 : 0,
               [&](int y, uint8_t* out) { ReduceRow(s.image, s.factor, y, block_sums.data(), out); });
  const auto source = [&](int y) { return s.factor > 1 ? reduced.Get(y) : s.image.row(y); };
  const size_t narrow = static_cast<size_t>(s.place.width) * 3;
  Rows resized(s.height_first ? 1 : window, s.resize_width() ? narrow : 0,
               [&](int y, uint8_t* out) { ResizeRow(source(y), s.in_width, out, s.place.width, s.across); });
  const auto wide_or_narrow = [&](int y) {
    return s.resize_width() && !s.height_first ? resized.Get(y) : source(y);
  };
  const size_t mixed_samples = s.height_first ? static_cast<size_t>(s.in_width) * 3 : narrow;
  std::vector<uint8_t> mixed(mixed_samples), made(narrow);
  std::vector<const uint8_t*> rows(static_cast<size_t>(window));
  for (int y = first; y < last; ++y) {
    if (!s.resize_height()) {
      writer.WriteRow(wide_or_narrow(y), s.place, y);
      continue;
    }
    const int count = s.down.count[y];
    for (int k = 0; k < count; ++k) rows[k] = wide_or_narrow(s.down.first[y] + k);
    Kernels().mix_rows(rows.data(), s.down.of(y), count, static_cast<int64_t>(mixed_samples), mixed.data());
    if (s.height_first) ResizeRow(mixed.data(), s.in_width, made.data(), s.place.width, s.across);
    writer.WriteRow(s.height_first ? made.data() : mixed.data(), s.place, y);
  }
}

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
  writer.WriteAboveAndBelow(place);
  const Stages stages(image, place);
  ForRows(place.height, image.pixels.size(),
          [&](int first, int last) { WriteRows(stages, first, last, writer); });
  return OkStatus();
}

}  // namespace ortolan::vision
