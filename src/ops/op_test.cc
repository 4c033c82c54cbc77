// Inference and evaluation as every operator gets them, with operators made for this test.
#include "ops/op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/run_op.h"

namespace ortolan {
namespace {

using graph::Contents;
using graph::Dim;
using graph::Shape;
using ::testing::ElementsAre;
using namespace support;

constexpr FormalParameter kTwo[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOne[] = {{"C", "T"}};
constexpr FormalParameter kIndices[] = {{"Y", "T"}, {"I", "tensor(int64)"}, {"S", "seq(tensor(float))"}};
constexpr TypeConstraint kNumbers[] = {{"T", kNumericTypes}};

Status AddFloats(const void*, RunContext& context) {
  const auto a = context.input(0).Items<float>(), b = context.input(1).Items<float>();
  const auto c = context.output(0).Items<float>();
  for (size_t i = 0; i < c.size(); ++i) c[i] = a[a.size() == 1 ? 0 : i] + b[b.size() == 1 ? 0 : i];
  return OkStatus();
}
Status PrepareAdd(PrepareContext&, Prepared* prepared) {
  prepared->run = AddFloats;
  return OkStatus();
}
extern const OpDef kAddFloats;
constexpr OpDef kAddFloats{.name = "AddFloats",
                           .inputs = kTwo,
                           .outputs = kOne,
                           .types = kNumbers,
                           .infer = InferBroadcast,
                           .prepare = PrepareAdd};

// Keeps what is positive: the output's shape depends on data.
Status KeepPositive(const void* state, RunContext& context) {
  std::vector<float> kept;
  for (float item : context.input(0).Items<float>()) {
    if (item > 0) kept.push_back(item);
  }
  EXPECT_EQ(*static_cast<const int*>(state), 7);
  EXPECT_EQ(*static_cast<const int*>(context.binding()), 8);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(context.scratch()) % 64, 0u);
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {static_cast<int64_t>(kept.size())}));
  std::copy(kept.begin(), kept.end(), context.output(0).As<float>());
  return OkStatus();
}
Status BindKeep(const void*, const BindContext& context, Binding* binding) {
  EXPECT_EQ(context.inputs[0], Dims({4}));
  binding->scratch_bytes = 100;
  binding->data = std::make_shared<int>(8);
  return OkStatus();
}
extern const OpDef kKeepPositive;
constexpr OpDef kKeepPositive{.name = "KeepPositive",
                              .inputs = kOne,
                              .outputs = kIndices,
                              .types = kNumbers,
                              .traits = {.data_dependent_shape = true},
                              .infer =
                                  [](InferContext& context) {
                                    context.SetShape(0, {context.Unknown()});
                                    return OkStatus();
                                  },
                              .prepare =
                                  [](PrepareContext&, Prepared* prepared) {
                                    prepared->run = KeepPositive;
                                    prepared->bind = BindKeep;
                                    prepared->state = std::make_shared<int>(7);
                                    return OkStatus();
                                  }};

extern const OpDef kFlat;
constexpr OpDef kFlat{.name = "Flat",
                      .inputs = kOne,
                      .outputs = kOne,
                      .types = kNumbers,
                      .traits = {.view_of = 0},
                      .infer = [](InferContext& context) {
                        if (context.shape(0).has_rank()) context.SetShape(0, {context.shape(0).Count()});
                        return OkStatus();
                      }};

TEST(Evaluate, RunsANode) {
  const auto out = RunOp("", {Floats({2}, {1, 2}), Floats({}, {3})}, {.op = &kAddFloats});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(4, 5));
}

TEST(Evaluate, ReportsWhatDoesNotFit) {
  const auto out = RunOp("", {Floats({2}, {1, 2}), Floats({3}, {1, 2, 3})}, {.op = &kAddFloats});
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.status().message(), "Attempting to broadcast an axis by a dimension other than 1. 2 by 3");
}

TEST(Evaluate, GivesMemoryWhereTheShapeDependsOnData) {
  const auto out = RunOp("", {Floats({4}, {1, -2, 3, -4})}, {.op = &kKeepPositive});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, 3));
}

TEST(Evaluate, ViewsKeepTheElements) {
  const auto out = RunOp("", {Floats({2, 2}, {1, 2, 3, 4})}, {.op = &kFlat});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(DimsOf((*out)[0]), ElementsAre(4));
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, 2, 3, 4));
}

