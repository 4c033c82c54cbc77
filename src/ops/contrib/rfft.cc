// Rfft: the one-sided Fourier transform of real signals along the last axes.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t count = attributes.Int("signal_ndim", 1);
  if (count < 1 || count > 3) return InvalidArgument("Rfft: signal_ndim must be 1, 2 or 3, not {}", count);
  if (attributes.Int("normalized", 0) != 0 || attributes.Int("onesided", 1) != 1) {
    return NotImplemented("Rfft: only one-sided transforms that are not normalized");
  }
  Composer make(context);
  // Axis -1 are the parts; the signals end at axis -2, which is the one-sided one.
  graph::Value* y = make.Node("Unsqueeze", {make.input(0), make.Ints({-1})});
  y = make.Node("DFT", {y, nullptr, make.Int(-2)}, {{"onesided", int64_t{1}}});
  for (int64_t i = 1; i < count; ++i) y = make.Node("DFT", {y, nullptr, make.Int(-2 - i)});
  make.Last("Identity", {y});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"normalized", AttributeType::kInt},
                                         {"onesided", AttributeType::kInt},
                                         {"signal_ndim", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsRfft;
constexpr OpDef kMsRfft{.domain = "com.microsoft",
                        .name = "Rfft",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .raise = Raise};

}  // namespace ortolan
