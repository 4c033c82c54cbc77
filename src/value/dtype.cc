#include "value/dtype.h"

#include <string>

namespace ortolan {
namespace {

struct Facts {
  std::string_view name;
  int bits;
};

// In the order of the numbers.
constexpr Facts kFacts[kDTypeCount] = {
    {"undefined", 0},      {"float", 32},     {"uint8", 8},
    {"int8", 8},           {"uint16", 16},    {"int16", 16},
    {"int32", 32},         {"int64", 64},     {"string", static_cast<int>(sizeof(std::string)) * 8},
    {"bool", 8},           {"float16", 16},   {"double", 64},
    {"uint32", 32},        {"uint64", 64},    {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16},  {"float8e4m3fn", 8},
    {"float8e4m3fnuz", 8}, {"float8e5m2", 8}, {"float8e5m2fnuz", 8},
    {"uint4", 4},          {"int4", 4},       {"float4e2m1", 4},
    {"float8e8m0", 8},     {"uint2", 2},      {"int2", 2},
    {"float6e2m3", 8},     {"float6e3m2", 8},
};

constexpr DTypeSet kFloating =
    SetOf(DType::kFloat, DType::kFloat16, DType::kDouble, DType::kBFloat16) | kSmallFloats;
constexpr DTypeSet kInteger = SetOf(DType::kUInt8, DType::kInt8, DType::kUInt16, DType::kInt16, DType::kInt32,
                                    DType::kInt64, DType::kUInt32, DType::kUInt64) |
                              kPackedIntegers;

}  // namespace

int DTypeBits(DType dtype) {
  return kFacts[static_cast<int>(dtype)].bits;
}

size_t DTypeBytes(DType dtype, int64_t count) {
  const size_t bits = static_cast<size_t>(DTypeBits(dtype));
  const size_t items = static_cast<size_t>(count);
  return bits >= 8 ? items * (bits / 8) : (items * bits + 7) / 8;
}

std::string_view DTypeName(DType dtype) {
  return kFacts[static_cast<int>(dtype)].name;
}
bool IsDefined(int onnx_number) {
  return onnx_number > 0 && onnx_number < kDTypeCount;
}
bool IsFloating(DType dtype) {
  return Contains(kFloating, dtype);
}
bool IsInteger(DType dtype) {
  return Contains(kInteger, dtype);
}

}  // namespace ortolan
