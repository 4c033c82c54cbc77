#include "ops/ml/trees.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace ortolan::ml {
namespace {

Status Malformed(std::string_view what) {
  return InvalidArgument("The tree ensemble is malformed: {}", what);
}

// Every child exists and no path returns to where it was.
Status CheckTrees(Trees* trees) {
  const auto nodes = static_cast<int32_t>(trees->nodes.size());
  const auto leaves = static_cast<int32_t>(trees->leaves.size());
  auto exists = [&](int32_t child) { return child >= 0 ? child < nodes : ~child < leaves; };
  for (const TreeNode& node : trees->nodes) {
    if (!exists(node.yes) || !exists(node.no)) return Malformed("a child does not exist");
    if (node.feature < 0 || node.feature > INT32_MAX) return Malformed("a feature is out of range");
    trees->features = std::max(trees->features, node.feature + 1);
  }
  for (const TreeWeight& weight : trees->weights) {
    if (weight.target < 0 || weight.target >= trees->targets) return Malformed("a target is out of range");
  }
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> seen(trees->nodes.size(), kNew);
  std::vector<int32_t> path;
  for (const int32_t root : trees->roots) {
    if (!exists(root)) return Malformed("a root does not exist");
    path.push_back(root);
    while (!path.empty()) {
      const int32_t at = path.back();
      if (at < 0 || seen[static_cast<size_t>(at)] == kDone) {
        path.pop_back();
        continue;
      }
      uint8_t& state = seen[static_cast<size_t>(at)];
      if (state == kOpen) {
        state = kDone;
        path.pop_back();
        continue;
      }
      state = kOpen;
      for (const int32_t child :
           {trees->nodes[static_cast<size_t>(at)].yes, trees->nodes[static_cast<size_t>(at)].no}) {
        if (child >= 0 && seen[static_cast<size_t>(child)] == kOpen) return Malformed("a tree has a cycle");
        path.push_back(child);
      }
    }
  }
  return OkStatus();
}

bool FitsList(size_t list, size_t expected) {
  return list == 0 || list == expected;
}

constexpr std::pair<std::string_view, TreeMode> kModes[] = {
    {"BRANCH_LEQ", TreeMode::kLessEqual},    {"BRANCH_LT", TreeMode::kLess},
    {"BRANCH_GTE", TreeMode::kGreaterEqual}, {"BRANCH_GT", TreeMode::kGreater},
    {"BRANCH_EQ", TreeMode::kEqual},         {"BRANCH_NEQ", TreeMode::kNotEqual}};

Result<TreeAggregate> AggregateOf(std::string_view name) {
  if (name == "SUM") return TreeAggregate::kSum;
  if (name == "AVERAGE") return TreeAggregate::kAverage;
  if (name == "MIN") return TreeAggregate::kMin;
  if (name == "MAX") return TreeAggregate::kMax;
  return InvalidArgument("aggregate_function cannot be '{}'", name);
}

bool Decide(const Trees& trees, const TreeNode& node, double x) {
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
      return std::find(trees.members.begin() + node.members, trees.members.begin() + node.members_end, x) !=
             trees.members.begin() + node.members_end;
  }
  return false;
}

}  // namespace

