// Attention of several blocks against plain loops in double, on every kernel that this machine runs.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/half.h"

namespace ortolan::kernels {
namespace {

struct Case {
  AttentionProblem problem;
  AttentionMask::Type mask = AttentionMask::Type::kNone;
  bool sinks = false;
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
  std::vector<std::byte> typed_mask;
};

template <typename M, typename T>
void StoreMask(Data<T>* data) {
  data->typed_mask.resize(data->mask.size() * sizeof(M));
  for (size_t i = 0; i < data->mask.size(); ++i) {
    const M item = M(data->mask[i]);
    std::memcpy(data->typed_mask.data() + i * sizeof(M), &item, sizeof(M));
  }
}

// Every third key is hidden, and the last ones of the first rows. Numbers that all types have.
template <typename T>
void MakeMask(AttentionMask::Type type, Data<T>* data) {
  for (size_t i = 0; i < data->mask.size(); ++i) {
    const bool hidden = i % 3 == 0 || (i > 40 && i < 120);
    const float shown = type == AttentionMask::Type::kBool ? 0.0f : std::round(data->mask[i] * 8) / 8;
    data->mask[i] = hidden ? -std::numeric_limits<float>::infinity() : shown;
  }
  switch (type) {
    case AttentionMask::Type::kBool:
      data->typed_mask.resize(data->mask.size());
      for (size_t i = 0; i < data->mask.size(); ++i) data->typed_mask[i] = std::byte{data->mask[i] == 0};
      return;
    case AttentionMask::Type::kF16:
      return StoreMask<Float16>(data);
    case AttentionMask::Type::kBF16:
      return StoreMask<BFloat16>(data);
    case AttentionMask::Type::kF64:
      return StoreMask<double>(data);
    default:
      return;
  }
}

double Sink(int64_t head) {
  return 1.5 - static_cast<double>(head);
}

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
      if (test.mask != AttentionMask::Type::kNone)
        score += static_cast<double>(data.mask[static_cast<size_t>(query * p.keys + j)]);
      scores[static_cast<size_t>(j)] = score;
      most = std::max(most, score);
    }
    if (std::isinf(most)) continue;
    if (test.sinks) {
      most = std::max(most, Sink(head));
      sum = std::exp(Sink(head) - most);
    }
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
  MakeMask(test.mask, &data);
  AttentionOperands operands;
  operands.q = {data.q.data(), p.heads * p.queries * p.size, p.queries * p.size, p.size};
  operands.k = {data.k.data(), p.kv_heads * p.keys * p.size, p.keys * p.size, p.size};
  operands.v = {data.v.data(), p.kv_heads * p.keys * p.value_size, p.keys * p.value_size, p.value_size};
  operands.y = {data.y.data(), p.heads * p.queries * p.value_size, p.queries * p.value_size, p.value_size};
  if (test.mask == AttentionMask::Type::kF32)
    operands.mask = {test.mask, data.mask.data(), 0, 0, p.keys, p.keys};
  else if (test.mask != AttentionMask::Type::kNone)
    operands.mask = {test.mask, data.typed_mask.data(), 0, 0, p.keys, p.keys};
  std::vector<float> sinks;
  for (int64_t head = 0; head < p.heads; ++head) sinks.push_back(static_cast<float>(Sink(head)));
  if (test.sinks) operands.sinks = sinks.data();
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
  add(2, 1, 37, 300, 16, 8)->mask = AttentionMask::Type::kF32;
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
  add(1, 1, 15, 1100, 8, 8)->mask = AttentionMask::Type::kF32;
  add(6, 2, 600, 600, 8, 8)->problem.causal = true;
  Case* far_window = add(1, 1, 1100, 1100, 8, 8);
  far_window->problem.left = 90;
  far_window->problem.right = 0;
  // What else may stand between products and probabilities, for a few rows and for many.
  for (const int64_t queries : {3, 45}) {
    for (const auto type : {AttentionMask::Type::kBool, AttentionMask::Type::kF16, AttentionMask::Type::kBF16,
                            AttentionMask::Type::kF64}) {
      add(2, 2, queries, 530, 7, 9)->mask = type;
    }
    Case* all = add(4, 2, queries, 90, 8, 8);
    all->mask = AttentionMask::Type::kBool;
    all->sinks = all->problem.causal = true;
    all->problem.softcap = 3;
    Case* capped = add(2, 2, queries, 700, 8, 8);
    capped->mask = AttentionMask::Type::kF32;
    capped->problem.softcap = 1;
    add(2, 2, queries, 600, 8, 8)->sinks = true;
  }
  return cases;
}

