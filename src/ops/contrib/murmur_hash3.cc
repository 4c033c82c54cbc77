// MurmurHash3: the 32-bit hash of each string or number, four bytes at a time.
#include <cstring>

#include "ops/op.h"

namespace ortolan {
namespace {

uint32_t Rotated(uint32_t x, int by) {
  return (x << by) | (x >> (32 - by));
}

uint32_t Hash(const unsigned char* data, size_t size, uint32_t seed) {
  constexpr uint32_t kFirst = 0xcc9e2d51, kSecond = 0x1b873593;
  uint32_t hash = seed;
  const size_t blocks = size / 4;
  for (size_t i = 0; i < blocks; ++i) {
    uint32_t word = 0;
    std::memcpy(&word, data + 4 * i, 4);
    hash = Rotated(hash ^ (Rotated(word * kFirst, 15) * kSecond), 13) * 5 + 0xe6546b64;
  }
  uint32_t rest = 0;
  for (size_t i = size; i-- > 4 * blocks;) rest = (rest << 8) | data[i];
  if (size % 4 != 0) hash ^= Rotated(rest * kFirst, 15) * kSecond;
  hash ^= static_cast<uint32_t>(size);
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}

Status Infer(InferContext& context) {
  context.SetType(0, context.attributes().Int("positive", 1) != 0 ? DType::kUInt32 : DType::kInt32);
  return InferSameShape(context);
}

Status Run(const void* state, RunContext& context) {
  const uint32_t seed = *static_cast<const uint32_t*>(state);
  const TensorRef& x = context.input(0);
  auto* y = context.output(0).As<uint32_t>();
  if (x.dtype == DType::kString) {
    for (const std::string& text : x.Items<const std::string>()) {
      *y++ = Hash(reinterpret_cast<const unsigned char*>(text.data()), text.size(), seed);
    }
    return OkStatus();
  }
  const size_t width = static_cast<size_t>(DTypeBits(x.dtype)) / 8;
  const auto* bytes = x.As<const unsigned char>();
  for (int64_t i = 0; i < x.count(); ++i, bytes += width) *y++ = Hash(bytes, width, seed);
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const int64_t seed = context.node.attributes.Int("seed", 0);
  prepared->state = std::make_shared<const uint32_t>(static_cast<uint32_t>(seed));
  prepared->run = Run;
  prepared->kernel = "murmur_hash3";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", SetOf(DType::kFloat, DType::kDouble, DType::kUInt32, DType::kUInt64, DType::kInt32, DType::kInt64,
                 DType::kString)},
    {"T2", SetOf(DType::kUInt32, DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"positive", AttributeType::kInt}, {"seed", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMurmurHash3;
constexpr OpDef kMsMurmurHash3{.domain = "com.microsoft",
                               .name = "MurmurHash3",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
