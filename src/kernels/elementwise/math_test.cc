// The functions of simd/math.h through the tile primitives, every ISA level against double.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "base/isa.h"
#include "kernels/elementwise/tile_select.h"

namespace ortolan::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<Isa> Levels() {
  std::vector<Isa> levels;
  for (Isa isa : kIsaLevels) {
    if (isa <= GetCpuInfo().isa) levels.push_back(isa);
  }
  return levels;
}

std::vector<float> Apply(TileOp op, Isa isa, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  uint32_t fault = 0;
  const TileEntry& entry = TileTableOf(isa).ops[static_cast<int>(op)][static_cast<int>(ComputeType::kF32)];
  entry.by_mask[0](y.data(), x.data(), nullptr, nullptr, static_cast<int64_t>(x.size()), &fault);
  return y;
}

// Both signs from tiny to `most` in small steps of the exponent, and evenly in between.
std::vector<float> Samples(double least, double most) {
  std::vector<float> x{0.0f, -0.0f};
  for (double e = -44; e <= 38.5; e += 0.01) {
    const double v = std::pow(10.0, e);
    if (v <= most) x.push_back(static_cast<float>(v));
    if (-v >= least) x.push_back(static_cast<float>(-v));
  }
  const int kEven = 40000;
  const double low = std::max(least, -200.0), high = std::min(most, 200.0);
  for (int i = 0; i <= kEven; ++i) x.push_back(static_cast<float>(low + (high - low) * i / kEven));
  return x;
}

struct Case {
  const char* name;
  TileOp op;
  double (*exact)(double);
  double least, most;
  double relative, absolute;  // either is enough
  double growth = 0;          // of the relative error, for each unit of |x|
  double per_x = 0;           // absolute, for each unit of |x|
};

double ExactSigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double ExactSilu(double x) {
  return x / (1 + std::exp(-x));
}
double ExactGelu(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}
double ExactGeluTanh(double x) {
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
double ExactSoftplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}
double ExactHardSwish(double x) {
  return x * std::max(0.0, std::min(1.0, x / 6 + 0.5));
}

// Half a unit of the smallest subnormal covers results that round to zero.
constexpr double kTiny = 1e-45;
const Case kCases[] = {
    {"Exp", TileOp::kExp, std::exp, -1e38, 88.7, 2e-7, kTiny},
    {"Expm1", TileOp::kExpm1, std::expm1, -1e38, 88.7, 4e-7, kTiny},
    {"Log", TileOp::kLog, std::log, 1e-44, 3e38, 3e-7, 0},
    {"Log1p", TileOp::kLog1p, std::log1p, -0.9999, 3e38, 4e-7, kTiny},
    {"Tanh", TileOp::kTanh, std::tanh, -1e38, 1e38, 5e-7, kTiny},
    {"Erf", TileOp::kErf, std::erf, -1e38, 1e38, 6e-7, kTiny},
    {"Sigmoid", TileOp::kSigmoid, ExactSigmoid, -86, 1e38, 6e-7, 0, 7e-8},
    {"SigmoidLow", TileOp::kSigmoid, ExactSigmoid, -1e38, 0, 6e-7, 2e-38, 7e-8},
    {"Silu", TileOp::kSilu, ExactSilu, -86, 1e38, 6e-7, kTiny, 7e-8},
    {"SiluLow", TileOp::kSilu, ExactSilu, -3e38, 0, 6e-7, 3e-36, 7e-8},
    {"Gelu", TileOp::kGelu, ExactGelu, -20, 1e38, 6e-7, 3e-7, 0, 3e-7},
    {"GeluTanh", TileOp::kGeluTanh, ExactGeluTanh, -6, 1e12, 1e-6, 1e-7},
    {"Softplus", TileOp::kSoftplus, ExactSoftplus, -80, 1e38, 5e-7, 0},
    {"HardSwish", TileOp::kHardSwish, ExactHardSwish, -1e30, 1e38, 4e-7, 2e-7},
    {"Sin", TileOp::kSin, std::sin, -1e30, 1e30, 2e-7, 1.3e-7},
    {"Cos", TileOp::kCos, std::cos, -1e30, 1e30, 2e-7, 1.3e-7},
    {"Tan", TileOp::kTan, std::tan, -1e4, 1e4, 4e-7, 1.3e-7},
    {"TanNear", TileOp::kTan, std::tan, -1.5, 1.5, 4e-7, kTiny},
    {"Asin", TileOp::kAsin, std::asin, -1, 1, 3e-7, kTiny},
    {"Acos", TileOp::kAcos, std::acos, -1, 1, 2e-7, kTiny},
    {"Atan", TileOp::kAtan, std::atan, -1e38, 1e38, 2e-7, kTiny},
    {"Sinh", TileOp::kSinh, std::sinh, -89.4, 89.4, 4e-7, kTiny},
    {"Cosh", TileOp::kCosh, std::cosh, -89.4, 89.4, 3e-7, 0},
    {"Asinh", TileOp::kAsinh, std::asinh, -1e38, 1e38, 4e-7, kTiny},
    {"Acosh", TileOp::kAcosh, std::acosh, 1, 1e38, 5e-7, 0},
    {"AcoshNear", TileOp::kAcosh, std::acosh, 1, 1.001, 5e-7, 0},
    {"Atanh", TileOp::kAtanh, std::atanh, -1, 1, 4e-7, kTiny},
    {"Sqrt", TileOp::kSqrt, std::sqrt, 0, 3e38, 6e-8, 0},
    {"Reciprocal", TileOp::kReciprocal, [](double x) { return 1 / x; }, 3e-38, 8e37, 6e-8, 0},
};

