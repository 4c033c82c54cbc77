// What the pipelines read off a model: its input, its labels, its metadata. Internal.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "ortolan/session.h"

namespace ortolan::vision {

// The value of one of the model's own metadata entries; empty where there is none.
std::string Metadata(const InferenceSession& session, const std::string& key);
std::string Lower(std::string text);

// A model's only picture input.
struct PictureInput {
  std::string name;
  bool half = false;  // float16
  int width = 0;
  int height = 0;
};

// The input's width and height where `input` is (n, 3, h, w) or (3, h, w): the graph's where it says so, else
// the wanted ones where these are positive, else the metadata's `imgsz`, else `usual` both ways.
PictureInput ReadPictureSize(const InferenceSession& session, const NodeArg& input, int wanted_width,
                             int wanted_height, int usual);

// Its size is the graph's where that says it, else the wanted one where that is positive, else the metadata's
// `imgsz`, else `usual` both ways. Throws kInvalidArgument where the model is no `kind` ("classifier").
PictureInput ReadPictureInput(const InferenceSession& session, const std::string& kind, int wanted_width,
                              int wanted_height, int usual);

// Throws kInvalidArgument where a `kind` cannot take pictures by this input.
void CheckPictureInput(const NodeArg& input, const std::string& kind);

// `given`, where there are any, else the model's own; throws where their number is not `classes` (if that is
// positive).
std::vector<std::string> ReadLabels(const InferenceSession& session, const std::vector<std::string>& given,
                                    int64_t classes);
// "class_7" for what has no label.
std::string LabelOf(const std::vector<std::string>& labels, int id);

// The input as the model takes it.
Array ToInputType(Array floats, bool half);
// The elements of an output of any floating type; `room` holds them where they had to be converted.
std::span<const float> AsFloats(const Array& array, std::vector<float>& room);

class Stopwatch {
 public:
  // Milliseconds since the last call or the start.
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double milliseconds = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return milliseconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace ortolan::vision
