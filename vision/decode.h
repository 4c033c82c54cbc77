// From the outputs of a model of any head to objects in the picture. After heads.h, which tells what the
// outputs mean. Internal.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "ortolan/vision.h"
#include "vision/heads.h"
#include "vision/letterbox.h"
#include "vision/yolo.h"

namespace ortolan::vision {

// An output as its decoder takes it: floats, or integers where the model says so.
struct Output {
  std::span<const float> floats;
  std::span<const int64_t> integers;
  std::vector<int64_t> shape;

  size_t count() const { return floats.size() + integers.size(); }
  // -1 where the axis is none.
  int64_t size(size_t axis) const { return axis < shape.size() ? shape[axis] : -1; }
};

// How the picture lies in the model's input.
struct View {
  Letterbox place;  // of Fit::kLetterbox
  int input_width = 0;
  int input_height = 0;
  int picture_width = 0;
  int picture_height = 0;
};

// A box turned by `angle` radians, clockwise in the picture.
struct TurnedBox {
  float x = 0, y = 0, width = 0, height = 0, angle = 0;

  // Left and top first where the angle is 0, then clockwise: x, y, x, y, ...
  std::array<float, 8> Corners() const;
};

struct Decoded {
  std::vector<ScoredBox> objects;  // best first
  // For each object, where the head has them:
  std::vector<TurnedBox> turned;
  std::vector<float> keypoints;     // objects x keypoints x coordinates, in the picture
  size_t numbers = 0;               // of keypoints an object has
  std::vector<float> coefficients;  // objects x prototypes
};

// How much two turned boxes have in common, of 0 to 1: one minus the Hellinger distance of the Gaussians
// that have the boxes' moments (Ultralytics' probiou).
double TurnedOverlap(const TurnedBox& a, const TurnedBox& b);

// kInvalidArgument where the outputs' shapes are not the head's.
Result<Decoded> DecodeHead(const HeadSpec& spec, std::span<const Output> outputs, const View& view,
                           const YoloLimits& limits);

// The class of each pixel of the picture, from logits for each pixel of the input: these are enlarged
// bilinearly with half-pixel centres, then the largest is taken, of equals the lower class. One class alone
// is a sigmoid's: 1 where its logit is above 0. Integers are classes already, the nearest is taken.
Result<std::vector<uint16_t>> DecodeClassMap(const Output& output, int width, int height);

}  // namespace ortolan::vision
