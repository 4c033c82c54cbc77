// What a model is for, and what it expects, in words.
#include <fmt/format.h>

#include <algorithm>

#include "ortolan/vision.h"
#include "vision/fusion.h"
#include "vision/heads.h"
#include "vision/model_facts.h"
#include "vision/throwing.h"

namespace ortolan::vision {
namespace {

constexpr int kUsualSide = 640, kUsualClassifierSide = 224;

std::string ShapeText(const NodeArg& arg) {
  std::string text;
  for (size_t i = 0; i < arg.shape.size(); ++i) {
    const bool named = i < arg.symbols.size() && !arg.symbols[i].empty();
    const std::string size = arg.shape[i] >= 0 ? std::to_string(arg.shape[i]) : named ? arg.symbols[i] : "?";
    text += (i == 0 ? "" : ", ") + size;
  }
  return "(" + text + ")";
}

Result<HeadSpec> HeadOf(const InferenceSession& session) {
  if (session.inputs().empty()) return InvalidArgument("the model has no input");
  const PictureInput input = ReadPictureSize(session, session.inputs().front(), 0, 0, kUsualSide);
  return RecognizeHead(
      {session.inputs(), session.outputs(), session.metadata(), "", 0, input.width, input.height});
}

std::string MeaningOf(const HeadSpec& spec) {
  switch (spec.family) {
    case HeadFamily::kYolo:
      return "for each cell a box (centre and size in input pixels) and a score for each class; boxes "
             "overlap";
    case HeadFamily::kYoloV5:
      return "for each cell a box (centre and size in input pixels), its score, and a score for each class; "
             "boxes overlap";
    case HeadFamily::kEnd2End:
      return "for each object the edges of its box in input pixels, score and class; suppression is done";
    case HeadFamily::kRtDetr:
      return "for each query a box (centre and size as shares of the input) and a score for each class";
    case HeadFamily::kDetr:
      return "for each query a box (centre and size as shares of the input) and logits, the last for nothing";
    case HeadFamily::kBoxes:
      return "boxes, labels and scores; suppression is done";
    case HeadFamily::kSemantic:
      return "a logit for each class and pixel";
  }
  return "";
}

std::string ExtraOf(const HeadSpec& spec) {
  switch (spec.extra) {
    case HeadExtra::kMask:
      return "; coefficients and prototypes make a mask for each object";
    case HeadExtra::kKeypoints:
      return spec.extras > 0
                 ? fmt::format("; {} keypoints of {} numbers for each object",
                               spec.extras / static_cast<int64_t>(spec.coordinates), spec.coordinates)
                 : "; keypoints for each object";
    case HeadExtra::kAngle:
      return "; an angle in radians turns each box";
    case HeadExtra::kNone:
      break;
  }
  return "";
}

std::string FitOf(Fit fit, int width, int height) {
  switch (fit) {
    case Fit::kLetterbox:
      return fmt::format("scaled by one factor to fit {} x {}, in the middle of grey 114", width, height);
    case Fit::kStretch:
      return fmt::format("stretched to {} x {}", width, height);
    case Fit::kWhole:
      return "as large as it is";
    case Fit::kShortest:
      return "scaled so that the shorter side is 800 and the longer at most 1333";
  }
  return "";
}

void AddLine(std::string& text, std::string_view name, const std::string& value) {
  text += fmt::format("{:<9} {}\n", name, value);
}

void AddLabels(std::string& text, std::string_view what, const std::vector<std::string>& names,
               int64_t classes) {
  if (names.empty()) {
    AddLine(text, what, classes > 0 ? fmt::format("{}, without names", classes) : "not told");
    return;
  }
  std::string list;
  constexpr size_t kMost = 8;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i) list += (i == 0 ? "" : ", ") + names[i];
  AddLine(text, what, fmt::format("{}: {}{}", names.size(), list, names.size() > kMost ? ", ..." : ""));
}

void AddArguments(std::string& text, const InferenceSession& session) {
  for (const NodeArg& input : session.inputs())
    AddLine(text, "input", fmt::format("{} {} {}", input.name, input.type, ShapeText(input)));
  for (const NodeArg& output : session.outputs())
    AddLine(text, "output", fmt::format("{} {} {}", output.name, output.type, ShapeText(output)));
}

std::string DescribeFusion(const InferenceSession& session, const Fusion& fusion) {
  std::string text;
  AddLine(text, "task", "finds objects and names each with a second model (DetectClassify)");
  AddLine(text, "models",
          fmt::format("a detector,{} a classifier that sees {} x {}", fusion.masks ? " a segmenter," : "",
                      fusion.crop_width, fusion.crop_height));
  AddLine(text, "picture",
          fmt::format("{}, RGB, 0 to 1{}", FitOf(Fit::kLetterbox, fusion.width, fusion.height),
                      fusion.original ? "; the original too, and how it lies in there" : ""));
  AddArguments(text, session);
  AddLine(text, "meaning",
          fmt::format("num_detections rows, each the edges of a box in input pixels, score, class, {} for "
                      "each of the classifier's classes{}; suppression is done",
                      fusion.softmax ? "a logit" : "a probability",
                      fusion.masks ? ", a mask of the classifier's input" : ""));
  AddLabels(text, "classes", fusion.detector_names, -1);
  const auto answer = std::ranges::find(session.outputs(), "probs", &NodeArg::name);
  const bool told = answer != session.outputs().end() && !answer->shape.empty();
  AddLabels(text, "kinds", fusion.classifier_names, told ? answer->shape.back() : -1);
  return text;
}

}  // namespace

