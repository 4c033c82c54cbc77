#include "kernels/tree/tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace ortolan::kernels {

#define ORTOLAN_TREE(identifier) extern const TreeVariant identifier;
#include "kernels/tree/variants.inc"
#undef ORTOLAN_TREE

namespace {

constexpr const TreeVariant* kVariants[] = {
#define ORTOLAN_TREE(identifier) &identifier,
#include "kernels/tree/variants.inc"
#undef ORTOLAN_TREE
};

// What the vote's sets of bits hold.
constexpr int64_t kMostVotedLeaves = 64;
// What a packed node can say.
constexpr size_t kMostOffset = 0xffff, kMostColumn = 0xffff;

// A node as `x <= split`, NaN where it is told to.
template <typename T>
struct Test {
  T split;
  int32_t yes, no;
  bool missing_is_yes;
};

// x < v is x <= the number below v; the greater modes are those, answered the other way round.
template <typename T>
Test<T> AsLessEqual(const TreeNode& node) {
  const T value = static_cast<T>(node.value);
  const T below = std::nextafter(value, -std::numeric_limits<T>::infinity());
  // Below minus infinity there is nothing: NaN as a split fails always (in plain walks only).
  const T strict = value == -std::numeric_limits<T>::infinity() ? std::numeric_limits<T>::quiet_NaN() : below;
  switch (node.mode) {
    case TreeMode::kLess:
      return {strict, node.yes, node.no, node.missing_is_yes};
    case TreeMode::kGreaterEqual:
      return {strict, node.no, node.yes, !node.missing_is_yes};
    case TreeMode::kGreater:
      return {value, node.no, node.yes, !node.missing_is_yes};
    default:
      return {value, node.yes, node.no, node.missing_is_yes};
  }
}

// Whether a node is `x <= split` with a number as its split. No order with NaN holds, which the turned modes
// would take for its contrary, and nothing is below minus infinity.
bool IsOrdered(const TreeNode& node) {
  const bool strict = node.mode == TreeMode::kLess || node.mode == TreeMode::kGreaterEqual;
  return node.mode <= TreeMode::kGreater && !std::isnan(node.value) && !(strict && node.value == -HUGE_VAL);
}

}  // namespace

std::span<const TreeVariant* const> TreeVariants() {
  return kVariants;
}

template <typename T>
Forest<T>::Forest(const TreeSource& source, Isa isa, std::vector<int32_t>* leaf_order) {
  tree_count_ = static_cast<int64_t>(source.roots.size());
  FindFeatures(source);
  if (!BuildSteps(source, leaf_order)) {
    BuildPlain(source, leaf_order);
    return;
  }
  for (const TreeVariant* variant : kVariants) {
    if (variant->isa > isa) continue;
    variant_ = variant;
    if constexpr (std::is_same_v<T, float>) {
      vote_ = variant->vote_f32;
      vote_cost_ = variant->cost_f32;
    } else {
      vote_ = variant->vote_f64;
      vote_cost_ = variant->cost_f64;
    }
    break;
  }
  if (vote_ != nullptr) BuildTests(source);
}

template <typename T>
const char* Forest<T>::name() const {
  return variant_ != nullptr ? variant_->name : "tree_plain";
}

template <typename T>
void Forest<T>::FindFeatures(const TreeSource& source) {
  for (const TreeNode& node : source.nodes) features_.push_back(static_cast<int32_t>(node.feature));
  std::sort(features_.begin(), features_.end());
  features_.erase(std::unique(features_.begin(), features_.end()), features_.end());
}

template <typename T>
int32_t Forest<T>::ColumnOf(int64_t feature) const {
  return static_cast<int32_t>(std::lower_bound(features_.begin(), features_.end(), feature) -
                              features_.begin());
}

