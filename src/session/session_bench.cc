// What lies around the kernels: a call, a step, the making of a plan.
#include <benchmark/benchmark.h>

#include "session/session.h"
#include "support/model_builder.h"

namespace ortolan::session {
namespace {

using testing::ModelBuilder;

constexpr int kFloats = 8;  // too few for arithmetic to count

std::string TextOf(ModelBuilder& model) {
  const auto bytes = model.Bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::unique_ptr<Session> SessionOf(const std::string& bytes, OptimizationLevel level, int threads = 1) {
  Options options;
  options.intra_op_threads = threads;
  options.optimization_level = level;
  auto session = Session::FromBytes(std::as_bytes(std::span(bytes)), nullptr, std::move(options));
  return session.ok() ? std::move(*session) : nullptr;
}

// y = x, `nodes` elementwise operators later.
std::string Chain(int nodes) {
  constexpr const char* kOperators[] = {"Add", "Mul", "Relu", "Sub"};
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {1, kFloats}).Output("y", DType::kFloat, {1, kFloats});
  model.graph.Initializer<float>("c", {1, kFloats}, std::vector<float>(kFloats, 1.0f));
  std::string from = "x";
  for (int i = 0; i < nodes; ++i) {
    const std::string op = kOperators[i % 4], to = i + 1 < nodes ? fmt::format("v{}", i) : "y";
    model.graph.Node(op, op == "Relu" ? testing::Names{from} : testing::Names{from, "c"}, {to});
    from = to;
  }
  return TextOf(model);
}

void RunOften(benchmark::State& state, const std::string& bytes) {
  const auto session = SessionOf(bytes, OptimizationLevel::kDisableAll);
  if (session == nullptr) return state.SkipWithError("the model does not load");
  const std::vector<float> ones(kFloats, 1.0f);
  const std::vector<Value> feeds = {Value(Tensor::Of<float>({1, kFloats}, ones))};
  std::vector<Value> results = {Value(Tensor::Of<float>({1, kFloats}, ones))};  // written in place
  const RunOptions options;
  for (auto _ : state) {
    if (!session->Run(feeds, {}, options, results).ok()) return state.SkipWithError("the run fails");
  }
}

// One call of a model with one operator.
void BM_Call(benchmark::State& state) {
  RunOften(state, Chain(1));
}
BENCHMARK(BM_Call);

// 200 tiny operators, none fused.
void BM_Chain(benchmark::State& state) {
  constexpr int kNodes = 200;
  RunOften(state, Chain(kNodes));
  state.SetItemsProcessed(state.iterations() * kNodes);  // nodes in a second
}
BENCHMARK(BM_Chain);

// Blocks of a product, a normalisation, shape arithmetic and a residual, as exporters write them: fifteen
// nodes each.
std::string Network(int nodes) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x0", DType::kFloat, {"N", 16});
  model.graph.Initializer<float>("w", {16, 16}, std::vector<float>(256, 0.01f));
  model.graph.Initializer<float>("b", {16}, std::vector<float>(16, 0.1f));
  model.graph.Initializer<float>("two", {}, {2.0f}).Initializer<float>("epsilon", {}, {1e-5f});
  model.graph.Initializer<int64_t>("zero", {}, {0}).Initializer<int64_t>("first", {1}, {0});
  model.graph.Initializer<int64_t>("minus", {1}, {-1});
  testing::AttributeSpecs last, join;
  last.Ints("axes", {-1});
  join.Int("axis", 0);
  const int blocks = nodes / 15;
  for (int i = 0; i < blocks; ++i) {
    auto name = [i](const char* part) { return fmt::format("{}{}", part, i); };
    const std::string x = name("x"), y = fmt::format("x{}", i + 1);
    model.graph.Node("MatMul", {x, "w"}, {name("m")})
        .Node("Add", {name("m"), "b"}, {name("a")})
        .Node("ReduceMean", {name("a"), "minus"}, {name("u")})
        .Node("Sub", {name("a"), name("u")}, {name("d")})
        .Node("Pow", {name("d"), "two"}, {name("q")})
        .Node("ReduceMean", {name("q"), "minus"}, {name("v")})
        .Node("Add", {name("v"), "epsilon"}, {name("e")})
        .Node("Sqrt", {name("e")}, {name("s")})
        .Node("Div", {name("d"), name("s")}, {name("n")})
        .Node("Shape", {name("n")}, {name("sh")})
        .Node("Gather", {name("sh"), "zero"}, {name("g")})
        .Node("Unsqueeze", {name("g"), "first"}, {name("us")})
        .Node("Concat", {name("us"), "minus"}, {name("to")}, join)
        .Node("Reshape", {name("n"), name("to")}, {name("r")})
        .Node("Add", {name("r"), x}, {y});
  }
  model.graph.Output(fmt::format("x{}", blocks), DType::kFloat, {"N", 16});
  return TextOf(model);
}

void BM_MakeSession(benchmark::State& state) {
  const std::string bytes = Network(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    if (SessionOf(bytes, OptimizationLevel::kAll) == nullptr)
      return state.SkipWithError("the model does not load");
  }
}
BENCHMARK(BM_MakeSession)->Arg(600)->Arg(6000)->Arg(40000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ortolan::session
