// Every elementwise operator through Evaluate against naive double code: types, broadcasting, attributes,
// edges, errors; and the forms of older opsets.
#include "ops/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "support/run_op.h"

namespace ortolan {
namespace {

using namespace support;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

struct UnaryCase {
  const char* name;
  std::function<double(double)> exact;
  double low = -6, high = 6;
  std::vector<graph::Attributes::Item> attributes = {};
};

double Sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double Softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}
double Clamp01(double x) {
  return std::max(0.0, std::min(1.0, x));
}
// Attributes are floats: the reference starts from the same number.
double F(float x) {
  return static_cast<double>(x);
}

const std::vector<UnaryCase>& UnaryCases() {
  using std::fabs;
  static const std::vector<UnaryCase> cases = {
      {"Abs", [](double x) { return fabs(x); }},
      {"Neg", [](double x) { return -x; }},
      {"Sign", [](double x) { return x > 0   ? 1.0
                                     : x < 0 ? -1.0
                                             : 0.0; }},
      {"Sqrt", [](double x) { return std::sqrt(x); }, 0, 100},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Log", [](double x) { return std::log(x); }, 0.01, 100},
      {"Reciprocal", [](double x) { return 1 / x; }, 0.5, 9},
      {"Floor", [](double x) { return std::floor(x); }},
      {"Ceil", [](double x) { return std::ceil(x); }},
      {"Round", [](double x) { return std::rint(x); }},
      {"Sin", [](double x) { return std::sin(x); }},
      {"Cos", [](double x) { return std::cos(x); }},
      {"Tan", [](double x) { return std::tan(x); }, -1.2, 1.2},
      {"Asin", [](double x) { return std::asin(x); }, -1, 1},
      {"Acos", [](double x) { return std::acos(x); }, -1, 1},
      {"Atan", [](double x) { return std::atan(x); }},
      {"Sinh", [](double x) { return std::sinh(x); }},
      {"Cosh", [](double x) { return std::cosh(x); }},
      {"Tanh", [](double x) { return std::tanh(x); }},
      {"Asinh", [](double x) { return std::asinh(x); }},
      {"Acosh", [](double x) { return std::acosh(x); }, 1.1, 40},
      {"Atanh", [](double x) { return std::atanh(x); }, -0.95, 0.95},
      {"Erf", [](double x) { return std::erf(x); }},
      {"Relu", [](double x) { return std::max(x, 0.0); }},
      {"LeakyRelu", [](double x) { return x < 0 ? F(0.01f) * x : x; }},
      {"LeakyRelu", [](double x) { return x < 0 ? F(0.3f) * x : x; }, -6, 6, {{"alpha", 0.3f}}},
      {"Elu", [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }, -6, 6, {{"alpha", 2.0f}}},
      {"Selu", [](double x) { return F(1.05070102f) * (x > 0 ? x : F(1.67326319f) * std::expm1(x)); }},
      {"Selu",
       [](double x) { return 3 * (x > 0 ? x : 2 * std::expm1(x)); },
       -6,
       6,
       {{"alpha", 2.0f}, {"gamma", 3.0f}}},
      {"Celu",
       [](double x) { return std::max(x, 0.0) + std::min(0.0, 2 * std::expm1(x / 2)); },
       -6,
       6,
       {{"alpha", 2.0f}}},
      {"ThresholdedRelu", [](double x) { return x > 1 ? x : 0; }},
      {"ThresholdedRelu", [](double x) { return x > 2 ? x : 0; }, -6, 6, {{"alpha", 2.0f}}},
      {"Sigmoid", Sigmoid},
      {"HardSigmoid", [](double x) { return Clamp01(F(0.2f) * x + 0.5); }},
      {"HardSigmoid",
       [](double x) { return Clamp01(0.5 * x + 0.25); },
       -6,
       6,
       {{"alpha", 0.5f}, {"beta", 0.25f}}},
      {"HardSwish", [](double x) { return x * Clamp01(x / 6 + 0.5); }},
      {"Softplus", Softplus},
      {"Softsign", [](double x) { return x / (1 + fabs(x)); }},
      {"Mish", [](double x) { return x * std::tanh(Softplus(x)); }},
      {"Swish", [](double x) { return x * Sigmoid(x); }},
      {"Swish", [](double x) { return x * Sigmoid(1.5 * x); }, -6, 6, {{"alpha", 1.5f}}},
      {"Gelu", [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }},
      {"Gelu",
       [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); },
       -6,
       6,
       {{"approximate", std::string("tanh")}}},
      {"Shrink", [](double x) { return x < -0.5  ? x
                                       : x > 0.5 ? x
                                                 : 0; }},
      {"Shrink",
       [](double x) { return x < -2  ? x + 1
                             : x > 2 ? x - 1
                                     : 0; },
       -6,
       6,
       {{"lambd", 2.0f}, {"bias", 1.0f}}},
  };
  return cases;
}