// Tree by tree, level by level. False where the packed form cannot hold the forest.
template <typename T>
bool Forest<T>::BuildSteps(const TreeSource& source, std::vector<int32_t>* leaf_order) {
  if (features_.size() > kMostColumn + 1) return false;
  std::vector<uint8_t> placed(source.nodes.size(), 0);
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const auto fail = [&] {
    nodes_.clear();
    missing_is_yes_.clear();
    leaf_of_.clear();
    roots_.clear();
    depths_.clear();
    leaf_order->clear();
    steps_ = 0;
    return false;
  };
  std::vector<int32_t> level, next;
  for (const int32_t root : source.roots) {
    roots_.push_back(static_cast<int32_t>(nodes_.size()));
    nodes_.push_back({});
    missing_is_yes_.push_back(0);
    leaf_of_.push_back(0);
    level.assign(1, root);
    // The nodes of a level stand side by side from `place` on.
    size_t place = nodes_.size() - 1;
    int32_t depth = 0;
    for (; !level.empty(); ++depth) {
      next.clear();
      const size_t below = nodes_.size();
      for (size_t i = 0; i < level.size(); ++i) {
        Step& step = nodes_[place + i];
        if (level[i] < 0) {
          step = {kInfinity, 0, 0};
          missing_is_yes_[place + i] = 1;
          continue;
        }
        const TreeNode& node = source.nodes[static_cast<size_t>(level[i])];
        uint8_t& seen = placed[static_cast<size_t>(level[i])];
        const size_t offset = below + next.size() - (place + i);
        if (seen != 0 || !IsOrdered(node) || offset > kMostOffset) return fail();
        seen = 1;
        const Test<T> test = AsLessEqual<T>(node);
        step = {test.split, static_cast<uint16_t>(offset), static_cast<uint16_t>(ColumnOf(node.feature))};
        missing_is_yes_[place + i] = test.missing_is_yes ? 1 : 0;
        next.push_back(test.yes);
        next.push_back(test.no);
      }
      if (nodes_.size() + next.size() > static_cast<size_t>(INT32_MAX)) return fail();
      place = below;
      nodes_.resize(below + next.size());
      missing_is_yes_.resize(below + next.size());
      leaf_of_.resize(below + next.size());
      level.swap(next);
    }
    depths_.push_back(depth - 1);
    steps_ += depth - 1;
    NumberLeaves(source, root, leaf_order);
  }
  // Trees that are walked beside the last ones go nowhere.
  for (int i = 0; i < 7; ++i) {
    roots_.push_back(static_cast<int32_t>(nodes_.size()));
    depths_.push_back(0);
  }
  nodes_.push_back({kInfinity, 0, 0});
  missing_is_yes_.push_back(1);
  leaf_of_.push_back(0);
  return true;
}

// Leaves in the order of the tree, `yes` before `no`, which the vote's bits need.
template <typename T>
void Forest<T>::NumberLeaves(const TreeSource& source, int32_t root, std::vector<int32_t>* leaf_order) {
  std::vector<std::pair<int32_t, int32_t>> path = {{root, roots_.back()}};  // in the source and here
  while (!path.empty()) {
    const auto [from, at] = path.back();
    path.pop_back();
    if (from < 0) {
      leaf_of_[static_cast<size_t>(at)] = static_cast<int32_t>(leaf_order->size());
      leaf_order->push_back(~from);
      continue;
    }
    const Test<T> test = AsLessEqual<T>(source.nodes[static_cast<size_t>(from)]);
    const auto below = at + int32_t{nodes_[static_cast<size_t>(at)].offset};
    path.emplace_back(test.no, below + 1);
    path.emplace_back(test.yes, below);
  }
}