Result<Trees> ReadTreeEnsemble(const graph::Attributes& attributes) {
  Trees trees;
  trees.targets = attributes.Int("n_targets", 1);
  const int64_t aggregate = attributes.Int("aggregate_function", 1);
  if (aggregate < 0 || aggregate > 3) return Malformed("aggregate_function");
  trees.aggregate = static_cast<TreeAggregate>(aggregate);
  const Tensor* modes_tensor = attributes.TensorOrNull("nodes_modes");
  const Tensor* splits_tensor = attributes.TensorOrNull("nodes_splits");
  const Tensor* weights_tensor = attributes.TensorOrNull("leaf_weights");
  if (modes_tensor == nullptr || splits_tensor == nullptr || weights_tensor == nullptr)
    return Malformed("no nodes");
  const std::vector<double> modes = NumbersOf(*modes_tensor), splits = NumbersOf(*splits_tensor),
                            weights = NumbersOf(*weights_tensor);
  const auto features = attributes.Ints("nodes_featureids"), yes = attributes.Ints("nodes_truenodeids"),
             no = attributes.Ints("nodes_falsenodeids"), yes_leaf = attributes.Ints("nodes_trueleafs"),
             no_leaf = attributes.Ints("nodes_falseleafs"),
             missing = attributes.Ints("nodes_missing_value_tracks_true"),
             targets = attributes.Ints("leaf_targetids"), roots = attributes.Ints("tree_roots");
  const size_t count = features.size();
  if (count > INT32_MAX || targets.size() > INT32_MAX || modes.size() != count || splits.size() != count ||
      yes.size() != count || no.size() != count || yes_leaf.size() != count || no_leaf.size() != count ||
      !FitsList(missing.size(), count) || weights.size() != targets.size()) {
    return Malformed("lists of different lengths");
  }
  if (const Tensor* members = attributes.TensorOrNull("membership_values"); members != nullptr) {
    trees.members = NumbersOf(*members);
  }
  auto child = [](int64_t id, int64_t leaf) {
    if (id < 0 || id > INT32_MAX - 1) return INT32_MAX;  // out of range: CheckTrees says so
    return leaf != 0 ? ~static_cast<int32_t>(id) : static_cast<int32_t>(id);
  };
  size_t member = 0;
  for (size_t i = 0; i < count; ++i) {
    TreeNode node;
    if (!(modes[i] >= 0 && modes[i] <= 6)) return Malformed("a mode is unknown");
    node.mode = static_cast<TreeMode>(static_cast<int>(modes[i]));
    node.value = splits[i];
    node.feature = features[i];
    node.yes = child(yes[i], yes_leaf[i]);
    node.no = child(no[i], no_leaf[i]);
    node.missing_is_yes = !missing.empty() && missing[i] != 0;
    if (node.mode == TreeMode::kMember) {  // each set ends with a NaN
      node.members = static_cast<uint32_t>(member);
      while (member < trees.members.size() && !std::isnan(trees.members[member])) ++member;
      node.members_end = static_cast<uint32_t>(member);
      ++member;
      if (node.members > trees.members.size()) return Malformed("membership_values ends too early");
    }
    trees.nodes.push_back(node);
  }
  for (size_t i = 0; i < targets.size(); ++i) {
    trees.leaves.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(i + 1)});
    trees.weights.push_back({targets[i], weights[i]});
  }
  // A tree whose root leads to one leaf both ways is written as a node, so roots are nodes.
  for (const int64_t root : roots) trees.roots.push_back(child(root, 0));
  ORTOLAN_RETURN_IF_ERROR(CheckTrees(&trees));
  return trees;
}

