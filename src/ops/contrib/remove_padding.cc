// RemovePadding: the rows of sequences without their padding, one after the other; where each lay (and
// behind them the padding), the sums of lengths, and the greatest length.
#include <algorithm>
#include <cstring>

#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() != 3)
    return Fail("[ShapeInferenceError] RemovePadding: input of rank {}, expected 3", x.rank());
  context.SetShape(0, {context.Unknown(), x[2]});
  context.SetShape(1, {x[0], x[1]});
  context.SetShape(2, {x[0] + graph::Dim(1)});
  context.SetShape(3, {1});
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const TensorRef &x = context.input(0), &counts = context.input(1);
  if (x.rank() != 3 || counts.count() != x.dims[0]) {
    return InvalidArgument("RemovePadding: input {} and counts {}", DimsText(x.dims), DimsText(counts.dims));
  }
  const int64_t batch = x.dims[0], rows = x.dims[1], width = x.dims[2];
  const auto* given = counts.As<const int32_t>();
  int64_t total = 0;
  int32_t most = 0;
  for (int64_t b = 0; b < batch; ++b) {
    if (given[b] < 0 || given[b] > rows)
      return InvalidArgument("RemovePadding: {} tokens of {}", given[b], rows);
    total += given[b];
    most = std::max(most, given[b]);
  }
  const Dims dims[] = {{total, width}, {batch, rows}, {batch + 1}, {1}};
  for (size_t i = 0; i < 4; ++i) ORTOLAN_RETURN_IF_ERROR(context.Output(i, dims[i]));
  const auto output = [&](size_t i) {
    return context.HasOutput(i) ? context.output(i).As<int32_t>() : nullptr;
  };
  int32_t *const offsets = output(1), *const sums = output(2);
  const auto bytes = static_cast<size_t>(width * DTypeBits(x.dtype) / 8);
  int64_t token = 0, padding = total;
  for (int64_t b = 0; b < batch; ++b) {
    if (sums != nullptr) sums[b] = static_cast<int32_t>(token);
    for (int64_t s = 0; s < rows; ++s) {
      const int64_t row = b * rows + s, to = s < given[b] ? token++ : padding++;
      if (offsets != nullptr) offsets[to] = static_cast<int32_t>(row);
      if (s >= given[b] || !context.HasOutput(0) || bytes == 0) continue;
      std::memcpy(context.output(0).As<std::byte>() + static_cast<size_t>(to) * bytes,
                  x.As<const std::byte>() + static_cast<size_t>(row) * bytes, bytes);
    }
  }
  if (sums != nullptr) sums[batch] = static_cast<int32_t>(token);
  if (output(3) != nullptr) output(3)[0] = most;
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "remove_padding";
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"sequence_token_count", "M"}};
constexpr FormalParameter kOutputs[] = {
    {"output", "T"}, {"token_offset", "M"}, {"cumulated_seq_len", "M"}, {"max_seq_len", "M"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kMsRemovePadding;
constexpr OpDef kMsRemovePadding{.domain = "com.microsoft",
                                 .name = "RemovePadding",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .traits = {.data_dependent_shape = true},
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
