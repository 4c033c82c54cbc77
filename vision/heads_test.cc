#include "vision/heads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/decode.h"
#include "vision/fit.h"

namespace ortolan::vision {
namespace {

using ::testing::HasSubstr;
using Shape = std::vector<int64_t>;
using Metadata = std::map<std::string, std::string>;

struct Model {
  std::vector<Shape> outputs;
  Metadata metadata;
  std::string wanted;
  int64_t labels = 0;
};

Result<HeadSpec> Recognize(const Model& model) {
  const std::vector<NodeArg> inputs = {{"images", "tensor(float)", {1, 3, 640, 640}, {}}};
  std::vector<NodeArg> outputs;
  for (const Shape& shape : model.outputs)
    outputs.push_back({"output" + std::to_string(outputs.size()), "tensor(float)", shape, {}});
  return RecognizeHead({inputs, outputs, model.metadata, model.wanted, model.labels, 640, 640});
}

std::string NameOf(const Model& model) {
  const auto spec = Recognize(model);
  return spec.ok() ? spec->name() : spec.status().message();
}

TEST(RecognizeHead, TellsFamiliesByTheirShapes) {
  EXPECT_EQ(NameOf({{{1, 84, 8400}}}), "yolo");
  EXPECT_EQ(NameOf({{{1, -1, -1}}}), "yolo");
  EXPECT_EQ(NameOf({{{1, 25200, 85}}}), "yolov5");
  EXPECT_EQ(NameOf({{{1, 300, 6}}}), "end2end");
  EXPECT_EQ(NameOf({{{1, 300, 84}}}), "rtdetr");
  EXPECT_EQ(NameOf({{{1, 116, 8400}, {1, 32, 160, 160}}}), "yolo-seg");
  EXPECT_EQ(NameOf({{{1, 32, 160, 160}, {1, 116, 8400}}}), "yolo-seg");
  EXPECT_EQ(NameOf({{{1, 25200, 117}, {1, 32, 160, 160}}}), "yolov5-seg");
  EXPECT_EQ(NameOf({{{1, 300, 38}, {1, 32, 160, 160}}}), "end2end-seg");
  EXPECT_EQ(NameOf({{{1, 100, 92}, {1, 100, 4}}}), "detr");
  EXPECT_EQ(NameOf({{{1, 300, 80}, {1, 300, 4}}}), "rtdetr");
  EXPECT_THAT(NameOf({{{-1, 4}, {-1}, {-1}}}),
              HasSubstr("Name the head"));  // which are labels, which scores?
  EXPECT_EQ(NameOf({{{1, 21, 320, 320}}}), "semantic");
}

TEST(RecognizeHead, BelievesTheMetadata) {
  const Metadata pose = {{"task", "pose"}, {"kpt_shape", "[17, 3]"}, {"names", "{0: 'person'}"}};
  EXPECT_EQ(NameOf({{{1, 56, 8400}}, pose}), "yolo-pose");
  EXPECT_EQ(Recognize({{{1, 56, 8400}}, pose})->classes, 1);
  EXPECT_EQ(Recognize({{{1, 56, 8400}}, pose})->extras, 51);
  EXPECT_EQ(NameOf({{{1, 300, 57}}, pose}), "end2end-pose");
  EXPECT_EQ(NameOf({{{1, 20, 21504}}, {{"task", "obb"}}}), "yolo-obb");
  EXPECT_EQ(Recognize({{{1, 20, 21504}}, {{"task", "obb"}}})->classes, 15);
  const Metadata two = {{"names", "{0: 'a', 1: 'b'}"}};
  EXPECT_EQ(NameOf({{{1, 6, 8400}}, two}), "yolo");
  EXPECT_THAT(NameOf({{{1, 300, 6}}, two}), HasSubstr("both end2end and rtdetr"));
  EXPECT_EQ(NameOf({{{1, 300, 6}}, two, "rtdetr"}), "rtdetr");
  EXPECT_EQ(NameOf({{{1, 300, 6}}, {{"names", "{0: 'a', 1: 'b'}"}, {"description", "YOLOv10n"}}}), "end2end");
}

TEST(RecognizeHead, TakesNamesAndRefusesOthers) {
  EXPECT_EQ(NameOf({{{1, 25200, 85}}, {}, "yolov8"}), "yolo");
  EXPECT_EQ(NameOf({{{1, 56, 8400}}, {}, "yolov8-pose"}), "yolo-pose");
  EXPECT_THAT(NameOf({{{1, 84, 8400}}, {}, "yolo9000"}), HasSubstr("there is no head 'yolo9000'"));
  EXPECT_THAT(NameOf({{{1, 84, 8400}}, {}, "detr-seg"}), HasSubstr("there is no head"));
  EXPECT_THAT(NameOf({{{1, 84, 8400}}, {}, "yolov8-seg"}), HasSubstr("prototypes"));
  EXPECT_THAT(NameOf({{{1, 84, 8400}}, {}, "detr"}), HasSubstr("two outputs"));
  EXPECT_THAT(NameOf({{}}), HasSubstr("no output"));
  EXPECT_THAT(NameOf({{{1, 8400, 85}}}), HasSubstr("neither"));
}

TEST(DecodeHead, RefusesOutputsOfOtherShapes) {
  const View view{{}, 64, 64, 64, 64};
  const std::vector<float> numbers(60);
  for (const char* name : {"yolov8", "yolov5", "end2end", "rtdetr", "boxes", "yolov8-pose", "yolov8-obb"}) {
    const bool boxes = std::string(name) == "boxes";
    auto spec = Recognize(boxes ? Model{{{1, 84, 8400}}, {}, "yolov8"} : Model{{{1, 84, 8400}}, {}, name});
    ASSERT_TRUE(spec.ok()) << name;
    if (boxes) spec->family = HeadFamily::kBoxes, spec->boxes = 0, spec->labels = 1, spec->scores = 2;
    for (const Shape& shape :
         {Shape{60}, Shape{2, 30}, Shape{1, 60, 1}, Shape{3, 4, 5}, Shape{1, 1, 60}, Shape{}}) {
      const std::vector<Output> one = {{numbers, {}, shape}};
      (void)DecodeHead(*spec, one, view, {});  // an answer or an error, no crash
    }
    EXPECT_FALSE(DecodeHead(*spec, std::vector<Output>{{numbers, {}, {1, 6, 11}}}, view, {}).ok()) << name;
    EXPECT_FALSE(DecodeHead(*spec, {}, view, {}).ok()) << name;
  }
}

TEST(DecodeHead, OverlapOfTurnedBoxesFollowsTheAngle) {
  const TurnedBox box{50, 50, 40, 10, 0.3F};
  EXPECT_GT(TurnedOverlap(box, box), 0.99);
  TurnedBox other = box;
  other.angle += 3.14159265F;
  EXPECT_GT(TurnedOverlap(box, other), 0.99);  // half a turn changes nothing
  other.angle = box.angle + 1.5707963F;
  EXPECT_LT(TurnedOverlap(box, other), 0.6);
  other = box;
  other.x += 500;
  EXPECT_LT(TurnedOverlap(box, other), 0.01);
  EXPECT_FALSE(TurnedOverlap({0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}) > 1);
}

TEST(DecodeClassMap, RefusesWhatIsNoMap) {
  const std::vector<float> numbers(24);
  EXPECT_TRUE(DecodeClassMap({numbers, {}, {1, 6, 2, 2}}, 5, 7).ok());
  EXPECT_FALSE(DecodeClassMap({numbers, {}, {1, 6, 2, 3}}, 5, 7).ok());
  EXPECT_FALSE(DecodeClassMap({numbers, {}, {24}}, 5, 7).ok());
  EXPECT_FALSE(DecodeClassMap({numbers, {}, {1, 6, 2, 2}}, 0, 7).ok());
  EXPECT_FALSE(DecodeClassMap({numbers, {}, {1, 6, 2, 2}}, 1 << 20, 1 << 20).ok());
}

TEST(PlanInput, SizesFollowTheFit) {
  HeadSpec spec;
  spec.fit = Fit::kShortest;
  auto view = PlanInput(spec, 1600, 1200, 0, 0);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->input_width, 1067);
  EXPECT_EQ(view->input_height, 800);
  view = PlanInput(spec, 4000, 1000, 0, 0);  // the longer side sets the scale
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->input_width, 1333);
  EXPECT_EQ(view->input_height, 333);
  spec.fit = Fit::kWhole;
  EXPECT_EQ(PlanInput(spec, 77, 55, 640, 640)->input_width, 77);
  EXPECT_FALSE(PlanInput(spec, 1 << 20, 55, 640, 640).ok());
  EXPECT_FALSE(PlanInput(spec, 0, 55, 640, 640).ok());
}

}  // namespace
}  // namespace ortolan::vision