template <typename T>
void Forest<T>::BuildTests(const TreeSource& source) {
  int32_t first_leaf = 0;
  // The leaves below a node: how many stand before it is known when it is met in the order of NumberLeaves.
  struct Visit {
    int32_t at;
    bool leave;
    size_t test;
  };
  std::vector<Visit> path;
  std::vector<TreeTest<T>> tests[2];  // NaN fails, NaN passes
  for (int64_t tree = 0; tree < tree_count_; ++tree) {
    tests[0].clear();
    tests[1].clear();
    int32_t leaf = 0;
    path.assign(1, {source.roots[static_cast<size_t>(tree)], false, 0});
    // (first leaf of yes, its end) of each test, for the bits once they are known.
    while (!path.empty()) {
      const Visit visit = path.back();
      path.pop_back();
      if (visit.leave) {  // all leaves of `yes` are behind us: a failed test crosses them out
        TreeTest<T>& test = tests[visit.at][visit.test];
        const int32_t begin = static_cast<int32_t>(test.keep_low), end = leaf;
        uint64_t gone = 0;
        for (int32_t i = begin; i < std::min(end, int32_t{kMostVotedLeaves}); ++i) gone |= uint64_t{1} << i;
        test.keep_low = static_cast<uint32_t>(~gone);
        test.keep_high = static_cast<uint32_t>(~gone >> 32);
      } else if (visit.at < 0) {
        ++leaf;
      } else {
        const TreeNode& node = source.nodes[static_cast<size_t>(visit.at)];
        const Test<T> test = AsLessEqual<T>(node);
        std::vector<TreeTest<T>>& list = tests[test.missing_is_yes ? 1 : 0];
        path.push_back({test.no, false, 0});
        path.push_back({test.missing_is_yes ? 1 : 0, true, list.size()});
        path.push_back({test.yes, false, 0});
        list.push_back({test.split, ColumnOf(node.feature), static_cast<uint32_t>(leaf), 0});
      }
    }
    if (leaf > kMostVotedLeaves) {  // one large tree and all are walked
      vote_ = nullptr;
      tests_list_.clear();
      voted_.clear();
      return;
    }
    VotedTree voted{};
    voted.tests = static_cast<int64_t>(tests_list_.size());
    tests_list_.insert(tests_list_.end(), tests[0].begin(), tests[0].end());
    voted.tests_nan = static_cast<int64_t>(tests_list_.size());
    tests_list_.insert(tests_list_.end(), tests[1].begin(), tests[1].end());
    voted.tests_end = static_cast<int64_t>(tests_list_.size());
    voted.first_leaf = first_leaf;
    voted.wide = leaf > 32;
    first_leaf += leaf;
    tests_ += voted.tests_end - voted.tests;
    voted_.push_back(voted);
  }
}

// No branch in here: half of the tests of a good tree cannot be foreseen.
template <typename T>
template <bool kMissing>
void Forest<T>::WalkEight(const T* row, const int32_t* roots, int32_t depth, int32_t* at) const {
  const Step* nodes = nodes_.data();
  for (int i = 0; i < 8; ++i) at[i] = roots[i];
  for (int32_t step = 0; step < depth; ++step) {
    for (int i = 0; i < 8; ++i) {
      const Step& node = nodes[at[i]];
      const T x = row[node.column];
      if constexpr (kMissing) {
        const auto no =
            static_cast<int32_t>(!(x <= node.split)) &
            ~(int32_t{missing_is_yes_[static_cast<size_t>(at[i])]} & static_cast<int32_t>(x != x));
        at[i] += int32_t{node.offset} + no;
      } else {
        at[i] += int32_t{node.offset} + static_cast<int32_t>(node.split < x);
      }
    }
  }
}

template <typename T>
void Forest<T>::WalkPlain(const T* row, int64_t begin, int64_t end, int32_t* leaves) const {
  for (int64_t tree = begin; tree < end; ++tree, leaves += kTreeTile) {
    int32_t at = roots_[static_cast<size_t>(tree)];
    while (at >= 0) {
      const PlainNode& node = plain_[static_cast<size_t>(at)];
      const T x = row[node.column];
      at = (x >= node.low && x <= node.high) || (node.missing_is_yes && x != x) ? node.yes : node.no;
    }
    *leaves = ~at;
  }
}

