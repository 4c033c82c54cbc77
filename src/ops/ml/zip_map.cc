// ZipMap: rows of scores as a sequence of maps from class labels to scores, in rising order of labels.
// Refuses rows of other lengths than the list of labels.
#include <algorithm>
#include <numeric>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() == 0) return OkStatus();
  const bool text = !context.attributes().Strings("classlabels_strings").empty();
  context.output(0).type = ValueType::SequenceOf(
      ValueType::MapOf(text ? DType::kString : DType::kInt64, ValueType::TensorOf(DType::kFloat)));
  return OkStatus();
}

struct State {
  ml::Labels labels;           // in rising order
  std::vector<int64_t> order;  // the column of each; none: as they are
};

Status Run(const void* opaque, RunContext& context) {
  const auto& [labels, order] = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  if (rows.features != static_cast<int64_t>(labels.size())) {
    return InvalidArgument("Input features_per_batch[{}] != number of classlabels[{}]", rows.features,
                           labels.size());
  }
  // One block of scores for all rows, of which each map has its part.
  ORTOLAN_ASSIGN_OR_RETURN(const Tensor scores, Tensor::Allocate(DType::kFloat, {rows.count, rows.features}));
  float* row = static_cast<float*>(scores.data());
  const float* from = x.As<const float>();
  if (order.empty()) {
    std::copy_n(from, rows.count * rows.features, row);
  } else {
    for (int64_t i = 0; i < rows.count; ++i)
      for (int64_t k = 0; k < rows.features; ++k)
        row[i * rows.features + k] = from[i * rows.features + order[static_cast<size_t>(k)]];
  }
  auto sequence = std::make_shared<Sequence>();
  sequence->items.reserve(static_cast<size_t>(rows.count));
  for (int64_t i = 0; i < rows.count; ++i, row += rows.features) {
    auto map = std::make_shared<Map>();
    if (labels.text()) {
      map->keys = labels.strings;
    } else {
      map->keys = labels.ints;
    }
    map->values = Tensor::Wrap(DType::kFloat, {rows.features}, row, scores.owner());
    sequence->items.emplace_back(std::shared_ptr<const Map>(std::move(map)));
  }
  context.SetOutputValue(0, Value(std::shared_ptr<const Sequence>(std::move(sequence))));
  return OkStatus();
}

// Sorts, and tells where each label stood; nothing where they were in order.
template <typename Label>
std::vector<int64_t> Sort(std::vector<Label>* labels) {
  if (std::is_sorted(labels->begin(), labels->end())) return {};
  std::vector<int64_t> order(labels->size());
  std::iota(order.begin(), order.end(), 0);
  const auto at = [&](int64_t i) -> const Label& { return (*labels)[static_cast<size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return at(a) < at(b); });
  std::vector<Label> sorted;
  for (const int64_t i : order) sorted.push_back(at(i));
  *labels = std::move(sorted);
  return order;
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ml::Labels labels = ml::LabelsOf(context.node.attributes, "classlabels_int64s", "classlabels_strings");
  if (labels.size() == 0 || (!labels.ints.empty() && !labels.strings.empty())) {
    return InvalidArgument("ZipMap needs one of classlabels_int64s and classlabels_strings");
  }
  State state;
  state.order = labels.text() ? Sort(&labels.strings) : Sort(&labels.ints);
  state.labels = std::move(labels);
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "zip_map";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "tensor(float)"}};
constexpr FormalParameter kOutputs[] = {{"Z", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", 0}};
constexpr AttributeSpec kAttributes[] = {{"classlabels_int64s", AttributeType::kInts},
                                         {"classlabels_strings", AttributeType::kStrings}};

}  // namespace

extern const OpDef kZipMap;
constexpr OpDef kZipMap{.domain = "ai.onnx.ml",
                        .name = "ZipMap",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
