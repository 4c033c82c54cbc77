#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "ortolan/error.h"
#include "ortolan/vision.h"
#include "support/model_builder.h"

namespace ortolan::vision {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A file that looks at no picture: it answers with these, two rows of which count.
struct Answers {
  std::map<std::string, std::string> metadata = {{"ovs.kind", "detect_segment_classify"},
                                                 {"ovs.input_size", "16,8"},
                                                 {"ovs.crop_size", "2,2"},
                                                 {"ovs.apply_softmax", "0"},
                                                 {"ovs.detector_names", "{0: 'dog', 1: 'cat'}"},
                                                 {"ovs.classifier_names", "{0: 'old', 1: 'young'}"},
                                                 {"task", "detect"}};
  testing::DimSpecs input = {1, 3, 8, 16};
  std::vector<float> boxes = {2, 3, 10, 5, -4, kNan, 900, 6, 0, 0, 0, 0};
  std::vector<float> scores = {0.9F, 0.5F, 0};
  std::vector<int64_t> classes = {1, 7, 0};
  std::vector<int64_t> count = {2};
  std::vector<float> probabilities = {0.25F, 0.75F, 0.5F, 0.5F, 0, 0};
  std::vector<float> masks = {1, 0, 0, 1, 0.5F, 0.6F, kNan, 0, 0, 0, 0, 0};
  std::string left_out;  // an output

  InferenceSession Load() const {
    testing::ModelBuilder model;
    model.Opset("", 17);
    for (const auto& [key, value] : metadata) model.Metadata(key, value);
    model.graph.Input("images", DType::kFloat, input);
    Add<float>(model, "boxes", {static_cast<int64_t>(boxes.size() / 4), 4}, boxes);
    Add<float>(model, "scores", {static_cast<int64_t>(scores.size())}, scores);
    Add<int64_t>(model, "classes", {static_cast<int64_t>(classes.size())}, classes);
    Add<int64_t>(model, "num_detections", {static_cast<int64_t>(count.size())}, count);
    Add<float>(model, "probs", {3, static_cast<int64_t>(probabilities.size() / 3)}, probabilities);
    Add<float>(model, "masks", {static_cast<int64_t>(masks.size() / 4), 1, 2, 2}, masks);
    return InferenceSession(model.Bytes());
  }

 private:
  template <typename T>
  void Add(testing::ModelBuilder& model, const std::string& name, std::initializer_list<int64_t> dims,
           const std::vector<T>& items) const {
    if (name == left_out) return;
    model.graph.Initializer<T>(name + "_kept", dims, items).Node("Identity", {name + "_kept"}, {name});
    // Loading leaves to the run what it is not told.
    testing::DimSpecs told(dims.size(), testing::Unknown{});
    if (name == "probs") told[1] = static_cast<int>(dims.begin()[1]);
    model.graph.Output(name, std::is_same_v<T, float> ? DType::kFloat : DType::kInt64, told);
  }
};

// Scaled by a half, below two rows of grey.
Image Picture() {
  Image image{32, 8, {}};
  image.pixels.assign(32 * 8 * 3, 128);
  return image;
}

std::string ErrorOf(const Answers& answers, const DetectClassifyOptions& options = {}) {
  try {
    DetectClassify(answers.Load(), options).Predict(Picture());
  } catch (const Exception& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    return error.what();
  }
  return "";
}

TEST(DetectClassify, PutsRowsIntoThePicture) {
  const DetectClassify task(Answers{}.Load());
  EXPECT_EQ(RecognizeTask(task.session()), Task::kDetectClassify);
  EXPECT_EQ(task.width(), 16);
  EXPECT_EQ(task.height(), 8);
  EXPECT_THAT(task.labels(), ElementsAre("dog", "cat"));
  EXPECT_THAT(task.classifier_labels(), ElementsAre("old", "young"));
  const ClassifiedDetections found = task.Predict(Picture());
  ASSERT_EQ(found.objects.size(), 2u);
  const ClassifiedDetection& first = found.objects[0];
  EXPECT_EQ(first.label, "cat");
  EXPECT_EQ(first.score, 0.9F);
  EXPECT_THAT((std::array{first.box.left, first.box.top, first.box.right, first.box.bottom}),
              ElementsAre(4, 2, 20, 6));
  ASSERT_EQ(first.mask.width, 16);
  ASSERT_EQ(first.mask.height, 4);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 16; ++x) EXPECT_EQ(first.mask.pixels[y * 16 + x], (x < 8) == (y < 2) ? 255 : 0);
  ASSERT_EQ(first.kinds.size(), 2u);
  EXPECT_EQ(first.kinds[0].label, "young");
  EXPECT_EQ(first.kinds[0].probability, 0.75F);
  const ClassifiedDetection& second = found.objects[1];
  EXPECT_EQ(second.label, "class_7");
  EXPECT_THAT((std::array{second.box.left, second.box.top, second.box.right, second.box.bottom}),
              ElementsAre(0, 0, 32, 8));
  EXPECT_EQ(second.mask.pixels.size(), 32u * 8);
  EXPECT_EQ(second.kinds[0].label, "old");  // of equals the lower class
  Image drawn = Picture();
  Draw(drawn, found);
  EXPECT_NE(drawn.pixels, Picture().pixels);
}

