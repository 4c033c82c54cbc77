#include "ops/ml/trees.h"

#include <algorithm>
#include <cmath>

namespace ortolan::ml {

using kernels::TreeMode;
using kernels::TreeNode;

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

// Where node `node` of tree `tree` is kept.
struct Placed {
  int64_t tree, node;
  int32_t place;
};

// By tree and node; of equals the first stays first. Converters write them sorted.
void SortPlaced(std::vector<Placed>* list) {
  const auto before = [](const Placed& a, const Placed& b) {
    return a.tree != b.tree ? a.tree < b.tree : a.node < b.node;
  };
  if (!std::is_sorted(list->begin(), list->end(), before))
    std::stable_sort(list->begin(), list->end(), before);
}

// The first entry of that key, or null.
const Placed* FindPlaced(const std::vector<Placed>& sorted, int64_t tree, int64_t node) {
  const auto found = std::lower_bound(
      sorted.begin(), sorted.end(), Placed{tree, node, 0},
      [](const Placed& a, const Placed& b) { return a.tree != b.tree ? a.tree < b.tree : a.node < b.node; });
  return found != sorted.end() && found->tree == tree && found->node == node ? &*found : nullptr;
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
  // Weights by leaf, in the order in which they stand; nodes by tree and number.
  std::vector<Placed> weight_keys, places;
  for (size_t i = 0; i < weights.size(); ++i)
    weight_keys.push_back({weight_trees[i], weight_nodes[i], static_cast<int32_t>(i)});
  SortPlaced(&weight_keys);
  // First where every node goes, then the nodes with their children.
  int32_t node_count = 0;
  for (size_t i = 0; i < count; ++i) {
    int32_t place = node_count;
    if (modes[i] == "LEAF") {
      place = ~static_cast<int32_t>(trees.leaves.size());
      const auto begin = static_cast<uint32_t>(trees.weights.size());
      for (const Placed* own = FindPlaced(weight_keys, tree_ids[i], node_ids[i]);
           own != nullptr && own < weight_keys.data() + weight_keys.size() && own->tree == tree_ids[i] &&
           own->node == node_ids[i];
           ++own) {
        const auto at = static_cast<size_t>(own->place);
        trees.weights.push_back({weight_targets[at], weights[at]});
      }
      trees.leaves.push_back({begin, static_cast<uint32_t>(trees.weights.size())});
    } else {
      ++node_count;
    }
    places.push_back({tree_ids[i], node_ids[i], place});
    // The root of a tree is the node that stands first.
    if (i == 0 || tree_ids[i] != tree_ids[i - 1]) trees.roots.push_back(place);
  }
  SortPlaced(&places);
  for (size_t i = 1; i < count; ++i)
    if (places[i].tree == places[i - 1].tree && places[i].node == places[i - 1].node)
      return Malformed("a node stands twice");
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
    const Placed *to_yes = FindPlaced(places, tree_ids[i], yes[i]),
                 *to_no = FindPlaced(places, tree_ids[i], no[i]);
    if (to_yes == nullptr || to_no == nullptr) return Malformed("a child does not exist");
    node.yes = to_yes->place;
    node.no = to_no->place;
    trees.nodes.push_back(node);
  }
  ORTOLAN_RETURN_IF_ERROR(CheckTrees(&trees));
  return trees;
}

namespace {

// Some 64 KB of nodes or tests: what stays in the second cache while the rows of a tile pass.
constexpr int64_t kBlockNodes = 8192;

bool FitsFloat(double value) {
  return std::isnan(value) || static_cast<double>(static_cast<float>(value)) == value;
}

}  // namespace

