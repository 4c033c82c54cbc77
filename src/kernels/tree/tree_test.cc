// Walks and votes against the naive reading of a tree, over random forests.
#include "kernels/tree/tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace ortolan::kernels {
namespace {

struct Made {
  std::vector<TreeNode> nodes;
  std::vector<double> members;
  std::vector<int32_t> roots;
  int32_t leaves = 0;

  TreeSource source() const { return {nodes, members, roots, leaves}; }
};

struct Wish {
  int trees = 10;
  int features = 7;
  int nodes = 15;  // at most, of one tree
  std::vector<TreeMode> modes = {TreeMode::kLessEqual};
  bool missing = false;
  bool shared = false;  // leaves and nodes with two parents
};

// Splits are small whole numbers, so that rows often meet them exactly.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  Made Forest(const Wish& wish) {
    Made made;
    for (int i = 0; i < wish.trees; ++i) made.roots.push_back(Tree(wish, Below(wish.nodes + 1), &made));
    return made;
  }

  double Value() {
    constexpr double kSpecial[] = {HUGE_VAL, -HUGE_VAL, 0.0, -0.0};
    const int kind = Below(40);
    return kind < 4 ? kSpecial[kind] : Below(9) - 4;
  }
  // One column of a row: also fractions and NaN.
  double Feature() { return Below(12) == 0 ? std::nan("") : Value() + (Below(3) == 0 ? 0.5 : 0.0); }
  int Below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }

 private:
  int32_t Tree(const Wish& wish, int size, Made* made) {
    if (size == 0) {
      if (wish.shared && made->leaves > 0 && Below(2) == 0) return ~Below(made->leaves);
      return ~made->leaves++;
    }
    TreeNode node;
    node.feature = Below(wish.features);
    node.mode = wish.modes[static_cast<size_t>(Below(static_cast<int>(wish.modes.size())))];
    node.value = Value();
    node.missing_is_yes = wish.missing && Below(2) == 0;
    if (node.mode == TreeMode::kMember) {
      node.members = static_cast<uint32_t>(made->members.size());
      for (int i = Below(6); i > 0; --i) made->members.push_back(Below(9) - 4);
      node.members_end = static_cast<uint32_t>(made->members.size());
    }
    const int left = Below(size);
    node.yes = Tree(wish, left, made);
    node.no = Tree(wish, size - 1 - left, made);
    if (wish.shared && Below(4) == 0) node.no = node.yes;
    made->nodes.push_back(node);
    return static_cast<int32_t>(made->nodes.size()) - 1;
  }

  std::mt19937 random_;
};

bool Decide(const Made& made, const TreeNode& node, double x) {
  if (std::isnan(x) && node.missing_is_yes) return true;
  const auto begin = made.members.begin();
  switch (node.mode) {
    case TreeMode::kLessEqual:
      return x <= node.value;
    case TreeMode::kLess:
      return x < node.value;
    case TreeMode::kGreaterEqual:
      return x >= node.value;
    case TreeMode::kGreater:
      return x > node.value;
    case TreeMode::kEqual:
      return x == node.value;
    case TreeMode::kNotEqual:
      return x != node.value;
    case TreeMode::kMember:
      return std::find(begin + node.members, begin + node.members_end, x) != begin + node.members_end;
  }
  return false;
}

// The source's leaf.
int32_t LeafOf(const Made& made, int32_t at, const std::vector<double>& row) {
  while (at >= 0) {
    const TreeNode& node = made.nodes[static_cast<size_t>(at)];
    at = Decide(made, node, row[static_cast<size_t>(node.feature)]) ? node.yes : node.no;
  }
  return ~at;
}

