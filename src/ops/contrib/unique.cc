// Unique: the elements of a vector in the order in which they come first, where each of X is among them, and
// how often each comes.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const auto found = make.Outputs(4, "Unique", {make.input(0)}, {{"sorted", int64_t{0}}});
  return make.Finish({found[0], found[2], found[3]});
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T"}};
constexpr FormalParameter kOutputs[] = {{"y", "T"}, {"idx", "tensor(int64)"}, {"counts", "tensor(int64)"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kIntegerTypes | kComplexTypes |
              SetOf(DType::kFloat, DType::kDouble, DType::kFloat16, DType::kString, DType::kBool)}};

}  // namespace

extern const OpDef kMsUnique;
constexpr OpDef kMsUnique{.domain = "com.microsoft",
                          .name = "Unique",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .raise = Raise};

}  // namespace ortolan
