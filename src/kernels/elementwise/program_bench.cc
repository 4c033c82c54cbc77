// Tile programs: bandwidth against a plain copy, cost of functions, of short programs and of broadcasting.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "kernels/elementwise/epilogue.h"
#include "kernels/elementwise/program.h"

namespace ortolan::kernels {
namespace {

using Shape = std::vector<int64_t>;

std::vector<float> Ramp(int64_t n) {
  std::vector<float> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 1000) * 0.01f - 5;
  return x;
}

int64_t CountOf(const Shape& shape) {
  int64_t count = 1;
  for (int64_t dim : shape) count *= dim;
  return count;
}

std::shared_ptr<const Program> One(TileOp op, int operands) {
  ProgramBuilder builder;
  Reg args[3] = {kNoReg, kNoReg, kNoReg};
  for (int i = 0; i < operands; ++i) args[i] = builder.Input(Element::kF32);
  builder.Output(builder.Emit(op, args[0], args[1], args[2]), Element::kF32);
  return *builder.Build(GetCpuInfo().isa);
}

// One thread; the counter shows bytes read and written.
void RunShapes(benchmark::State& state, const Program& program, const Shape& out,
               const std::vector<Shape>& shapes) {
  std::vector<std::vector<float>> data;
  std::vector<const void*> inputs;
  for (const Shape& shape : shapes) data.push_back(Ramp(CountOf(shape)));
  for (const auto& items : data) inputs.push_back(items.data());
  std::vector<float> result(static_cast<size_t>(CountOf(out)));
  void* outputs[] = {result.data()};
  std::vector<std::span<const int64_t>> spans(shapes.begin(), shapes.end());
  const TileLoop loop = *MakeBroadcastLoop(program, out, spans);
  ThreadPool pool(1);
  for (auto _ : state) {
    RunProgram(program, loop, inputs, outputs, pool);
    benchmark::ClobberMemory();
  }
  int64_t elements = CountOf(out);
  for (const Shape& shape : shapes) elements += CountOf(shape);
  state.SetBytesProcessed(state.iterations() * elements * 4);
  state.counters["ns_per_16"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(CountOf(out)) / 16 * 1e-9,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_Memcpy(benchmark::State& state) {
  const std::vector<float> x = Ramp(state.range(0));
  std::vector<float> y(x.size());
  for (auto _ : state) {
    std::memcpy(y.data(), x.data(), x.size() * 4);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * 8);
}
BENCHMARK(BM_Memcpy)->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 18)->Arg(1 << 24);

void BM_Relu(benchmark::State& state) {
  RunShapes(state, *One(TileOp::kRelu, 1), {state.range(0)}, {{state.range(0)}});
}
BENCHMARK(BM_Relu)->Arg(16)->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 18)->Arg(1 << 24);

void BM_Add(benchmark::State& state) {
  const Shape shape{state.range(0)};
  RunShapes(state, *One(TileOp::kAdd, 2), shape, {shape, shape});
}
BENCHMARK(BM_Add)->Arg(16)->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 18)->Arg(1 << 24);

// In L1, so that the function is what is measured.
void BM_Function(benchmark::State& state, TileOp op) {
  RunShapes(state, *One(op, 1), {2048}, {{2048}});
}
BENCHMARK_CAPTURE(BM_Function, Exp, TileOp::kExp);
BENCHMARK_CAPTURE(BM_Function, Log, TileOp::kLog);
BENCHMARK_CAPTURE(BM_Function, Tanh, TileOp::kTanh);
BENCHMARK_CAPTURE(BM_Function, Erf, TileOp::kErf);
BENCHMARK_CAPTURE(BM_Function, Sigmoid, TileOp::kSigmoid);
BENCHMARK_CAPTURE(BM_Function, Silu, TileOp::kSilu);
BENCHMARK_CAPTURE(BM_Function, Gelu, TileOp::kGelu);
BENCHMARK_CAPTURE(BM_Function, GeluTanh, TileOp::kGeluTanh);
BENCHMARK_CAPTURE(BM_Function, HardSwish, TileOp::kHardSwish);
BENCHMARK_CAPTURE(BM_Function, Sin, TileOp::kSin);
BENCHMARK_CAPTURE(BM_Function, Sqrt, TileOp::kSqrt);
BENCHMARK_CAPTURE(BM_Function, Softplus, TileOp::kSoftplus);

void BM_AddRowOperand(benchmark::State& state) {
  RunShapes(state, *One(TileOp::kAdd, 2), {512, state.range(0)}, {{512, state.range(0)}, {state.range(0)}});
}
BENCHMARK(BM_AddRowOperand)->Arg(8)->Arg(64)->Arg(384)->Arg(3072);

void BM_MulChannelOperand(benchmark::State& state) {
  const int64_t side = state.range(0);
  RunShapes(state, *One(TileOp::kMul, 2), {256, side, side}, {{256, side, side}, {256, 1, 1}});
}
BENCHMARK(BM_MulChannelOperand)->Arg(7)->Arg(14)->Arg(56);

// x * clip(x + 3, 0, 6) / 6, as exporters write hard swish: four instructions, one pass over memory.
void BM_FourInstructions(benchmark::State& state) {
  ProgramBuilder builder;
  const Reg x = builder.Input(Element::kF32);
  const auto constant = [&](double value) { return builder.Constant(Element::kF32, value); };
  Reg r = builder.Emit(TileOp::kAdd, x, constant(3));
  r = builder.Emit(TileOp::kClip, r, constant(0), constant(6));
  r = builder.Emit(TileOp::kMul, x, r);
  builder.Output(builder.Emit(TileOp::kDiv, r, constant(6)), Element::kF32);
  RunShapes(state, **builder.Build(GetCpuInfo().isa), {state.range(0)}, {{state.range(0)}});
}
BENCHMARK(BM_FourInstructions)->Arg(1 << 16)->Arg(1 << 22);

// SiLU over a GEMM tile, m by n.
void BM_EpilogueSilu(benchmark::State& state) {
  const auto program = One(TileOp::kSilu, 1);
  Epilogue epilogue;
  epilogue.program = program.get();
  const int64_t m = state.range(0), n = state.range(1);
  std::vector<float> tile = Ramp(m * n);
  for (auto _ : state) {
    RunEpilogue(epilogue, tile.data(), n, 0, 0, m, 0, n);
    benchmark::ClobberMemory();
  }
  state.counters["ns_per_16"] =
      benchmark::Counter(static_cast<double>(state.iterations() * m * n) / 16 * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_EpilogueSilu)->Args({12, 32})->Args({12, 256})->Args({1, 1024});

}  // namespace
}  // namespace ortolan::kernels
