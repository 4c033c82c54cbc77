#include "exec/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace ortolan::exec {
namespace {

using graph::Dim;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A graph under construction: names for values, operators from the registry.
class Builder {
 public:
  Builder() : graph_(std::make_shared<graph::Graph>(std::make_shared<graph::DimPool>())) {}

  graph::Value* Input(const char* name, DType dtype, graph::Shape shape) {
    graph::Value* value = graph_->NewValue(name);
    value->type = ValueType::TensorOf(dtype);
    value->shape = std::move(shape);
    graph_->AddInput(value);
    return value;
  }
  template <typename T>
  graph::Value* Constant(const Dims& dims, std::vector<T> items) {
    return graph_->NewConstant("constant", Tensor::Of<T>(dims, std::span<const T>(items)));
  }
  graph::Value* Node(const char* op, std::vector<graph::Value*> inputs, graph::Attributes attributes = {}) {
    graph::Node* node = graph_->AppendNode();
    node->op = FindOp("", op);
    node->op_type = op;
    node->name = std::string(op) + "_" + std::to_string(graph_->node_count());
    node->attributes = std::move(attributes);
    node->SetInputs(std::move(inputs));
    graph::Value* output = graph_->NewValue(node->name);
    node->SetOutput(0, output);
    EXPECT_TRUE(InferNode(*node, *graph_->dims()).ok());
    return output;
  }
  Dim Symbol(const char* name) { return graph_->dims()->Symbol(name); }
  std::unique_ptr<Executor> Finish(std::vector<graph::Value*> outputs, int threads = 2,
                                   bool parallel = false) {
    for (graph::Value* output : outputs) graph_->AddOutput(output);
    auto pool = std::make_shared<ThreadPool>(threads);
    auto plan = plan::Plan::Make(graph_, {GetCpuInfo().isa, false, parallel}, *pool);
    EXPECT_TRUE(plan.ok()) << plan.status().message();
    return std::make_unique<Executor>(*plan, pool);
  }
  const std::shared_ptr<graph::Graph>& graph() const { return graph_; }

 private:
  std::shared_ptr<graph::Graph> graph_;
};

Tensor Floats(const Dims& dims, std::vector<float> items) {
  return Tensor::Of<float>(dims, std::span<const float>(items));
}
Tensor Ints(const Dims& dims, std::vector<int64_t> items) {
  return Tensor::Of<int64_t>(dims, std::span<const int64_t>(items));
}

std::vector<Value> RunOrDie(Executor& executor, std::vector<Value> inputs) {
  std::vector<Value> outputs(executor.plan().outputs().size());
  const Status status = executor.Run({inputs, outputs, nullptr, nullptr});
  EXPECT_TRUE(status.ok()) << status.message();
  return outputs;
}

std::vector<float> FloatsOf(const Value& value) {
  const std::span<const float> items = value.tensor().Items<const float>();
  return {items.begin(), items.end()};
}

TEST(Executor, RunsAChainForChangingShapes) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {b.Symbol("N"), Dim(2)});
  graph::Value* sum = b.Node("Add", {b.Node("Relu", {x}), b.Constant<float>({2}, {10, 20})});
  auto executor = b.Finish({b.Node("Transpose", {sum})});
  for (int round = 0; round < 2; ++round) {
    const auto two = RunOrDie(*executor, {Floats({2, 2}, {1, -2, -3, 4})});
    EXPECT_THAT(two[0].tensor().dims(), ElementsAre(2, 2));
    EXPECT_THAT(FloatsOf(two[0]), ElementsAre(11, 10, 20, 24));
    const auto one = RunOrDie(*executor, {Floats({1, 2}, {5, 6})});
    EXPECT_THAT(FloatsOf(one[0]), ElementsAre(15, 26));
    const auto none = RunOrDie(*executor, {Floats({0, 2}, {})});
    EXPECT_THAT(none[0].tensor().dims(), ElementsAre(2, 0));
  }
}

