// Resize: interpolation along axes. Every mode is separable, so a resize is a pass an axis, each described by
// a table of taps that is made from the sizes ahead of the run; nearest is one pass of table look-ups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resize/rows.h"
#include "threads/pool.h"

namespace ortolan::kernels {

enum class ResizeMode : uint8_t { kNearest, kLinear, kCubic };
enum class ResizeCoordinates : uint8_t {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfHalfPixelForNn,
  kTfCropAndResize,
};
// kSimple is what opset 10 and Upsample did: down when enlarging, up when shrinking.
enum class ResizeNearest : uint8_t { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil, kSimple };

struct ResizeForm {
  ResizeMode mode = ResizeMode::kNearest;
  ResizeCoordinates coordinates = ResizeCoordinates::kHalfPixel;
  ResizeNearest nearest = ResizeNearest::kRoundPreferFloor;
  float cubic_a = -0.75f;
  bool exclude_outside = false;
  bool antialias = false;
  bool wide = false;        // places and weights in double: for interpolation in double
  float extrapolation = 0;  // of kTfCropAndResize
};

// One axis: sizes, the scale as given (not recomputed from the sizes), and the part to be read for
// kTfCropAndResize.
struct ResizeAxis {
  int64_t in = 1;
  int64_t out = 1;
  double scale = 1;  // a float's value where the form is not wide, as are begin and end
  double begin = 0;
  double end = 1;
};

// Output i of an axis is the sum over k < taps of weights[i * taps + k] * input[indices[i * taps + k]].
struct ResizeTable {
  int64_t in = 1, out = 1;
  int64_t taps = 1;
  bool identity = false;
  std::vector<int32_t> indices;
  std::vector<float> weights;        // empty for nearest
  std::vector<double> wide_weights;  // in place of them with ResizeForm::wide
  std::vector<uint8_t>
      outside;  // kTfCropAndResize: outputs that take the extrapolation value; empty where none
};

ResizeTable MakeResizeTable(const ResizeForm& form, const ResizeAxis& axis);

struct ResizePlan {
  std::vector<ResizeTable> axes;     // one a dimension
  std::vector<size_t> order;         // axes that are not identities, shrinking ones first
  const ResizeRows* rows = nullptr;  // for float; without it a plain loop
  bool nearest = false;
  bool extrapolates = false;
  int64_t in_count = 1, out_count = 1;
  int64_t buffer_count = 0;  // elements of one intermediate buffer; there are two, of float or double
  size_t ScratchBytes(size_t element_bytes) const {
    return nearest ? 0 : 2 * static_cast<size_t>(buffer_count) * element_bytes;
  }
};

ResizePlan MakeResizePlan(const ResizeForm& form, std::span<const ResizeAxis> axes);

// Nearest: elements of `width` bytes (1, 2, 4, 8) are copied; `fill` is one element, used where the plan
// extrapolates.
void ResizeNearestCopy(const ResizePlan& plan, int width, const void* in, const void* fill, void* out,
                       ThreadPool& threads);

// Linear and cubic; C is double where the form is wide, else float. in and out have the plan's counts;
// scratch as the plan says.
template <typename C>
void ResizeInterpolate(const ResizePlan& plan, C extrapolation, const C* in, C* out, std::byte* scratch,
                       ThreadPool& threads);

}  // namespace ortolan::kernels
