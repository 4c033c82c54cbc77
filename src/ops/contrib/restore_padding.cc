// RestorePadding: rows back where RemovePadding took them from, zeros elsewhere.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value *x = make.input(0), *offsets = make.input(1);
  graph::Value* width = make.Sizes(x, 1, 2);
  graph::Value* rows = make.Node("Size", {offsets});
  graph::Value* flat = make.Node("Concat", {make.Reshaped(rows, {1}), width}, {{"axis", int64_t{0}}});
  graph::Value* zeros = make.Node("Expand", {make.Number(x, 0), flat});
  graph::Value* places = make.Cast(make.Reshaped(offsets, {-1}), DType::kInt64);
  places = make.Node("Slice", {places, make.Ints({0}), make.Sizes(x, 0, 1), make.Ints({0})});
  graph::Value* filled = make.Node("ScatterND", {zeros, make.Reshaped(places, {-1, 1}), x});
  graph::Value* shape = make.Node("Concat", {make.Node("Shape", {offsets}), width}, {{"axis", int64_t{0}}});
  make.Last("Reshape", {filled, shape});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"token_offset", "M"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kMsRestorePadding;
constexpr OpDef kMsRestorePadding{.domain = "com.microsoft",
                                  .name = "RestorePadding",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .raise = Raise};

}  // namespace ortolan
