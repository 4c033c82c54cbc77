// MatMul and Gemm through Evaluate, against the definition in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/elementwise/program.h"
#include "kernels/gemm/gemm.h"
#include "ops/epilogue.h"
#include "ops/precision.h"
#include "support/run_op.h"

namespace ortolan {
namespace {

using namespace support;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::mt19937 random_engine(11);

// Small whole numbers: every type holds the products exactly.
std::vector<double> Numbers(const Dims& dims) {
  std::vector<double> numbers(static_cast<size_t>(ElementCount(dims)));
  for (double& x : numbers) x = std::uniform_int_distribution<int>(-4, 4)(random_engine);
  return numbers;
}

template <typename T>
Value As(const Dims& dims, const std::vector<double>& numbers) {
  std::vector<T> items;
  for (double x : numbers) {
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
      items.push_back(T(static_cast<float>(x)));
    else if constexpr (std::is_integral_v<T>)
      items.push_back(static_cast<T>(static_cast<int64_t>(x)));
    else
      items.push_back(static_cast<T>(x));
  }
  return TensorValue<T>(dims, items);
}

template <typename T>
std::vector<double> Doubles(const Value& value) {
  std::vector<double> numbers;
  for (T x : Items<T>(value)) {
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
      numbers.push_back(static_cast<double>(static_cast<float>(x)));
    } else if constexpr (std::is_unsigned_v<T>) {
      numbers.push_back(static_cast<double>(static_cast<std::make_signed_t<T>>(x)));
    } else {
      numbers.push_back(static_cast<double>(x));
    }
  }
  return numbers;
}

// The definition for operands of at least two dimensions.
std::vector<double> Expected(Dims a_dims, const std::vector<double>& a, Dims b_dims,
                             const std::vector<double>& b, Dims* out) {
  const bool row = a_dims.size() == 1, column = b_dims.size() == 1;
  if (row) a_dims = {1, a_dims[0]};
  if (column) b_dims = {b_dims[0], 1};
  const int64_t m = a_dims[a_dims.size() - 2], k = a_dims.back(), n = b_dims.back();
  const Dims a_batch(a_dims.begin(), a_dims.end() - 2), b_batch(b_dims.begin(), b_dims.end() - 2);
  const Dims batch = *BroadcastDims(a_batch, b_batch);
  auto matrix = [&](const Dims& dims, int64_t item) {
    int64_t at = 0, stride = 1;
    for (size_t i = 0; i < batch.size(); ++i) {
      const size_t axis = batch.size() - 1 - i;
      if (i < dims.size()) {
        const int64_t size = dims[dims.size() - 1 - i];
        if (size != 1) at += item % batch[axis] * stride;
        stride *= size;
      }
      item /= batch[axis];
    }
    return at;
  };
  std::vector<double> result;
  for (int64_t item = 0; item < ElementCount(batch); ++item) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t x = 0; x < k; ++x) {
          sum += a[static_cast<size_t>((matrix(a_batch, item) * m + i) * k + x)] *
                 b[static_cast<size_t>((matrix(b_batch, item) * k + x) * n + j)];
        }
        result.push_back(sum);
      }
    }
  }
  *out = batch;
  if (!row) out->push_back(m);
  if (!column) out->push_back(n);
  return result;
}

template <typename T>
void CheckMatMul(const Dims& a_dims, const Dims& b_dims) {
  SCOPED_TRACE(DimsText(a_dims) + " by " + DimsText(b_dims) + " of " + std::string(DTypeName(kDTypeOf<T>)));
  const std::vector<double> a = Numbers(a_dims), b = Numbers(b_dims);
  Dims dims;
  const std::vector<double> expected = Expected(a_dims, a, b_dims, b, &dims);
  for (uint64_t constants : {0, 2, 1, 3}) {
    OpRun run;
    run.constant_inputs = constants;
    const auto out = RunOp("MatMul", {As<T>(a_dims, a), As<T>(b_dims, b)}, run);
    ASSERT_TRUE(out.ok()) << out.status().message();
    EXPECT_EQ((*out)[0].tensor().dims(), dims) << constants;
    EXPECT_EQ(Doubles<T>((*out)[0]), expected) << constants;
  }
}

