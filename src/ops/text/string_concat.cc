// StringConcat: each string of X followed by the one of Y, with broadcasting.
#include "ops/broadcast_elements.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Run(const void*, RunContext& context) {
  const TensorRef& out = context.output(0);
  const auto* x = context.input(0).As<const std::string>();
  const auto* y = context.input(1).As<const std::string>();
  auto* z = out.As<std::string>();
  return ForEachBroadcast<2>(out.dims, {&context.input(0), &context.input(1)},
                             [&](int64_t i, const auto& at) { z[i] = x[at[0]] + y[at[1]]; });
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "string_concat";
  return OkStatus();
}

constexpr int kVersions[] = {20};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"Y", "T"}};
constexpr FormalParameter kOutputs[] = {{"Z", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kString)}};

}  // namespace

extern const OpDef kStringConcat;
constexpr OpDef kStringConcat{.domain = "",
                              .name = "StringConcat",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .infer = InferBroadcast,
                              .prepare = Prepare};

}  // namespace ortolan
