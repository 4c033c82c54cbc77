#include "vision/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "vision/filter.h"
#include "vision/letterbox.h"
#include "vision/scores.h"

namespace ortolan::vision {
namespace {

// Sides of what DETR was trained on.
constexpr double kShorterSide = 800, kLongerSide = 1333;
constexpr int kMostSide = 1 << 14;

}  // namespace

Result<View> PlanInput(const HeadSpec& spec, int picture_width, int picture_height, int width, int height) {
  if (picture_width < 1 || picture_height < 1)
    return InvalidArgument("cannot fit {} x {} pixels into {} x {}", picture_width, picture_height, width,
                           height);
  View view;
  view.picture_width = picture_width;
  view.picture_height = picture_height;
  view.input_width = width;
  view.input_height = height;
  switch (spec.fit) {
    case Fit::kLetterbox: {
      ORTOLAN_ASSIGN_OR_RETURN(view.place, FitInto(picture_width, picture_height, width, height));
      break;
    }
    case Fit::kStretch:
      break;
    case Fit::kWhole:
      view.input_width = picture_width;
      view.input_height = picture_height;
      break;
    case Fit::kShortest: {
      const double shorter = std::min(picture_width, picture_height),
                   longer = std::max(picture_width, picture_height);
      const double scale = std::min(kShorterSide / shorter, kLongerSide / longer);
      view.input_width = std::max(1, static_cast<int>(std::nearbyint(picture_width * scale)));
      view.input_height = std::max(1, static_cast<int>(std::nearbyint(picture_height * scale)));
      break;
    }
  }
  if (view.input_width < 1 || view.input_height < 1 || view.input_width > kMostSide ||
      view.input_height > kMostSide)
    return InvalidArgument("an input of {} x {} pixels is out of range", view.input_width, view.input_height);
  return view;
}

Status FillInput(const HeadSpec& spec, const ImageView& image, const View& view, std::span<float> planes) {
  if (spec.fit == Fit::kLetterbox)
    return LetterboxToPlanes(image, view.place, view.input_width, view.input_height, planes);
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  if (planes.size() != static_cast<size_t>(view.input_width) * static_cast<size_t>(view.input_height) * 3)
    return InvalidArgument("planes of {} floats do not hold {} x {} pixels", planes.size(), view.input_width,
                           view.input_height);
  const auto write = [&](const ImageView& fitted) {
    if (spec.imagenet) {
      NormalizeToPlanes(fitted, kImagenetMean, kImagenetDeviation, planes);
    } else {
      SharesToPlanes(fitted, planes);
    }
  };
  if (view.input_width == image.width && view.input_height == image.height) {
    write(image);
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Image fitted, ShrinkToSize(image, view.input_width, view.input_height));
  write(fitted);
  return OkStatus();
}

Result<Loaded> LoadInto(const HeadSpec& spec, FunctionRef<Result<Image>(image::OnRows)> decode, int width,
                        int height, std::span<float> planes) {
  using Clock = std::chrono::steady_clock;
  if (spec.fit != Fit::kLetterbox ||
      planes.size() != static_cast<size_t>(width) * static_cast<size_t>(height) * 3)
    return InvalidArgument(
        "only planes of {} x {} pixels of a letterboxed picture are filled while it is decoded", width,
        height);
  Loaded loaded;
  std::optional<LetterboxRows> rows;
  bool filled = false;
  Clock::duration spent{};
  auto image = decode([&](const image::Picture& picture, int ready) {
    const Clock::time_point start = Clock::now();
    if (!rows && picture.pixels.size() < kFewSamples) {
      auto view = PlanInput(spec, picture.width, picture.height, width, height);
      if (view.ok())
        rows.emplace(ImageView(picture.width, picture.height, picture.pixels), view->place, width, height,
                     planes);
    }
    if (rows) rows->Take(ready);
    filled = rows && ready == picture.height;
    spent += Clock::now() - start;
  });
  if (!image.ok()) return std::move(image).status();
  loaded.image = *std::move(image);
  const Clock::time_point start = Clock::now();
  ORTOLAN_ASSIGN_OR_RETURN(loaded.view,
                           PlanInput(spec, loaded.image.width, loaded.image.height, width, height));
  if (!filled) ORTOLAN_RETURN_IF_ERROR(FillInput(spec, loaded.image, loaded.view, planes));
  spent += Clock::now() - start;
  loaded.fill_milliseconds = std::chrono::duration<double, std::milli>(spent).count();
  return loaded;
}

}  // namespace ortolan::vision