// Three products by one matrix, the last of them transposed: two packed forms.
TEST(Executor, PacksWeightsOfSeveralReadersOnce) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {Dim(40), Dim(32)});
  std::vector<float> items(32 * 32);
  for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<float>(i * 7 % 13) / 64 - 0.09f;
  graph::Value* weights = b.Constant<float>({32, 32}, items);
  graph::Attributes transposed;
  transposed.Set("transB", int64_t{1});
  graph::Value* once = b.Node("Gemm", {x, weights});
  graph::Value* twice = b.Node("Gemm", {once, weights});
  b.graph()->AddOutput(b.Node("Gemm", {twice, weights}, transposed));
  ThreadPool pool(1);
  WeightStore store;
  auto plan = plan::Plan::Make(b.graph(), {GetCpuInfo().isa, false, false, &store}, pool);
  ASSERT_TRUE(plan.ok());
  size_t packed = 0;
  for (const WeightBlock& block : store.blocks()) packed += block.size() >= items.size() * sizeof(float);
  EXPECT_EQ(packed, 2u);

  Executor executor(*plan, std::make_shared<ThreadPool>(1));
  std::vector<float> rows(40 * 32), expected(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i % 11) - 5;
  for (size_t row = 0; row < 40; ++row) {
    std::vector<double> from(rows.begin() + static_cast<int64_t>(row) * 32,
                             rows.begin() + (static_cast<int64_t>(row) + 1) * 32);
    for (int product = 0; product < 3; ++product) {
      std::vector<double> to(32, 0.0);
      for (size_t n = 0; n < 32; ++n) {
        for (size_t k = 0; k < 32; ++k)
          to[n] += from[k] * static_cast<double>(product < 2 ? items[k * 32 + n] : items[n * 32 + k]);
      }
      from = to;
    }
    for (size_t n = 0; n < 32; ++n) expected[row * 32 + n] = static_cast<float>(from[n]);
  }
  const auto y = RunOrDie(executor, {Floats({40, 32}, rows)});
  EXPECT_THAT(FloatsOf(y[0]), ::testing::Pointwise(::testing::FloatNear(1e-4f), expected));
}

TEST(Executor, OutputsNeverShareMemory) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {Dim(4)});
  graph::Value* relu = b.Node("Relu", {x});
  graph::Value* view = b.Node("Reshape", {relu, b.Constant<int64_t>({2}, {2, 2})});
  graph::Value* weights = b.Constant<float>({4}, {1, 2, 3, 4});
  // An input, a constant, a value and a view of it, the value again.
  auto executor = b.Finish({x, weights, relu, view, relu});
  const Tensor fed = Floats({4}, {1, -1, 2, -2});
  const auto first = RunOrDie(*executor, {fed});
  const auto second = RunOrDie(*executor, {fed});
  std::vector<const void*> addresses = {fed.data(), weights->constant().data()};
  for (const auto* outputs : {&first, &second}) {
    EXPECT_THAT(FloatsOf((*outputs)[0]), ElementsAre(1, -1, 2, -2));
    EXPECT_THAT(FloatsOf((*outputs)[1]), ElementsAre(1, 2, 3, 4));
    for (size_t i : {2, 3, 4}) EXPECT_THAT(FloatsOf((*outputs)[i]), ElementsAre(1, 0, 2, 0));
    for (const Value& output : *outputs) addresses.push_back(output.tensor().data());
  }
  std::sort(addresses.begin(), addresses.end());
  EXPECT_EQ(std::adjacent_find(addresses.begin(), addresses.end()), addresses.end());
}

TEST(Executor, WritesIntoTheCallersBuffer) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {b.Symbol("N")});
  auto executor = b.Finish({b.Node("Relu", {x})});
  Tensor buffer = Floats({3}, {7, 7, 7});
  std::vector<Value> inputs = {Floats({3}, {-1, 2, 3})};
  std::vector<Value> outputs = {buffer};
  ASSERT_TRUE(executor->Run({inputs, outputs, nullptr, nullptr}).ok());
  EXPECT_EQ(outputs[0].tensor().data(), buffer.data());
  EXPECT_THAT(FloatsOf(buffer), ElementsAre(0, 2, 3));

  // The same buffer as input and output.
  inputs[0] = outputs[0] = buffer;
  buffer.Items<float>()[0] = -9;
  ASSERT_TRUE(executor->Run({inputs, outputs, nullptr, nullptr}).ok());
  EXPECT_EQ(outputs[0].tensor().data(), buffer.data());
  EXPECT_THAT(FloatsOf(buffer), ElementsAre(0, 2, 3));
}

