// The fusions as text before and after, and the fused graphs against the graphs that they came from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/cpu.h"
#include "ops/elementwise.h"
#include "passes/passes.h"
#include "support/graph_text.h"

namespace ortolan::passes {
namespace {

using support::Lines;
using support::ParseGraph;

std::shared_ptr<graph::Graph> Passed(Status (*pass)(graph::Graph&, PassContext&), std::string_view before) {
  auto graph = ParseGraph(before);
  if (graph == nullptr) return nullptr;
  ThreadPool threads(1);
  PassContext context{threads};
  context.isa = GetCpuInfo().isa;
  const Status status = pass(*graph, context);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(graph::Verify(*graph).ok()) << graph::Verify(*graph).message();
  return graph;
}

void ExpectPass(Status (*pass)(graph::Graph&, PassContext&), std::string_view before,
                std::string_view after) {
  const auto graph = Passed(pass, before);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(Lines(graph::Dump(*graph)), Lines(after));
}

// Runs a graph node by node.
std::vector<float> Run(const graph::Graph& graph, const std::vector<Tensor>& inputs) {
  std::map<const graph::Value*, Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  ThreadPool threads(2);
  for (const graph::Node* node = graph.first(); node != nullptr; node = node->next()) {
    std::vector<Value> given;
    for (const graph::Value* value : node->inputs()) {
      given.push_back(value == nullptr      ? Value()
                      : value->IsConstant() ? Value(value->constant())
                                            : values[value]);
    }
    const auto made = Evaluate(*node, given, threads);
    EXPECT_TRUE(made.ok()) << node->op_type << ": " << made.status().message();
    if (!made.ok()) return {};
    for (size_t i = 0; i < node->outputs().size(); ++i) values[node->output(i)] = (*made)[i];
  }
  std::vector<float> all;
  for (const graph::Value* output : graph.outputs()) {
    const auto items = values[output].tensor().Items<const float>();
    all.insert(all.end(), items.begin(), items.end());
  }
  return all;
}

Tensor Random(const Dims& dims, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> numbers(-2, 2);
  Tensor tensor = *Tensor::Allocate(DType::kFloat, dims);
  for (float& item : tensor.Items<float>()) item = numbers(random);
  return tensor;
}

void ExpectSameResults(Status (*pass)(graph::Graph&, PassContext&), std::string_view text, size_t nodes_after,
                       const std::vector<Dims>& shapes) {
  const auto before = ParseGraph(text), after = Passed(pass, text);
  ASSERT_TRUE(before != nullptr && after != nullptr);
  EXPECT_EQ(after->node_count(), nodes_after) << graph::Dump(*after);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) inputs.push_back(Random(shapes[i], static_cast<unsigned>(i)));
  const std::vector<float> expected = Run(*before, inputs), got = Run(*after, inputs);
  ASSERT_EQ(expected.size(), got.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 1e-5 + 1e-5 * std::abs(expected[i])) << i;
}

TEST(ElementwiseFusion, JoinsAChain) {
  ExpectPass(RunElementwiseFusion, R"(
    inputs x:float[N,4] y:float[4]
    a = Mul(x, y)
    b = Add(a, float{1.5})
    c = Relu(b)
    outputs c)",
             R"(
    inputs %0:float[N,4] %1:float[4]
    %2:float[N,4] = Elementwise(%0, %1) [Mul, Add, Relu]
    outputs %2)");
}

TEST(ElementwiseFusion, StopsAtOutputsOtherReadersAndOtherShapes) {
  ExpectPass(RunElementwiseFusion, R"(
    inputs x:float[2,4] y:float[4]
    a = Relu(y)
    b = Sqrt(a)
    c = Mul(x, b)
    d = Exp(c)
    e = Neg(d)
    f = Neg(e)
    outputs f d)",
             R"(
    inputs %0:float[2,4] %1:float[4]
    %2:float[4] = Elementwise(%1) [Relu, Sqrt]
    %3:float[2,4] = Elementwise(%0, %2) [Mul, Exp]
    %4:float[2,4] = Elementwise(%3) [Neg, Neg]
    outputs %4 %3)");
}

