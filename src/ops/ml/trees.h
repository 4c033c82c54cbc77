// Ensembles of decision trees in one form, whichever operator they come from: TreeEnsemble,
// TreeEnsembleRegressor, TreeEnsembleClassifier.
#pragma once

#include <vector>

#include "ops/ml/features.h"

namespace ortolan::ml {

enum class TreeMode : uint8_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember };
enum class TreeAggregate : uint8_t { kAverage, kSum, kMin, kMax };

// A child: a node, or the leaf ~child.
struct TreeNode {
  double value = 0;
  int64_t feature = 0;
  int32_t yes = -1;
  int32_t no = -1;
  TreeMode mode = TreeMode::kLessEqual;
  bool missing_is_yes = false;
  uint32_t members = 0, members_end = 0;  // of kMember: into Trees::members
};

struct TreeWeight {
  int64_t target;
  double weight;
};

struct TreeLeaf {
  uint32_t begin = 0, end = 0;  // into Trees::weights
};

struct Trees {
  std::vector<TreeNode> nodes;
  std::vector<TreeLeaf> leaves;
  std::vector<TreeWeight> weights;
  std::vector<double> members;
  std::vector<int32_t> roots;
  int64_t targets = 1;
  int64_t features = 0;  // one more than the largest that is read
  TreeAggregate aggregate = TreeAggregate::kSum;
};

// The form of opset 5, and the older one whose weights are attributes PREFIX_ids and so on ("target",
// "class"). kInvalidArgument where children, features or targets are out of range or a tree has a cycle.
Result<Trees> ReadTreeEnsemble(const graph::Attributes& attributes);
Result<Trees> ReadOldTrees(const graph::Attributes& attributes, std::string_view prefix, int64_t targets);

// scores[target] of one row, without base values; has[target] tells whether a leaf spoke of it.
template <typename T>
void ScoreRow(const Trees& trees, const T* x, double* scores, uint8_t* has);

}  // namespace ortolan::ml
