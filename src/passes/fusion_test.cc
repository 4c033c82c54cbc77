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