TEST(ElementwiseFusion, KeepsNumbersThatGiveTheResultItsRank) {
  ExpectPass(RunElementwiseFusion, R"(
    inputs x:float[3]
    a = Mul(x, float[1,1]{2})
    b = Relu(a)
    outputs b)",
             R"(
    inputs %0:float[3]
    %1:float[1,3] = Elementwise(%0, float[1,1]{2}) [Mul, Relu]
    outputs %1)");
}

TEST(ElementwiseFusion, ComputesTheSame) {
  ExpectSameResults(RunElementwiseFusion, R"(
    inputs x:float[3,1,5] y:float[4,1] z:float[3,4,5]
    a = Mul(x, y)
    b = Sigmoid(a)
    c = Mul(a, b)
    d = Sub(z, c)
    e = Greater(d, float{0})
    f = Where(e, d, c)
    g = Clip(f, float{-1}, float{1})
    outputs g)",
                    1, {{3, 1, 5}, {4, 1}, {3, 4, 5}});
}

TEST(ElementwiseFusion, LongChainsAreCut) {
  std::string text = "inputs x:float[100]\nv0 = Relu(x)\n";
  for (int i = 0; i < 60; ++i) text += fmt::format("v{} = Add(v{}, float{{0.01}})\n", i + 1, i);
  ExpectSameResults(RunElementwiseFusion, text + "outputs v60", 3, {{100}});
}

TEST(Normalization, TakesTheSpellingsOfExporters) {
  ExpectPass(RunNormalization, R"(
    inputs x:float[N,4]
    m = ReduceMean(x, int64[1]{-1}) {keepdims: 1}
    d = Sub(x, m)
    p = Pow(d, float{2})
    v = ReduceMean(p, int64[1]{-1}) {keepdims: 1}
    e = Add(v, float{0.125})
    s = Sqrt(e)
    n = Div(d, s)
    g = Mul(n, float[4]{1,2,3,4})
    b = Add(g, float[4]{5,6,7,8})
    outputs b)",
             R"(
    inputs %0:float[N,4]
    %1:float[N,1] = ReduceMean(%0, int64[1]{-1}) {keepdims: 1}
    %2:float[N,4] = Sub(%0, %1)
    %3:float[N,4] = Pow(%2, float{2})
    %4:float[N,1] = ReduceMean(%3, int64[1]{-1}) {keepdims: 1}
    %5:float[N,1] = Add(%4, float{0.125})
    %6:float[N,1] = Sqrt(%5)
    %7:float[N,4] = Div(%2, %6)
    %8:float[N,4] = Mul(%7, float[4]{1,2,3,4})
    %9:float[N,4] = LayerNormalization(%0, float[4]{1,2,3,4}, float[4]{5,6,7,8}) {axis: -1, epsilon: 0.125}
    outputs %9)");
  ExpectSameResults(RunNormalization, R"(
    inputs x:float[3,5,4]
    p = Mul(x, x)
    v = ReduceMean(p, int64[1]{2}) {keepdims: 1}
    e = Add(float{0.125}, v)
    s = Sqrt(e)
    r = Reciprocal(s)
    n = Mul(r, x)
    g = Mul(float[4]{1,2,3,4}, n)
    outputs g)",
                    7, {{3, 5, 4}});
}

TEST(Normalization, LeavesOtherAxesAndOtherReaders) {
  for (const char* text : {R"(
    inputs x:float[3,4]
    p = Mul(x, x)
    v = ReduceMean(p, int64[1]{0}) {keepdims: 1}
    e = Add(v, float{0.125})
    s = Sqrt(e)
    n = Div(x, s)
    g = Mul(n, float[4]{1,2,3,4})
    outputs g)",
                           R"(
    inputs x:float[3,4]
    p = Mul(x, x)
    v = ReduceMean(p, int64[1]{1}) {keepdims: 1}
    e = Add(v, float{0.125})
    s = Sqrt(e)
    n = Div(x, s)
    g = Mul(n, float[4]{1,2,3,4})
    outputs g n)"}) {
    ExpectSameResults(RunNormalization, text, 6, {{3, 4}});
  }
}