TEST(Attention, EqualsPlainLoopsAtEveryLength) {
  int64_t step = 1;
  for (int64_t length = 1; length <= 1500; length += step++) {
    Case test;
    test.problem = {.batch = 1, .heads = 1, .kv_heads = 1, .queries = length, .keys = length, .size = 3};
    test.problem.value_size = 2;
    test.problem.scale = 0.4;
    test.problem.causal = length % 2 == 0;
    Check<float>(test, SelectGemmF32(GetCpuInfo().isa), SelectNormF32(GetCpuInfo().isa), 2e-5);
  }
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

// Row i sees keys 0 to i.
std::vector<float> CausalMask(int64_t rows, int64_t keys, float hidden) {
  std::vector<float> mask(static_cast<size_t>(rows * keys), 0.0f);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t key = row + 1; key < keys; ++key) mask[static_cast<size_t>(row * keys + key)] = hidden;
  }
  return mask;
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
  for (const int64_t queries : {300, 700}) {
    for (const int kind : {0, 1, 2}) {
      AttentionProblem p{.batch = 1, .heads = 3, .kv_heads = 3, .queries = queries, .keys = 700, .size = 16};
      p.value_size = 16;
      p.causal = kind == 1;
      Masked data{Random<float>(3 * queries * 16, 1),
                  Random<float>(3 * 700 * 16, 2),
                  Random<float>(3 * 700 * 16, 3),
                  {}};
      if (kind == 2) data.mask = CausalMask(queries, 700, -1e9f);
      for (const GemmVariant* gemm : AllGemmF32()) {
        if (gemm->isa > GetCpuInfo().isa) continue;
        const std::vector<float> one = Attended(p, data, *gemm, 1);
        for (const int threads : {2, 4, 7}) EXPECT_EQ(Attended(p, data, *gemm, threads), one) << threads;
      }
    }
  }
}

// What a mask hides at the ends of rows is left out where that cannot be told from the result.
class HiddenKeys : public testing::TestWithParam<float> {
 protected:
  static constexpr int64_t kRows = 70, kKeys = 600;
  HiddenKeys() {
    p_.value_size = 8;
    p_.scale = 0.5;
    p_.causal = true;
    plain_ = {Random<float>(kRows * 8, 1), Random<float>(kKeys * 8, 2), Random<float>(kKeys * 8, 3), {}};
    masked_ = plain_;
    masked_.mask = CausalMask(kRows, kKeys, GetParam());
  }
  // With the mask in place of causality.
  std::vector<float> Run(const GemmVariant& gemm) {
    AttentionProblem problem = p_;
    problem.causal = false;
    return Attended(problem, masked_, gemm, 1);
  }
  AttentionProblem p_{.batch = 1, .heads = 1, .kv_heads = 1, .queries = kRows, .keys = kKeys, .size = 8};
  Masked plain_, masked_;
};

TEST_P(HiddenKeys, MakeNoDifference) {
  for (const GemmVariant* gemm : AllGemmF32()) {
    if (gemm->isa > GetCpuInfo().isa) continue;
    const std::vector<float> expected = Attended(p_, plain_, *gemm, 1), y = Run(*gemm);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-5f) << gemm->name << " " << i;
  }
}

TEST_P(HiddenKeys, StillBringTheirNan) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const GemmVariant* gemm : AllGemmF32()) {
    if (gemm->isa > GetCpuInfo().isa) continue;
    for (const int kind : {0, 1}) {
      const Masked kept = masked_;
      // Only the last rows are to see the key.
      (kind == 0 ? masked_.k : masked_.v)[65 * 8 + 2] =
          kind == 0 ? std::numeric_limits<float>::quiet_NaN() : infinity;
      const std::vector<float> y = Run(*gemm);
      for (size_t row = 0; row < kRows; ++row)
        EXPECT_FALSE(std::isfinite(y[row * 8 + 2])) << gemm->name << " row " << row;
      masked_ = kept;
    }
  }
}

// Scores of a million: the hidden ones win.
TEST_P(HiddenKeys, CountWhereScoresAreLarger) {
  if (std::isinf(GetParam()) || GetParam() < -1e30f) return;
  std::fill(masked_.q.begin(), masked_.q.end(), 1e5f);
  std::fill(masked_.k.begin(), masked_.k.end(), 0.0f);
  std::fill_n(masked_.k.begin() + 599 * 8, 8, 1e5f);
  for (const GemmVariant* gemm : AllGemmF32()) {
    if (gemm->isa > GetCpuInfo().isa) continue;
    const std::vector<float> y = Run(*gemm);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], masked_.v[599 * 8 + i % 8], 1e-5f) << gemm->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, HiddenKeys,
                         testing::Values(-std::numeric_limits<float>::infinity(),
                                         std::numeric_limits<float>::lowest(), -1e9f, -1e4f));

}  // namespace
}  // namespace ortolan::kernels
