#include "kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/half.h"
#include "support/rounds.h"

namespace ortolan::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kGuard = -12345.5f;  // stands wherever nothing may be written

enum class Source { kPacked, kRowMajor, kTransposed };

struct Case {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  Source b_source = Source::kPacked;
  bool a_transposed = false;
  GemmElement a_element = GemmElement::kF32;
  GemmElement b_element = GemmElement::kF32;
  int64_t padding = 0;  // elements between the rows of every operand
  bool shared_b = true;
  int bias = 0;  // 1 per n, 2 per m
  bool clamp = false;
  int threads = 1;

  std::string Text() const {
    return fmt::format(
        "batch {} m {} n {} k {} source {} at {} types {} {} padding {} shared {} bias {} clamp {} threads "
        "{}",
        batch, m, n, k, static_cast<int>(b_source), a_transposed, static_cast<int>(a_element),
        static_cast<int>(b_element), padding, shared_b, bias, clamp, threads);
  }
};

// An operand of either float type, and the description that the kernel gets.
struct Operand {
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  GemmMatrix form;
  int64_t item_stride = 0;
  const void* data() const {
    return form.element == GemmElement::kF32 ? static_cast<const void*>(floats.data()) : halves.data();
  }
};

Operand MakeOperand(int64_t items, int64_t rows, int64_t columns, bool transposed, int64_t padding,
                    GemmElement element, bool rounded, std::mt19937& random) {
  Operand operand;
  const int64_t stride = (transposed ? rows : columns) + padding;
  operand.form = {nullptr, transposed ? 1 : stride, transposed ? stride : 1, element};
  operand.item_stride = stride * (transposed ? columns : rows);
  std::uniform_real_distribution<float> values(-1, 1);
  const int64_t used = transposed ? rows : columns;
  for (int64_t i = 0; i < items * operand.item_stride; ++i) {
    // What lies between the rows must not reach a result.
    float value = i % std::max<int64_t>(stride, 1) < used ? values(random) : std::nanf("");
    if (rounded) value = static_cast<float>(BFloat16(value));
    operand.floats.push_back(value);
    operand.halves.push_back(element == GemmElement::kF16 ? Float16::FromFloat(value)
                                                          : BFloat16::FromFloat(value));
  }
  // Exact sizes, so that address sanitizer sees the first byte read beyond.
  operand.floats.shrink_to_fit();
  operand.halves.shrink_to_fit();
  return operand;
}

// Runs the case and compares it with the reference; returns C without the guards.
std::vector<float> Check(const GemmVariant& variant, const Case& test, uint32_t seed) {
  SCOPED_TRACE(std::string(variant.name) + " " + test.Text());
  std::mt19937 random(seed);
  const int64_t b_items = test.shared_b ? 1 : test.batch;
  const Operand a = MakeOperand(test.batch, test.m, test.k, test.a_transposed, test.padding, test.a_element,
                                variant.pairs, random);
  const Operand b = MakeOperand(b_items, test.k, test.n, test.b_source == Source::kTransposed, test.padding,
                                test.b_element, variant.pairs, random);
  std::vector<float> bias(static_cast<size_t>(std::max(test.m, test.n)));
  std::uniform_real_distribution<float> values(-1, 1);
  for (float& x : bias) x = values(random);
  Epilogue epilogue;
  if (test.bias != 0) epilogue.bias = bias.data();
  epilogue.bias_per_m = test.bias == 2;
  if (test.clamp) epilogue.lower = -0.25f, epilogue.upper = 0.5f;

  GemmShape shape{.batch = test.batch, .m = test.m, .n = test.n, .k = test.k, .a = a.form, .b = b.form};
  GemmOperands operands;
  operands.a = a.data();
  operands.b = b.data();
  operands.a_batch.stride = a.item_stride;
  operands.b_batch.stride = test.shared_b ? 0 : b.item_stride;
  operands.c_stride = test.n + test.padding;
  operands.c_batch_stride = operands.c_stride * test.m;
  operands.epilogue = &epilogue;
  const auto c_size = static_cast<size_t>(operands.c_batch_stride * test.batch);
  std::vector<float> expected(c_size, kGuard), got(c_size, kGuard);
  operands.c = expected.data();
  ReferenceGemm(shape, operands);

  ThreadPool threads(test.threads);
  AlignedBuffer packed;
  if (test.b_source == Source::kPacked) {
    const int64_t floats = PackedGemmBFloats(variant, test.k, test.n);
    packed = std::move(AlignedBuffer::Allocate(static_cast<size_t>(floats * b_items) * 4 + 64)).value();
    for (int64_t item = 0; item < b_items; ++item) {
      GemmMatrix source = b.form;
      source.data = static_cast<const std::byte*>(b.data()) +
                    item * b.item_stride * (test.b_element == GemmElement::kF32 ? 4 : 2);
      PackGemmB(variant, source, test.k, test.n, 1.0f,
                reinterpret_cast<float*>(packed.data()) + item * floats, threads);
    }
    shape.b_packed = true;
    operands.b = packed.data();
    if (!test.shared_b) operands.b_batch.stride = floats;
  }
  const GemmPlan plan = PlanGemm(variant, shape);
  const size_t scratch_bytes = plan.ScratchBytes(test.threads);
  AlignedBuffer scratch = std::move(AlignedBuffer::Allocate(scratch_bytes + 64)).value();
  std::fill_n(reinterpret_cast<float*>(scratch.data()), scratch_bytes / 4 + 16, std::nanf(""));
  operands.c = got.data();
  RunGemm(variant, plan, operands, {scratch.data(), scratch_bytes}, threads);
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(std::isnan(reinterpret_cast<float*>(scratch.data())[scratch_bytes / 4 + i]))
        << "scratch overrun";
  }

  // A sum of k products below 1 walks to about sqrt(k) / 3; half an ulp of that at each step adds up to k *
  // 2^-24 / 4.
  const float tolerance = 1e-7f * static_cast<float>(test.k) + 1e-6f;
  int failures = 0;
  for (size_t i = 0; i < c_size && failures < 3; ++i) {
    const bool close = expected[i] == kGuard ? got[i] == kGuard : std::abs(got[i] - expected[i]) <= tolerance;
    EXPECT_TRUE(close) << "element " << i << " is " << got[i] << ", expected " << expected[i]
                       << (++failures, "");
  }
  return got;
}