TEST(AttentionFusion, ReadsHeadsWhereTheyStand) {
  ExpectPass(RunAttentionFusion, R"(
    inputs q:float[B,S,8] k:float[B,T,8] v:float[B,T,8] m:float[B,1,1,T]
    q4 = Reshape(q, int64[4]{0,0,2,4})
    qt = Transpose(q4) {perm: [0,2,1,3]}
    k4 = Reshape(k, int64[4]{0,0,2,4})
    kt = Transpose(k4) {perm: [0,2,3,1]}
    v4 = Reshape(v, int64[4]{0,0,2,4})
    vt = Transpose(v4) {perm: [0,2,1,3]}
    d = MatMul(qt, kt)
    e = Div(d, float{2})
    f = Add(e, m)
    p = Softmax(f) {axis: -1}
    y = MatMul(p, vt)
    yt = Transpose(y) {perm: [0,2,1,3]}
    z = Reshape(yt, int64[3]{0,0,8})
    outputs z)",
             R"(
    inputs %0:float[B,S,8] %1:float[B,T,8] %2:float[B,T,8] %3:float[B,1,1,T]
    %4:float[B,S,2,4] = Reshape(%0, int64[4]{0,0,2,4})
    %5:float[B,2,S,4] = Transpose(%4) {perm: [0,2,1,3]}
    %6:float[B,T,2,4] = Reshape(%1, int64[4]{0,0,2,4})
    %7:float[B,2,4,T] = Transpose(%6) {perm: [0,2,3,1]}
    %8:float[B,T,2,4] = Reshape(%2, int64[4]{0,0,2,4})
    %9:float[B,2,T,4] = Transpose(%8) {perm: [0,2,1,3]}
    %10:float[B,2,S,T] = MatMul(%5, %7)
    %11:float[B,2,S,T] = Div(%10, float{2})
    %12:float[B,2,S,T] = Add(%11, %3)
    %13:float[B,2,S,T] = Softmax(%12) {axis: -1}
    %14:float[B,S,8] = Attention(%0, %1, %2, %3) {scale: 0.5, q_num_heads: 2, kv_num_heads: 2, ortolan_nan_rows: "nan", ortolan_output_rank: 3}
    outputs %14)");
}

constexpr const char* kAttention = R"(
    inputs q:float[2,3,8] k:float[2,5,8] v:float[2,5,8] m:float[2,1,1,5]
    q4 = Reshape(q, int64[4]{0,0,2,4})
    qt = Transpose(q4) {perm: [0,2,1,3]}
    k4 = Reshape(k, int64[4]{0,0,2,4})
    kt = Transpose(k4) {perm: [0,2,3,1]}
    v4 = Reshape(v, int64[4]{0,0,2,4})
    vt = Transpose(v4) {perm: [0,2,1,3]}
)";