class MathTest : public ::testing::TestWithParam<Case> {};

TEST_P(MathTest, AgreesWithDouble) {
  const Case& c = GetParam();
  std::vector<float> x;
  for (float v : Samples(c.least, c.most)) {
    if (v >= c.least && v <= c.most) x.push_back(v);
  }
  for (Isa isa : Levels()) {
    const std::vector<float> y = Apply(c.op, isa, x);
    double worst = 0, worst_at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double x_size = std::fabs(static_cast<double>(x[i]));
      const double exact = c.exact(static_cast<double>(x[i]));
      const double error = std::fabs(static_cast<double>(y[i]) - exact);
      const double shown = static_cast<double>(static_cast<float>(exact));
      if (static_cast<double>(y[i]) == shown || error <= c.absolute) continue;
      // Below the normal range a float has only its last bit.
      const double allowed =
          std::max({(c.relative + c.growth * x_size) * std::fabs(exact), c.per_x * x_size, 1.5e-45});
      if (!(error / std::fabs(exact) <= worst)) {
        worst = error / std::fabs(exact);
        worst_at = static_cast<double>(x[i]);
      }
      ASSERT_LE(error, allowed) << c.name << '(' << x[i] << ") at level " << IsaName(isa) << ": " << y[i]
                                << ", exact " << exact;
    }
    RecordProperty(std::string(c.name) + "_" + std::string(IsaName(isa)),
                   fmt::format("{:.2g} at {}", worst, worst_at));
  }
}

