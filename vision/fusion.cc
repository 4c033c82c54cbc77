#include "vision/fusion.h"

#include <tuple>
#include <utility>

#include "vision/literal.h"

namespace ortolan::vision {
namespace {

// A picture of this many pixels a side takes 3 GB as floats; Detector draws the line there, too.
constexpr int64_t kMostSide = 1 << 14;

// "640,480": width and height.
std::optional<std::pair<int, int>> ParseSize(const std::string& text) {
  const auto sides = ParseIntegers("(" + text + ")");
  if (!sides || sides->size() != 2) return std::nullopt;
  for (const int64_t side : *sides)
    if (side < 1 || side > kMostSide) return std::nullopt;
  return std::pair(static_cast<int>(sides->front()), static_cast<int>(sides->back()));
}

}  // namespace

std::optional<Fusion> ReadFusion(const std::map<std::string, std::string>& metadata) {
  const auto entry = [&](const std::string& key) {
    const auto found = metadata.find("ovs." + key);
    return found == metadata.end() ? std::string() : found->second;
  };
  Fusion fusion;
  const std::string kind = entry("kind");
  fusion.masks = kind == "detect_segment_classify";
  if (!fusion.masks && kind != "detect_classify") return std::nullopt;
  const auto input = ParseSize(entry("input_size")), crop = ParseSize(entry("crop_size"));
  if (!input || !crop) return std::nullopt;
  std::tie(fusion.width, fusion.height) = *input;
  std::tie(fusion.crop_width, fusion.crop_height) = *crop;
  fusion.original = entry("crop_source") == "original";
  fusion.softmax = entry("apply_softmax") != "0";
  fusion.detector_names = ParseNames(entry("detector_names")).value_or(std::vector<std::string>{});
  fusion.classifier_names = ParseNames(entry("classifier_names")).value_or(std::vector<std::string>{});
  return fusion;
}

}  // namespace ortolan::vision