TEST(AttentionFusion, ComputesTheSame) {
  const std::vector<Dims> shapes = {{2, 3, 8}, {2, 5, 8}, {2, 5, 8}, {2, 1, 1, 5}};
  const std::string heads = kAttention;
  const std::string behind = R"(
    yt = Transpose(y) {perm: [0,2,1,3]}
    z = Reshape(yt, int64[3]{0,0,8})
    outputs z)";
  // A scale on the scores, a mask, heads joined again.
  ExpectSameResults(RunAttentionFusion, heads + R"(
    d = MatMul(qt, kt)
    e = Div(d, float{2})
    f = Add(e, m)
    p = Softmax(f) {axis: -1}
    y = MatMul(p, vt)
)" + behind,
                    11, shapes);
  // Scales on both sides, two masks, a guard against NaN.
  ExpectSameResults(RunAttentionFusion, heads + R"(
    qs = Mul(qt, float{0.5})
    ks = Mul(float{0.7}, kt)
    d = MatMul(qs, ks)
    e = Add(d, m)
    f = Add(float[1,2,3,5], e)
    p = Softmax(f) {axis: 3}
    n = IsNaN(p)
    w = Where(n, float{0}, p)
    y = MatMul(w, vt)
    outputs y)",
                    16, shapes);
  // Keys that only exist transposed.
  ExpectSameResults(RunAttentionFusion, R"(
    inputs q:float[2,3,6,4] k:float[2,3,4,7] v:float[2,3,7,5]
    d = MatMul(q, k)
    p = Softmax(d) {axis: -1}
    y = MatMul(p, v)
    outputs y)",
                    3, {{2, 3, 6, 4}, {2, 3, 4, 7}, {2, 3, 7, 5}});
  // Keys that a Transpose of three axes turns.
  ExpectSameResults(RunAttentionFusion, R"(
    inputs q:float[2,3,6,4] k:float[2,3,7,4] v:float[2,3,7,5]
    a = Reshape(k, int64[3]{-1,7,4})
    b = Transpose(a) {perm: [0,2,1]}
    c = Reshape(b, int64[4]{2,3,4,7})
    d = MatMul(q, c)
    p = Softmax(d) {axis: -1}
    y = MatMul(p, v)
    outputs y)",
                    6, {{2, 3, 6, 4}, {2, 3, 7, 4}, {2, 3, 7, 5}});
  // A mask of one column for all keys.
  ExpectSameResults(RunAttentionFusion, R"(
    inputs q:float[2,3,6,4] k:float[2,3,4,7] v:float[2,3,7,5] m:float[6,1]
    d = MatMul(q, k)
    e = Add(m, d)
    p = Softmax(e) {axis: -1}
    y = MatMul(p, v)
    outputs y)",
                    4, {{2, 3, 6, 4}, {2, 3, 4, 7}, {2, 3, 7, 5}, {6, 1}});
}

TEST(AttentionFusion, ReadsSharedHeadsOnce) {
  // Each head of keys and values serves two heads of queries.
  const auto text = [](const char* shape) {
    return fmt::format(R"(
    inputs q:float[2,4,3,8] k:float[2,2,5,8] v:float[2,2,5,6]
    ku = Unsqueeze(k, int64[1]{{2}})
    ke = Expand(ku, {0})
    kr = Reshape(ke, int64[4]{{2,4,5,8}})
    kt = Transpose(kr) {{perm: [0,1,3,2]}}
    vu = Unsqueeze(v, int64[1]{{2}})
    ve = Expand(vu, int64[5]{{2,2,2,5,6}})
    vr = Reshape(ve, int64[4]{{2,4,5,6}})
    d = MatMul(q, kt)
    p = Softmax(d) {{axis: -1}}
    y = MatMul(p, vr)
    outputs y)",
                       shape);
  };
  const std::vector<Dims> shapes = {{2, 4, 3, 8}, {2, 2, 5, 8}, {2, 2, 5, 6}};
  const auto passed = Passed(RunAttentionFusion, text("int64[5]{2,2,2,5,8}"));
  ASSERT_NE(passed, nullptr);
  EXPECT_EQ(passed->last()->op_type, "Attention");
  EXPECT_EQ(passed->last()->attributes.Int("kv_num_heads", 0), 2);
  EXPECT_EQ(passed->last()->input(1)->shape[1], graph::Dim(2));
  ExpectSameResults(RunAttentionFusion, text("int64[5]{2,2,2,5,8}"), 10, shapes);
}

