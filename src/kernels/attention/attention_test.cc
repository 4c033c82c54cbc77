// Attention of several blocks against plain loops in double, on every kernel that this machine runs.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/half.h"

namespace ortolan::kernels {
namespace {

struct Case {
  AttentionProblem problem;
  bool masked = false;
  std::vector<int64_t> valid;
};

template <typename T>
double Number(T item) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<double>(item);
  else
    return static_cast<double>(static_cast<float>(item));
}

template <typename T>
std::vector<T> Random(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<T> items(static_cast<size_t>(count));
  for (T& item : items) item = T(uniform(random));
  return items;
}

template <typename T>
struct Data {
  std::vector<T> q, k, v, y;
  std::vector<float> mask;
};

template <typename T>
std::vector<double> Expected(const Case& test, const Data<T>& data) {
  const AttentionProblem& p = test.problem;
  std::vector<double> y(data.y.size(), 0.0);
  const int64_t group = p.heads / p.kv_heads;
  for (int64_t row = 0; row < p.batch * p.heads * p.queries; ++row) {
    const int64_t query = row % p.queries, head = row / p.queries % p.heads, item = row / p.queries / p.heads;
    const int64_t kv = item * p.kv_heads + head / group;
    const int64_t valid = test.valid.empty() ? p.keys : test.valid[static_cast<size_t>(item)];
    const int64_t position = query + (test.valid.empty() ? 0 : valid - p.queries);
    std::vector<double> scores(static_cast<size_t>(p.keys), -std::numeric_limits<double>::infinity());
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t j = 0; j < valid; ++j) {
      if (p.causal && j > position) continue;
      if (p.left >= 0 && j < position - p.left) continue;
      if (p.right >= 0 && j > position + p.right) continue;
      double score = 0;
      for (int64_t i = 0; i < p.size; ++i)
        score += Number(data.q[static_cast<size_t>(row * p.size + i)]) *
                 Number(data.k[static_cast<size_t>((kv * p.keys + j) * p.size + i)]);
      score *= p.scale;
      if (p.softcap > 0) score = p.softcap * std::tanh(score / p.softcap);
      if (test.masked) score += static_cast<double>(data.mask[static_cast<size_t>(query * p.keys + j)]);
      scores[static_cast<size_t>(j)] = score;
      most = std::max(most, score);
    }
    if (std::isinf(most)) continue;
    for (double& score : scores) sum += score = std::exp(score - most);
    for (int64_t j = 0; j < p.keys; ++j) {
      for (int64_t i = 0; i < p.value_size; ++i)
        y[static_cast<size_t>(row * p.value_size + i)] +=
            scores[static_cast<size_t>(j)] / sum *
            Number(data.v[static_cast<size_t>((kv * p.keys + j) * p.value_size + i)]);
    }
  }
  return y;
}