std::vector<const GemmVariant*> Variants() {
  std::vector<const GemmVariant*> usable;
  for (const GemmVariant* variant : AllGemmF32()) {
    if (variant->isa <= GetCpuInfo().isa) usable.push_back(variant);
  }
  return usable;
}

Case RandomCase(std::mt19937& random) {
  auto pick = [&](std::initializer_list<int64_t> choices) {
    return choices.begin()[std::uniform_int_distribution<size_t>(0, choices.size() - 1)(random)];
  };
  auto flip = [&] { return std::uniform_int_distribution<int>(0, 1)(random) == 1; };
  Case test;
  test.batch = pick({1, 1, 1, 2, 3, 7});
  test.m = pick({0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16, 29, 61, 130});
  test.n = pick({0, 1, 1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 161, 200});
  test.k = pick({0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 64, 100, 131, 512});
  test.b_source = static_cast<Source>(pick({0, 0, 1, 1, 2}));
  test.a_transposed = pick({0, 0, 0, 1}) == 1;
  test.a_element = static_cast<GemmElement>(pick({0, 0, 0, 0, 1, 2}));
  test.b_element = static_cast<GemmElement>(pick({0, 0, 0, 0, 1, 2}));
  test.padding = pick({0, 0, 1, 5, 16});
  test.shared_b = flip();
  test.bias = static_cast<int>(pick({0, 1, 2}));
  test.clamp = flip();
  test.threads = static_cast<int>(pick({1, 1, 2, 3}));
  return test;
}

TEST(Gemm, RandomShapesAgreeWithTheReference) {
  for (const GemmVariant* variant : Variants()) {
    std::mt19937 random(7);
    for (uint32_t i = 0; i < support::Rounds(600); ++i) {
      Check(*variant, RandomCase(random), i);
      if (HasFailure()) return;
    }
  }
}

// Sizes at which the driver cuts: several blocks of k, of rows and of columns, and colliding rows of A.
TEST(Gemm, LargeShapesAgreeWithTheReference) {
  for (const GemmVariant* variant : Variants()) {
    Check(*variant, {.m = 33, .n = 40, .k = 40000, .bias = 1, .clamp = true, .threads = 2}, 1);
    Check(*variant, {.m = 40, .n = 33, .k = 40001, .b_source = Source::kRowMajor, .bias = 2, .threads = 2},
          2);
    Check(*variant, {.m = 200, .n = 300, .k = 512, .b_source = Source::kTransposed, .threads = 2}, 3);
    Check(*variant, {.m = 300, .n = 260, .k = 1024, .bias = 1, .threads = 3}, 4);
    Check(*variant, {.m = 3000, .n = 1, .k = 257, .bias = 2, .threads = 3}, 5);
    Check(*variant, {.m = 1, .n = 3001, .k = 300, .b_source = Source::kRowMajor, .bias = 1, .threads = 3}, 6);
    Check(*variant, {.m = 3, .n = 3001, .k = 300, .b_source = Source::kTransposed, .threads = 3}, 7);
    Check(*variant, {.m = 1, .n = 5000, .k = 130, .bias = 1, .clamp = true, .threads = 3}, 8);
    Check(*variant,
          {.batch = 200,
           .m = 5,
           .n = 20,
           .k = 30,
           .b_source = Source::kRowMajor,
           .shared_b = false,
           .threads = 3},
          9);
    Check(*variant,
          {.batch = 100,
           .m = 20,
           .n = 40,
           .k = 64,
           .b_source = Source::kTransposed,
           .shared_b = false,
           .threads = 3},
          10);
  }
}