template <typename T>
void CheckUnary(const UnaryCase& c, double tolerance) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> in_range(c.low, c.high);
  std::vector<T> items;
  for (int i = 0; i < 3 * 7 * 11; ++i) items.push_back(T(static_cast<float>(in_range(random))));
  auto out = RunOp(c.name, {TensorValue<T>({3, 7, 11}, items)}, {.attributes = Attrs(c.attributes)});
  ASSERT_TRUE(out.ok()) << c.name << ": " << out.status().message();
  EXPECT_THAT(DimsOf((*out)[0]), ElementsAre(3, 7, 11));
  const std::vector<T> got = Items<T>((*out)[0]);
  ASSERT_EQ(got.size(), items.size()) << c.name;
  for (size_t i = 0; i < got.size(); ++i) {
    const double x = static_cast<double>(static_cast<float>(items[i]));
    const double exact = c.exact(x);
    ASSERT_NEAR(static_cast<double>(static_cast<float>(got[i])), exact, tolerance * (1 + std::fabs(exact)))
        << c.name << '(' << x << ") of " << DTypeName(kDTypeOf<T>);
  }
}

TEST(Elementwise, UnaryOperatorsOfFloatingTypes) {
  for (const UnaryCase& c : UnaryCases()) {
    CheckUnary<float>(c, 1e-6);
    CheckUnary<double>(c, 1.2e-7);  // the comparison itself is in float
    CheckUnary<Float16>(c, 1.0 / 1024);
    CheckUnary<BFloat16>(c, 1.0 / 128);
  }
}

TEST(Elementwise, UnaryOperatorsOfEmptyAndScalar) {
  for (const UnaryCase& c : UnaryCases()) {
    auto empty = RunOp(c.name, {Floats({0, 3}, {})}, {.attributes = Attrs(c.attributes)});
    ASSERT_TRUE(empty.ok()) << c.name;
    EXPECT_THAT(DimsOf((*empty)[0]), ElementsAre(0, 3));
    auto scalar = RunOp(c.name, {Floats({}, {0.75f})}, {.attributes = Attrs(c.attributes)});
    ASSERT_TRUE(scalar.ok()) << c.name;
    EXPECT_TRUE(DimsOf((*scalar)[0]).empty());
    if (std::string_view(c.name) != "Acosh") {
      EXPECT_NEAR(F(Items<float>((*scalar)[0])[0]), c.exact(0.75), 1e-6) << c.name;
    }
  }
}

struct BinaryCase {
  const char* name;
  std::function<double(double, double)> exact;
};
const std::vector<BinaryCase>& BinaryCases() {
  static const std::vector<BinaryCase> cases = {
      {"Add", [](double a, double b) { return a + b; }},
      {"Sub", [](double a, double b) { return a - b; }},
      {"Mul", [](double a, double b) { return a * b; }},
      {"Div", [](double a, double b) { return a / b; }},
      {"Min", [](double a, double b) { return std::min(a, b); }},
      {"Max", [](double a, double b) { return std::max(a, b); }},
      {"Sum", [](double a, double b) { return a + b; }},
      {"Mean", [](double a, double b) { return (a + b) / 2; }},
      {"Pow", [](double a, double b) { return std::pow(a, b); }},
      {"PRelu", [](double a, double b) { return a < 0 ? a * b : a; }},
  };
  return cases;
}

