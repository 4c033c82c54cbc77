#include "vision/heads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "vision/literal.h"

namespace ortolan::vision {
namespace {

constexpr std::string_view kNames =
    "yolov8, yolov5, end2end (each also with -seg, -pose or -obb), rtdetr, detr, boxes, semantic";

std::string Lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct Named {
  HeadFamily family;
  HeadExtra extra;
};

constexpr std::array<std::pair<std::string_view, HeadFamily>, 8> kFamilies = {{
    {"yolo", HeadFamily::kYolo},
    {"yolov8", HeadFamily::kYolo},
    {"yolov5", HeadFamily::kYoloV5},
    {"end2end", HeadFamily::kEnd2End},
    {"rtdetr", HeadFamily::kRtDetr},
    {"detr", HeadFamily::kDetr},
    {"boxes", HeadFamily::kBoxes},
    {"semantic", HeadFamily::kSemantic},
}};
constexpr std::array<std::pair<std::string_view, HeadExtra>, 4> kExtras = {{
    {"", HeadExtra::kNone},
    {"-seg", HeadExtra::kMask},
    {"-pose", HeadExtra::kKeypoints},
    {"-obb", HeadExtra::kAngle},
}};

std::optional<Named> ParseHead(std::string_view name) {
  for (const auto& [family_name, family] : kFamilies)
    for (const auto& [extra_name, extra] : kExtras)
      if (name == std::string(family_name) + std::string(extra_name)) {
        const bool plain = family == HeadFamily::kRtDetr || family == HeadFamily::kDetr ||
                           family == HeadFamily::kBoxes || family == HeadFamily::kSemantic;
        if (plain && extra != HeadExtra::kNone) return std::nullopt;
        return Named{family, extra};
      }
  return std::nullopt;
}

// The model, looked at from the side of what its outputs may be.
class Recognizer {
 public:
  explicit Recognizer(const HeadQuestion& question) : question_(question) {}

  Result<HeadSpec> Recognize() {
    ORTOLAN_RETURN_IF_ERROR(ReadInputs());
    ReadMetadata();
    const std::string wanted = Lowered(question_.wanted);
    std::optional<Named> named;
    if (!(wanted.empty() || wanted == "auto" || wanted == "yolo" || wanted == "yolo-seg")) {
      named = ParseHead(wanted);
      if (!named) return InvalidArgument("there is no head '{}', there are: {}", question_.wanted, kNames);
    }
    ORTOLAN_RETURN_IF_ERROR(named ? ReadAs(*named) : Guess());
    return spec_;
  }

 private:
  const std::vector<int64_t>& ShapeOf(int output) const {
    return question_.outputs[static_cast<size_t>(output)].shape;
  }
  size_t count() const { return question_.outputs.size(); }

  Status ReadInputs() {
    if (question_.inputs.empty() || question_.outputs.empty())
      return InvalidArgument("the model has no input or no output");
    int pictures = 0;
    for (size_t i = 0; i < question_.inputs.size(); ++i) {
      const NodeArg& input = question_.inputs[i];
      const bool integers = Has(input.type, "int64") || Has(input.type, "int32");
      if (integers && input.shape.size() == 2 && (input.shape[1] == 2 || input.shape[1] < 0)) {
        spec_.picture_size = static_cast<int>(i);
      } else if (Has(Lowered(input.name), "pixel_mask")) {
        spec_.pixel_mask = static_cast<int>(i);
      } else {
        spec_.picture = static_cast<int>(i);
        ++pictures;
      }
    }
    if (pictures != 1) return InvalidArgument("the model has {} picture inputs, expected 1", pictures);
    spec_.batched = question_.inputs[static_cast<size_t>(spec_.picture)].shape.size() != 3;
    return OkStatus();
  }

  std::string MetadataOf(const std::string& key) const {
    const auto found = question_.metadata.find(key);
    return found == question_.metadata.end() ? "" : Lowered(found->second);
  }

  void ReadMetadata() {
    task_ = MetadataOf("task");
    description_ = MetadataOf("description");
    if (question_.labels > 0) {
      names_ = question_.labels;
    } else if (const auto found = question_.metadata.find("names"); found != question_.metadata.end()) {
      const auto names = ParseNames(found->second);
      names_ = names ? static_cast<int64_t>(names->size()) : 0;
    }
    if (const auto found = question_.metadata.find("kpt_shape"); found != question_.metadata.end()) {
      const auto shape = ParseIntegers(found->second).value_or(std::vector<int64_t>{});
      if (shape.size() == 2 && shape[0] > 0 && shape[0] <= 1 << 12 && (shape[1] == 2 || shape[1] == 3)) {
        keypoints_ = shape[0];
        spec_.coordinates = static_cast<size_t>(shape[1]);
      }
    }
  }