TEST(DetectClassify, TakesOptions) {
  DetectClassifyOptions options;
  options.labels = {"a", "b"};
  options.classifier_labels = {"c", "d"};
  options.confidence = 0.6F;
  options.top = 1;
  const ClassifiedDetections found = DetectClassify(Answers{}.Load(), options).Predict(Picture());
  ASSERT_EQ(found.objects.size(), 1u);
  EXPECT_EQ(found.objects[0].label, "b");
  ASSERT_EQ(found.objects[0].kinds.size(), 1u);
  EXPECT_EQ(found.objects[0].kinds[0].label, "d");
}

TEST(DetectClassify, MakesProbabilitiesOfLogits) {
  Answers answers;
  answers.metadata["ovs.apply_softmax"] = "1";
  answers.metadata["ovs.kind"] = "detect_classify";
  answers.left_out = "masks";
  const ClassifiedDetection object = DetectClassify(answers.Load()).Predict(Picture()).objects[0];
  EXPECT_NEAR(object.kinds[0].probability, 1 / (1 + std::exp(-0.5)), 1e-6);
  EXPECT_TRUE(object.mask.pixels.empty());
}

TEST(DetectClassify, RefusesOtherModels) {
  const std::vector<std::pair<std::string, std::function<void(Answers&)>>> cases = {
      {"no 'ovs.kind'", [](Answers& it) { it.metadata.clear(); }},
      {"no 'ovs.kind'", [](Answers& it) { it.metadata["ovs.kind"] = "x"; }},
      {"no 'ovs.kind'", [](Answers& it) { it.metadata["ovs.input_size"] = "9999999,8"; }},
      {"has no output probs", [](Answers& it) { it.left_out = "probs"; }},
      {"has no output masks", [](Answers& it) { it.left_out = "masks"; }},
      {"has no input source_image", [](Answers& it) { it.metadata["ovs.crop_source"] = "original"; }},
      {"metadata says 4096", [](Answers& it) { it.metadata["ovs.input_size"] = "16,4096"; }},
      {"3 dimensions",
       [](Answers& it) {
         it.input = {3, 8, 16};
       }},
      {"3 channels",
       [](Answers& it) {
         it.input = {1, 4, 8, 16};
       }},
  };
  for (const auto& [message, change] : cases) {
    Answers answers;
    change(answers);
    EXPECT_THAT(ErrorOf(answers), HasSubstr(message));
  }
}

TEST(DetectClassify, RefusesAnswersThatDoNotFit) {
  const std::vector<std::pair<std::string, std::function<void(Answers&)>>> cases = {
      {"scores does not fit", [](Answers& it) { it.scores.pop_back(); }},
      {"classes does not fit", [](Answers& it) { it.classes.push_back(0); }},
      {"boxes", [](Answers& it) { it.boxes.resize(4); }},
      {"masks does not fit", [](Answers& it) { it.masks.resize(4); }},
      {"num_detections is empty", [](Answers& it) { it.count.clear(); }},
      {"of no class", [](Answers& it) { it.probabilities.clear(); }},
      {"classes has -1", [](Answers& it) { it.classes[0] = -1; }},
      {"classes has 4294967296", [](Answers& it) { it.classes[1] = int64_t{1} << 32; }},
  };
  for (const auto& [message, change] : cases) {
    Answers answers;
    change(answers);
    EXPECT_THAT(ErrorOf(answers), HasSubstr(message));
  }
}

TEST(DetectClassify, ReadsNoMoreRowsThanThereAre) {
  for (const auto& [told, found] : std::vector<std::pair<int64_t, size_t>>{
           {-5, 0}, {0, 0}, {3, 3}, {std::numeric_limits<int64_t>::max(), 3}}) {
    Answers answers;
    answers.count = {told};
    EXPECT_EQ(DetectClassify(answers.Load()).Predict(Picture()).objects.size(), found);
  }
}

TEST(DetectClassify, RefusesLabelsOfAnotherNumber) {
  DetectClassifyOptions options;
  options.classifier_labels = {"one"};
  EXPECT_THAT(ErrorOf(Answers{}, options), HasSubstr("1 labels but the classifier has 2 classes"));
  Answers answers;
  answers.metadata["ovs.classifier_names"] = "{0: 'a', 1: 'b', 2: 'c'}";
  EXPECT_THAT(ErrorOf(answers), HasSubstr("3 labels"));
}

TEST(DetectClassify, IsDescribed) {
  const std::string words = Describe(Answers{}.Load());
  for (const char* part : {"DetectClassify", "a segmenter", "16 x 8", "2: dog, cat", "2: old, young"})
    EXPECT_THAT(words, HasSubstr(part));
}

}  // namespace
}  // namespace ortolan::vision