template <typename T>
void CheckBinary(const BinaryCase& c, double tolerance) {
  std::vector<T> a, b;
  for (int i = 0; i < 24; ++i) a.push_back(T(static_cast<float>(i % 7 + 1) / 2));
  for (int i = 0; i < 4; ++i) b.push_back(T(static_cast<float>(3 - i)));
  b[3] = T(1.0f);
  auto out = RunOp(c.name, {TensorValue<T>({2, 3, 4}, a), TensorValue<T>({4}, b)});
  ASSERT_TRUE(out.ok()) << c.name << ": " << out.status().message();
  const auto got = Items<T>((*out)[0]);
  ASSERT_EQ(got.size(), 24u) << c.name;
  for (size_t i = 0; i < 24; ++i) {
    const double exact = c.exact(static_cast<double>(a[i]), static_cast<double>(b[i % 4]));
    ASSERT_NEAR(static_cast<double>(got[i]), exact, tolerance * (1 + std::fabs(exact))) << c.name;
  }
}

TEST(Elementwise, BinaryOperatorsOfFloatingTypes) {
  for (const BinaryCase& c : BinaryCases()) {
    CheckBinary<float>(c, 2e-7);
    CheckBinary<double>(c, 1e-15);
  }
}

TEST(Elementwise, BroadcastsBothWays) {
  auto out = RunOp("Sub", {Floats({3, 1}, {10, 20, 30}), Floats({1, 2}, {1, 2})});
  ASSERT_TRUE(out.ok());
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(9, 8, 19, 18, 29, 28));
  auto refused = RunOp("Add", {Floats({2}, {1, 2}), Floats({3}, {1, 2, 3})});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kFail);
  EXPECT_EQ(refused.status().message(),
            "Attempting to broadcast an axis by a dimension other than 1. 2 by 3");
}

TEST(Elementwise, IntegerArithmetic) {
  auto add = RunOp("Add", {TensorValue<int8_t>({3}, {127, -128, 5}), TensorValue<int8_t>({3}, {1, -1, 6})});
  ASSERT_TRUE(add.ok());
  EXPECT_THAT(Items<int8_t>((*add)[0]), ElementsAre(-128, 127, 11));
  auto div =
      RunOp("Div", {Int64s({3}, {-7, 7, std::numeric_limits<int64_t>::min()}), Int64s({3}, {2, -2, -1})});
  ASSERT_TRUE(div.ok());
  EXPECT_THAT(Items<int64_t>((*div)[0]), ElementsAre(-3, -3, std::numeric_limits<int64_t>::min()));
  auto huge = RunOp("Div", {TensorValue<uint64_t>({2}, {~uint64_t{0}, 7}), TensorValue<uint64_t>({}, {2})});
  ASSERT_TRUE(huge.ok());
  EXPECT_THAT(Items<uint64_t>((*huge)[0]), ElementsAre(~uint64_t{0} / 2, 3u));
  auto zero = RunOp("Div", {Int64s({2}, {1, 2}), Int64s({2}, {1, 0})});
  ASSERT_FALSE(zero.ok());
  EXPECT_EQ(zero.status().code(), StatusCode::kFail);
  EXPECT_EQ(zero.status().message(), "Integer division by zero");
  auto mod_zero = RunOp("Mod", {Int64s({1}, {1}), Int64s({1}, {0})});
  ASSERT_FALSE(mod_zero.ok());
  EXPECT_EQ(mod_zero.status().message(), "Integer division by zero");
}