TEST(Gemm, ResultsDoNotDependOnThreads) {
  for (const GemmVariant* variant : Variants()) {
    for (Source source : {Source::kPacked, Source::kRowMajor, Source::kTransposed}) {
      for (int64_t m : {1, 5, 100}) {
        Case test{.m = m, .n = 400, .k = 700, .b_source = source};
        const std::vector<float> one = Check(*variant, test, 3);
        test.threads = 4;
        EXPECT_EQ(one, Check(*variant, test, 3)) << variant->name << " " << test.Text();
      }
    }
  }
}

// A row's sums do not depend on where in the batch it stands, from three rows on.
TEST(Gemm, RowsAreSummedAlike) {
  for (const GemmVariant* variant : Variants()) {
    const int64_t n = 50, k = 333;
    std::mt19937 random(5);
    std::uniform_real_distribution<float> values(-1, 1);
    std::vector<float> row(k), b(static_cast<size_t>(k * n));
    for (float& x : row) x = values(random);
    for (float& x : b) x = values(random);
    ThreadPool threads(1);
    AlignedBuffer packed =
        std::move(AlignedBuffer::Allocate(static_cast<size_t>(PackedGemmBFloats(*variant, k, n)) * 4))
            .value();
    auto* panels = reinterpret_cast<float*>(packed.data());
    PackGemmB(*variant, {b.data(), n, 1}, k, n, 1.0f, panels, threads);
    for (int64_t m : {3, 7, 15, 31}) {
      std::vector<float> a;
      for (int64_t i = 0; i < m; ++i) a.insert(a.end(), row.begin(), row.end());
      std::vector<float> c(static_cast<size_t>(m * n));
      const GemmPlan plan =
          PlanGemm(*variant, {.m = m, .n = n, .k = k, .a = {nullptr, k, 1}, .b_packed = true});
      RunGemm(*variant, plan, {.a = a.data(), .b = panels, .c = c.data(), .c_stride = n}, {}, threads);
      for (int64_t i = 1; i < m; ++i) {
        EXPECT_TRUE(std::equal(c.begin(), c.begin() + n, c.begin() + i * n))
            << variant->name << " m " << m << " row " << i;
      }
    }
  }
}

// One row reads all of B: that is shared even where it has too few operations to be.
TEST(Gemm, ReadingAPackedMatrixIsShared) {
  const GemmVariant& variant = *AllGemmF32()[0];
  const auto chunks = [&](int64_t m, int64_t n) {
    return PlanGemm(variant, {.m = m, .n = n, .k = 384, .a = {nullptr, 384, 1}, .b_packed = true}).chunks;
  };
  EXPECT_GE(chunks(1, 1536), 4);
  EXPECT_EQ(chunks(1, 1536) % 2, 0);
  EXPECT_EQ(chunks(1, 32), 1);
  EXPECT_GE(chunks(64, 1536), chunks(1, 1536));
}

TEST(Gemm, NotANumberStaysThroughTheClampAndInfinityIsCut) {
  for (const GemmVariant* variant : Variants()) {
    for (int64_t m : {1, 9}) {
      const std::vector<float> a(static_cast<size_t>(m), 1.0f);
      const float b[4] = {std::nanf(""), kInfinity, -kInfinity, 0.5f};
      std::vector<float> c(static_cast<size_t>(m * 4));
      Epilogue epilogue;
      epilogue.lower = 0;
      epilogue.upper = 6;
      ThreadPool threads(1);
      const GemmPlan plan =
          PlanGemm(*variant, {.m = m, .n = 4, .k = 1, .a = {nullptr, 1, 1}, .b = {nullptr, 4, 1}});
      AlignedBuffer scratch = std::move(AlignedBuffer::Allocate(plan.ScratchBytes(1) + 64)).value();
      RunGemm(*variant, plan, {.a = a.data(), .b = b, .c = c.data(), .c_stride = 4, .epilogue = &epilogue},
              {scratch.data(), scratch.size()}, threads);
      for (int64_t i = 0; i < m; ++i) {
        const float* row = c.data() + i * 4;
        EXPECT_TRUE(std::isnan(row[0]));
        EXPECT_EQ(row[1], 6.0f);
        EXPECT_EQ(row[2], 0.0f);
        EXPECT_EQ(row[3], 0.5f);
      }
    }
  }
}