INSTANTIATE_TEST_SUITE_P(All, MathTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

// The reciprocal of AVX2 may miss 1 by its last bit.
bool Same(float a, float b) {
  if (a == 1.0f && b == 1.0f - 0x1p-24f) return true;
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

TEST(MathEdges, InfiniteAndNotANumber) {
  struct Edge {
    TileOp op;
    float x, y;
  };
  const Edge edges[] = {
      {TileOp::kExp, kInf, kInf},           {TileOp::kExp, -kInf, 0.0f},
      {TileOp::kExp, kNan, kNan},           {TileOp::kExp, 1000.0f, kInf},
      {TileOp::kExp, -1000.0f, 0.0f},       {TileOp::kExp, 88.8f, kInf},
      {TileOp::kExpm1, -kInf, -1.0f},       {TileOp::kExpm1, kInf, kInf},
      {TileOp::kExpm1, -0.0f, -0.0f},       {TileOp::kExpm1, kNan, kNan},
      {TileOp::kLog, 0.0f, -kInf},          {TileOp::kLog, -0.0f, -kInf},
      {TileOp::kLog, -1.0f, kNan},          {TileOp::kLog, kInf, kInf},
      {TileOp::kLog, kNan, kNan},           {TileOp::kLog, 1.0f, 0.0f},
      {TileOp::kLog1p, -1.0f, -kInf},       {TileOp::kLog1p, kInf, kInf},
      {TileOp::kLog1p, -2.0f, kNan},        {TileOp::kLog1p, kNan, kNan},
      {TileOp::kTanh, kInf, 1.0f},          {TileOp::kTanh, -kInf, -1.0f},
      {TileOp::kTanh, kNan, kNan},          {TileOp::kErf, kInf, 1.0f},
      {TileOp::kErf, -kInf, -1.0f},         {TileOp::kErf, kNan, kNan},
      {TileOp::kSigmoid, kInf, 1.0f},       {TileOp::kSigmoid, kNan, kNan},
      {TileOp::kSilu, kInf, kInf},          {TileOp::kSilu, kNan, kNan},
      {TileOp::kSilu, -kInf, 0.0f},         {TileOp::kSilu, -3e38f, 0.0f},
      {TileOp::kSilu, -0.0f, -0.0f},        {TileOp::kSin, kInf, kNan},
      {TileOp::kSin, kNan, kNan},           {TileOp::kCos, -kInf, kNan},
      {TileOp::kCos, 0.0f, 1.0f},           {TileOp::kSin, 0.0f, 0.0f},
      {TileOp::kSqrt, -1.0f, kNan},         {TileOp::kSqrt, kInf, kInf},
      {TileOp::kRelu, kNan, kNan},          {TileOp::kRelu, -kInf, 0.0f},
      {TileOp::kSign, kNan, kNan},          {TileOp::kSign, -kInf, -1.0f},
      {TileOp::kRound, 2.5f, 2.0f},         {TileOp::kRound, -3.5f, -4.0f},
      {TileOp::kReciprocal, 0.0f, kInf},    {TileOp::kReciprocal, -kInf, -0.0f},
      {TileOp::kNeg, 0.0f, -0.0f},          {TileOp::kSoftplus, kInf, kInf},
      {TileOp::kSoftplus, -kInf, 0.0f},     {TileOp::kAsin, 1.0f, 1.57079637f},
      {TileOp::kAsin, -1.0f, -1.57079637f}, {TileOp::kAsin, -0.0f, -0.0f},
      {TileOp::kAsin, 1.00001f, kNan},      {TileOp::kAsin, -kInf, kNan},
      {TileOp::kAsin, kNan, kNan},          {TileOp::kAcos, 1.0f, 0.0f},
      {TileOp::kAcos, -1.0f, 3.14159274f},  {TileOp::kAcos, 0.0f, 1.57079637f},
      {TileOp::kAcos, -1.00001f, kNan},     {TileOp::kAcos, kInf, kNan},
      {TileOp::kAcos, kNan, kNan},          {TileOp::kAtan, kInf, 1.57079637f},
      {TileOp::kAtan, -kInf, -1.57079637f}, {TileOp::kAtan, -0.0f, -0.0f},
      {TileOp::kAtan, kNan, kNan},          {TileOp::kTan, kInf, kNan},
      {TileOp::kTan, kNan, kNan},           {TileOp::kTan, 0.0f, 0.0f},
      {TileOp::kSinh, kInf, kInf},          {TileOp::kSinh, -kInf, -kInf},
      {TileOp::kSinh, -0.0f, -0.0f},        {TileOp::kSinh, kNan, kNan},
      {TileOp::kSinh, 89.5f, kInf},         {TileOp::kCosh, -kInf, kInf},
      {TileOp::kCosh, 0.0f, 1.0f},          {TileOp::kCosh, kNan, kNan},
      {TileOp::kAsinh, kInf, kInf},         {TileOp::kAsinh, -kInf, -kInf},
      {TileOp::kAsinh, -0.0f, -0.0f},       {TileOp::kAsinh, kNan, kNan},
      {TileOp::kAcosh, 1.0f, 0.0f},         {TileOp::kAcosh, 0.99f, kNan},
      {TileOp::kAcosh, -kInf, kNan},        {TileOp::kAcosh, kInf, kInf},
      {TileOp::kAcosh, kNan, kNan},         {TileOp::kAtanh, 1.0f, kInf},
      {TileOp::kAtanh, -1.0f, -kInf},       {TileOp::kAtanh, 1.5f, kNan},
      {TileOp::kAtanh, -kInf, kNan},        {TileOp::kAtanh, -0.0f, -0.0f},
      {TileOp::kAtanh, kNan, kNan},         {TileOp::kSoftplus, kNan, kNan},
      {TileOp::kFloor, -0.5f, -1.0f},       {TileOp::kCeil, -0.5f, -0.0f},
  };
  for (Isa isa : Levels()) {
    for (const Edge& edge : edges) {
      // Nineteen of them: whole vectors and a rest at every level.
      for (float y : Apply(edge.op, isa, std::vector<float>(19, edge.x))) {
        EXPECT_TRUE(Same(edge.y, y)) << "operation " << static_cast<int>(edge.op) << " of " << edge.x
                                     << " is " << y << " at level " << IsaName(isa) << ", expected "
                                     << edge.y;
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