TEST(MatMul, FollowsNumpyForAllRanks) {
  const std::pair<Dims, Dims> cases[] = {
      {{3}, {3}},
      {{3}, {3, 4}},
      {{2, 3}, {3}},
      {{2, 3}, {3, 4}},
      {{5, 2, 3}, {3, 4}},
      {{5, 2, 3}, {3}},
      {{3}, {5, 3, 4}},
      {{2, 3}, {5, 3, 4}},
      {{5, 2, 3}, {5, 3, 4}},
      {{1, 2, 3}, {5, 3, 4}},
      {{5, 2, 3}, {1, 3, 4}},
      {{4, 1, 2, 3}, {1, 5, 3, 2}},
      {{4, 1, 20, 30}, {5, 30, 40}},
      {{2, 1, 3, 9, 5}, {4, 1, 5, 7}},
      {{0, 2, 3}, {3, 4}},
      {{2, 0}, {0, 3}},
      {{0, 3}, {3, 4}},
      {{2, 3}, {3, 0}},
      {{4, 0, 3}, {4, 3, 2}},
      {{1, 1}, {1, 1}},
      {{70, 33}, {33, 50}},
  };
  for (const auto& [a, b] : cases) CheckMatMul<float>(a, b);
}

TEST(MatMul, ServesEveryType) {
  const std::pair<Dims, Dims> cases[] = {
      {{3, 5}, {5, 4}}, {{3, 2, 5}, {3, 5, 4}}, {{2, 1, 2, 5}, {3, 5, 4}}, {{5}, {5}}};
  for (const auto& [a, b] : cases) {
    CheckMatMul<double>(a, b);
    CheckMatMul<Float16>(a, b);
    CheckMatMul<BFloat16>(a, b);
    CheckMatMul<int32_t>(a, b);
    CheckMatMul<int64_t>(a, b);
    CheckMatMul<uint32_t>(a, b);
    CheckMatMul<uint64_t>(a, b);
  }
}

TEST(MatMul, RefusesWhatDoesNotFit) {
  const auto inner = RunOp(
      "MatMul", {Floats({2, 3}, Items<float>(As<float>({2, 3}, Numbers({2, 3})))), Floats({2, 1}, {1, 2})});
  ASSERT_FALSE(inner.ok());
  EXPECT_EQ(inner.status().code(), StatusCode::kFail);
  EXPECT_THAT(inner.status().message(), HasSubstr("MatMul dimension mismatch"));
  const auto scalar = RunOp("MatMul", {Floats({}, {1}), Floats({1}, {1})});
  ASSERT_FALSE(scalar.ok());
  const auto batch = RunOp("MatMul", {Floats({2, 1, 1}, {1, 2}), Floats({3, 1, 1}, {1, 2, 3})});
  ASSERT_FALSE(batch.ok());
}

TEST(MatMul, MismatchAtLoadIsAShapeInferenceError) {
  graph::Graph graph(std::make_shared<graph::DimPool>());
  graph::Node* node = graph.AppendNode();
  node->op = FindOp("", "MatMul");
  for (size_t i = 0; i < 2; ++i) {
    graph::Value* value = graph.NewValue("x");
    value->type = ValueType::TensorOf(DType::kFloat);
    value->shape = {graph::Dim(2), graph::Dim(3)};
    node->SetInput(i, value);
  }
  node->SetOutput(0, graph.NewValue("y"));
  const Status status = InferNode(*node, *graph.dims());
  EXPECT_EQ(status.code(), StatusCode::kFail);
  EXPECT_THAT(status.message(),
              HasSubstr("[ShapeInferenceError] Incompatible dimensions for matrix multiplication"));
}