TEST(Elementwise, ModTakesTheSignThatItIsAskedFor) {
  auto python = RunOp("Mod", {Int64s({4}, {7, -7, 7, -7}), Int64s({4}, {3, 3, -3, -3})});
  ASSERT_TRUE(python.ok());
  EXPECT_THAT(Items<int64_t>((*python)[0]), ElementsAre(1, 2, -2, -1));
  const auto fmod = Attrs({{"fmod", int64_t{1}}});
  auto c = RunOp("Mod", {Int64s({4}, {7, -7, 7, -7}), Int64s({4}, {3, 3, -3, -3})}, {.attributes = fmod});
  ASSERT_TRUE(c.ok());
  EXPECT_THAT(Items<int64_t>((*c)[0]), ElementsAre(1, -1, 1, -1));
  auto floating = RunOp("Mod", {Floats({2}, {5.5f, -5.5f}), Floats({}, {2})}, {.attributes = fmod});
  ASSERT_TRUE(floating.ok());
  EXPECT_THAT(Items<float>((*floating)[0]), ElementsAre(1.5f, -1.5f));
  auto floored = RunOp("Mod", {Floats({6}, {5.5f, -5.5f, 5.5f, -5.5f, -4, 3}),
                               Floats({6}, {2, 2, -2, -2, 2, -std::numeric_limits<float>::infinity()})});
  ASSERT_TRUE(floored.ok());
  EXPECT_THAT(Items<float>((*floored)[0]),
              ElementsAre(1.5f, 0.5f, -0.5f, -1.5f, 0, -std::numeric_limits<float>::infinity()));
}

TEST(Elementwise, PowOfMixedTypes) {
  auto ints = RunOp("Pow", {Int64s({5}, {2, -3, 10, 1, 5}), Int64s({5}, {10, 3, 18, -4, -1})});
  ASSERT_TRUE(ints.ok());
  EXPECT_THAT(Items<int64_t>((*ints)[0]), ElementsAre(1024, -27, 1000000000000000000, 1, 0));
  auto by_int = RunOp("Pow", {Floats({3}, {2, -2, 4}), Int64s({3}, {3, 3, -1})});
  ASSERT_TRUE(by_int.ok());
  EXPECT_THAT(Items<float>((*by_int)[0]), ElementsAre(8, -8, 0.25f));
  auto by_float = RunOp("Pow", {TensorValue<int32_t>({2}, {9, 2}), Floats({2}, {0.5f, 3.0f})});
  ASSERT_TRUE(by_float.ok());
  EXPECT_THAT(Items<int32_t>((*by_float)[0]), ElementsAre(3, 8));
  for (float exponent : {2.0f, 3.0f, 1.0f, -1.0f, 0.0f, 0.5f, 2.5f}) {
    auto out = RunOp("Pow", {Floats({3}, {0.5f, 3, 10}), Floats({}, {exponent})});
    ASSERT_TRUE(out.ok());
    const auto got = Items<float>((*out)[0]);
    for (size_t i = 0; i < 3; ++i) {
      const double exact = std::pow(F(std::vector<float>{0.5f, 3, 10}[i]), F(exponent));
      EXPECT_NEAR(F(got[i]), exact, 2e-7 * exact);
    }
  }
}