Result<Trees> ReadOldTrees(const graph::Attributes& attributes, std::string_view prefix,
                           int64_t target_count) {
  Trees trees;
  trees.targets = target_count;
  ORTOLAN_ASSIGN_OR_RETURN(trees.aggregate, AggregateOf(attributes.String("aggregate_function", "SUM")));
  const std::string name(prefix);
  const auto tree_ids = attributes.Ints("nodes_treeids"), node_ids = attributes.Ints("nodes_nodeids"),
             features = attributes.Ints("nodes_featureids"), yes = attributes.Ints("nodes_truenodeids"),
             no = attributes.Ints("nodes_falsenodeids"),
             missing = attributes.Ints("nodes_missing_value_tracks_true"),
             weight_trees = attributes.Ints(name + "_treeids"),
             weight_nodes = attributes.Ints(name + "_nodeids"),
             weight_targets = attributes.Ints(name + "_ids");
  const auto modes = attributes.Strings("nodes_modes");
  const std::vector<double> values = NumbersOf(attributes, "nodes_values", "nodes_values_as_tensor");
  const std::vector<double> weights = NumbersOf(attributes, name + "_weights", name + "_weights_as_tensor");
  const size_t count = tree_ids.size();
  if (count > INT32_MAX || node_ids.size() != count || features.size() != count || yes.size() != count ||
      no.size() != count || modes.size() != count || values.size() != count ||
      !FitsList(missing.size(), count) || weight_trees.size() != weights.size() ||
      weight_nodes.size() != weights.size() || weight_targets.size() != weights.size()) {
    return Malformed("lists of different lengths");
  }
  using Key = std::pair<int64_t, int64_t>;  // tree, node
  std::map<Key, std::vector<TreeWeight>> leaf_weights;
  for (size_t i = 0; i < weights.size(); ++i)
    leaf_weights[{weight_trees[i], weight_nodes[i]}].push_back({weight_targets[i], weights[i]});
  // First where every node goes, then the nodes with their children.
  std::map<Key, int32_t> places;
  int32_t node_count = 0;
  for (size_t i = 0; i < count; ++i) {
    const Key key{tree_ids[i], node_ids[i]};
    int32_t place = node_count;
    if (modes[i] == "LEAF") {
      place = ~static_cast<int32_t>(trees.leaves.size());
      const auto begin = static_cast<uint32_t>(trees.weights.size());
      if (const auto own = leaf_weights.find(key); own != leaf_weights.end())
        trees.weights.insert(trees.weights.end(), own->second.begin(), own->second.end());
      trees.leaves.push_back({begin, static_cast<uint32_t>(trees.weights.size())});
    } else {
      ++node_count;
    }
    if (!places.emplace(key, place).second) return Malformed("a node stands twice");
    // The root of a tree is the node that stands first.
    if (i == 0 || tree_ids[i] != tree_ids[i - 1]) trees.roots.push_back(place);
  }
  for (size_t i = 0; i < count; ++i) {
    if (modes[i] == "LEAF") continue;
    TreeNode node;
    const auto* mode = std::find_if(std::begin(kModes), std::end(kModes),
                                    [&](const auto& entry) { return entry.first == modes[i]; });
    if (mode == std::end(kModes)) return InvalidArgument("A node of a tree cannot have mode '{}'", modes[i]);
    node.mode = mode->second;
    node.value = values[i];
    node.feature = features[i];
    node.missing_is_yes = !missing.empty() && missing[i] != 0;
    const auto to_yes = places.find({tree_ids[i], yes[i]}), to_no = places.find({tree_ids[i], no[i]});
    if (to_yes == places.end() || to_no == places.end()) return Malformed("a child does not exist");
    node.yes = to_yes->second;
    node.no = to_no->second;
    trees.nodes.push_back(node);
  }
  ORTOLAN_RETURN_IF_ERROR(CheckTrees(&trees));
  return trees;
}

template <typename T>
void ScoreRow(const Trees& trees, const T* x, double* scores, uint8_t* has) {
  std::fill_n(scores, trees.targets, 0.0);
  std::fill_n(has, trees.targets, uint8_t{0});
  for (int32_t at : trees.roots) {
    while (at >= 0) {
      const TreeNode& node = trees.nodes[static_cast<size_t>(at)];
      const auto item = static_cast<double>(AsNumber(x[node.feature]));
      const bool yes = Decide(trees, node, item) || (node.missing_is_yes && std::isnan(item));
      at = yes ? node.yes : node.no;
    }
    const TreeLeaf& leaf = trees.leaves[static_cast<size_t>(~at)];
    for (uint32_t i = leaf.begin; i < leaf.end; ++i) {
      const TreeWeight& weight = trees.weights[i];
      double& score = scores[weight.target];
      uint8_t& seen = has[weight.target];
      if (trees.aggregate == TreeAggregate::kMin && seen != 0) {
        score = std::min(score, weight.weight);
      } else if (trees.aggregate == TreeAggregate::kMax && seen != 0) {
        score = std::max(score, weight.weight);
      } else {
        score += weight.weight;
      }
      seen = 1;
    }
  }
  if (trees.aggregate == TreeAggregate::kAverage && !trees.roots.empty()) {
    for (int64_t i = 0; i < trees.targets; ++i) scores[i] /= static_cast<double>(trees.roots.size());
  }
}

template void ScoreRow(const Trees&, const float*, double*, uint8_t*);
template void ScoreRow(const Trees&, const double*, double*, uint8_t*);
template void ScoreRow(const Trees&, const int64_t*, double*, uint8_t*);
template void ScoreRow(const Trees&, const int32_t*, double*, uint8_t*);
template void ScoreRow(const Trees&, const Float16*, double*, uint8_t*);

}  // namespace ortolan::ml
