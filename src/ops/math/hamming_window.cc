// HammingWindow: 25/46 - 21/46 cos(2 pi i / n). Refuses a size below zero.
#include "ops/math/window_function.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return math::PrepareWindowFunction(context, {25.0 / 46.0, 21.0 / 46.0, 0.0}, prepared);
}

constexpr int kVersions[] = {17};

}  // namespace

extern const OpDef kHammingWindow;
constexpr OpDef kHammingWindow{.domain = "",
                               .name = "HammingWindow",
                               .versions = kVersions,
                               .inputs = math::kWindowInputs,
                               .outputs = math::kWindowOutputs,
                               .types = math::kWindowTypes,
                               .attributes = math::kWindowAttributes,
                               .infer = math::InferWindowFunction,
                               .prepare = Prepare};

}  // namespace ortolan