struct GemmCase {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  float alpha, beta;
  Dims c;
  bool has_c = true;
};

template <typename T>
void CheckGemm(const GemmCase& test) {
  SCOPED_TRACE(fmt::format("{} {} {} {} {} {} {} {} {}", test.m, test.n, test.k, test.transpose_a,
                           test.transpose_b, test.alpha, test.beta, DimsText(test.c),
                           DTypeName(kDTypeOf<T>)));
  const Dims a_dims = test.transpose_a ? Dims{test.k, test.m} : Dims{test.m, test.k};
  const Dims b_dims = test.transpose_b ? Dims{test.n, test.k} : Dims{test.k, test.n};
  const std::vector<double> a = Numbers(a_dims), b = Numbers(b_dims), c = Numbers(test.c);
  std::vector<double> expected;
  const int64_t c_columns = test.c.empty() ? 1 : test.c.back();
  const int64_t c_rows = test.c.size() < 2 ? 1 : test.c[0];
  for (int64_t i = 0; i < test.m; ++i) {
    for (int64_t j = 0; j < test.n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < test.k; ++k) {
        sum += a[static_cast<size_t>(test.transpose_a ? k * test.m + i : i * test.k + k)] *
               b[static_cast<size_t>(test.transpose_b ? j * test.k + k : k * test.n + j)];
      }
      sum *= static_cast<double>(test.alpha);
      if (test.has_c) {
        sum += static_cast<double>(test.beta) *
               c[static_cast<size_t>((c_rows == 1 ? 0 : i) * c_columns + (c_columns == 1 ? 0 : j))];
      }
      expected.push_back(std::is_integral_v<T> ? std::trunc(sum) : sum);
    }
  }
  for (uint64_t constants : {0, 2, 4, 6, 1}) {
    OpRun run;
    run.constant_inputs = constants;
    run.attributes = Attrs({{"alpha", test.alpha},
                            {"beta", test.beta},
                            {"transA", int64_t{test.transpose_a}},
                            {"transB", int64_t{test.transpose_b}}});
    std::vector<Value> inputs = {As<T>(a_dims, a), As<T>(b_dims, b)};
    if (test.has_c) inputs.push_back(As<T>(test.c, c));
    const auto out = RunOp("Gemm", inputs, run);
    ASSERT_TRUE(out.ok()) << out.status().message();
    EXPECT_EQ((*out)[0].tensor().dims(), (Dims{test.m, test.n}));
    EXPECT_EQ(Doubles<T>((*out)[0]), expected) << constants;
  }
}

TEST(GemmOp, AllFormsOfTransposesAndC) {
  for (bool transpose_a : {false, true}) {
    for (bool transpose_b : {false, true}) {
      for (const Dims& c : {Dims{}, Dims{1}, Dims{35}, Dims{1, 35}, Dims{17, 1}, Dims{1, 1}, Dims{17, 35}}) {
        CheckGemm<float>({17, 35, 9, transpose_a, transpose_b, 1, 1, c});
        CheckGemm<float>({17, 35, 9, transpose_a, transpose_b, 0.5f, 2, c});
        CheckGemm<double>({17, 35, 9, transpose_a, transpose_b, 0.5f, 2, c});
      }
      CheckGemm<float>({17, 35, 9, transpose_a, transpose_b, 0.25f, 1, {}, false});
      CheckGemm<float>({1, 1, 9, transpose_a, transpose_b, 1, 1, {1}});
      CheckGemm<float>({1, 35, 9, transpose_a, transpose_b, 1, 1, {35}});
      CheckGemm<float>({17, 1, 9, transpose_a, transpose_b, 1, 1, {17, 1}});
      CheckGemm<float>({17, 1, 9, transpose_a, transpose_b, 1, 1, {1}});
      CheckGemm<float>({5, 6, 0, transpose_a, transpose_b, 1, 1, {6}});
      CheckGemm<float>({0, 6, 3, transpose_a, transpose_b, 1, 1, {6}});
    }
  }
}

