// ortolan::ByteTable: y = table[x], every function of one 8-bit number. Signed numbers index as the unsigned
// ones with the same bits. Made by the quantize pass.
#include "kernels/quant/byte_maps.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr int64_t kGrain = 32768;  // 10 to 30 microseconds

Status Infer(InferContext& context) {
  context.SetType(0, context.attributes().Int("signed", 0) != 0 ? DType::kInt8 : DType::kUInt8);
  context.SetShape(0, context.shape(0));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& maps = **static_cast<const kernels::ByteMaps* const*>(opaque);
  const TensorRef& table = context.input(1);
  if (table.count() != 256) return InvalidArgument("ByteTable: the table has {} entries", table.count());
  const auto* x = context.input(0).As<const uint8_t>();
  auto* y = context.output(0).As<uint8_t>();
  context.threads().ParallelRanges(context.input(0).count(), kGrain, [&](int64_t begin, int64_t end) {
    maps.table(table.As<const uint8_t>(), x + begin, end - begin, y + begin);
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const kernels::ByteMaps*>(&kernels::SelectByteMaps(context.isa));
  prepared->kernel = "byte_table";
  prepared->run = Run;
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T1"}, {"table", "tensor(uint8)"}};
constexpr FormalParameter kOutputs[] = {{"y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBytes}, {"T2", kBytes}};
constexpr AttributeSpec kAttributes[] = {{"signed", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kByteTable;
constexpr OpDef kByteTable{.domain = "ortolan",
                           .name = "ByteTable",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .traits = {.in_place = 1},
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
