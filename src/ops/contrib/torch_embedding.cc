// TorchEmbedding: the rows of a table at indices. What tells of gradients is not read.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Gather", {make.input(0), make.input(1)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"weight", "T"},
                                       {"indices", "tensor(int64)"},
                                       {"padding_idx", "tensor(int64)", Arity::kOptional},
                                       {"scale_grad_by_freq", "tensor(bool)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes}};

}  // namespace

extern const OpDef kMsTorchEmbedding;
constexpr OpDef kMsTorchEmbedding{.domain = "com.microsoft",
                                  .name = "TorchEmbedding",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .raise = Raise};

}  // namespace ortolan