TEST(GemmOp, ServesEveryType) {
  for (const Dims& c : {Dims{4}, Dims{3, 4}, Dims{3, 1}}) {
    CheckGemm<Float16>({3, 4, 5, false, true, 0.5f, 2, c});
    CheckGemm<BFloat16>({3, 4, 5, true, false, 2, 1, c});
    CheckGemm<int32_t>({3, 4, 5, true, true, 2, -1, c});
    CheckGemm<int64_t>({3, 4, 5, false, true, 1, 1, c});
    CheckGemm<uint32_t>({3, 4, 5, true, false, 1, 3, c});
    CheckGemm<uint64_t>({3, 4, 5, false, false, 1, 1, c});
    CheckGemm<int32_t>({3, 4, 5, false, false, 0.5f, 0.25f, c});
  }
}

TEST(GemmOp, BetaZeroDoesNotReadC) {
  const auto out = RunOp("Gemm", {Floats({1, 1}, {2}), Floats({1, 1}, {3}), Floats({1}, {std::nanf("")})},
                         {.attributes = Attrs({{"beta", 0.0f}})});
  ASSERT_TRUE(out.ok());
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(6));
}

TEST(GemmOp, RefusesWhatDoesNotFit) {
  const auto inner = RunOp("Gemm", {Floats({1, 2}, {1, 2}), Floats({1, 1}, {1})});
  ASSERT_FALSE(inner.ok());
  EXPECT_EQ(inner.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(inner.status().message(), HasSubstr("GEMM: Dimension mismatch"));
  const auto c = RunOp("Gemm", {Floats({1, 1}, {1}), Floats({1, 1}, {1}), Floats({2}, {1, 2})});
  ASSERT_FALSE(c.ok());
  EXPECT_THAT(c.status().message(), HasSubstr("Invalid bias shape for broadcast"));
  const auto rank = RunOp("Gemm", {Floats({1}, {1}), Floats({1, 1}, {1})});
  ASSERT_FALSE(rank.ok());
  EXPECT_THAT(rank.status().message(), HasSubstr("First input does not have rank 2"));
}

// y = clamp(a * b + bias) * factor, where the factor broadcasts in every way that an epilogue knows.
void CheckFused(std::string_view op, const Dims& a_dims, const Dims& b_dims, const Dims& factor_dims,
                bool own_c, bool constant_b) {
  SCOPED_TRACE(fmt::format("{} {} by {} times {} own C {} constant {}", op, DimsText(a_dims),
                           DimsText(b_dims), DimsText(factor_dims), own_c, constant_b));
  Dims y_dims;
  const std::vector<double> a = Numbers(a_dims), b = Numbers(b_dims), factor = Numbers(factor_dims);
  std::vector<double> expected = Expected(a_dims, a, b_dims, b, &y_dims);
  const Dims bias_dims = {y_dims.back()};
  const std::vector<double> bias = Numbers(bias_dims);
  const Dims strides = RowMajorStrides(factor_dims);
  for (size_t at = 0; at < expected.size(); ++at) {
    auto rest = static_cast<int64_t>(at);
    int64_t where = 0;
    for (size_t axis = y_dims.size(); axis-- > 0;) {
      const int64_t position = rest % y_dims[axis];
      rest /= y_dims[axis];
      const size_t lead = y_dims.size() - factor_dims.size();
      if (axis >= lead && factor_dims[axis - lead] != 1) where += position * strides[axis - lead];
    }
    const double sum = expected[at] + bias[at % static_cast<size_t>(y_dims.back())];
    expected[at] = std::clamp(sum, -5.0, 9.0) * factor[static_cast<size_t>(where)];
  }

  kernels::ProgramBuilder builder;
  const kernels::Reg x = builder.Input(kernels::Element::kF32);
  const kernels::Reg y = builder.Input(kernels::Element::kF32);
  builder.Output(builder.Emit(kernels::TileOp::kMul, x, y), kernels::Element::kF32);
  auto program = builder.Build(GetCpuInfo().isa);
  ASSERT_TRUE(program.ok());
  auto fused = std::make_shared<FusedEpilogue>();
  fused->lower = -5;
  fused->upper = 9;
  fused->program = *program;
  if (!own_c) fused->bias = op == "Gemm" ? 3 : 2;
  fused->first_operand = op == "Gemm" ? 4 : 3;
  fused->operand_count = 1;

  graph::Graph graph(std::make_shared<graph::DimPool>());
  graph::Node* node = graph.AppendNode();
  node->op = FindOp("", op);
  node->op_type = std::string(op);
  node->payload = fused;
  std::vector<Value> inputs = {As<float>(a_dims, a), As<float>(b_dims, b)};
  if (op == "Gemm" && !own_c) inputs.push_back({});
  inputs.push_back(As<float>(bias_dims, bias));
  if (op == "Gemm" && own_c) inputs.push_back({});
  inputs.push_back(As<float>(factor_dims, factor));
  for (size_t i = 0; i < inputs.size(); ++i) {
    node->SetInput(i, nullptr);
    if (inputs[i].kind() == Value::Kind::kNone) continue;
    graph::Value* value = graph.NewValue("x");
    if (i == 1 && constant_b) value->set_constant(inputs[i].tensor());
    node->SetInput(i, value);
  }
  node->SetOutput(0, graph.NewValue("y"));
  ThreadPool threads(2);
  const auto out = Evaluate(*node, inputs, threads);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(Doubles<float>((*out)[0]), expected);
}

TEST(MatMul, RunsAFusedEpilogue) {
  for (bool constant : {false, true}) {
    for (const Dims& factor :
         {Dims{}, Dims{37}, Dims{40, 1}, Dims{40, 37}, Dims{3, 1, 1}, Dims{3, 40, 1}, Dims{3, 40, 37}}) {
      CheckFused("MatMul", {3, 40, 9}, {9, 37}, factor, false, constant);
      CheckFused("MatMul", {3, 40, 9}, {3, 9, 37}, factor, false, constant);
    }
    for (const Dims& factor : {Dims{}, Dims{50}, Dims{2, 1}, Dims{2, 50}}) {
      CheckFused("MatMul", {2, 9}, {9, 50}, factor, false, constant);
    }
  }
}

TEST(GemmOp, RunsAFusedEpilogue) {
  for (bool constant : {false, true}) {
    for (const Dims& factor : {Dims{}, Dims{37}, Dims{40, 1}, Dims{40, 37}}) {
      CheckFused("Gemm", {40, 9}, {9, 37}, factor, false, constant);
      CheckFused("Gemm", {40, 9}, {9, 37}, factor, true, constant);
    }
  }
}

// Where the model has bfloat16 its operands may be rounded to it, which shows where the machine does so;
// weights that are other numbers stay as they are, and so does the left side then.
TEST(MatMul, RoundsWhatTheModelHasAsBFloat16) {
  const bool rounds = kernels::SelectGemmBf16(GetCpuInfo().isa) != nullptr;
  const float between = 1.00390625f + 0.0009765625f;  // next to 1.0078125 in bfloat16
  for (const float weight : {2.0f, 2.0009765625f}) {
    const auto y =
        RunOp("MatMul", {Floats({1, 2}, {between, 1}), Floats({2, 2}, {weight, 1, 0, 1})},
              {.attributes = Attrs({{std::string(kBFloat16Operands), int64_t{1}}}), .constant_inputs = 2});
    ASSERT_TRUE(y.ok()) << y.status().message();
    const float a = rounds && weight == 2.0f ? 1.0078125f : between;
    EXPECT_THAT(Items<float>((*y)[0]), ElementsAre(a * weight, a + 1));
  }
}

}  // namespace
}  // namespace ortolan
