// Ensembles of decision trees in one form, whichever operator they come from: TreeEnsemble,
// TreeEnsembleRegressor, TreeEnsembleClassifier. kernels/tree finds the leaves, here is what they say.
#pragma once

#include <array>
#include <iterator>
#include <optional>
#include <type_traits>
#include <vector>

#include "kernels/tree/tree.h"
#include "ops/ml/features.h"

namespace ortolan::ml {

enum class TreeAggregate : uint8_t { kAverage, kSum, kMin, kMax };

struct TreeWeight {
  int64_t target;
  double weight;
};

struct TreeLeaf {
  uint32_t begin = 0, end = 0;  // into the list of weights
};

// As a model has them.
struct Trees {
  std::vector<kernels::TreeNode> nodes;
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

// As a run wants them.
class Ensemble {
 public:
  Ensemble(const Trees& trees, DType input, Isa isa);

  int64_t targets() const { return targets_; }
  int64_t features() const { return features_; }
  const char* name() const { return float_ ? float_->name() : double_->name(); }
  // One of the two is there: what features are compared in.
  template <typename T>
  const kernels::Forest<T>& forest() const {
    if constexpr (std::is_same_v<T, float>) {
      return *float_;
    } else {
      return *double_;
    }
  }
  bool compares_in_float() const { return float_.has_value(); }
  int64_t columns() const { return columns_; }
  int64_t steps() const { return steps_; }

  // Trees are summed up in blocks, and then the blocks: the same order of additions for one row and for many,
  // on one thread and on several.
  int64_t block_trees() const { return block_trees_; }
  int64_t blocks() const { return blocks_; }
  int64_t tree_count() const { return trees_; }

  // Adds what the leaves of the trees [begin, end) say of `rows` rows to scores[row * targets + target], and
  // marks in `has` the targets that a leaf spoke of. leaves[(tree - begin) * kTreeTile + row].
  void Add(int64_t begin, int64_t end, const int32_t* leaves, int64_t rows, double* scores,
           uint8_t* has) const;
  // The same with what Add made of other trees.
  void Merge(const double* part, const uint8_t* part_has, int64_t rows, double* scores, uint8_t* has) const;
  // After all trees: the mean.
  void Close(int64_t rows, double* scores) const;

 private:
  void AddSingle(int64_t begin, int64_t end, const int32_t* leaves, int64_t rows, double* scores,
                 uint8_t* has) const;
  void AddOne(double weight, double* score, uint8_t* has) const;
  template <int64_t kTargets>
  void AddRow(int64_t count, const int32_t* leaves, double* scores) const;
  void AddDense(int64_t count, const int32_t* leaves, int64_t rows, double* scores, uint8_t* has) const;
  bool FindDense(const Trees& trees, const std::vector<int32_t>& leaf_order);
  void FindSingle(const Trees& trees, const std::vector<int32_t>& leaf_order);

  std::optional<kernels::Forest<float>> float_;
  std::optional<kernels::Forest<double>> double_;
  int64_t targets_ = 1;
  int64_t features_ = 0;
  int64_t columns_ = 0;
  int64_t steps_ = 0;
  int64_t trees_ = 0;
  int64_t block_trees_ = 1;
  int64_t blocks_ = 1;
  TreeAggregate aggregate_ = TreeAggregate::kSum;

  // Where every leaf has one weight and all of a tree's leaves speak of one target, as boosting makes them:
  // the weight by leaf, the target by tree.
  std::vector<double> value_;
  std::vector<int32_t> target_;
  // Where every leaf speaks of every target, as forests that classify do: rows of weights by leaf.
  std::vector<double> dense_;
  // Else lists.
  std::vector<TreeLeaf> leaves_;
  std::vector<TreeWeight> weights_;
};

// What TreeEnsembleRegressor and TreeEnsembleClassifier have in common.
inline constexpr AttributeSpec kOldTreeAttributes[] = {
    {"base_values", graph::AttributeType::kFloats},
    {"base_values_as_tensor", graph::AttributeType::kTensor},
    {"nodes_falsenodeids", graph::AttributeType::kInts},
    {"nodes_featureids", graph::AttributeType::kInts},
    {"nodes_hitrates", graph::AttributeType::kFloats},
    {"nodes_hitrates_as_tensor", graph::AttributeType::kTensor},
    {"nodes_missing_value_tracks_true", graph::AttributeType::kInts},
    {"nodes_modes", graph::AttributeType::kStrings},
    {"nodes_nodeids", graph::AttributeType::kInts},
    {"nodes_treeids", graph::AttributeType::kInts},
    {"nodes_truenodeids", graph::AttributeType::kInts},
    {"nodes_values", graph::AttributeType::kFloats},
    {"nodes_values_as_tensor", graph::AttributeType::kTensor},
    {"post_transform", graph::AttributeType::kString},
};
template <size_t kOwn>
constexpr auto WithOldTreeAttributes(const AttributeSpec (&own)[kOwn]) {
  std::array<AttributeSpec, std::size(kOldTreeAttributes) + kOwn> all{};
  for (size_t i = 0; i < std::size(kOldTreeAttributes); ++i) all[i] = kOldTreeAttributes[i];
  for (size_t i = 0; i < kOwn; ++i) all[std::size(kOldTreeAttributes) + i] = own[i];
  return all;
}

}  // namespace ortolan::ml
