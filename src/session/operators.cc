#include "session/operators.h"

#include "ops/op.h"

namespace ortolan::session {
namespace {

std::vector<OperatorFacts::Parameter> ParametersOf(std::span<const FormalParameter> parameters) {
  std::vector<OperatorFacts::Parameter> made;
  for (const FormalParameter& parameter : parameters) {
    made.push_back(
        {std::string(parameter.name), std::string(parameter.type), static_cast<int>(parameter.arity)});
  }
  return made;
}

std::vector<std::string> TypesOf(const TypeConstraint& constraint) {
  std::vector<std::string> made;
  for (int number = 1; number < kDTypeCount; ++number) {
    const auto dtype = static_cast<DType>(number);
    const ValueType tensor = ValueType::TensorOf(dtype);
    if (Contains(constraint.tensors, dtype)) made.push_back(TypeText(tensor));
    if (Contains(constraint.sequences, dtype)) made.push_back(TypeText(ValueType::SequenceOf(tensor)));
    if (Contains(constraint.optionals, dtype)) made.push_back(TypeText(ValueType::OptionalOf(tensor)));
  }
  return made;
}

}  // namespace

std::vector<OperatorFacts> KnownOperators() {
  std::vector<OperatorFacts> made;
  for (const OpDef* op : AllOps()) {
    if (op->domain == "ortolan") continue;  // made by passes, never by files
    OperatorFacts facts;
    facts.domain = op->domain;
    facts.name = op->name;
    facts.versions.assign(op->versions.begin(), op->versions.end());
    facts.inputs = ParametersOf(op->inputs);
    facts.outputs = ParametersOf(op->outputs);
    for (const TypeConstraint& type : op->types) facts.types.emplace_back(type.name, TypesOf(type));
    for (const AttributeSpec& attribute : op->attributes) facts.attributes.emplace_back(attribute.name);
    made.push_back(std::move(facts));
  }
  return made;
}

}  // namespace ortolan::session