TEST(Elementwise, ComparisonsAndLogic) {
  const Value a = Floats({5}, {1, 2, 3, kNan, kInf}), b = Floats({5}, {2, 2, 2, kNan, kInf});
  const auto check = [&](const char* name, std::vector<bool> expected) {
    auto out = RunOp(name, {a, b});
    ASSERT_TRUE(out.ok()) << name << out.status().message();
    EXPECT_EQ(Items<bool>((*out)[0]), expected) << name;
  };
  check("Less", {true, false, false, false, false});
  check("LessOrEqual", {true, true, false, false, true});
  check("Greater", {false, false, true, false, false});
  check("GreaterOrEqual", {false, true, true, false, true});
  check("Equal", {false, true, false, false, true});
  const Value p = Bools({4}, {0, 0, 1, 1}), q = Bools({4}, {0, 1, 0, 1});
  EXPECT_THAT(Items<bool>((*RunOp("And", {p, q}))[0]), ElementsAre(false, false, false, true));
  EXPECT_THAT(Items<bool>((*RunOp("Or", {p, q}))[0]), ElementsAre(false, true, true, true));
  EXPECT_THAT(Items<bool>((*RunOp("Xor", {p, q}))[0]), ElementsAre(false, true, true, false));
  EXPECT_THAT(Items<bool>((*RunOp("Equal", {p, q}))[0]), ElementsAre(true, false, false, true));
  EXPECT_THAT(Items<bool>((*RunOp("Not", {p}))[0]), ElementsAre(true, true, false, false));
  auto wide =
      RunOp("Less", {TensorValue<uint64_t>({1}, {1}), TensorValue<uint64_t>({1}, {uint64_t{1} << 63})});
  EXPECT_THAT(Items<bool>((*wide)[0]), ElementsAre(true));
  auto texts = RunOp("Equal", {Strings({2, 1}, {"a", "b"}), Strings({2}, {"b", "a"})});
  ASSERT_TRUE(texts.ok());
  EXPECT_THAT(Items<bool>((*texts)[0]), ElementsAre(false, true, true, false));
}

TEST(Elementwise, TestsForNanAndInf) {
  const Value x = Floats({5}, {0, kNan, kInf, -kInf, 1});
  EXPECT_THAT(Items<bool>((*RunOp("IsNaN", {x}))[0]), ElementsAre(false, true, false, false, false));
  EXPECT_THAT(Items<bool>((*RunOp("IsInf", {x}))[0]), ElementsAre(false, false, true, true, false));
  const auto positive = Attrs({{"detect_negative", int64_t{0}}});
  EXPECT_THAT(Items<bool>((*RunOp("IsInf", {x}, {.attributes = positive}))[0]),
              ElementsAre(false, false, true, false, false));
  const auto neither = Attrs({{"detect_negative", int64_t{0}}, {"detect_positive", int64_t{0}}});
  EXPECT_THAT(Items<bool>((*RunOp("IsInf", {x}, {.attributes = neither}))[0]),
              ElementsAre(false, false, false, false, false));
}

TEST(Elementwise, BitsOfIntegers) {
  const Value a = TensorValue<uint8_t>({3}, {0b1100, 0xff, 1}), b = TensorValue<uint8_t>({3}, {0b1010, 9, 7});
  EXPECT_THAT(Items<uint8_t>((*RunOp("BitwiseAnd", {a, b}))[0]), ElementsAre(0b1000, 9, 1));
  EXPECT_THAT(Items<uint8_t>((*RunOp("BitwiseOr", {a, b}))[0]), ElementsAre(0b1110, 0xff, 7));
  EXPECT_THAT(Items<uint8_t>((*RunOp("BitwiseXor", {a, b}))[0]), ElementsAre(0b0110, 0xf6, 6));
  EXPECT_THAT(Items<uint8_t>((*RunOp("BitwiseNot", {a}))[0]), ElementsAre(0xf3, 0, 0xfe));
  // The widest bits of the widest types, which compute as signed ones of their width.
  const Value words = TensorValue<uint32_t>({3}, {0x80000001u, 0xffffffffu, 7});
  const Value mask = TensorValue<uint32_t>({1}, {0xf0000003u});
  EXPECT_THAT(Items<uint32_t>((*RunOp("BitwiseAnd", {words, mask}))[0]),
              ElementsAre(0x80000001u, 0xf0000003u, 3));
  EXPECT_THAT(Items<uint32_t>((*RunOp("BitwiseOr", {words, mask}))[0]),
              ElementsAre(0xf0000003u, 0xffffffffu, 0xf0000007u));
  EXPECT_THAT(Items<uint32_t>((*RunOp("BitwiseXor", {words, mask}))[0]),
              ElementsAre(0x70000002u, 0x0ffffffcu, 0xf0000004u));
  EXPECT_THAT(Items<uint32_t>((*RunOp("BitwiseNot", {words}))[0]), ElementsAre(0x7ffffffeu, 0u, 0xfffffff8u));
  const Value longs = TensorValue<uint64_t>({2}, {uint64_t{1} << 63 | 5, ~uint64_t{0}});
  const Value five = TensorValue<uint64_t>({}, {uint64_t{1} << 63 | 1});
  EXPECT_THAT(Items<uint64_t>((*RunOp("BitwiseAnd", {longs, five}))[0]),
              ElementsAre(uint64_t{1} << 63 | 1, uint64_t{1} << 63 | 1));
  const auto left = Attrs({{"direction", std::string("LEFT")}}),
             right = Attrs({{"direction", std::string("RIGHT")}});
  EXPECT_THAT(Items<uint8_t>((*RunOp("BitShift", {a, b}, {.attributes = left}))[0]), ElementsAre(0, 0, 128));
  EXPECT_THAT(
      Items<uint8_t>((*RunOp("BitShift", {a, TensorValue<uint8_t>({}, {2})}, {.attributes = right}))[0]),
      ElementsAre(3, 63, 0));
  EXPECT_FALSE(RunOp("BitShift", {a, b}, {.attributes = Attrs({{"direction", std::string("UP")}})}).ok());
}

