// NonMaxSuppression: per batch item and class the boxes in falling order of score, without those that overlap
// a chosen one by more than a threshold. Gives rows of (batch, class, box). Refuses shapes that do not fit
// each other and an IoU threshold outside [0, 1].
#include <algorithm>
#include <limits>

#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt64);
  context.SetShape(0, {context.Unknown(), graph::Dim(3)});
  return OkStatus();
}

struct Box {
  float x1, y1, x2, y2;
  float area() const { return (x2 - x1) * (y2 - y1); }
};

Box BoxAt(const float* at, bool center) {
  if (center) return {at[0] - at[2] / 2, at[1] - at[3] / 2, at[0] + at[2] / 2, at[1] + at[3] / 2};
  // Corners y1 x1 y2 x2, in any order.
  return {std::min(at[1], at[3]), std::min(at[0], at[2]), std::max(at[1], at[3]), std::max(at[0], at[2])};
}

bool Overlaps(const Box& a, const Box& b, float threshold) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (!(width > 0) || !(height > 0) || a.area() <= 0 || b.area() <= 0) return false;
  const float shared = width * height;
  return shared / (a.area() + b.area() - shared) > threshold;
}

struct Limits {
  int64_t most = 0;
  float overlap = 0;
  float score = -std::numeric_limits<float>::infinity();
};

Result<Limits> LimitsOf(RunContext& context) {
  Limits limits;
  for (size_t i = 2; i < 5; ++i) {
    if (context.HasInput(i) && context.input(i).count() < 1)
      return InvalidArgument("NonMaxSuppression: input {} is empty", i);
  }
  if (context.HasInput(2)) limits.most = std::max<int64_t>(0, *context.input(2).As<int64_t>());
  if (context.HasInput(3)) limits.overlap = *context.input(3).As<float>();
  if (context.HasInput(4)) limits.score = *context.input(4).As<float>();
  if (!(limits.overlap >= 0 && limits.overlap <= 1)) {
    return InvalidArgument("iou_threshold must be in range [0, 1], got {}", limits.overlap);
  }
  return limits;
}

struct Selection {
  std::vector<int64_t> order, chosen;
  std::vector<Box> boxes;
};

// One class of one batch item; NaN scores are never chosen.
void Select(const float* boxes, const float* scores, int64_t count, bool center, const Limits& limits,
            Selection* selection) {
  selection->order.clear();
  selection->chosen.clear();
  selection->boxes.clear();
  for (int64_t i = 0; i < count; ++i) {
    if (scores[i] > limits.score) selection->order.push_back(i);
  }
  std::stable_sort(selection->order.begin(), selection->order.end(),
                   [scores](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  for (int64_t candidate : selection->order) {
    if (static_cast<int64_t>(selection->chosen.size()) >= limits.most) break;
    const Box box = BoxAt(boxes + 4 * candidate, center);
    const bool overlaps = std::any_of(selection->boxes.begin(), selection->boxes.end(),
                                      [&](const Box& other) { return Overlaps(box, other, limits.overlap); });
    if (overlaps) continue;
    selection->chosen.push_back(candidate);
    selection->boxes.push_back(box);
  }
}

Status Run(const void* state, RunContext& context) {
  const bool center = *static_cast<const bool*>(state);
  const Dims& boxes = context.input(0).dims;
  const Dims& scores = context.input(1).dims;
  if (boxes.size() != 3 || scores.size() != 3 || boxes[2] != 4 || boxes[0] != scores[0] ||
      boxes[1] != scores[2]) {
    return InvalidArgument("boxes {} and scores {} must be [batch, count, 4] and [batch, classes, count]",
                           DimsText(boxes), DimsText(scores));
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Limits limits, LimitsOf(context));
  const int64_t count = boxes[1], classes = scores[1];
  std::vector<int64_t> rows;
  Selection selection;
  for (int64_t i = 0; limits.most > 0 && i < scores[0] * classes; ++i) {
    if (context.cancelled()) return Fail("Exiting due to terminate flag being set to true.");
    const float* of_batch = context.input(0).As<float>() + i / classes * count * 4;
    Select(of_batch, context.input(1).As<float>() + i * count, count, center, limits, &selection);
    for (int64_t box : selection.chosen) rows.insert(rows.end(), {i / classes, i % classes, box});
  }
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {static_cast<int64_t>(rows.size() / 3), 3}));
  std::copy(rows.begin(), rows.end(), context.output(0).As<int64_t>());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const bool>(context.node.attributes.Int("center_point_box", 0) != 0);
  prepared->run = Run;
  prepared->kernel = "non_max_suppression";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10, 11};
constexpr FormalParameter kInputs[] = {{"boxes", "tensor(float)"},
                                       {"scores", "tensor(float)"},
                                       {"max_output_boxes_per_class", "tensor(int64)", Arity::kOptional},
                                       {"iou_threshold", "tensor(float)", Arity::kOptional},
                                       {"score_threshold", "tensor(float)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"selected_indices", "tensor(int64)"}};
constexpr AttributeSpec kAttributes[] = {{"center_point_box", AttributeType::kInt}};

}  // namespace

extern const OpDef kNonMaxSuppression;
constexpr OpDef kNonMaxSuppression{.domain = "",
                                   .name = "NonMaxSuppression",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .attributes = kAttributes,
                                   .traits = {.data_dependent_shape = true},
                                   .infer = Infer,
                                   .prepare = Prepare};

}  // namespace ortolan
