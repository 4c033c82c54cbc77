#include "vision/yolo.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vision/filter.h"

namespace ortolan::vision {
namespace {

float Area(const Box& box) {
  return std::max(0.0F, box.right - box.left) * std::max(0.0F, box.bottom - box.top);
}

// Of equals the first class.
int BestClassOf(const float* scores, size_t classes, size_t cells, size_t cell) {
  size_t best = 0;
  for (size_t c = 1; c < classes; ++c)
    if (scores[c * cells + cell] > scores[best * cells + cell]) best = c;
  return static_cast<int>(best);
}

// Single precision in this order, so that answers equal those of the Python packages that people compare
// with.
Box ToPicture(const float* output, size_t cells, size_t i, const Letterbox& place, int width, int height) {
  const float x = output[i], y = output[cells + i];
  const float half_width = output[2 * cells + i] / 2, half_height = output[3 * cells + i] / 2;
  const auto scale = static_cast<float>(place.scale);
  const auto left = static_cast<float>(place.left), top = static_cast<float>(place.top);
  const auto clip = [](float value, int limit) { return std::clamp(value, 0.0F, static_cast<float>(limit)); };
  return {clip((x - half_width - left) / scale, width), clip((y - half_height - top) / scale, height),
          clip((x + half_width - left) / scale, width), clip((y + half_height - top) / scale, height)};
}

}  // namespace

float Overlap(const Box& a, const Box& b) {
  const float width = std::max(0.0F, std::min(a.right, b.right) - std::max(a.left, b.left));
  const float height = std::max(0.0F, std::min(a.bottom, b.bottom) - std::max(a.top, b.top));
  const float shared = width * height;
  const float either = Area(a) + Area(b) - shared;
  return either > 0 ? shared / either : 0.0F;
}

std::vector<size_t> SuppressOverlaps(std::span<const Box> boxes, std::span<const float> scores,
                                     float overlap) {
  std::vector<size_t> order(boxes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  std::vector<size_t> kept;
  for (const size_t candidate : order) {
    const bool doubled = std::any_of(kept.begin(), kept.end(), [&](size_t better) {
      return Overlap(boxes[better], boxes[candidate]) > overlap;
    });
    if (!doubled) kept.push_back(candidate);
  }
  return kept;
}

std::vector<Candidate> FindCandidates(const float* scores, size_t classes, size_t cells, float least) {
  // Few cells are sure enough, so that only their classes are looked up.
  std::vector<float> best(cells);
  Kernels().best_of_rows(scores, static_cast<int64_t>(classes), static_cast<int64_t>(cells),
                         static_cast<int64_t>(cells), best.data());
  std::vector<Candidate> sure;
  for (size_t i = 0; i < cells; ++i)
    if (best[i] >= least) sure.push_back({i, BestClassOf(scores, classes, cells, i), best[i]});
  // NaN never passes the comparison above, so that this is an order.
  std::stable_sort(sure.begin(), sure.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  return sure;
}

std::vector<ScoredBox> DecodeYolo(std::span<const float> output, size_t classes, size_t cells,
                                  const Letterbox& place, int picture_width, int picture_height,
                                  const YoloLimits& limits) {
  if (classes < 1 || output.size() != (4 + classes) * cells) return {};
  std::vector<ScoredBox> found;
  std::vector<std::vector<Box>> kept(classes);
  for (const Candidate& sure : FindCandidates(output.data() + 4 * cells, classes, cells, limits.score)) {
    if (found.size() >= limits.most) break;
    const Box box = ToPicture(output.data(), cells, sure.cell, place, picture_width, picture_height);
    std::vector<Box>& rivals = kept[static_cast<size_t>(sure.class_id)];
    const bool doubled = std::any_of(rivals.begin(), rivals.end(),
                                     [&](const Box& rival) { return Overlap(rival, box) > limits.overlap; });
    if (doubled) continue;
    rivals.push_back(box);
    found.push_back({box, sure.class_id, sure.score, sure.cell});
  }
  return found;
}

}  // namespace ortolan::vision