TEST(Elementwise, ClipWithEitherLimit) {
  const Value x = Floats({4}, {-5, 0.5f, 5, kNan});
  const auto both = Items<float>((*RunOp("Clip", {x, Floats({}, {-1}), Floats({}, {1})}))[0]);
  EXPECT_THAT(std::vector<float>(both.begin(), both.end() - 1), ElementsAre(-1, 0.5f, 1));
  EXPECT_TRUE(std::isnan(both[3]));
  EXPECT_EQ(Items<float>((*RunOp("Clip", {x, Floats({}, {-1})}))[0])[0], -1);
  EXPECT_EQ(Items<float>((*RunOp("Clip", {x, Value(), Floats({}, {1})}))[0])[2], 1);
  EXPECT_EQ(Items<float>((*RunOp("Clip", {x}))[0])[2], 5);
  // Limits that contradict: the upper one wins.
  EXPECT_EQ(Items<float>((*RunOp("Clip", {x, Floats({}, {3}), Floats({}, {2})}))[0])[1], 2);
  const auto ints = RunOp("Clip", {TensorValue<int8_t>({3}, {-100, 3, 100}), TensorValue<int8_t>({}, {-5}),
                                   TensorValue<int8_t>({}, {5})});
  EXPECT_THAT(Items<int8_t>((*ints)[0]), ElementsAre(-5, 3, 5));
  EXPECT_FALSE(RunOp("Clip", {x, Floats({2}, {1, 2})}).ok());
}

TEST(Elementwise, MinAndMaxPassNanOn) {
  const auto least = Items<float>(
      (*RunOp("Min", {Floats({3}, {1, kNan, 3}), Floats({3}, {kNan, 2, 1}), Floats({}, {9})}))[0]);
  EXPECT_TRUE(std::isnan(least[0]) && std::isnan(least[1]));
  EXPECT_EQ(least[2], 1);
  EXPECT_THAT(Items<int64_t>((*RunOp("Max", {Int64s({3}, {1, 5, 3}), Int64s({}, {4})}))[0]),
              ElementsAre(4, 5, 4));
  EXPECT_THAT(Items<float>((*RunOp("Sum", {Floats({2}, {1, 2})}))[0]), ElementsAre(1, 2));
}

