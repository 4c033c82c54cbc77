// ZipMap: rows of scores as a sequence of maps from class labels to scores. Refuses rows of other lengths
// than the list of labels.
#include <algorithm>

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

Status Run(const void* opaque, RunContext& context) {
  const ml::Labels& labels = *static_cast<const ml::Labels*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  if (rows.features != static_cast<int64_t>(labels.size())) {
    return InvalidArgument("Input features_per_batch[{}] != number of classlabels[{}]", rows.features,
                           labels.size());
  }
  // One block of scores for all rows, of which each map has its part.
  ORTOLAN_ASSIGN_OR_RETURN(const Tensor scores, Tensor::Allocate(DType::kFloat, {rows.count, rows.features}));
  float* row = static_cast<float*>(scores.data());
  std::copy_n(x.As<const float>(), rows.count * rows.features, row);
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

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ml::Labels labels = ml::LabelsOf(context.node.attributes, "classlabels_int64s", "classlabels_strings");
  if (labels.size() == 0 || (!labels.ints.empty() && !labels.strings.empty())) {
    return InvalidArgument("ZipMap needs one of classlabels_int64s and classlabels_strings");
  }
  prepared->state = std::make_shared<const ml::Labels>(std::move(labels));
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
