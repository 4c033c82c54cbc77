// What a model's outputs mean: which of the forms that detectors, segmenters and pose models are exported in
// they have, told from their shapes and names, the metadata, or the caller. Before decode.h, which reads the
// outputs by it. Internal.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "ortolan/session.h"

namespace ortolan::vision {

// Where the boxes are and what they count in.
enum class HeadFamily {
  kYolo,     // (1, 4 + classes + extras, cells): centre, size in input pixels; YOLOv8 to v12
  kYoloV5,   // (1, cells, 5 + classes + extras): the same with a score of the box itself; YOLOv5 and v7
  kEnd2End,  // (1, n, 6 + extras): edges in input pixels, score, class; v10, and exports with NMS
  kRtDetr,   // (1, n, 4 + classes), or boxes and logits apart: centre, size as shares; sigmoids
  kDetr,     // logits (1, n, classes + 1) and boxes (1, n, 4), shares; a softmax whose last class is nothing
  kBoxes,    // boxes (n, 4), labels (n), scores (n), ready: torchvision, and RT-DETR told the picture's size
  kSemantic  // (1, classes, h, w) logits for each pixel
};

// What each object has besides its box.
enum class HeadExtra { kNone, kMask, kKeypoints, kAngle };

// How a picture becomes the model's input.
enum class Fit {
  kLetterbox,  // scaled by one factor, grey around it
  kStretch,    // to the input's size, whatever its shape
  kWhole,      // as it is: the model resizes it
  kShortest    // scaled so that the shorter side is 800 and the longer no more than 1333
};

struct HeadSpec {
  HeadFamily family = HeadFamily::kYolo;
  HeadExtra extra = HeadExtra::kNone;
  Fit fit = Fit::kLetterbox;
  bool imagenet = false;   // samples less ImageNet's mean over its deviation; else 0..1
  bool batched = true;     // the picture input is (1, 3, h, w), not (3, h, w)
  bool sure = true;        // false: shapes were open, and what comes out of a run decides
  int64_t classes = -1;    // -1: not known before a run
  int64_t extras = 0;      // numbers of an object after its box and scores; -1: not known before a run
  size_t coordinates = 3;  // numbers of a keypoint: x, y and maybe how certain it is
  // Indices of the outputs; -1 where there is none.
  int rows = 0;         // the family's first output
  int boxes = -1;       // kDetr, kRtDetr, kBoxes
  int labels = -1;      // kBoxes
  int scores = -1;      // kBoxes
  int prototypes = -1;  // kMask
  // Indices of the inputs.
  int picture = 0;
  int picture_size = -1;  // int64 (1, 2): the picture's own width and height
  int pixel_mask = -1;    // int64 (1, h, w): ones

  // "yolo-seg", "rtdetr": what RecognizeHead takes as `wanted`.
  std::string name() const;
};

struct HeadQuestion {
  std::span<const NodeArg> inputs;
  std::span<const NodeArg> outputs;  // types may be empty where they are not known
  const std::map<std::string, std::string>& metadata;
  // A name of HeadSpec::name, and "yolov8" for "yolo" and nothing else. "yolo", "yolo-seg", "auto" and ""
  // leave it to the model.
  std::string wanted;
  int64_t labels = 0;  // how many names the caller gave, 0: none
  int width = 640;     // of the input
  int height = 640;
};

// kInvalidArgument where nothing fits or several do: the message says what was seen and what can be named.
Result<HeadSpec> RecognizeHead(const HeadQuestion& question);

}  // namespace ortolan::vision