TEST(AttentionFusion, ReadsHeadsOfTheModelsOwnAttention) {
  const std::string text = R"(
    inputs q:float[2,3,8] k:float[2,2,5,4] v:float[2,5,8]
    q4 = Reshape(q, int64[4]{2,3,2,4})
    qt = Transpose(q4) {perm: [0,2,1,3]}
    v4 = Reshape(v, int64[4]{2,5,2,4})
    vt = Transpose(v4) {perm: [0,2,1,3]}
    y = Attention(qt, k, vt) {scale: 0.5}
    yt = Transpose(y) {perm: [0,2,1,3]}
    z = Reshape(yt, int64[3]{2,3,8})
    outputs z)";
  ExpectPass(RunAttentionFusion, text, R"(
    inputs %0:float[2,3,8] %1:float[2,2,5,4] %2:float[2,5,8]
    %3:float[2,3,2,4] = Reshape(%0, int64[4]{2,3,2,4})
    %4:float[2,2,3,4] = Transpose(%3) {perm: [0,2,1,3]}
    %5:float[2,5,2,4] = Reshape(%2, int64[4]{2,5,2,4})
    %6:float[2,2,5,4] = Transpose(%5) {perm: [0,2,1,3]}
    %7:float[2,3,8] = Attention(%0, %1, %2) {scale: 0.5, q_num_heads: 2, kv_num_heads: 2, ortolan_output_rank: 3}
    outputs %7)");
  ExpectSameResults(RunAttentionFusion, text, 5, {{2, 3, 8}, {2, 2, 5, 4}, {2, 5, 8}});
}

TEST(AttentionFusion, TakesMasksOfWindows) {
  // Two pictures of three windows.
  const char* text = R"(
    inputs q:float[6,2,4,8] k:float[6,2,8,4] v:float[6,2,4,8]
    d = MatMul(q, k)
    e = Add(d, float[1,2,4,4])
    a = Reshape(e, int64[5]{2,3,2,4,4})
    m = Add(a, float[1,3,1,4,4])
    b = Reshape(m, int64[4]{6,2,4,4})
    p = Softmax(b) {axis: -1}
    y = MatMul(p, v)
    outputs y)";
  const auto passed = Passed(RunAttentionFusion, text);
  ASSERT_NE(passed, nullptr);
  EXPECT_EQ(passed->last()->op_type, "Attention");
  EXPECT_EQ(passed->last()->input(3)->constant().dims(), (Dims{3, 2, 4, 4}));
  ExpectSameResults(RunAttentionFusion, text, 7, {{6, 2, 4, 8}, {6, 2, 8, 4}, {6, 2, 4, 8}});
}

// Q, K and V side by side in rows of 24.
constexpr const char* kStacked = R"(
    inputs x:float[2,5,24]
    r = Reshape(x, int64[5]{2,5,3,2,4})
    t = Transpose(r) {perm: [2,0,3,1,4]}
)";

TEST(Projection, ReadsColumnsOfOneProduct) {
  const std::string behind = R"(
    y = Attention(q, k, v) {q_num_heads: 2, kv_num_heads: 2, scale: 0.5}
    outputs y)";
  const std::string picked = std::string(kStacked) + R"(
    q = Gather(t, int64{0}) {axis: 0}
    k = Gather(t, int64{1}) {axis: 0}
    v = Gather(t, int64{2}) {axis: 0}
)" + behind;
  const std::string split = std::string(kStacked) + R"(
    a, b, c = Split(t, int64[3]{1,1,1}) {axis: 0}
    q = Squeeze(a, int64[1]{0})
    k = Squeeze(b, int64[1]{0})
    v = Squeeze(c, int64[1]{0})
)" + behind;
  const std::string columns = R"(
    inputs x:float[2,5,24]
    q, k, v = Split(x, int64[3]{8,8,8}) {axis: -1}
)" + behind;
  for (const std::string& text : {picked, split, columns}) {
    const auto passed = Passed(RunProjection, text);
    ASSERT_NE(passed, nullptr);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(passed->last()->input(i), passed->inputs()[0]) << text;
    ExpectSameResults(RunProjection, text, ParseGraph(text)->node_count(), {{2, 5, 24}});
  }
  ExpectPass(RunProjection, columns, R"(
    inputs %0:float[2,5,24]
    %1:float[2,5,8], %2:float[2,5,8], %3:float[2,5,8] = Split(%0, int64[3]{8,8,8}) {axis: -1}
    %4:float[2,5,8] = Attention(%0, %0, %0) {q_num_heads: 2, kv_num_heads: 2, scale: 0.5, ortolan_output_rank: 3, ortolan_columns: [0,8,16], ortolan_sizes: [4,4]} [columns of wider rows]
    outputs %4)");
}

