// Forests of decision trees: which leaf each tree leads each row of features to. What the leaves say and how
// it is added up is the business of ops/ml/trees.h.
//
// A forest has up to three forms, and which one a row takes changes nothing of the result:
// - The vote, for trees of at most 64 leaves and groups of rows: every test of a tree is made for 16 rows at
//   once, and each row crosses out, in a set of bits, the leaves that a failed test excludes; the first leaf
//   left over is the row's. No gathers, no branches (Lucchese et al., QuickScorer).
// - The walk, for few rows and for large trees: nodes of 8 bytes (16 in double), siblings side by side, eight
//   trees at a time so that their loads overlap. Leaves lead to themselves, so that there is no branch.
// - The plain walk, for forests that compare by (in)equality or membership or whose trees share nodes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cpu.h"
#include "base/status.h"
#include "kernels/tree/tree_kernel.h"

namespace ortolan::kernels {

enum class TreeMode : uint8_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember };

// A node as a model has it. A child is a node, or the leaf ~child.
struct TreeNode {
  double value = 0;
  int64_t feature = 0;
  int32_t yes = -1;
  int32_t no = -1;
  TreeMode mode = TreeMode::kLessEqual;
  bool missing_is_yes = false;
  uint32_t members = 0, members_end = 0;  // of kMember: into the list of members
};

// Nodes in any order, without cycles, every child and root in range; features are below 2^31.
struct TreeSource {
  std::span<const TreeNode> nodes;
  std::span<const double> members;
  std::span<const int32_t> roots;
  int32_t leaves = 0;
};

// T is what features are compared in: float or double.
template <typename T>
class Forest {
 public:
  // leaf_order[i] becomes the source's leaf that this forest calls i.
  Forest(const TreeSource& source, Isa isa, std::vector<int32_t>* leaf_order);

  int64_t tree_count() const { return tree_count_; }
  // The features that are read, each with its column below.
  std::span<const int32_t> features() const { return features_; }
  // One test after another, summed over the trees: what a row costs to walk.
  int64_t steps() const { return steps_; }
  const char* name() const;

  // Whether `rows` rows are better voted on than walked.
  bool Votes(int64_t rows) const { return vote_ != nullptr && 8 * rows * steps_ > tests_ * vote_cost_; }

  // The leaves of trees [begin, end) for one row, whose columns stand at row[column]: to
  // leaves[(tree - begin) * kTreeTile].
  void Walk(const T* row, int64_t begin, int64_t end, int32_t* leaves) const;
  // The same for kTreeTile rows whose columns stand at tile[column * kTreeTile + row], to
  // leaves[(tree - begin) * kTreeTile + row]. Only where Votes() may be true.
  void Vote(const T* tile, int64_t begin, int64_t end, int32_t* leaves) const;

 private:
  struct Step {
    T split;
    // How far behind this node the child of `yes` stands, the child of `no` right behind it; 0 in leaves.
    uint16_t offset;
    uint16_t column;
  };
  // A test by an interval: low <= x <= high.
  struct PlainNode {
    T low, high;
    int32_t column;
    int32_t yes, no;
    bool missing_is_yes;
  };

  void FindFeatures(const TreeSource& source);
  int32_t ColumnOf(int64_t feature) const;
  bool BuildSteps(const TreeSource& source, std::vector<int32_t>* leaf_order);
  void NumberLeaves(const TreeSource& source, int32_t root, std::vector<int32_t>* leaf_order);
  void BuildTests(const TreeSource& source);
  void BuildPlain(const TreeSource& source, std::vector<int32_t>* leaf_order);
  PlainNode SearchMembers(const PlainNode& node, std::span<const T> members);
  template <bool kMissing>
  void WalkEight(const T* row, const int32_t* roots, int32_t depth, int32_t* at) const;
  void WalkPlain(const T* row, int64_t begin, int64_t end, int32_t* leaves) const;

  int64_t tree_count_ = 0;
  int64_t steps_ = 0;
  std::vector<int32_t> features_;

  std::vector<Step> nodes_;
  std::vector<uint8_t> missing_is_yes_;  // by node
  std::vector<int32_t> leaf_of_;         // by node
  std::vector<int32_t> roots_;           // by tree, and seven more so that trees can be walked by eights
  std::vector<int32_t> depths_;

  std::vector<TreeTest<T>> tests_list_;
  std::vector<VotedTree> voted_;
  int64_t tests_ = 0;
  int64_t vote_cost_ = 1;
  VoteFunction<T> vote_ = nullptr;
  const TreeVariant* variant_ = nullptr;

  std::vector<PlainNode> plain_;
};

// Every variant of variants.inc, best first.
std::span<const TreeVariant* const> TreeVariants();

}  // namespace ortolan::kernels
