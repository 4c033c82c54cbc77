// Multinomial: sample_size classes for each row of the input, drawn with the probabilities whose logarithms
// (up to a constant) the row has. Refuses inputs that are no matrix or have no class.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/random/stream.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

constexpr DTypeSet kResults = SetOf(DType::kInt32, DType::kInt64);

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const DType type, random::TypeOf(context.attributes(), DType::kInt32, kResults));
  context.SetType(0, type);
  const int64_t samples = context.attributes().Int("sample_size", 1);
  if (samples < 0 || samples > INT32_MAX)
    return InvalidArgument("Multinomial: attribute sample_size is {}, expected 0 or more", samples);
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() != 2) return InvalidArgument("Multinomial: the input has rank {}, expected 2", x.rank());
  context.SetShape(0, {x[0], graph::Dim(samples)});
  return OkStatus();
}

// Sums of the probabilities up to each class, times a constant.
Status SumsOf(const TensorRef& x, int64_t row, std::vector<double>* sums) {
  const int64_t classes = x.dims[1];
  std::vector<float> logs(static_cast<size_t>(classes));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(x, row * classes, classes, logs.data()));
  const float most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    const double chance =
        std::isinf(most) && logs[i] == most ? 1.0 : std::exp(static_cast<double>(logs[i]) - most);
    sum += std::isnan(chance) ? 0.0 : chance;
    (*sums)[i] = sum;
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& stream = *static_cast<const random::Stream*>(opaque);
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  const int64_t samples = y.dims[1];
  if (x.dims[1] == 0 && y.count() > 0)
    return InvalidArgument("Multinomial: there is no class to choose from");
  std::vector<double> sums(static_cast<size_t>(x.dims[1]));
  uint64_t counter = stream.Take(static_cast<uint64_t>(y.count()));
  for (int64_t row = 0; row < x.dims[0]; ++row) {
    if (samples > 0) ORTOLAN_RETURN_IF_ERROR(SumsOf(x, row, &sums));
    for (int64_t k = 0; k < samples; ++k) {
      const double wanted = random::Uniform(Philox(stream.seed(), counter++)) * sums.back();
      const auto found = std::upper_bound(sums.begin(), sums.end() - 1, wanted);
      const auto chosen = static_cast<int64_t>(found - sums.begin());
      if (y.dtype == DType::kInt32) {
        y.As<int32_t>()[row * samples + k] = static_cast<int32_t>(chosen);
      } else {
        y.As<int64_t>()[row * samples + k] = chosen;
      }
    }
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = random::StreamOf(context.node.attributes);
  prepared->run = Run;
  prepared->kernel = "multinomial";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {7, 22};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", random::kRandomTypes}, {"T2", kResults}};
constexpr AttributeSpec kAttributes[] = {
    {"dtype", AttributeType::kInt}, {"sample_size", AttributeType::kInt}, {"seed", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMultinomial;
constexpr OpDef kMultinomial{.domain = "",
                             .name = "Multinomial",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .traits = {.pure = false},
                             .infer = Infer,
                             .prepare = Prepare};

}  // namespace ortolan