class InferTest : public ::testing::Test {
 protected:
  graph::Value* Input(DType dtype, Shape shape) {
    graph::Value* value = graph_.NewValue("x");
    value->type = ValueType::TensorOf(dtype);
    value->shape = std::move(shape);
    return value;
  }
  graph::Node* Node(const OpDef& op, std::vector<graph::Value*> inputs, size_t outputs = 1) {
    graph::Node* node = graph_.AppendNode();
    node->op = &op;
    node->SetInputs(std::move(inputs));
    for (size_t i = 0; i < outputs; ++i) node->SetOutput(i, graph_.NewValue("y"));
    return node;
  }
  Status Infer(graph::Node* node) { return InferNode(*node, *graph_.dims()); }

  graph::Graph graph_{std::make_shared<graph::DimPool>()};
  const Dim n_ = graph_.dims()->Symbol("N"), m_ = graph_.dims()->Symbol("M");
};

TEST_F(InferTest, TypesFollowTheDeclaration) {
  graph::Node* node = Node(kKeepPositive, {Input(DType::kDouble, {4})}, 3);
  ASSERT_TRUE(Infer(node).ok());
  EXPECT_EQ(TypeText(node->output(0)->type), "tensor(double)");
  EXPECT_EQ(TypeText(node->output(1)->type), "tensor(int64)");
  EXPECT_EQ(TypeText(node->output(2)->type), "seq(tensor(float))");
  EXPECT_GE(graph::DimPool::SymbolIndex(node->output(0)->shape[0]), 0);
  EXPECT_FALSE(node->output(1)->shape.has_rank());
}

TEST_F(InferTest, ShapesBroadcast) {
  graph::Node* node =
      Node(kAddFloats, {Input(DType::kFloat, {n_, 1, 4, m_}), Input(DType::kFloat, {7, n_, 5})});
  ASSERT_TRUE(Infer(node).ok());
  EXPECT_EQ(node->output(0)->shape, Shape({n_, 7, 4, 5}));
  node = Node(kAddFloats, {Input(DType::kFloat, {n_}), Input(DType::kFloat, {m_})});
  ASSERT_TRUE(Infer(node).ok());
  EXPECT_EQ(node->output(0)->shape, Shape({Dim::Broadcast(n_, m_)}));
  node = Node(kAddFloats, {Input(DType::kFloat, {n_}), Input(DType::kFloat, Shape())});
  ASSERT_TRUE(Infer(node).ok());
  EXPECT_FALSE(node->output(0)->shape.has_rank());
  node = Node(kAddFloats, {Input(DType::kFloat, {2}), Input(DType::kFloat, {3})});
  const Status status = Infer(node);
  EXPECT_EQ(status.code(), StatusCode::kFail);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("[ShapeInferenceError] Incompatible dimensions"));
}

TEST_F(InferTest, IntegersComeFromContentsOrData) {
  graph::Node* node = Node(kAddFloats, {});
  const Contents contents{n_, 3};
  const Tensor data = Tensor::Of<int32_t>({2}, std::vector<int32_t>{5, -6});
  std::vector<InferInput> inputs(3);
  inputs[0] = {true, {}, {}, &contents, nullptr};
  inputs[1] = {true, {}, {}, nullptr, &data.ref()};
  InferContext context(*node, std::move(inputs), 1, graph_.dims().get());
  EXPECT_EQ(*context.Ints(0), contents);
  EXPECT_FALSE(context.ConstantInts(0).has_value());
  EXPECT_THAT(*context.ConstantInts(1), ElementsAre(5, -6));
  EXPECT_FALSE(context.Ints(2).has_value());
  EXPECT_FALSE(context.Ints(9).has_value());
}

TEST_F(InferTest, AttributesBecomeInputs) {
  graph::Node* node = Node(kAddFloats, {Input(DType::kFloat, {2})});
  node->attributes.Set("axes", std::vector<int64_t>{0, -1});
  const RaiseContext raise{graph_, *node, 1};
  raise.IntsToInput("axes", 2);
  raise.IntsToInput("pads", 1);
  EXPECT_FALSE(node->attributes.Has("axes"));
  EXPECT_FALSE(node->HasInput(1));
  ASSERT_TRUE(node->HasInput(2));
  EXPECT_THAT(node->input(2)->constant().Items<int64_t>(), ElementsAre(0, -1));
}

}  // namespace
}  // namespace ortolan