template <typename T>
void Check(const Case& test, const GemmVariant& gemm, const NormF32Variant& norm, double tolerance) {
  const AttentionProblem& p = test.problem;
  Data<T> data{Random<T>(p.batch * p.heads * p.queries * p.size, 1),
               Random<T>(p.batch * p.kv_heads * p.keys * p.size, 2),
               Random<T>(p.batch * p.kv_heads * p.keys * p.value_size, 3),
               std::vector<T>(static_cast<size_t>(p.batch * p.heads * p.queries * p.value_size)),
               Random<float>(p.queries * p.keys, 4)};
  if (test.masked) {
    for (size_t i = 0; i < data.mask.size(); i += 3) data.mask[i] = -std::numeric_limits<float>::infinity();
  }
  AttentionOperands operands;
  operands.q = {data.q.data(), p.heads * p.queries * p.size, p.queries * p.size, p.size};
  operands.k = {data.k.data(), p.kv_heads * p.keys * p.size, p.keys * p.size, p.size};
  operands.v = {data.v.data(), p.kv_heads * p.keys * p.value_size, p.keys * p.value_size, p.value_size};
  operands.y = {data.y.data(), p.heads * p.queries * p.value_size, p.queries * p.value_size, p.value_size};
  if (test.masked) operands.mask = {AttentionMask::Type::kF32, data.mask.data(), 0, 0, p.keys, p.keys};
  if (!test.valid.empty()) {
    operands.valid_keys = test.valid.data();
    operands.offset = -1;
  }
  ThreadPool threads(3), serial(1);
  const AttentionPlan plan = PlanAttention(p, gemm, norm, threads.thread_count());
  Result<AlignedBuffer> scratch = AlignedBuffer::Allocate(plan.ScratchBytes());
  ASSERT_TRUE(scratch.ok());
  RunAttention(plan, operands, scratch->data(), threads, serial, [] { return false; });
  const std::vector<double> expected = Expected(test, data);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(Number(data.y[i]), expected[i], tolerance * (1 + std::abs(expected[i])))
        << gemm.name << " element " << i << " of " << p.heads << " x " << p.queries << " x " << p.keys;
  }
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  auto add = [&](int64_t heads, int64_t kv_heads, int64_t queries, int64_t keys, int64_t size,
                 int64_t value_size) {
    Case test;
    test.problem = {.batch = 2,
                    .heads = heads,
                    .kv_heads = kv_heads,
                    .queries = queries,
                    .keys = keys,
                    .size = size,
                    .value_size = value_size,
                    .scale = 0.3};
    cases.push_back(test);
    return &cases.back();
  };
  add(2, 2, 150, 150, 32, 32)->problem.causal = true;
  add(4, 2, 130, 70, 20, 17);
  add(6, 1, 1, 200, 64, 64);
  add(1, 1, 3, 1, 5, 1);
  add(2, 1, 37, 300, 16, 8)->masked = true;
  Case* window = add(2, 2, 140, 140, 16, 16);
  window->problem.left = 20;
  window->problem.right = 3;
  add(2, 2, 40, 60, 8, 8)->problem.softcap = 2;
  Case* valid = add(2, 2, 20, 90, 8, 8);
  valid->problem.causal = true;
  valid->valid = {90, 11};  // fewer than queries: the first rows see nothing
  add(1, 1, 40, 9000, 8, 8)->problem.causal = true;
  // Several blocks of keys, the last of a single key past a panel.
  add(2, 2, 43, 1057, 16, 33);
  add(1, 1, 15, 1100, 8, 8)->masked = true;
  add(6, 2, 600, 600, 8, 8)->problem.causal = true;
  Case* far_window = add(1, 1, 1100, 1100, 8, 8);
  far_window->problem.left = 90;
  far_window->problem.right = 0;
  return cases;
}

TEST(Attention, EqualsPlainLoops) {
  for (const Case& test : Cases()) {
    for (size_t i = 0; i < AllGemmF32().size(); ++i) {
      const GemmVariant& gemm = *AllGemmF32()[i];
      if (gemm.isa > GetCpuInfo().isa) continue;
      Check<float>(test, gemm, SelectNormF32(gemm.isa), 2e-5);
    }
    Case other = test;
    other.problem.element = AttentionElement::kF64;
    Check<double>(other, SelectGemmF32(Isa::kScalar), SelectNormF32(Isa::kScalar), 1e-12);
    other.problem.element = AttentionElement::kF16;
    Check<Float16>(other, SelectGemmF32(GetCpuInfo().isa), SelectNormF32(GetCpuInfo().isa), 1e-3);
    other.problem.element = AttentionElement::kBF16;
    Check<BFloat16>(other, SelectGemmF32(GetCpuInfo().isa), SelectNormF32(GetCpuInfo().isa), 8e-3);
  }
}

struct Masked {
  std::vector<float> q, k, v, mask;
};

