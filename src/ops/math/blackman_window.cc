// BlackmanWindow: 0.42 - 0.5 cos(2 pi i / n) + 0.08 cos(4 pi i / n). Refuses a size below zero.
#include "ops/math/window_function.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return math::PrepareWindowFunction(context, {0.42, 0.5, 0.08}, prepared);
}

constexpr int kVersions[] = {17};

}  // namespace

extern const OpDef kBlackmanWindow;
constexpr OpDef kBlackmanWindow{.domain = "",
                                .name = "BlackmanWindow",
                                .versions = kVersions,
                                .inputs = math::kWindowInputs,
                                .outputs = math::kWindowOutputs,
                                .types = math::kWindowTypes,
                                .attributes = math::kWindowAttributes,
                                .infer = math::InferWindowFunction,
                                .prepare = Prepare};

}  // namespace ortolan
