#include "vision/letterbox.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

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

// Makes rows of the resized picture, in rising order. They hang on nothing but the picture, so that ranges of
// them can be made by several threads, each with a maker of its own.
class RowMaker {
 public:
  explicit RowMaker(const Stages& stages)
      : s_(stages),
        window_(std::max(1, s_.down.taps)),
        narrow_(static_cast<size_t>(s_.place.width) * 3),
        mixed_samples_(s_.height_first ? static_cast<size_t>(s_.in_width) * 3 : narrow_),
        block_sums_(s_.factor > 1 ? static_cast<size_t>(s_.image.width) * 3 : 0),
        reduced_(s_.factor > 1 ? window_ : 1, s_.factor > 1 ? static_cast<size_t>(s_.in_width) * 3 : 0,
                 [this](int y, uint8_t* out) { ReduceRow(s_.image, s_.factor, y, block_sums_.data(), out); }),
        resized_(s_.height_first ? 1 : window_, s_.resize_width() ? narrow_ : 0,
                 [this](int y, uint8_t* out) {
                   ResizeRow(Source(y), s_.in_width, out, s_.place.width, s_.across);
                 }),
        mixed_(mixed_samples_),
        made_(narrow_),
        rows_(static_cast<size_t>(window_)) {}
  RowMaker(const RowMaker&) = delete;
  RowMaker& operator=(const RowMaker&) = delete;

  // How many rows of the picture row y hangs on.
  int Needs(int y) const {
    const int last = s_.resize_height() ? s_.down.first[y] + s_.down.count[y] : y + 1;
    return std::min(last * s_.factor, s_.image.height);
  }

  void Write(int first, int last, PlaneWriter& writer) {
    for (int y = first; y < last; ++y) {
      if (!s_.resize_height()) {
        writer.WriteRow(WideOrNarrow(y), s_.place, y);
        continue;
      }
      const int count = s_.down.count[y];
      for (int k = 0; k < count; ++k) rows_[k] = WideOrNarrow(s_.down.first[y] + k);
      Kernels().mix_rows(rows_.data(), s_.down.of(y), count, static_cast<int64_t>(mixed_samples_),
                         mixed_.data());
      if (s_.height_first) ResizeRow(mixed_.data(), s_.in_width, made_.data(), s_.place.width, s_.across);
      writer.WriteRow(s_.height_first ? made_.data() : mixed_.data(), s_.place, y);
    }
  }

 private:
  const uint8_t* Source(int y) { return s_.factor > 1 ? reduced_.Get(y) : s_.image.row(y); }
  const uint8_t* WideOrNarrow(int y) {
    return s_.resize_width() && !s_.height_first ? resized_.Get(y) : Source(y);
  }

  const Stages& s_;
  int window_;
  size_t narrow_, mixed_samples_;
  std::vector<uint32_t> block_sums_;
  Rows reduced_, resized_;
  std::vector<uint8_t> mixed_, made_;
  std::vector<const uint8_t*> rows_;
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
  writer.WriteAboveAndBelow(place);
  const Stages stages(image, place);
  ForRows(place.height, image.pixels.size(),
          [&](int first, int last) { RowMaker(stages).Write(first, last, writer); });
  return OkStatus();
}

struct LetterboxRows::Impl {
  Impl(const ImageView& picture, const Letterbox& to, int width, int height, std::span<float> planes)
      : image(picture), place(to), stages(image, place), maker(stages), writer(planes, width, height) {
    writer.WriteAboveAndBelow(place);
  }

  ImageView image;
  Letterbox place;
  Stages stages;
  RowMaker maker;
  PlaneWriter writer;
  int done = 0;
};

LetterboxRows::LetterboxRows(const ImageView& image, const Letterbox& place, int width, int height,
                             std::span<float> planes)
    : impl_(std::make_unique<Impl>(image, place, width, height, planes)) {}
LetterboxRows::~LetterboxRows() = default;

void LetterboxRows::Take(int rows) {
  const int first = impl_->done;
  int& done = impl_->done;
  while (done < impl_->place.height && impl_->maker.Needs(done) <= rows) ++done;
  impl_->maker.Write(first, done, impl_->writer);
}

}  // namespace ortolan::vision