TEST(Projection, TakesSomeOfThem) {
  ExpectSameResults(RunProjection, R"(
    inputs x:float[2,5,24] k:float[2,2,7,4] v:float[2,2,7,6]
    q, r = Split(x, int64[2]{8,16}) {axis: 2}
    s = Relu(r)
    y = Attention(q, k, v) {q_num_heads: 2, kv_num_heads: 2}
    outputs y)",
                    3, {{2, 5, 24}, {2, 2, 7, 4}, {2, 2, 7, 6}});
}

TEST(Projection, LeavesOtherHeadsAndOrders) {
  const auto untouched = [](const std::string& text) {
    const auto before = ParseGraph(text), after = Passed(RunProjection, text);
    ASSERT_TRUE(before != nullptr && after != nullptr);
    EXPECT_EQ(graph::Dump(*before), graph::Dump(*after));
  };
  untouched(R"(
    inputs k:float[2,5,8]
    y = Attention(k, k, k) {q_num_heads: 2, kv_num_heads: 2}
    outputs y)");
  untouched(R"(
    inputs x:float[2,5,24]
    r = Reshape(x, int64[5]{2,5,3,2,4})
    t = Transpose(r) {perm: [2,0,1,3,4]}
    q = Gather(t, int64{0}) {axis: 0}
    k = Gather(t, int64{1}) {axis: 0}
    v = Gather(t, int64{2}) {axis: 0}
    y = Attention(q, k, v) {q_num_heads: 2, kv_num_heads: 2}
    outputs y)");
}

TEST(AttentionFusion, LeavesWhatIsReadElsewhereAndOtherAxes) {
  const std::vector<Dims> shapes = {{2, 3, 6, 4}, {2, 3, 4, 7}, {2, 3, 7, 5}};
  for (const char* text : {"inputs q:float[2,3,6,4] k:float[2,3,4,7] v:float[2,3,7,5]\n d = MatMul(q, k)\n"
                           "p = Softmax(d) {axis: -1}\n y = MatMul(p, v)\n outputs y p",
                           "inputs q:float[2,3,6,4] k:float[2,3,4,7] v:float[2,3,7,5]\n d = MatMul(q, k)\n"
                           "p = Softmax(d) {axis: 1}\n y = MatMul(p, v)\n outputs y"}) {
    ExpectSameResults(RunAttentionFusion, text, 3, shapes);
  }
}

// There is nothing to see while no product runs epilogues.
class EpilogueFusion : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"MatMul", "Gemm"}) {
      const OpDef* op = FindOp("", name);
      if (op == nullptr || op->traits.epilogue == EpilogueForm::kNone)
        GTEST_SKIP() << name << " runs no epilogues";
    }
  }
};

TEST_F(EpilogueFusion, TakesBiasResidualAndClamp) {
  ExpectPass(RunEpilogueFusion, R"(
    inputs x:float[N,8] r:float[N,4]
    a = MatMul(x, float[8,4])
    b = Add(a, float[4]{1,2,3,4})
    c = Add(r, b)
    d = Relu(c)
    outputs d)",
             R"(
    inputs %0:float[N,8] %1:float[N,4]
    %2:float[N,4] = MatMul(%0, float[8,4], float[4]{1,2,3,4}, %1) [Add, Add, Relu]
    outputs %2)");
}

TEST_F(EpilogueFusion, StopsWhereTheMiddleIsReadElsewhere) {
  ExpectPass(RunEpilogueFusion, R"(
    inputs x:float[N,8]
    a = MatMul(x, float[8,4])
    b = Sigmoid(a)
    c = Mul(a, b)
    d = Relu(c)
    e = Transpose(c) {perm: [1,0]}
    outputs d e)",
             R"(
    inputs %0:float[N,8]
    %1:float[N,4] = MatMul(%0, float[8,4]) [Sigmoid, Mul]
    %2:float[N,4] = Relu(%1)
    %3:float[4,N] = Transpose(%1) {perm: [1,0]}
    outputs %2 %3)");
  const char* text = R"(
    inputs %0:float[N,8]
    %1:float[N,4] = MatMul(%0, float[8,4])
    %2:float[N,4] = Relu(%1)
    outputs %2 %1)";
  ExpectPass(RunEpilogueFusion, "inputs x:float[N,8]\n a = MatMul(x, float[8,4])\n b = Relu(a)\n outputs b a",
             text);
}

