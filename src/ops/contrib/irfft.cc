// Irfft: the inverse of the one-sided Fourier transform along the axes in front of the last, which holds the
// parts.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t count = attributes.Int("signal_ndim", 1);
  if (count < 1 || count > 3) return InvalidArgument("Irfft: signal_ndim must be 1, 2 or 3, not {}", count);
  if (attributes.Int("normalized", 0) != 0 || attributes.Int("onesided", 1) != 1) {
    return NotImplemented("Irfft: only one-sided transforms that are not normalized");
  }
  Composer make(context);
  graph::Value* y = make.input(0);
  for (int64_t i = count - 1; i > 0; --i) {
    y = make.Node("DFT", {y, nullptr, make.Int(-2 - i)}, {{"inverse", int64_t{1}}});
  }
  y = make.Node("DFT", {y, nullptr, make.Int(-2)}, {{"inverse", int64_t{1}}, {"onesided", int64_t{1}}});
  make.Last("Squeeze", {y, make.Ints({-1})});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"normalized", AttributeType::kInt},
                                         {"onesided", AttributeType::kInt},
                                         {"signal_ndim", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsIrfft;
constexpr OpDef kMsIrfft{.domain = "com.microsoft",
                         .name = "Irfft",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .raise = Raise};

}  // namespace ortolan
