#include "vision/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "vision/literal.h"

namespace ortolan::vision {
namespace {

using testing::ElementsAre;

TEST(NormalizeToPlanes, PutsChannelsFirst) {
  const Image image{2, 1, {0, 51, 255, 102, 153, 204}};
  std::vector<float> planes(6);
  NormalizeToPlanes(image, {0, 0.5F, 0.2F}, {1, 0.5F, 0.1F}, planes);
  EXPECT_THAT(planes, testing::Pointwise(testing::FloatNear(1e-6F), {0.0F, 0.4F, -0.6F, 0.2F, 8.0F, 6.0F}));
}

TEST(Softmax, SubtractsTheMaximum) {
  std::vector<float> values = {1000, 1001, 999};
  Softmax(values);
  EXPECT_THAT(values, testing::Pointwise(testing::FloatNear(1e-6F), {0.24472847F, 0.66524096F, 0.09003057F}));
  Softmax({});
}

TEST(TopK, GivesEqualsInOrderAndNanLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {1, 3, nan, 3, 2, nan};
  EXPECT_THAT(TopK(values, 4), ElementsAre(1, 3, 4, 0));
  EXPECT_THAT(TopK(values, 99), ElementsAre(1, 3, 4, 0, 2, 5));
  EXPECT_THAT(TopK(values, 0), ElementsAre());
}

TEST(ParseNames, ReadsWhatReprWrites) {
  EXPECT_EQ(ParseNames("{0: 'cat', 1: \"dog's\"}"), (std::vector<std::string>{"cat", "dog's"}));
  EXPECT_EQ(ParseNames(" {1:'b' , 0 : 'a',} "), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ParseNames(R"({0: 'a\'b\\c\n\x41\u00e9\U0001f600'})"),
            (std::vector<std::string>{"a'b\\c\nA\xc3\xa9\xf0\x9f\x98\x80"}));
}

TEST(ParseNames, RefusesEverythingElse) {
  for (const char* text :
       {"", "{", "{}", "{0}", "{0:}", "{0: 'a'", "{0: 'a", "{0: 'a'} x", "{1: 'a'}", "{0: 'a', 2: 'b'}",
        "{0: 'a' 1: 'b'}", "{-1: 'a', 0: 'b'}", "{0: 5}", "['a']", "{0: '\\", "{0: '\\q'}", "{0: '\\x4'}",
        "{0: '\\U99999999'}", "{99999999999999999999: 'a'}"})
    EXPECT_EQ(ParseNames(text), std::nullopt) << text;
}

TEST(ParseIntegers, ReadsListsTuplesAndOne) {
  EXPECT_EQ(ParseIntegers("[96, 128]"), (std::vector<int64_t>{96, 128}));
  EXPECT_EQ(ParseIntegers("(96,)"), (std::vector<int64_t>{96}));
  EXPECT_EQ(ParseIntegers(" 640 "), (std::vector<int64_t>{640}));
  EXPECT_EQ(ParseIntegers("[]"), (std::vector<int64_t>{}));
  for (const char* text : {"", "[", "[1", "[1 2]", "[a]", "1]", "(1]", "[1.5]"})
    EXPECT_EQ(ParseIntegers(text), std::nullopt) << text;
}

}  // namespace
}  // namespace ortolan::vision
