// MemcpyFromHost: onnxruntime puts it where a value moves from the host; here nothing has to move.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Identity", {make.input(0)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T",
                                      kNumericTypes | kComplexTypes |
                                          SetOf(DType::kBool, DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ,
                                                DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ),
                                      kNumericTypes | kComplexTypes |
                                          SetOf(DType::kBool, DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ,
                                                DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ)}};

}  // namespace

extern const OpDef kMemcpyFromHost;
constexpr OpDef kMemcpyFromHost{.domain = "",
                                .name = "MemcpyFromHost",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .raise = Raise};

}  // namespace ortolan