TEST(Executor, ShapesThatDependOnData) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {b.Symbol("N")});
  graph::Value* shape = b.Input("shape", DType::kInt64, {Dim(2)});
  graph::Value* reshaped = b.Node("Reshape", {x, shape});
  graph::Value* relu = b.Node("Relu", {reshaped});
  auto executor = b.Finish({b.Node("Transpose", {relu}), reshaped});
  const Tensor fed = Floats({6}, {1, -2, 3, -4, 5, -6});
  const auto outputs = RunOrDie(*executor, {fed, Ints({2}, {3, 2})});
  EXPECT_THAT(outputs[0].tensor().dims(), ElementsAre(2, 3));
  EXPECT_THAT(FloatsOf(outputs[0]), ElementsAre(1, 3, 5, 0, 0, 0));
  EXPECT_NE(outputs[1].tensor().data(), fed.data());

  std::vector<Value> inputs = {fed, Ints({2}, {4, 2})};
  std::vector<Value> results(2);
  const Status status = executor->Run({inputs, results, nullptr, nullptr});
  EXPECT_EQ(status.code(), StatusCode::kFail);
  EXPECT_THAT(status.message(), HasSubstr("Input shape:{6}, requested shape:{4,2}"));
  EXPECT_THAT(FloatsOf(RunOrDie(*executor, {fed, Ints({2}, {1, 6})})[0]), ElementsAre(1, 0, 3, 0, 5, 0));
}

// The shape of the view is known during the run only, so the planner sees two values; the memory is one.
TEST(Executor, AViewWhoseShapeIsDataKeepsWhatItLooksInto) {
  Builder b;
  auto* x = b.Input("x", DType::kFloat, {b.Symbol("n"), 2});
  auto* target = b.Input("target", DType::kInt64, {1});
  auto* view = b.Node("Reshape", {b.Node("Relu", {x}), target});
  auto* other = b.Node("Transpose", {b.Node("Abs", {x})});
  auto executor = b.Finish({view, other});
  const auto outputs = RunOrDie(*executor, {Floats({2, 2}, {-1, 2, -3, 4}), Ints({1}, {4})});
  EXPECT_THAT(outputs[0].tensor().Items<float>(), ElementsAre(0, 2, 0, 4));
  EXPECT_THAT(outputs[1].tensor().Items<float>(), ElementsAre(1, 3, 2, 4));
}

TEST(Executor, ShapeArithmeticIsDoneOncePerSignature) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {b.Symbol("N"), Dim(3)});
  graph::Value* size = b.Node("Shape", {x});
  graph::Value* zeros = b.Node("ConstantOfShape", {size});
  auto executor = b.Finish({b.Node("Add", {x, zeros}), size});
  const auto outputs = RunOrDie(*executor, {Floats({1, 3}, {1, 2, 3})});
  EXPECT_THAT(FloatsOf(outputs[0]), ElementsAre(1, 2, 3));
  EXPECT_THAT(outputs[1].tensor().Items<int64_t>(), ElementsAre(1, 3));
  const Dims dims = {1, 3};
  auto bound = plan::Bind(std::make_shared<plan::Plan>(executor->plan()), std::span(&dims, 1), 1);
  ASSERT_TRUE(bound.ok());
  for (const plan::BoundStep& step : (*bound)->steps) EXPECT_NE(step.step->node->op_type, "Shape");
}

TEST(Executor, MemoryIsReusedInAChain) {
  Builder b;
  graph::Value* value = b.Input("x", DType::kFloat, {Dim(1000)});
  for (int i = 0; i < 20; ++i) value = b.Node("Transpose", {b.Node("Relu", {value})});
  auto executor = b.Finish({value});
  RunOrDie(*executor, {*Tensor::Allocate(DType::kFloat, {1000})});
  EXPECT_LE(executor->memory_stats().arena_bytes, 2u * 4032u);
}

TEST(Executor, CancelledBeforeTheFirstStep) {
  Builder b;
  auto executor = b.Finish({b.Node("Relu", {b.Input("x", DType::kFloat, {Dim(1)})})});
  const std::atomic<bool> cancelled = true;
  std::vector<Value> inputs = {Floats({1}, {1})};
  std::vector<Value> outputs(1);
  const Status status = executor->Run({inputs, outputs, &cancelled, nullptr});
  EXPECT_EQ(status.message(), "Exiting due to terminate flag being set to true.");
}