template <typename T>
void Forest<T>::Walk(const T* row, int64_t begin, int64_t end, int32_t* leaves) const {
  if (nodes_.empty()) return WalkPlain(row, begin, end, leaves);
  // Rows without NaN, which are most, take a shorter step.
  int missing = 0;
  for (size_t c = 0; c < features_.size(); ++c) missing |= static_cast<int>(row[c] != row[c]);
  int32_t at[8];
  for (int64_t tree = begin; tree < end; tree += 8) {
    const int32_t* depths = depths_.data() + tree;
    int32_t depth = depths[0];
    for (int i = 1; i < 8; ++i) depth = std::max(depth, depths[i]);
    if (missing != 0) {
      WalkEight<true>(row, roots_.data() + tree, depth, at);
    } else {
      WalkEight<false>(row, roots_.data() + tree, depth, at);
    }
    const int64_t count = std::min<int64_t>(8, end - tree);
    for (int64_t i = 0; i < count; ++i, leaves += kTreeTile) *leaves = leaf_of_[static_cast<size_t>(at[i])];
  }
}

template <typename T>
void Forest<T>::Vote(const T* tile, int64_t begin, int64_t end, int32_t* leaves) const {
  vote_(tile, tests_list_.data(), voted_.data() + begin, end - begin, leaves);
}

// Every mode as an interval; membership as a search among the sorted members.
template <typename T>
void Forest<T>::BuildPlain(const TreeSource& source, std::vector<int32_t>* leaf_order) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  roots_.assign(source.roots.begin(), source.roots.end());
  for (int32_t leaf = 0; leaf < source.leaves; ++leaf) leaf_order->push_back(leaf);
  // Nodes keep their places; what a set of members needs beyond one node stands behind them.
  plain_.resize(source.nodes.size());
  std::vector<T> members;
  for (size_t i = 0; i < source.nodes.size(); ++i) {
    const TreeNode& node = source.nodes[i];
    const T value = static_cast<T>(node.value);
    PlainNode made{-kInfinity, value, ColumnOf(node.feature), node.yes, node.no, node.missing_is_yes};
    if (node.mode == TreeMode::kMember) {
      members.clear();
      for (uint32_t m = node.members; m < node.members_end; ++m)
        members.push_back(static_cast<T>(source.members[m]));
      std::sort(members.begin(), members.end());
      members.erase(std::unique(members.begin(), members.end()), members.end());
      made.low = kInfinity;  // of the empty set
      made.high = -kInfinity;
      if (!members.empty()) made = SearchMembers(made, members);
    } else if (node.mode == TreeMode::kEqual) {
      made.low = value;
    } else if (node.mode == TreeMode::kNotEqual) {
      made.low = value;
      std::swap(made.yes, made.no);
      // NaN differs from everything.
      made.missing_is_yes = false;
    } else if (std::isnan(value)) {
      made.low = kInfinity;  // no order with NaN holds
      made.high = -kInfinity;
    } else {
      const Test<T> test = AsLessEqual<T>(node);
      made.high = test.split;
      made.yes = test.yes;
      made.no = test.no;
      made.missing_is_yes = test.missing_is_yes;
    }
    plain_[i] = made;
  }
  steps_ = 8 * tree_count_;  // not known; about what it is for most
}

// The node that finds x among sorted members: one, or a test against the middle above two further nodes.
template <typename T>
typename Forest<T>::PlainNode Forest<T>::SearchMembers(const PlainNode& node, std::span<const T> members) {
  PlainNode made = node;
  if (members.size() == 1) {
    made.low = made.high = members[0];
    return made;
  }
  const size_t half = members.size() / 2;
  made.low = -std::numeric_limits<T>::infinity();
  made.high = members[half - 1];
  const PlainNode yes = SearchMembers(node, members.first(half));
  made.yes = static_cast<int32_t>(plain_.size());
  plain_.push_back(yes);
  const PlainNode no = SearchMembers(node, members.subspan(half));
  made.no = static_cast<int32_t>(plain_.size());
  plain_.push_back(no);
  return made;
}

template class Forest<float>;
template class Forest<double>;

}  // namespace ortolan::kernels
