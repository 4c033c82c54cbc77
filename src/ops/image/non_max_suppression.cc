// NonMaxSuppression: per batch item and class the boxes in falling order of score, without those that overlap
// a chosen one by more than a threshold. Gives rows of (batch, class, box). Refuses shapes that do not fit
// each other and an IoU threshold outside [0, 1].
#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

#include "kernels/line/line.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt64);
  context.SetShape(0, {context.Unknown(), graph::Dim(3)});
  return OkStatus();
}

// x1, y1, x2, y2.
void BoxAt(const float* at, bool center, float* box) {
  if (center) {
    box[0] = at[0] - at[2] / 2, box[1] = at[1] - at[3] / 2;
    box[2] = at[0] + at[2] / 2, box[3] = at[1] + at[3] / 2;
    return;
  }
  // Corners y1 x1 y2 x2, in any order.
  box[0] = std::min(at[1], at[3]), box[1] = std::min(at[0], at[2]);
  box[2] = std::max(at[1], at[3]), box[3] = std::max(at[0], at[2]);
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

struct State {
  bool center;
  const kernels::LineKernels* lines;
};

struct Selection {
  std::vector<uint64_t> keys;
  std::vector<int64_t> chosen;
  std::vector<float> boxes[5];  // coordinates and areas of those chosen
};

// Falling keys are falling scores, and of equal ones rising positions.
uint64_t KeyOf(float score, int64_t position) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // one zero instead of two
  const uint32_t order = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
  return uint64_t{order} << 32 | ~static_cast<uint32_t>(position);
}

// How many of the best are brought in order at a time: often few are looked at before enough are chosen.
constexpr size_t kFirstSorted = 64;

// One class of one batch item; NaN scores are never chosen.
void Select(const State& state, const float* boxes, const float* scores, int64_t count, const Limits& limits,
            Selection* selection) {
  std::vector<uint64_t>& keys = selection->keys;
  keys.clear();
  selection->chosen.clear();
  for (std::vector<float>& line : selection->boxes) line.clear();
  for (int64_t i = 0; i < count; ++i) {
    if (scores[i] > limits.score) keys.push_back(KeyOf(scores[i], i));
  }
  const auto at = [&](size_t i) { return keys.begin() + static_cast<ptrdiff_t>(i); };
  for (size_t i = 0, sorted = 0, next = kFirstSorted; i < keys.size(); ++i) {
    if (static_cast<int64_t>(selection->chosen.size()) >= limits.most) break;
    if (i == sorted) {
      const size_t end = std::min(keys.size(), sorted + next);
      if (end < keys.size()) std::nth_element(at(sorted), at(end), keys.end(), std::greater<>());
      std::sort(at(sorted), at(end), std::greater<>());
      sorted = end, next *= 4;
    }
    const auto candidate = static_cast<int64_t>(~static_cast<uint32_t>(keys[i]));
    float box[4];
    BoxAt(boxes + 4 * candidate, state.center, box);
    const float area = (box[2] - box[0]) * (box[3] - box[1]);
    auto& lines = selection->boxes;
    const kernels::BoxLines others{lines[0].data(), lines[1].data(), lines[2].data(), lines[3].data(),
                                   lines[4].data()};
    const auto chosen = static_cast<int64_t>(selection->chosen.size());
    if (state.lines->overlaps(others, chosen, box, area, limits.overlap)) continue;
    selection->chosen.push_back(candidate);
    for (size_t k = 0; k < 4; ++k) lines[k].push_back(box[k]);
    lines[4].push_back(area);
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& boxes = context.input(0).dims;
  const Dims& scores = context.input(1).dims;
  if (boxes.size() != 3 || scores.size() != 3 || boxes[2] != 4 || boxes[0] != scores[0] ||
      boxes[1] != scores[2]) {
    return InvalidArgument("boxes {} and scores {} must be [batch, count, 4] and [batch, classes, count]",
                           DimsText(boxes), DimsText(scores));
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Limits limits, LimitsOf(context));
  const int64_t count = boxes[1], classes = scores[1];
  if (count > INT32_MAX) return NotImplemented("NonMaxSuppression of {} boxes", count);
  std::vector<int64_t> rows;
  Selection selection;
  for (int64_t i = 0; limits.most > 0 && i < scores[0] * classes; ++i) {
    if (context.cancelled()) return Fail("Exiting due to terminate flag being set to true.");
    const float* of_batch = context.input(0).As<float>() + i / classes * count * 4;
    Select(state, of_batch, context.input(1).As<float>() + i * count, count, limits, &selection);
    for (int64_t box : selection.chosen) rows.insert(rows.end(), {i / classes, i % classes, box});
  }
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {static_cast<int64_t>(rows.size() / 3), 3}));
  std::copy(rows.begin(), rows.end(), context.output(0).As<int64_t>());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const State>(
      State{context.node.attributes.Int("center_point_box", 0) != 0, &kernels::SelectLine(context.isa)});
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