  // By what the model says of itself.
  HeadExtra ToldExtra() const {
    if (spec_.prototypes >= 0) return HeadExtra::kMask;
    if (task_ == "pose") return HeadExtra::kKeypoints;
    if (task_ == "obb") return HeadExtra::kAngle;
    return HeadExtra::kNone;
  }

  // Numbers of each object that come after box and scores; -1 where nothing says.
  int64_t CountExtras() const {
    switch (spec_.extra) {
      case HeadExtra::kMask:
        return ShapeOf(spec_.prototypes).size() == 4 ? ShapeOf(spec_.prototypes)[1] : -1;
      case HeadExtra::kKeypoints:
        return keypoints_ > 0 ? keypoints_ * static_cast<int64_t>(spec_.coordinates) : -1;
      case HeadExtra::kAngle:
        return 1;
      case HeadExtra::kNone:
        break;
    }
    return 0;
  }

  // Cells of a grid of 8, 16, 32 (and 64) pixels over the input.
  int64_t GridCells(int levels) const {
    int64_t cells = 0;
    for (int level = 0; level < levels; ++level)
      cells += static_cast<int64_t>(question_.width >> (3 + level)) * (question_.height >> (3 + level));
    return cells;
  }

  // The output with rows of numbers and, where there is one, that with prototypes.
  void FindRows() {
    spec_.rows = -1;
    for (size_t i = 0; i < count(); ++i) {
      const size_t rank = ShapeOf(static_cast<int>(i)).size();
      if (rank == 4 && spec_.prototypes < 0) spec_.prototypes = static_cast<int>(i);
      if (rank != 4 && spec_.rows < 0) spec_.rows = static_cast<int>(i);
    }
  }

  // Three outputs that are boxes, labels and scores, by their names, else by their types and shapes.
  bool FindBoxes() {
    for (size_t i = 0; i < count(); ++i) {
      const NodeArg& output = question_.outputs[i];
      const std::string name = Lowered(output.name);
      const auto index = static_cast<int>(i);
      if (Has(name, "box")) {
        spec_.boxes = index;
      } else if (Has(name, "label") || Has(name, "class")) {
        spec_.labels = index;
      } else if (Has(name, "score") || Has(name, "conf")) {
        spec_.scores = index;
      }
    }
    if (spec_.boxes >= 0 && spec_.labels >= 0 && spec_.scores >= 0) return true;
    spec_.boxes = spec_.labels = spec_.scores = -1;
    for (size_t i = 0; i < count(); ++i) {
      const NodeArg& output = question_.outputs[i];
      const auto index = static_cast<int>(i);
      if ((output.shape.size() == 2 || output.shape.size() == 3) && output.shape.back() == 4) {
        spec_.boxes = index;
      } else if (Has(output.type, "int")) {
        spec_.labels = index;
      } else if (output.shape.size() == 1 || output.shape.size() == 2) {
        spec_.scores = index;
      }
    }
    return spec_.boxes >= 0 && spec_.labels >= 0 && spec_.scores >= 0;
  }

  // Two outputs (1, n, 4) and (1, n, classes), which need not come in this order.
  bool FindLogits() {
    spec_.boxes = spec_.rows = -1;
    for (int i = 0; i < static_cast<int>(count()); ++i) {
      const std::vector<int64_t>& shape = ShapeOf(i);
      const std::string name = Lowered(question_.outputs[static_cast<size_t>(i)].name);
      if (shape.size() != 3) continue;
      if (spec_.boxes < 0 && (Has(name, "box") || (shape[2] == 4 && !Has(name, "logit")))) {
        spec_.boxes = i;
      } else if (spec_.rows < 0 && (Has(name, "logit") || count() == 2)) {
        spec_.rows = i;
      }
    }
    return spec_.boxes >= 0 && spec_.rows >= 0;
  }

