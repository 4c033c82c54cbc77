// DynamicTimeWarping: the cheapest path through a matrix of costs from its first element to its last, as two
// rows of indices.
#include <limits>

#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt32);
  context.SetShape(0, {2, context.Unknown()});
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const Dims& dims = context.input(0).dims;
  const bool ranks = dims.size() == 2 || (dims.size() == 3 && dims[0] == 1);
  if (!ranks) return InvalidArgument("DynamicTimeWarping: a matrix of costs, not {}", DimsText(dims));
  const int64_t rows = dims[dims.size() - 2], columns = dims.back();
  if (rows < 1 || columns < 1) return InvalidArgument("DynamicTimeWarping: {} costs", DimsText(dims));
  const float* cost = context.input(0).As<const float>();
  // Costs of the best way to (r, c), with a border of infinities, and where it came from.
  const int64_t width = columns + 1;
  constexpr float kFar = std::numeric_limits<float>::infinity();
  std::vector<float> best(static_cast<size_t>((rows + 1) * width), kFar);
  std::vector<int8_t> from(best.size(), 2);
  best[0] = 0;
  const auto at = [&](int64_t r, int64_t c) { return static_cast<size_t>(r * width + c); };
  for (int64_t c = 1; c <= columns; ++c) {
    for (int64_t r = 1; r <= rows; ++r) {
      const float both = best[at(r - 1, c - 1)], up = best[at(r - 1, c)], left = best[at(r, c - 1)];
      const bool diagonal = both < up && both < left, upward = !diagonal && up < both && up < left;
      best[at(r, c)] = cost[(r - 1) * columns + c - 1] + (diagonal ? both : upward ? up : left);
      from[at(r, c)] = static_cast<int8_t>(diagonal ? 0 : upward ? 1 : 2);
    }
  }
  for (int64_t c = 0; c <= columns; ++c) from[at(0, c)] = 2;
  for (int64_t r = 0; r <= rows; ++r) from[at(r, 0)] = 1;
  std::vector<std::pair<int32_t, int32_t>> path;
  for (int64_t r = rows, c = columns; r > 0 || c > 0;) {
    path.emplace_back(static_cast<int32_t>(r - 1), static_cast<int32_t>(c - 1));
    const int way = from[at(r, c)];
    r -= way == 2 ? 0 : 1;
    c -= way == 1 ? 0 : 1;
  }
  const auto count = static_cast<int64_t>(path.size());
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {2, count}));
  auto* y = context.output(0).As<int32_t>();
  for (int64_t i = 0; i < count; ++i) {
    y[i] = path[static_cast<size_t>(count - 1 - i)].first;
    y[count + i] = path[static_cast<size_t>(count - 1 - i)].second;
  }
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "dynamic_time_warping";
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "F"}};
constexpr FormalParameter kOutputs[] = {{"output", "I"}};
constexpr TypeConstraint kTypes[] = {{"F", SetOf(DType::kFloat)}, {"I", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kMsDynamicTimeWarping;
constexpr OpDef kMsDynamicTimeWarping{.domain = "com.microsoft",
                                      .name = "DynamicTimeWarping",
                                      .versions = kVersions,
                                      .inputs = kInputs,
                                      .outputs = kOutputs,
                                      .types = kTypes,
                                      .traits = {.data_dependent_shape = true},
                                      .infer = Infer,
                                      .prepare = Prepare};

}  // namespace ortolan
