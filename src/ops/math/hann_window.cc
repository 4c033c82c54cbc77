// HannWindow: 1/2 - 1/2 cos(2 pi i / n). Refuses a size below zero.
#include "ops/math/window_function.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return math::PrepareWindowFunction(context, {0.5, 0.5, 0.0}, prepared);
}

constexpr int kVersions[] = {17};

}  // namespace

extern const OpDef kHannWindow;
constexpr OpDef kHannWindow{.domain = "",
                            .name = "HannWindow",
                            .versions = kVersions,
                            .inputs = math::kWindowInputs,
                            .outputs = math::kWindowOutputs,
                            .types = math::kWindowTypes,
                            .attributes = math::kWindowAttributes,
                            .infer = math::InferWindowFunction,
                            .prepare = Prepare};

}  // namespace ortolan