Ensemble::Ensemble(const Trees& trees, DType input, Isa isa)
    : targets_(trees.targets),
      features_(trees.features),
      trees_(static_cast<int64_t>(trees.roots.size())),
      aggregate_(trees.aggregate) {
  const kernels::TreeSource source{trees.nodes, trees.members, trees.roots,
                                   static_cast<int32_t>(trees.leaves.size())};
  const bool narrow =
      (input == DType::kFloat || input == DType::kFloat16) &&
      std::all_of(trees.nodes.begin(), trees.nodes.end(), [](const auto& n) { return FitsFloat(n.value); }) &&
      std::all_of(trees.members.begin(), trees.members.end(), FitsFloat);
  std::vector<int32_t> leaf_order;
  if (narrow) {
    float_.emplace(source, isa, &leaf_order);
    columns_ = static_cast<int64_t>(float_->features().size());
    steps_ = float_->steps();
  } else {
    double_.emplace(source, isa, &leaf_order);
    columns_ = static_cast<int64_t>(double_->features().size());
    steps_ = double_->steps();
  }
  const auto nodes = std::max<int64_t>(static_cast<int64_t>(trees.nodes.size()), 1);
  // By eights, as trees are walked.
  block_trees_ = std::clamp<int64_t>(kBlockNodes * trees_ / nodes, 8, 256) / 8 * 8;
  blocks_ = std::max<int64_t>((trees_ + block_trees_ - 1) / block_trees_, 1);
  FindSingle(trees, leaf_order);
  if (!value_.empty() || FindDense(trees, leaf_order)) return;
  for (const int32_t leaf : leaf_order) {
    const TreeLeaf& from = trees.leaves[static_cast<size_t>(leaf)];
    const auto begin = static_cast<uint32_t>(weights_.size());
    weights_.insert(weights_.end(), trees.weights.begin() + from.begin, trees.weights.begin() + from.end);
    leaves_.push_back({begin, static_cast<uint32_t>(weights_.size())});
  }
}

void Ensemble::FindSingle(const Trees& trees, const std::vector<int32_t>& leaf_order) {
  if (aggregate_ != TreeAggregate::kSum && aggregate_ != TreeAggregate::kAverage) return;
  for (const TreeLeaf& leaf : trees.leaves)
    if (leaf.end - leaf.begin != 1) return;
  // From the root along `yes`, and then whether all the others agree.
  auto children = [&](int32_t at, auto visit) {
    std::vector<int32_t> path = {at};
    for (size_t visits = 0; !path.empty(); ++visits) {
      if (visits > 2 * trees.nodes.size() + 1) return false;  // shared nodes: not as boosting makes them
      at = path.back();
      path.pop_back();
      if (at < 0) {
        if (!visit(trees.weights[trees.leaves[static_cast<size_t>(~at)].begin].target)) return false;
        continue;
      }
      path.push_back(trees.nodes[static_cast<size_t>(at)].no);
      path.push_back(trees.nodes[static_cast<size_t>(at)].yes);
    }
    return true;
  };
  if (targets_ > 1) {
    for (const int32_t root : trees.roots) {
      int64_t target = -1;
      const bool one = children(root, [&](int64_t leaf_target) {
        if (target < 0) target = leaf_target;
        return target == leaf_target;
      });
      if (!one) return;
      target_.push_back(static_cast<int32_t>(target));
    }
  }
  target_.resize(trees.roots.size(), 0);
  for (const int32_t leaf : leaf_order)
    value_.push_back(trees.weights[trees.leaves[static_cast<size_t>(leaf)].begin].weight);
}

bool Ensemble::FindDense(const Trees& trees, const std::vector<int32_t>& leaf_order) {
  if (aggregate_ != TreeAggregate::kSum && aggregate_ != TreeAggregate::kAverage) return false;
  for (const TreeLeaf& leaf : trees.leaves)
    if (leaf.end - leaf.begin != static_cast<uint64_t>(targets_)) return false;
  std::vector<double> dense;
  std::vector<uint8_t> seen(static_cast<size_t>(targets_));
  for (const int32_t id : leaf_order) {
    const TreeLeaf& leaf = trees.leaves[static_cast<size_t>(id)];
    const size_t row = dense.size();
    dense.resize(row + static_cast<size_t>(targets_));
    std::fill(seen.begin(), seen.end(), uint8_t{0});
    for (uint32_t i = leaf.begin; i < leaf.end; ++i) {
      const auto target = static_cast<size_t>(trees.weights[i].target);
      if (seen[target] != 0) return false;
      seen[target] = 1;
      dense[row + target] = trees.weights[i].weight;
    }
  }
  dense_ = std::move(dense);
  return true;
}

