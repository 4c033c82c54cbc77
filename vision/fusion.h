// What a file that holds a detector and a classifier says of itself, in its own metadata: the entries that
// ort-vision-sdk and ortolan.vision.compose write. Internal.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ortolan::vision {

struct Fusion {
  int width = 0;  // of the letterboxed picture
  int height = 0;
  int crop_width = 0;  // of what the classifier sees
  int crop_height = 0;
  bool masks = false;                       // a segmenter stands between the two
  bool original = false;                    // crops are cut from the original picture, a second input
  bool softmax = true;                      // the classifier's output is logits
  std::vector<std::string> detector_names;  // empty where the file has none
  std::vector<std::string> classifier_names;
};

// Nothing where the metadata is that of another model.
std::optional<Fusion> ReadFusion(const std::map<std::string, std::string>& metadata);

}  // namespace ortolan::vision