TEST(Gemm, PackingScalesAndBatchesAreIndexed) {
  const GemmVariant& variant = SelectGemmF32(GetCpuInfo().isa);
  ThreadPool threads(1);
  const float a[2][2] = {{1, 2}, {3, 4}};  // two items of 1 x 2
  const float b[4] = {1, 10, 100, 1000};   // 2 x 2
  AlignedBuffer packed =
      std::move(AlignedBuffer::Allocate(static_cast<size_t>(PackedGemmBFloats(variant, 2, 2)) * 4)).value();
  PackGemmB(variant, {b, 2, 1}, 2, 2, 0.5f, reinterpret_cast<float*>(packed.data()), threads);
  const int64_t index[3] = {1, 0, 1};
  float c[3][2] = {};
  const GemmPlan plan =
      PlanGemm(variant, {.batch = 3, .m = 1, .n = 2, .k = 2, .a = {nullptr, 2, 1}, .b_packed = true});
  GemmOperands operands{.a = a, .b = packed.data(), .c = c[0], .c_stride = 2};
  operands.a_batch = {2, index};
  operands.c_batch_stride = 2;
  RunGemm(variant, plan, operands, {}, threads);
  const float expected[3][2] = {{201.5f, 2015}, {100.5f, 1005}, {201.5f, 2015}};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(c[i][0], expected[i][0]);
    EXPECT_EQ(c[i][1], expected[i][1]);
  }
}

// Operands that are numbers of bfloat16: the same products as in float.
TEST(Gemm, PairsAgreeWithTheReference) {
  const GemmVariant* variant = SelectGemmBf16(GetCpuInfo().isa);
  if (variant == nullptr) GTEST_SKIP() << "no bfloat16 products here";
  std::mt19937 random(8);
  for (uint32_t i = 0; i < support::Rounds(600); ++i) {
    Case test = RandomCase(random);
    test.b_source = Source::kPacked;
    test.a_transposed = false;
    test.a_element = GemmElement::kF32;
    test.b_element = i % 2 == 0 ? GemmElement::kF32 : GemmElement::kBF16;
    if (test.n == 1) test.n = 2;
    Check(*variant, test, i);
    if (HasFailure()) return;
  }
  Check(*variant, {.m = 33, .n = 40, .k = 40001, .bias = 1, .clamp = true, .threads = 2}, 1);
  Check(*variant, {.m = 300, .n = 260, .k = 1024, .bias = 1, .threads = 3}, 2);
  for (int64_t m : {1, 5, 100}) {
    Case test{.m = m, .n = 400, .k = 701};
    const std::vector<float> one = Check(*variant, test, 3);
    test.threads = 4;
    EXPECT_EQ(one, Check(*variant, test, 3)) << test.Text();
  }
}

TEST(Gemm, PairsRoundTheLeftSideToNearestEven) {
  const GemmVariant* variant = SelectGemmBf16(GetCpuInfo().isa);
  if (variant == nullptr) GTEST_SKIP() << "no bfloat16 products here";
  // Around 1 numbers of bfloat16 are 2^-7 apart.
  const float a[] = {1.00390625f, 1.01171875f, 1.005f, 1.0f, -kInfinity, std::nanf("")};
  const float b[] = {1.0f, 2.0f};
  ThreadPool threads(1);
  AlignedBuffer packed =
      std::move(AlignedBuffer::Allocate(static_cast<size_t>(PackedGemmBFloats(*variant, 1, 2)) * 4)).value();
  PackGemmB(*variant, {b, 2, 1}, 1, 2, 1.0f, reinterpret_cast<float*>(packed.data()), threads);
  const GemmPlan plan = PlanGemm(*variant, {.m = 6, .n = 2, .k = 1, .a = {nullptr, 1, 1}, .b_packed = true});
  AlignedBuffer scratch = std::move(AlignedBuffer::Allocate(plan.ScratchBytes(1) + 64)).value();
  float c[6][2];
  RunGemm(*variant, plan, {.a = a, .b = packed.data(), .c = c[0], .c_stride = 2},
          {scratch.data(), scratch.size()}, threads);
  const float expected[] = {1.0f, 1.015625f, 1.0078125f, 1.0f, -kInfinity};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(c[i][0], expected[i]);
    EXPECT_EQ(c[i][1], 2 * expected[i]);
  }
  EXPECT_TRUE(std::isnan(c[5][0]) && std::isnan(c[5][1]));
  EXPECT_TRUE(HoldsBFloat16(expected, 5));
  EXPECT_FALSE(HoldsBFloat16(a, 1));
}

TEST(Gemm, EachLevelHasAVariant) {
  EXPECT_EQ(SelectGemmF32(Isa::kScalar).isa, Isa::kScalar);
  for (const GemmVariant* variant : AllGemmF32()) EXPECT_EQ(&SelectGemmF32(variant->isa), variant);
}

}  // namespace
}  // namespace ortolan::kernels
