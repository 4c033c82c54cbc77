#include "ops/operator_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "ops/compose.h"

namespace ortolan {
namespace {

constexpr std::string_view kIntroduction = R"(# Operators

Made by `ortolan operators > docs/operators.md` from the operators' rooms in `src/ops`; a test holds it to them.

A model may use any opset of an operator from the first one in the column on: older forms are raised to the newest
when the model is read. *Kernel* says how an operator runs: `composed` ones become others when the model is read, `tile
program` ones are elementwise and fuse with their neighbours, `view` ones run nothing where their input is dense, the
rest has a kernel of its own. `Constant` is not among them: it is read with the model.
)";

std::string Opsets(const OpDef& op) {
  if (op.versions.empty()) return "1";
  std::string text;
  for (const int version : op.versions) text += fmt::format("{}{}", text.empty() ? "" : ", ", version);
  return text;
}

// "float, double, int8": sets that many operators share by name.
std::string Types(DTypeSet set) {
  std::string text;
  const auto add = [&](std::string_view name) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  };
  if (set == kAllTypes) return "all";
  const std::pair<std::string_view, DTypeSet> kNamed[] = {{"numeric", kNumericTypes},
                                                          {"floats", kFloatTypes},
                                                          {"integers", kIntegerTypes},
                                                          {"complex", kComplexTypes}};
  for (const auto& [name, named] : kNamed) {
    if ((set & named) != named) continue;
    add(name);
    set &= ~named;
  }
  for (int i = 1; i < kDTypeCount; ++i) {
    if (Contains(set, static_cast<DType>(i))) add(DTypeName(static_cast<DType>(i)));
  }
  return text;
}

std::string Types(const OpDef& op) {
  std::string text;
  for (const TypeConstraint& constraint : op.types) {
    std::string sets = Types(constraint.tensors);
    if (constraint.sequences != 0)
      sets += (sets.empty() ? "" : ", ") + fmt::format("sequences of {}", Types(constraint.sequences));
    if (constraint.optionals != 0)
      sets += (sets.empty() ? "" : ", ") + fmt::format("optionals of {}", Types(constraint.optionals));
    if (sets.empty()) sets = "maps or sparse tensors";
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", constraint.name, sets);
  }
  return text;
}

std::string_view Kernel(const OpDef& op) {
  if (op.traits.control_flow) return "executor";
  if (IsComposed(op)) return "composed";
  if (op.traits.view_of >= 0) return "view";
  return op.emit != nullptr ? "tile program" : "kernel";
}

std::string Notes(const OpDef& op) {
  std::string text;
  const auto add = [&](std::string_view note) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", note);
  };
  if (op.traits.data_dependent_shape) add("shapes follow from data");
  if (!op.traits.pure) add("not the same at each run");
  if (op.traits.in_place != 0) add("may run in place");
  if (op.traits.epilogue != EpilogueForm::kNone) add("runs what follows on its results");
  return text;
}

}  // namespace

std::string OperatorTable() {
  std::map<std::string_view, std::vector<const OpDef*>> domains;
  for (const OpDef* op : AllOps()) {
    if (op->domain != "ortolan") domains[op->domain].push_back(op);
  }
  std::string text(kIntroduction);
  for (auto& [domain, ops] : domains) {
    std::ranges::sort(ops, {}, &OpDef::name);
    text +=
        fmt::format("\n## {} ({})\n\n| operator | opsets | types | kernel | notes |\n|---|---|---|---|---|\n",
                    domain.empty() ? "ai.onnx" : domain, ops.size());
    for (const OpDef* op : ops) {
      text += fmt::format("| {} | {} | {} | {} | {} |\n", op->name, Opsets(*op), Types(*op), Kernel(*op),
                          Notes(*op));
    }
  }
  return text;
}

}  // namespace ortolan
