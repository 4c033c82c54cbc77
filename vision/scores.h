// Between pixels and a classifier's input, and between its output and probabilities. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "ortolan/vision.h"
#include "vision/image.h"

namespace ortolan::vision {

inline constexpr std::array<float, 3> kImagenetMean = {0.485F, 0.456F, 0.406F};
inline constexpr std::array<float, 3> kImagenetDeviation = {0.229F, 0.224F, 0.225F};

// Channels first: (sample * (1/255) - mean) / deviation in float32; out has 3 * height * width elements.
void NormalizeToPlanes(const ImageView& image, const std::array<float, 3>& mean,
                       const std::array<float, 3>& deviation, std::span<float> out);

// Channels first: samples over 255, to the last bit.
void SharesToPlanes(const ImageView& image, std::span<float> out);

// In place, in float32, the maximum subtracted first.
void Softmax(std::span<float> values);

// Positions of the `most` largest values, largest first; of equals the lower position. NaN counts as the
// smallest.
std::vector<int> TopK(std::span<const float> values, size_t most);

}  // namespace ortolan::vision