template <typename T>
void Check(const Made& made, Isa isa, unsigned seed, int features) {
  std::vector<int32_t> leaf_order;
  const Forest<T> forest(made.source(), isa, &leaf_order);
  const auto trees = static_cast<int64_t>(made.roots.size());
  ASSERT_EQ(forest.tree_count(), trees);
  const auto columns = forest.features();
  Maker maker(seed);
  std::vector<std::vector<double>> rows(kTreeTile);
  std::vector<T> tile(columns.size() * kTreeTile);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int f = 0; f < features; ++f) rows[i].push_back(maker.Feature());
    for (size_t c = 0; c < columns.size(); ++c)
      tile[c * kTreeTile + i] = static_cast<T>(rows[i][static_cast<size_t>(columns[c])]);
  }
  // All trees, and a part of them that begins and ends anywhere.
  const std::pair<int64_t, int64_t> parts[] = {{0, trees}, {trees / 3, std::max(trees / 3, trees - 2)}};
  for (const auto& [begin, end] : parts) {
    std::vector<int32_t> leaves(static_cast<size_t>(end - begin) * kTreeTile, -1);
    const auto expect = [&](const char* how) {
      for (int64_t tree = begin; tree < end; ++tree) {
        for (size_t i = 0; i < rows.size(); ++i) {
          const int32_t leaf = leaves[static_cast<size_t>(tree - begin) * kTreeTile + i];
          ASSERT_GE(leaf, 0);
          ASSERT_LT(static_cast<size_t>(leaf), leaf_order.size());
          ASSERT_EQ(leaf_order[static_cast<size_t>(leaf)],
                    LeafOf(made, made.roots[static_cast<size_t>(tree)], rows[i]))
              << how << ", tree " << tree << ", row " << i;
        }
      }
    };
    for (size_t i = 0; i < rows.size(); ++i) {
      std::vector<T> row;
      for (size_t c = 0; c < columns.size(); ++c) row.push_back(tile[c * kTreeTile + i]);
      forest.Walk(row.data(), begin, end, leaves.data() + i);
    }
    expect("walk");
    if (!forest.Votes(1 << 20)) continue;
    std::fill(leaves.begin(), leaves.end(), -1);
    forest.Vote(tile.data(), begin, end, leaves.data());
    expect("vote");
  }
}

void CheckAll(const Wish& wish) {
  for (const TreeVariant* variant : TreeVariants()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    SCOPED_TRACE(variant->name);
    for (unsigned seed = 0; seed < 12; ++seed) {
      SCOPED_TRACE(seed);
      const Made made = Maker(seed).Forest(wish);
      Check<float>(made, variant->isa, seed + 100, wish.features);
      Check<double>(made, variant->isa, seed + 200, wish.features);
    }
  }
}

const std::vector<TreeMode> kOrdered = {TreeMode::kLessEqual, TreeMode::kLess, TreeMode::kGreaterEqual,
                                        TreeMode::kGreater};
const std::vector<TreeMode> kEvery = {TreeMode::kLessEqual, TreeMode::kLess,     TreeMode::kGreaterEqual,
                                      TreeMode::kGreater,   TreeMode::kNotEqual, TreeMode::kEqual,
                                      TreeMode::kMember};

TEST(Forest, FindsTheLeavesOfSmallTrees) {
  CheckAll({});
  CheckAll({.trees = 1});
  CheckAll({.trees = 9, .nodes = 1});
  CheckAll({.trees = 3, .nodes = 0});
}

TEST(Forest, FindsTheLeavesOfWideTrees) {
  CheckAll({.trees = 5, .nodes = 31});
  CheckAll({.trees = 17, .nodes = 63});
}

TEST(Forest, WalksTreesThatAreTooLargeToVote) {
  CheckAll({.trees = 5, .features = 40, .nodes = 700});
}

TEST(Forest, OrdersInEveryMode) {
  CheckAll({.trees = 11, .nodes = 40, .modes = kOrdered});
  CheckAll({.trees = 11, .nodes = 40, .modes = kOrdered, .missing = true});
}

TEST(Forest, ComparesInEveryMode) {
  CheckAll({.trees = 11, .nodes = 40, .modes = kEvery, .missing = true});
  CheckAll({.trees = 11, .nodes = 40, .modes = {TreeMode::kMember}});
}

TEST(Forest, TakesNodesWithTwoParents) {
  CheckAll({.trees = 7, .nodes = 12, .missing = true, .shared = true});
}

TEST(Forest, TakesNaNAsASplit) {
  for (const TreeMode mode : kEvery) {
    if (mode == TreeMode::kMember) continue;
    Made made = Maker(3).Forest({.trees = 2, .nodes = 9, .modes = {mode}, .missing = true});
    ASSERT_FALSE(made.nodes.empty());
    made.nodes.back().value = std::nan("");
    Check<float>(made, GetCpuInfo().isa, 5, 7);
    Check<double>(made, GetCpuInfo().isa, 5, 7);
  }
}

// Far more columns, and far larger trees, than a packed node can name.
TEST(Forest, FallsBackWhereNodesCannotBePacked) {
  Made made;
  for (int i = 0; i < 40000; ++i) {
    made.nodes.push_back({.value = 0, .feature = i, .yes = ~i, .no = i + 1});
  }
  made.nodes.back().no = ~40000;
  made.leaves = 40001;
  made.roots = {0};
  Check<float>(made, GetCpuInfo().isa, 1, 40000);
}

}  // namespace
}  // namespace ortolan::kernels
