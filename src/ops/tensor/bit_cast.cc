// BitCast: the bits of each element read as type `to`, which must be as wide. A byte read as a bool is true
// unless it is zero, so that every true has one form.
#include <cstring>

#include "ops/op.h"

namespace ortolan {
namespace {

constexpr DTypeSet kBitTypes =
    kAllTypes & ~SetOf(DType::kString, DType::kFloat6E2M3, DType::kFloat6E3M2);  // 6 bits that take 8

Status Infer(InferContext& context) {
  const int64_t to = context.attributes().Int("to", 0);
  if (to <= 0 || to >= kDTypeCount || !Contains(kBitTypes, static_cast<DType>(to))) {
    return InvalidArgument("BitCast: attribute to is {}, no type with bits of its own", to);
  }
  const auto dtype = static_cast<DType>(to);
  if (context.HasInput(0) && context.input(0).type.IsTensor() &&
      DTypeBits(context.dtype(0)) != DTypeBits(dtype)) {
    return InvalidArgument("BitCast: elements of type {} have {} bits, those of {} have {}",
                           DTypeName(context.dtype(0)), DTypeBits(context.dtype(0)), DTypeName(dtype),
                           DTypeBits(dtype));
  }
  context.SetType(0, dtype);
  return InferSameShape(context);
}

Status Run(const void*, RunContext& context) {
  const TensorRef& from = context.input(0);
  const TensorRef& to = context.output(0);
  if (to.dtype == DType::kBool) {
    for (int64_t i = 0; i < to.count(); ++i) to.As<uint8_t>()[i] = from.As<const uint8_t>()[i] != 0 ? 1 : 0;
  } else if (to.bytes() > 0) {
    std::memcpy(to.data, from.data, to.bytes());
  }
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "bit_cast";
  return OkStatus();
}

constexpr int kVersions[] = {26};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBitTypes}, {"T2", kBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"to", graph::AttributeType::kInt, true}};

}  // namespace

extern const OpDef kBitCast;
constexpr OpDef kBitCast{.domain = "",
                         .name = "BitCast",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .infer = Infer,
                         .prepare = Prepare};

}  // namespace ortolan