TEST(Elementwise, WhereOfEveryKind) {
  const Value condition = Bools({2, 1}, {1, 0});
  auto floats = RunOp("Where", {condition, Floats({2}, {1, 2}), Floats({}, {9})});
  ASSERT_TRUE(floats.ok()) << floats.status().message();
  EXPECT_THAT(Items<float>((*floats)[0]), ElementsAre(1, 2, 9, 9));
  auto bytes = RunOp("Where", {condition, TensorValue<uint8_t>({2}, {1, 2}), TensorValue<uint8_t>({}, {9})});
  EXPECT_THAT(Items<uint8_t>((*bytes)[0]), ElementsAre(1, 2, 9, 9));
  auto texts = RunOp("Where", {condition, Strings({2}, {"a", "b"}), Strings({}, {"c"})});
  ASSERT_TRUE(texts.ok()) << texts.status().message();
  EXPECT_THAT(StringItems((*texts)[0]), ElementsAre("a", "b", "c", "c"));
}

Result<std::vector<Value>> Cast(Value value, DType to) {
  return RunOp("Cast", {std::move(value)}, {.attributes = Attrs({{"to", static_cast<int64_t>(to)}})});
}

TEST(Elementwise, CastsBetweenTypes) {
  const Value x = Floats({4}, {1.7f, -1.7f, 300, 0});
  EXPECT_THAT(Items<int64_t>((*Cast(x, DType::kInt64))[0]), ElementsAre(1, -1, 300, 0));
  EXPECT_THAT(Items<uint8_t>((*Cast(x, DType::kUInt8))[0]), ElementsAre(1, 255, 44, 0));
  EXPECT_THAT(Items<bool>((*Cast(x, DType::kBool))[0]), ElementsAre(true, true, true, false));
  EXPECT_THAT(Items<float>((*Cast(Int64s({2}, {3, -4}), DType::kFloat))[0]), ElementsAre(3, -4));
  EXPECT_THAT(Items<int8_t>((*Cast(Int64s({2}, {255, -129}), DType::kInt8))[0]), ElementsAre(-1, 127));
  EXPECT_THAT(Items<uint64_t>((*Cast(Int64s({1}, {-1}), DType::kUInt64))[0]), ElementsAre(~uint64_t{0}));
  EXPECT_THAT(Items<double>((*Cast(TensorValue<uint64_t>({1}, {~uint64_t{0}}), DType::kDouble))[0]),
              ElementsAre(0x1p64));
  EXPECT_EQ(Items<Float16>((*Cast(Floats({1}, {70000}), DType::kFloat16))[0])[0].bits, 0x7c00);
  EXPECT_THAT(Items<float>((*Cast(Bools({2}, {1, 0}), DType::kFloat))[0]), ElementsAre(1, 0));
  auto like = RunOp("CastLike", {x, Int64s({7, 0}, {})});
  ASSERT_TRUE(like.ok()) << like.status().message();
  EXPECT_THAT(Items<int64_t>((*like)[0]), ElementsAre(1, -1, 300, 0));
  EXPECT_FALSE(Cast(x, static_cast<DType>(99)).ok());
}

TEST(Elementwise, CastsStrings) {
  auto texts = Cast(Floats({6}, {1.5f, -0.1f, kInf, -kInf, kNan, 1e10f}), DType::kString);
  ASSERT_TRUE(texts.ok()) << texts.status().message();
  EXPECT_THAT(StringItems((*texts)[0]), ElementsAre("1.5", "-0.1", "INF", "-INF", "NaN", "1e+10"));
  EXPECT_THAT(StringItems((*Cast(Int64s({2}, {-12, 3}), DType::kString))[0]), ElementsAre("-12", "3"));
  EXPECT_THAT(StringItems((*Cast(Bools({2}, {1, 0}), DType::kString))[0]), ElementsAre("1", "0"));
  const Value numbers = Strings({3}, {"1.5", "-INF", " 2e3 "});
  EXPECT_THAT(Items<float>((*Cast(numbers, DType::kFloat))[0]), ElementsAre(1.5f, -kInf, 2000));
  EXPECT_THAT(Items<int32_t>((*Cast(Strings({2}, {"-7", "+8"}), DType::kInt32))[0]), ElementsAre(-7, 8));
  EXPECT_THAT(Items<bool>((*Cast(Strings({2}, {"0", "5"}), DType::kBool))[0]), ElementsAre(false, true));
  for (const char* bad : {"", "abc", "1.5x", "99999999999999999999"}) {
    EXPECT_FALSE(Cast(Strings({1}, {bad}), DType::kInt64).ok()) << bad;
  }
}