Task RecognizeTask(const InferenceSession& session) {
  // First: such a file keeps its detector's `task`.
  if (ReadFusion(session.metadata())) return Task::kDetectClassify;
  const std::string told = Lower(Metadata(session, "task"));
  if (told == "classify") return Task::kClassify;
  if (told == "segment" || told == "semantic") {
    const bool one = session.outputs().size() == 1 && session.outputs().front().shape.size() == 4;
    return one || told == "semantic" ? Task::kLabelPixels : Task::kSegment;
  }
  if (told == "detect" || told == "pose" || told == "obb") return Task::kDetect;
  if (!told.empty())
    Refuse("The model's task is '" + told +
           "', expected one of classify, detect, segment, pose, obb, semantic");
  if (session.outputs().empty() || session.outputs().front().shape.size() <= 1 ||
      (session.outputs().size() == 1 && session.outputs().front().shape.size() == 2))
    return Task::kClassify;
  const HeadSpec spec = OrThrow(HeadOf(session));
  if (spec.family == HeadFamily::kSemantic) return Task::kLabelPixels;
  return spec.extra == HeadExtra::kMask ? Task::kSegment : Task::kDetect;
}

std::string Describe(const InferenceSession& session) {
  if (const auto fusion = ReadFusion(session.metadata())) return DescribeFusion(session, *fusion);
  std::string text;
  const Task task = RecognizeTask(session);
  if (task == Task::kClassify) {
    const PictureInput input = ReadPictureInput(session, "classifier", 0, 0, kUsualClassifierSide);
    const bool plain = Lower(Metadata(session, "author")) == "ultralytics";
    AddLine(text, "task", "names what a picture shows (Classifier)");
    AddLine(text, "picture",
            fmt::format("stretched to {} x {}, RGB, {}", input.width, input.height,
                        plain ? "0 to 1" : "0 to 1, less ImageNet's mean over its deviation"));
    AddArguments(text, session);
    AddLine(text, "meaning", plain ? "a probability for each class" : "a logit for each class");
    const std::vector<int64_t>& shape = session.outputs().front().shape;
    AddLabels(text, "classes", ReadLabels(session, {}, -1), shape.empty() ? -1 : shape.back());
    return text;
  }
  const HeadSpec spec = OrThrow(HeadOf(session));
  const NodeArg& picture = session.inputs()[static_cast<size_t>(spec.picture)];
  const PictureInput input = ReadPictureSize(session, picture, 0, 0, kUsualSide);
  const bool semantic = spec.family == HeadFamily::kSemantic;
  AddLine(text, "task",
          semantic                         ? "labels pixels (SemanticSegmenter)"
          : spec.extra == HeadExtra::kMask ? "finds objects and their shapes (Segmenter)"
                                           : "finds objects (Detector)");
  AddLine(text, "head", spec.name() + (spec.sure ? "" : ", as far as the file tells"));
  AddLine(text, "picture",
          fmt::format("{}, RGB, {}", FitOf(spec.fit, input.width, input.height),
                      spec.imagenet ? "0 to 1, less ImageNet's mean over its deviation" : "0 to 1"));
  AddArguments(text, session);
  AddLine(text, "meaning", MeaningOf(spec) + ExtraOf(spec));
  AddLabels(text, "classes", ReadLabels(session, {}, -1), spec.classes);
  return text;
}

}  // namespace ortolan::vision