  Status Guess() {
    const bool open = std::any_of(question_.outputs.begin(), question_.outputs.end(), [](const NodeArg& arg) {
      return arg.shape.empty() ||
             std::any_of(arg.shape.begin() + 1, arg.shape.end(), [](int64_t size) { return size < 0; });
    });
    spec_.sure = !open;
    if (count() >= 3 && FindBoxes()) return ReadAs({HeadFamily::kBoxes, HeadExtra::kNone});
    if (count() >= 2 && FindLogits()) return GuessTransformer();
    spec_.boxes = spec_.labels = spec_.scores = -1;
    FindRows();
    if (spec_.rows < 0) {
      if (count() == 1) return ReadAs({HeadFamily::kSemantic, HeadExtra::kNone});
      return Unknown("no output has three dimensions");
    }
    if (ShapeOf(spec_.rows).size() < 3 && !ShapeOf(spec_.rows).empty() && count() > 1)
      return Unknown("several outputs of which no two say by name or type what they are");
    spec_.extra = ToldExtra();
    // Whoever names every row after the box wants them as classes.
    const std::vector<int64_t>& shape = ShapeOf(spec_.rows);
    if (question_.labels > 0 && shape.size() == 3 && shape[1] == 4 + question_.labels)
      spec_.extra = HeadExtra::kNone;
    ORTOLAN_ASSIGN_OR_RETURN(const HeadFamily family, GuessFamily());
    return ReadAs({family, spec_.extra});
  }

  Result<HeadFamily> GuessFamily() const {
    const std::vector<int64_t>& shape = ShapeOf(spec_.rows);
    if (shape.size() != 3) return HeadFamily::kYolo;
    const int64_t first = shape[1], second = shape[2], extras = CountExtras();
    const bool rows_first = names_ > 0 && extras >= 0 && first == 4 + names_ + extras;
    if (rows_first || first < 0 || second < 0) return HeadFamily::kYolo;
    // Six numbers are an end-to-end model's, and those of an RT-DETR that knows two classes.
    const bool six = extras >= 0 && second == 6 + extras && first >= 10;
    const bool shares = Has(description_, "detr");
    if (six && names_ == 2 && !shares && !Has(description_, "yolo") && MetadataOf("end2end").empty())
      return Unknown("two classes and rows of 6 numbers fit both end2end and rtdetr");
    if (six && !(shares && names_ == 2)) return HeadFamily::kEnd2End;
    if (first == 3 * GridCells(3) || first == 3 * GridCells(4)) return HeadFamily::kYoloV5;
    const bool one_a_cell = first == GridCells(3) || first == GridCells(4);
    if (one_a_cell && second < first && !(second == GridCells(3) || second == GridCells(4)))
      return Unknown("an output with one row a cell is neither YOLOv5's nor YOLOv8's");
    if (spec_.extra == HeadExtra::kNone && second >= 5 && second != GridCells(3) &&
        (shares || (names_ > 0 && second == 4 + names_) || first == 300))
      return HeadFamily::kRtDetr;
    return HeadFamily::kYolo;
  }

  // Boxes and logits apart: a softmax with a class for nothing (DETR) or sigmoids (RT-DETR).
  Status GuessTransformer() {
    const int64_t logits = ShapeOf(spec_.rows).back();
    const bool told_softmax = names_ > 0 && logits == names_ + 1;
    const bool told_sigmoid = names_ > 0 && logits == names_;
    // COCO's ids go to 90, and one is for nothing; those who number its 80 classes need no such class.
    if (told_softmax || (!told_sigmoid && (logits == 92 || spec_.pixel_mask >= 0)))
      return ReadAs({HeadFamily::kDetr, HeadExtra::kNone});
    if (told_sigmoid || logits == 80) return ReadAs({HeadFamily::kRtDetr, HeadExtra::kNone});
    return Unknown("boxes and logits fit both detr (a softmax with a class for nothing) and rtdetr");
  }

  Status ReadAs(const Named& head) {
    spec_.family = head.family;
    spec_.extra = head.extra;
    switch (head.family) {
      case HeadFamily::kYolo:
      case HeadFamily::kYoloV5:
      case HeadFamily::kEnd2End:
        return ReadRows();
      case HeadFamily::kRtDetr:
      case HeadFamily::kDetr:
        return ReadTransformer();
      case HeadFamily::kBoxes:
        return ReadBoxes();
      case HeadFamily::kSemantic:
        break;
    }
    spec_.fit = Fit::kStretch;
    spec_.imagenet = true;
    spec_.rows = 0;
    spec_.prototypes = -1;
    const std::vector<int64_t>& shape = ShapeOf(0);
    if (shape.size() != 4 && !shape.empty())
      return Unknown("a semantic segmenter's output has four dimensions");
    spec_.classes = shape.empty() ? -1 : shape[1] == 1 ? 2 : shape[1];
    return OkStatus();
  }