// One row whose sums stay in registers.
template <int64_t kTargets>
void Ensemble::AddRow(int64_t count, const int32_t* leaves, double* scores) const {
  double sums[kTargets];
  for (int64_t t = 0; t < kTargets; ++t) sums[t] = scores[t];
  for (int64_t i = 0; i < count; ++i) {
    const double* from = dense_.data() + leaves[i * kernels::kTreeTile] * kTargets;
    for (int64_t t = 0; t < kTargets; ++t) sums[t] += from[t];
  }
  for (int64_t t = 0; t < kTargets; ++t) scores[t] = sums[t];
}

void Ensemble::AddDense(int64_t count, const int32_t* leaves, int64_t rows, double* scores,
                        uint8_t* has) const {
  std::fill_n(has, rows * targets_, uint8_t{1});
  for (int64_t row = 0; row < rows; ++row, scores += targets_, ++leaves) {
    if (targets_ == 2) {
      AddRow<2>(count, leaves, scores);
    } else if (targets_ == 3) {
      AddRow<3>(count, leaves, scores);
    } else if (targets_ == 4) {
      AddRow<4>(count, leaves, scores);
    } else {
      for (int64_t i = 0; i < count; ++i) {
        const double* from = dense_.data() + leaves[i * kernels::kTreeTile] * targets_;
        for (int64_t t = 0; t < targets_; ++t) scores[t] += from[t];
      }
    }
  }
}

void Ensemble::Add(int64_t begin, int64_t end, const int32_t* leaves, int64_t rows, double* scores,
                   uint8_t* has) const {
  constexpr int64_t kTile = kernels::kTreeTile;
  if (!value_.empty()) return AddSingle(begin, end, leaves, rows, scores, has);
  if (!dense_.empty()) return AddDense(end - begin, leaves, rows, scores, has);
  for (int64_t tree = begin; tree < end; ++tree, leaves += kTile) {
    for (int64_t row = 0; row < rows; ++row) {
      const TreeLeaf& leaf = leaves_[static_cast<size_t>(leaves[row])];
      for (uint32_t i = leaf.begin; i < leaf.end; ++i) {
        const TreeWeight& weight = weights_[i];
        const int64_t at = row * targets_ + weight.target;
        AddOne(weight.weight, &scores[at], &has[at]);
      }
    }
  }
}

void Ensemble::AddSingle(int64_t begin, int64_t end, const int32_t* leaves, int64_t rows, double* scores,
                         uint8_t* has) const {
  constexpr int64_t kTile = kernels::kTreeTile;
  const double* values = value_.data();
  if (targets_ == 1) {
    std::fill_n(has, rows, uint8_t{1});
    if (rows < 4) {  // a sum in a register waits less for itself than one in memory
      for (int64_t row = 0; row < rows; ++row) {
        double sum = scores[row];
        for (int64_t i = 0; i < end - begin; ++i) sum += values[leaves[i * kTile + row]];
        scores[row] = sum;
      }
      return;
    }
    for (int64_t i = 0; i < end - begin; ++i, leaves += kTile)
      for (int64_t row = 0; row < rows; ++row) scores[row] += values[leaves[row]];
    return;
  }
  for (int64_t tree = begin; tree < end; ++tree, leaves += kTile) {
    const int32_t target = target_[static_cast<size_t>(tree)];
    for (int64_t row = 0; row < rows; ++row) {
      scores[row * targets_ + target] += values[leaves[row]];
      has[row * targets_ + target] = 1;
    }
  }
}

void Ensemble::AddOne(double weight, double* score, uint8_t* has) const {
  if (aggregate_ == TreeAggregate::kMin && *has != 0) {
    *score = std::min(*score, weight);
  } else if (aggregate_ == TreeAggregate::kMax && *has != 0) {
    *score = std::max(*score, weight);
  } else {
    *score += weight;
  }
  *has = 1;
}

void Ensemble::Merge(const double* part, const uint8_t* part_has, int64_t rows, double* scores,
                     uint8_t* has) const {
  for (int64_t i = 0; i < rows * targets_; ++i)
    if (part_has[i] != 0) AddOne(part[i], &scores[i], &has[i]);
}

void Ensemble::Close(int64_t rows, double* scores) const {
  if (aggregate_ != TreeAggregate::kAverage || trees_ == 0) return;
  for (int64_t i = 0; i < rows * targets_; ++i) scores[i] /= static_cast<double>(trees_);
}

}  // namespace ortolan::ml
