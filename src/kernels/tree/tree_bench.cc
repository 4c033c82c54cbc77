// 100 complete trees of 16, 32 and 64 leaves: one row walked, and a tile of rows voted on. Items are rows.
#include <benchmark/benchmark.h>

#include <random>

#include "kernels/tree/tree.h"

namespace ortolan::kernels {
namespace {

constexpr int kTrees = 100, kFeatures = 20;

struct Made {
  std::vector<TreeNode> nodes;
  std::vector<int32_t> roots;
  int32_t leaves = 0;

  explicit Made(int depth) {
    std::mt19937 random(1);
    for (int i = 0; i < kTrees; ++i) roots.push_back(Tree(depth, &random));
  }
  int32_t Tree(int depth, std::mt19937* random) {
    if (depth == 0) return ~leaves++;
    TreeNode node;
    node.feature = static_cast<int64_t>((*random)() % kFeatures);
    node.value = static_cast<double>(std::normal_distribution<float>()(*random));
    node.yes = Tree(depth - 1, random);
    node.no = Tree(depth - 1, random);
    nodes.push_back(node);
    return static_cast<int32_t>(nodes.size()) - 1;
  }
};

std::vector<float> Rows(int64_t count) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> rows(static_cast<size_t>(count * kFeatures));
  for (float& item : rows) item = normal(random);
  return rows;
}

void BenchWalk(benchmark::State& state) {
  const Made made(static_cast<int>(state.range(0)));
  std::vector<int32_t> order, leaves(kTrees * kTreeTile);
  const Forest<float> forest({made.nodes, {}, made.roots, made.leaves}, GetCpuInfo().isa, &order);
  const std::vector<float> rows = Rows(64);
  int64_t row = 0;
  for (auto _ : state) {
    forest.Walk(rows.data() + (row++ % 64) * kFeatures, 0, kTrees, leaves.data());
    benchmark::DoNotOptimize(leaves.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BenchWalk)->Arg(4)->Arg(5)->Arg(6);

void BenchVote(benchmark::State& state) {
  const Made made(static_cast<int>(state.range(0)));
  std::vector<int32_t> order, leaves(kTrees * kTreeTile);
  const Forest<float> forest({made.nodes, {}, made.roots, made.leaves}, GetCpuInfo().isa, &order);
  if (!forest.Votes(kTreeTile)) return state.SkipWithError("no vote at this level");
  const std::vector<float> tile = Rows(kTreeTile);
  for (auto _ : state) {
    forest.Vote(tile.data(), 0, kTrees, leaves.data());
    benchmark::DoNotOptimize(leaves.data());
  }
  state.SetItemsProcessed(state.iterations() * kTreeTile);
}
BENCHMARK(BenchVote)->Arg(4)->Arg(5)->Arg(6);

}  // namespace
}  // namespace ortolan::kernels