TEST(Elementwise, IdentityAndDropoutPassOn) {
  EXPECT_THAT(Items<float>((*RunOp("Identity", {Floats({2}, {1, 2})}))[0]), ElementsAre(1, 2));
  auto out = RunOp("Dropout", {Floats({2}, {1, 2}), Floats({}, {0.5f})}, {.outputs = 2});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, 2));
  EXPECT_THAT(Items<bool>((*out)[1]), ElementsAre(true, true));
  EXPECT_FALSE(RunOp("Dropout", {Floats({2}, {1, 2}), Floats({}, {1.0f}), Bools({}, {1})}).ok());
}

// A node as a model of an older opset has it, raised and evaluated.
struct Old {
  graph::Graph graph{std::make_shared<graph::DimPool>()};
  graph::Node* node = graph.AppendNode();

  Old(std::string_view name, std::vector<Value> inputs) {
    node->op = FindOp("", name);
    node->op_type = std::string(name);
    for (size_t i = 0; i < inputs.size(); ++i) {
      node->SetInput(i, graph.NewConstant(fmt::format("x{}", i), inputs[i].tensor()));
    }
    node->SetOutput(0, graph.NewValue("y"));
  }
  Status Raise(int opset) {
    RaiseContext context{graph, *node, opset};
    return node->op->raise(context);
  }
  Result<Value> Run() {
    ThreadPool threads(1);
    for (graph::Node* at = graph.first(); at != nullptr; at = at->next()) {
      std::vector<Value> inputs;
      for (graph::Value* input : at->inputs()) {
        inputs.push_back(input == nullptr ? Value() : input->IsConstant() ? Value(input->constant()) : made_);
      }
      ORTOLAN_ASSIGN_OR_RETURN(std::vector<Value> out, Evaluate(*at, inputs, threads));
      made_ = out[0];
    }
    return made_;
  }

 private:
  Value made_;
};

TEST(Elementwise, RaisesAxisBroadcasting) {
  Old add("Add", {Floats({2, 3, 2}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), Floats({3}, {1, 2, 3})});
  add.node->attributes.Set("broadcast", int64_t{1});
  add.node->attributes.Set("axis", int64_t{1});
  ASSERT_TRUE(add.Raise(6).ok());
  EXPECT_TRUE(add.node->attributes.empty());
  auto out = add.Run();
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>(*out), ElementsAre(1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3));

  Old bad("Mul", {Floats({2}, {1, 2}), Floats({2}, {1, 2})});
  bad.node->attributes.Set("broadcast", int64_t{1});
  bad.node->attributes.Set("axis", int64_t{1});
  EXPECT_FALSE(bad.Raise(6).ok());
}

TEST(Elementwise, RaisesClipAndCast) {
  Old clip("Clip", {Floats({3}, {-5, 0.5f, 50})});
  clip.node->attributes.Set("min", 0.0f);
  clip.node->attributes.Set("max", 6.0f);
  ASSERT_TRUE(clip.Raise(6).ok());
  EXPECT_THAT(Items<float>(*clip.Run()), ElementsAre(0, 0.5f, 6));

  Old cast("Cast", {Floats({1}, {2.5f})});
  cast.node->attributes.Set("to", std::string("INT32"));
  ASSERT_TRUE(cast.Raise(1).ok());
  EXPECT_THAT(Items<int32_t>(*cast.Run()), ElementsAre(2));
}

}  // namespace
}  // namespace ortolan