TEST(Executor, ManyThreadsShareIt) {
  Builder b;
  graph::Value* x = b.Input("x", DType::kFloat, {b.Symbol("N")});
  auto executor = b.Finish({b.Node("Add", {b.Node("Relu", {x}), x})});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t n = 1; n < 40; ++n) {
        const auto outputs =
            RunOrDie(*executor, {Floats({n}, std::vector<float>(static_cast<size_t>(n), float(t)))});
        for (float item : FloatsOf(outputs[0])) EXPECT_EQ(item, 2.0f * static_cast<float>(t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A Loop that doubles a value and hands out each step.
TEST(Executor, LoopCarriesAndStacks) {
  Builder body;
  body.Input("i", DType::kInt64, graph::Shape::DimList{});
  graph::Value* condition = body.Input("c", DType::kBool, graph::Shape::DimList{});
  graph::Value* carried = body.Input("v", DType::kFloat, {Dim(2)});
  graph::Value* captured = body.Input("k", DType::kFloat, {Dim(2)});
  graph::Value* next = body.Node("Add", {carried, captured});
  for (graph::Value* output : {condition, next, body.Node("Relu", {next})}) body.graph()->AddOutput(output);

  Builder b;
  graph::Value* trips = b.Input("trips", DType::kInt64, graph::Shape::DimList{});
  graph::Value* start = b.Input("v", DType::kFloat, {Dim(2)});
  graph::Value* step = b.Input("k", DType::kFloat, {Dim(2)});
  graph::Node* loop = b.graph()->AppendNode();
  loop->op = FindOp("", "Loop");
  loop->op_type = "Loop";
  loop->attributes.Set("body", body.graph());
  loop->attributes.Set(graph::kCapturedAttribute, int64_t{1});
  loop->SetInputs({trips, nullptr, start, step});
  for (size_t i = 0; i < 2; ++i) loop->SetOutput(i, b.graph()->NewValue("out"));
  ASSERT_TRUE(InferNode(*loop, *b.graph()->dims()).ok());
  auto executor = b.Finish({loop->output(0), loop->output(1)});

  const auto three = RunOrDie(*executor, {Ints({}, {3}), Floats({2}, {0, -5}), Floats({2}, {1, 2})});
  EXPECT_THAT(FloatsOf(three[0]), ElementsAre(3, 1));
  EXPECT_THAT(three[1].tensor().dims(), ElementsAre(3, 2));
  EXPECT_THAT(FloatsOf(three[1]), ElementsAre(1, 0, 2, 0, 3, 1));
  const auto none = RunOrDie(*executor, {Ints({}, {0}), Floats({2}, {4, -5}), Floats({2}, {1, 2})});
  EXPECT_THAT(FloatsOf(none[0]), ElementsAre(4, -5));
  EXPECT_THAT(none[1].tensor().dims(), ElementsAre(0, 2));
}

TEST(Executor, AnswersAGrowingSeriesAsAnyOtherShape) {
  Builder builder;
  graph::Value* past = builder.Input("past", DType::kFloat, {builder.Symbol("n")});
  graph::Value* next = builder.Input("next", DType::kFloat, {1});
  graph::Attributes axis;
  axis.Set("axis", int64_t{0});
  graph::Value* present = builder.Node("Concat", {past, next}, axis);
  auto executor = builder.Finish({present, builder.Node("Shape", {present})});
  std::vector<float> items;
  Value cache = Floats({0}, {});
  for (int n = 0; n < 100; ++n) {
    items.push_back(static_cast<float>(n));
    const std::vector<Value> outputs = RunOrDie(*executor, {cache, Floats({1}, {static_cast<float>(n)})});
    EXPECT_THAT(outputs[0].tensor().Items<float>(), ::testing::ElementsAreArray(items));
    EXPECT_THAT(outputs[1].tensor().Items<int64_t>(), ElementsAre(n + 1));
    cache = outputs[0];
  }
}

TEST(Executor, RunsBranchesSideBySide) {
  std::unique_ptr<Executor> executors[2];
  for (bool parallel : {false, true}) {
    Builder builder;
    graph::Value* x = builder.Input("x", DType::kFloat, {builder.Symbol("n")});
    graph::Value* sum = nullptr;
    for (int branch = 0; branch < 6; ++branch) {
      graph::Value* at = x;
      for (int step = 0; step < 4; ++step)
        at = builder.Node(std::array{"Sin", "Neg", "Tanh", "Abs"}[static_cast<size_t>(branch + step) % 4],
                          {at});
      sum = sum == nullptr ? at : builder.Node("Add", {sum, at});
    }
    executors[parallel] = builder.Finish({sum, builder.Node("Exp", {x})}, 3, parallel);
  }
  for (int64_t count : {1000, 1, 0, 3000}) {
    std::vector<float> items;
    for (int64_t i = 0; i < count; ++i) items.push_back(0.01f * static_cast<float>(i) - 3);
    const auto one = RunOrDie(*executors[0], {Floats({count}, items)});
    for (int round = 0; round < 5; ++round) {
      const auto other = RunOrDie(*executors[1], {Floats({count}, items)});
      for (size_t o = 0; o < 2; ++o) {
        EXPECT_THAT(other[o].tensor().Items<float>(),
                    ::testing::ElementsAreArray(one[o].tensor().Items<float>()));
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::exec
