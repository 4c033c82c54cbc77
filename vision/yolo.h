// From a detector's output to boxes in the picture. Internal.
#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "ortolan/vision.h"
#include "vision/letterbox.h"

namespace ortolan::vision {

struct ScoredBox {
  Box box;
  int class_id = 0;
  float score = 0;
  size_t cell = 0;  // of the output
};

struct YoloLimits {
  float score = 0.25F;    // at least
  float overlap = 0.45F;  // of two boxes of a class that overlap by more, the lesser is dropped
  size_t most = 300;      // boxes in all
};

// A cell and its best class.
struct Candidate {
  size_t cell = 0;
  int class_id = 0;
  float score = 0;
};

// Those of `cells` cells whose best score reaches `least`, best first, of equals the lower cell; `scores`
// holds a row for each class. NaN never reaches it.
std::vector<Candidate> FindCandidates(const float* scores, size_t classes, size_t cells, float least);

// `output` holds 4 + classes rows of `cells` numbers: centre x and y, width and height in input pixels, then
// a score for each class. The boxes are those of the original picture, clipped to it, best first; of equals
// the lower cell comes first.
std::vector<ScoredBox> DecodeYolo(std::span<const float> output, size_t classes, size_t cells,
                                  const Letterbox& place, int picture_width, int picture_height,
                                  const YoloLimits& limits);

// Area that both cover over the area that either covers; 0 where neither has any.
float Overlap(const Box& a, const Box& b);

// Indices of the boxes that overlap no better one by more than `overlap`, best first; of equals the lower
// index.
std::vector<size_t> SuppressOverlaps(std::span<const Box> boxes, std::span<const float> scores,
                                     float overlap);

}  // namespace ortolan::vision