std::vector<float> Attended(const AttentionProblem& p, Masked& data, const GemmVariant& gemm,
                            int thread_count) {
  std::vector<float> y(static_cast<size_t>(p.heads * p.queries * p.value_size), 99.0f);
  AttentionOperands operands;
  operands.q = {data.q.data(), 0, p.queries * p.size, p.size};
  operands.k = {data.k.data(), 0, p.keys * p.size, p.size};
  operands.v = {data.v.data(), 0, p.keys * p.value_size, p.value_size};
  operands.y = {y.data(), 0, p.queries * p.value_size, p.value_size};
  if (!data.mask.empty()) operands.mask = {AttentionMask::Type::kF32, data.mask.data(), 0, 0, p.keys, p.keys};
  ThreadPool threads(thread_count), serial(1);
  const AttentionPlan plan = PlanAttention(p, gemm, SelectNormF32(gemm.isa), thread_count);
  const AlignedBuffer scratch = std::move(AlignedBuffer::Allocate(plan.ScratchBytes())).value();
  RunAttention(plan, operands, scratch.data(), threads, serial, [] { return false; });
  return y;
}

// Row 0 sees nothing, row 1 nothing in the first blocks, row 2 nothing in the last one, row 3 has a NaN.
TEST(Attention, RowsThatSeeNothingAndNan) {
  AttentionProblem p{.batch = 1, .heads = 1, .kv_heads = 1, .queries = 20, .keys = 1200, .size = 8};
  p.value_size = 8;
  p.scale = 0.5;
  Masked data{Random<float>(20 * 8, 1), Random<float>(1200 * 8, 2), Random<float>(1200 * 8, 3),
              std::vector<float>(20 * 1200, 0.0f)};
  const float hidden = -std::numeric_limits<float>::infinity();
  std::fill_n(data.mask.begin(), 1200, hidden);
  std::fill_n(data.mask.begin() + 1200, 1199, hidden);
  std::fill_n(data.mask.begin() + 2 * 1200 + 1, 1199, hidden);
  data.q[3 * 8] = std::numeric_limits<float>::quiet_NaN();
  for (const GemmVariant* gemm : AllGemmF32()) {
    if (gemm->isa > GetCpuInfo().isa) continue;
    for (const auto rows : {AttentionNanRows::kKept, AttentionNanRows::kNan, AttentionNanRows::kZero}) {
      p.nan_rows = rows;
      const std::vector<float> y = Attended(p, data, *gemm, 1);
      for (size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(std::isnan(y[i]), rows == AttentionNanRows::kNan) << gemm->name;
        if (!std::isnan(y[i])) {
          EXPECT_EQ(y[i], 0.0f) << gemm->name;
        }
        EXPECT_FLOAT_EQ(y[8 + i], data.v[1199 * 8 + i]) << gemm->name;
        EXPECT_FLOAT_EQ(y[16 + i], data.v[i]) << gemm->name;
        EXPECT_EQ(std::isnan(y[24 + i]), rows != AttentionNanRows::kZero) << gemm->name;
        if (!std::isnan(y[24 + i])) {
          EXPECT_EQ(y[24 + i], 0.0f) << gemm->name;
        }
        EXPECT_FALSE(std::isnan(y[32 + i])) << gemm->name;
      }
    }
  }
}

TEST(Attention, DoesNotDependOnThreads) {
  for (const bool causal : {false, true}) {
    AttentionProblem p{.batch = 1, .heads = 3, .kv_heads = 3, .queries = 700, .keys = 700, .size = 16};
    p.value_size = 16;
    p.causal = causal;
    Masked data{
        Random<float>(3 * 700 * 16, 1), Random<float>(3 * 700 * 16, 2), Random<float>(3 * 700 * 16, 3), {}};
    const GemmVariant& gemm = SelectGemmF32(GetCpuInfo().isa);
    const std::vector<float> one = Attended(p, data, gemm, 1);
    for (const int threads : {2, 4}) EXPECT_EQ(Attended(p, data, gemm, threads), one) << threads;
  }
}

}  // namespace
}  // namespace ortolan::kernels