TEST_F(EpilogueFusion, OfTwoProductsTheLaterTakesTheSum) {
  ExpectPass(RunEpilogueFusion, R"(
    inputs x:float[N,8]
    a = MatMul(x, float[8,4])
    b = MatMul(x, float[8,4])
    c = Add(a, b)
    outputs c)",
             R"(
    inputs %0:float[N,8]
    %1:float[N,4] = MatMul(%0, float[8,4])
    %2:float[N,4] = MatMul(%0, float[8,4], %1) [Add]
    outputs %2)");
}

TEST_F(EpilogueFusion, RefusesOperandsThatNoStrideDescribes) {
  const char* text = R"(
    inputs %0:float[2,3,5,8] %1:float[3,1,1] %2:float[8]
    %3:float[2,3,5,4] = MatMul(%0, float[8,4])
    %4:float[2,3,5,4] = Add(%3, %1)
    %5:float[2,3,5] = MatMul(%0, %2)
    %6:float[2,3,5] = Relu(%5)
    outputs %4 %6)";
  ExpectPass(RunEpilogueFusion, R"(
    inputs x:float[2,3,5,8] y:float[3,1,1] z:float[8]
    a = MatMul(x, float[8,4])
    b = Add(a, y)
    c = MatMul(x, z)
    d = Relu(c)
    outputs b d)",
             text);
}

TEST_F(EpilogueFusion, ComputesTheSame) {
  ExpectSameResults(RunEpilogueFusion, R"(
    inputs x:float[2,5,8] w:float[8,6] bias:float[6] r:float[2,5,6] s:float[5,1]
    a = MatMul(x, w)
    b = Add(a, bias)
    c = Add(b, r)
    d = Clip(c, float{-0.5}, float{0.75})
    e = Mul(d, s)
    f = Sigmoid(e)
    g = Mul(e, f)
    outputs g)",
                    1, {{2, 5, 8}, {8, 6}, {6}, {2, 5, 6}, {5, 1}});
  ExpectSameResults(RunEpilogueFusion, R"(
    inputs x:float[5,8] w:float[8,6] c:float[6]
    a = Gemm(x, w, c)
    b = Tanh(a)
    outputs b)",
                    1, {{5, 8}, {8, 6}, {6}});
  ExpectSameResults(RunEpilogueFusion, R"(
    inputs x:float[5,8] w:float[8,6] c:float[6]
    a = Gemm(x, w)
    b = Add(c, a)
    d = Relu(b)
    outputs d)",
                    1, {{5, 8}, {8, 6}, {6}});
}

TEST(BatchNorm, NumbersPerChannelGoIntoWeights) {
  ExpectSameResults(RunBatchNorm, R"(
    inputs x:float[2,4,5,5]
    a = Conv(x, float[6,2,3,3]) {group: 2}
    b = Mul(a, float[6,1,1]{1,-2,3,0.5,0,2})
    c = Add(b, float[1,6,1,1]{1,2,3,4,5,6})
    d = Mul(float{0.125}, c)
    outputs d)",
                    1, {{2, 4, 5, 5}});
  ExpectSameResults(RunBatchNorm, R"(
    inputs x:float[3,4]
    a = Gemm(x, float[4,2], float[2]{1,2})
    b = Mul(a, float[2]{2,-1})
    outputs b)",
                    1, {{3, 4}});
  ExpectSameResults(RunBatchNorm, R"(
    inputs x:float[3,4]
    a = Gemm(x, float[2,4], float[3,2]) {transB: 1}
    b = Mul(a, float[2]{2,-1})
    c = Relu(a)
    outputs b c)",
                    3, {{3, 4}});
}

}  // namespace
}  // namespace ortolan::passes