  Status ReadRows() {
    FindRows();
    if (spec_.rows < 0) return Unknown("no output has three dimensions");
    if (spec_.extra == HeadExtra::kMask && spec_.prototypes < 0)
      return Unknown("masks need an output (1, m, h, w) of prototypes");
    spec_.extras = CountExtras();
    // A model that does not tell how many keypoints it has is one of people.
    if (spec_.extra == HeadExtra::kKeypoints && spec_.extras < 0 && names_ == 0) names_ = 1;
    const std::vector<int64_t>& shape = ShapeOf(spec_.rows);
    if (!shape.empty() && shape.size() != 2 && shape.size() != 3)
      return Unknown("the output has neither two nor three dimensions");
    if (shape.empty() || spec_.family == HeadFamily::kEnd2End) {
      spec_.classes = names_ > 0 ? names_ : -1;
      return OkStatus();
    }
    const bool v5 = spec_.family == HeadFamily::kYoloV5;
    const int64_t numbers = v5 ? shape.back() : shape[shape.size() - 2];
    const int64_t classes = numbers - (v5 ? 5 : 4) - spec_.extras;
    spec_.classes = numbers > 0 && spec_.extras >= 0 && classes > 0 ? classes : names_ > 0 ? names_ : -1;
    return OkStatus();
  }

  Status ReadTransformer() {
    const bool apart = count() >= 2;
    if (apart && count() >= 3 && FindBoxes()) return ReadBoxes();
    if (apart && !FindLogits()) return Unknown("no outputs are boxes (1, n, 4) and logits (1, n, classes)");
    if (!apart) spec_.boxes = -1, spec_.rows = 0;
    const bool detr = spec_.family == HeadFamily::kDetr;
    if (detr && !apart) return Unknown("detr has two outputs, boxes and logits");
    const std::vector<int64_t>& shape = ShapeOf(spec_.rows);
    const int64_t numbers = shape.size() == 3 ? shape[2] : -1;
    if (numbers > 0) spec_.classes = numbers - (detr ? 1 : apart ? 0 : 4);
    spec_.imagenet = detr;
    const std::vector<int64_t>& input = question_.inputs[static_cast<size_t>(spec_.picture)].shape;
    const bool open = input.size() == 4 && (input[2] < 0 || input[3] < 0);
    spec_.fit = detr && open ? Fit::kShortest : Fit::kStretch;
    return OkStatus();
  }

  Status ReadBoxes() {
    if (!FindBoxes()) return Unknown("no three outputs are boxes, labels and scores");
    spec_.family = HeadFamily::kBoxes;
    spec_.rows = spec_.boxes;
    const std::vector<int64_t>& input = question_.inputs[static_cast<size_t>(spec_.picture)].shape;
    const bool open =
        !input.empty() && input.size() >= 3 && (input[input.size() - 1] < 0 || input[input.size() - 2] < 0);
    // A model that is told the picture's size wants its own, fixed; one that is not resizes by itself.
    spec_.fit = open && spec_.picture_size < 0 ? Fit::kWhole : Fit::kStretch;
    spec_.classes = names_ > 0 ? names_ : -1;
    spec_.sure = true;
    return OkStatus();
  }

  Status Unknown(std::string_view why) const {
    std::string shapes;
    for (const NodeArg& output : question_.outputs) {
      std::string sizes;
      for (const int64_t size : output.shape)
        sizes += (sizes.empty() ? "" : ", ") + (size < 0 ? "?" : std::to_string(size));
      shapes += fmt::format("{}{} ({})", shapes.empty() ? "" : ", ", output.name, sizes);
    }
    return InvalidArgument("cannot tell what the outputs {} mean: {}. Name the head, one of {}", shapes, why,
                           kNames);
  }

  const HeadQuestion& question_;
  HeadSpec spec_;
  std::string task_, description_;
  int64_t names_ = 0, keypoints_ = 0;
};

}  // namespace

std::string HeadSpec::name() const {
  std::string text;
  for (const auto& [name, value] : kFamilies)
    if (text.empty() && value == family) text = name;
  for (const auto& [name, value] : kExtras)
    if (value == extra) text += name;
  return text;
}

Result<HeadSpec> RecognizeHead(const HeadQuestion& question) {
  return Recognizer(question).Recognize();
}

}  // namespace ortolan::vision
