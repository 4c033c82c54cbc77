// Calls of local functions: the body's nodes are added in the call's place, under names of their own.
#include "import/builder.h"

namespace ortolan::import {

using graph::Value;

Status Builder::CheckCall(const model::NodeView& view, const Function& function, const Scope& scope) const {
  for (const Frame* frame = scope.frame; frame != nullptr; frame = frame->caller) {
    if (frame->function == &function) {
      return InvalidGraph("This is an invalid model. Error: function {}:{} calls itself", view.domain,
                          view.op_type);
    }
  }
  const model::FunctionView& callee = *function.view;
  if (view.inputs.size() > callee.inputs.size() || view.outputs.size() > callee.outputs.size()) {
    return InvalidGraph(
        "This is an invalid model. Node ({}) gives {} inputs and {} outputs to function {}:{}, which has {} "
        "and {}",
        view.name, view.inputs.size(), view.outputs.size(), view.domain, view.op_type, callee.inputs.size(),
        callee.outputs.size());
  }
  return OkStatus();
}

Status Builder::Inline(const model::NodeView& view, const Function& function, Scope& scope) {
  const LevelGuard level(this);
  ORTOLAN_RETURN_IF_ERROR(level.status());
  ORTOLAN_RETURN_IF_ERROR(CheckCall(view, function, scope));
  const model::FunctionView& callee = *function.view;

  Frame frame;
  frame.opsets = &function.opsets;
  frame.function = &function;
  frame.caller = scope.frame;
  for (const model::AttributeView& attribute : callee.default_attributes)
    frame.attributes[attribute.name] = &attribute;
  for (const model::AttributeView& own : view.attributes) {
    ORTOLAN_ASSIGN_OR_RETURN(const model::AttributeView* attribute, Resolve(own, *scope.frame));
    if (attribute != nullptr) frame.attributes[own.name] = attribute;
  }

  Scope inner;
  inner.graph = scope.graph;
  inner.frame = &frame;
  const std::string_view label = view.name.empty() ? view.op_type : view.name;
  inner.prefix = fmt::format("{}{}#{}/", scope.prefix, label, ++calls_);
  // Deep chains of calls with long names would make names quadratic in the file's size.
  constexpr size_t kMostPrefix = 256;
  if (inner.prefix.size() > kMostPrefix) inner.prefix = fmt::format("#{}/", calls_);
  for (size_t i = 0; i < callee.inputs.size(); ++i) {
    Value* value = nullptr;
    if (i < view.inputs.size()) {
      ORTOLAN_ASSIGN_OR_RETURN(value, Lookup(scope, view.inputs[i]));
    }
    ORTOLAN_RETURN_IF_ERROR(Define(inner, callee.inputs[i], value));
  }
  ORTOLAN_RETURN_IF_ERROR(AddNodes(callee.nodes, inner));
  for (size_t i = 0; i < view.outputs.size(); ++i) {
    if (view.outputs[i].empty()) continue;
    ORTOLAN_ASSIGN_OR_RETURN(Value * value, Lookup(inner, callee.outputs[i]));
    if (value == nullptr) {
      return InvalidGraph("This is an invalid model. Output {} of function {}:{} is not defined",
                          callee.outputs[i], view.domain, view.op_type);
    }
    ORTOLAN_RETURN_IF_ERROR(Define(scope, view.outputs[i], value));
    // What the function made gets the caller's name for it.
    if (value->name().starts_with(inner.prefix)) value->set_name(scope.prefix + std::string(view.outputs[i]));
  }
  return CheckDeclared(view, scope);
}

}  // namespace ortolan::import
