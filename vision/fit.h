// The picture as a model of any head takes it. Internal.
#pragma once

#include <span>

#include "base/function_ref.h"
#include "base/status.h"
#include "vision/decode.h"
#include "vision/heads.h"
#include "vision/image.h"

namespace ortolan::vision {

// Where a picture comes to lie in an input of (width, height), which Fit::kWhole and Fit::kShortest replace
// by sizes of their own: view.input_width x view.input_height is what FillInput makes.
Result<View> PlanInput(const HeadSpec& spec, int picture_width, int picture_height, int width, int height);

// Channels first, 3 * input_width * input_height floats.
Status FillInput(const HeadSpec& spec, const ImageView& image, const View& view, std::span<float> planes);

// A picture, its view, and how much of the time went into the input rather than into decoding.
struct Loaded {
  Image image;
  View view;
  double fill_milliseconds = 0;
};

// Decodes a picture for a head that letterboxes, and fills its input of (width, height) on the way: `planes`
// hold 3 * width * height floats. Equal to decoding, PlanInput and FillInput. `decode` calls DecodeImage or
// LoadImageFile.
Result<Loaded> LoadInto(const HeadSpec& spec, FunctionRef<Result<Image>(image::OnRows)> decode, int width,
                        int height, std::span<float> planes);

}  // namespace ortolan::vision
