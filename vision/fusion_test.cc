#include "vision/fusion.h"

#include <gtest/gtest.h>

namespace ortolan::vision {
namespace {

using Metadata = std::map<std::string, std::string>;

Metadata Whole() {
  return {{"ovs.kind", "detect_segment_classify"},
          {"ovs.input_size", "64,48"},
          {"ovs.crop_size", "32,16"},
          {"ovs.crop_source", "original"},
          {"ovs.apply_softmax", "0"},
          {"ovs.detector_names", "{0: 'a', 1: 'b'}"},
          {"ovs.classifier_names", "{0: \"c's\"}"},
          {"names", "{0: 'another'}"}};
}

TEST(Fusion, ReadsWhatTheFileSays) {
  const auto fusion = ReadFusion(Whole());
  ASSERT_TRUE(fusion);
  EXPECT_EQ(fusion->width, 64);
  EXPECT_EQ(fusion->height, 48);
  EXPECT_EQ(fusion->crop_width, 32);
  EXPECT_EQ(fusion->crop_height, 16);
  EXPECT_TRUE(fusion->masks);
  EXPECT_TRUE(fusion->original);
  EXPECT_FALSE(fusion->softmax);
  EXPECT_EQ(fusion->detector_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(fusion->classifier_names, (std::vector<std::string>{"c's"}));
}

TEST(Fusion, TakesWhatIsUsualForWhatIsMissing) {
  const auto fusion = ReadFusion(
      {{"ovs.kind", "detect_classify"}, {"ovs.input_size", "16384,1"}, {"ovs.crop_size", " 8, 8"}});
  ASSERT_TRUE(fusion);
  EXPECT_FALSE(fusion->masks);
  EXPECT_FALSE(fusion->original);
  EXPECT_TRUE(fusion->softmax);
  EXPECT_TRUE(fusion->detector_names.empty());
  EXPECT_TRUE(fusion->classifier_names.empty());
}

TEST(Fusion, IsNothingInOtherMetadata) {
  EXPECT_FALSE(ReadFusion({}));
  EXPECT_FALSE(ReadFusion({{"kind", "detect_classify"}}));
  for (const char* kind : {"", "detect", "detect_classify ", "DETECT_CLASSIFY"}) {
    Metadata changed = Whole();
    changed["ovs.kind"] = kind;
    EXPECT_FALSE(ReadFusion(changed)) << kind;
  }
  for (const char* key : {"ovs.input_size", "ovs.crop_size"})
    for (const char* size : {"", "64", "64,", ",64", "64,48,3", "0,48", "-64,48", "64.5,48", "x,y", "64,48)",
                             "16385,48", "99999999999999999999,48", "[64,48]", "4294967360,48"}) {
      Metadata changed = Whole();
      changed[key] = size;
      EXPECT_FALSE(ReadFusion(changed)) << key << " " << size;
    }
}

TEST(Fusion, LeavesNamesOutThatAreNone) {
  for (const char* names : {"", "{", "{0: 'a'", "{1: 'a'}", "{0: 1}", "['a']", "{0: 'a', 0: 'b', 2: 'c'}"}) {
    Metadata changed = Whole();
    changed["ovs.detector_names"] = names;
    const auto fusion = ReadFusion(changed);
    ASSERT_TRUE(fusion) << names;
    EXPECT_TRUE(fusion->detector_names.empty()) << names;
  }
}

}  // namespace
}  // namespace ortolan::vision
