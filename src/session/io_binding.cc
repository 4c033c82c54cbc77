#include "session/io_binding.h"

#include <algorithm>

#include "session/feeds.h"

namespace ortolan::session {

Status IoBinding::BindInput(std::string_view name, Value value) {
  const int index = session_.InputIndex(name);
  if (index < 0) return InvalidArgument("Failed to find NodeArg with name: {} in the def list", name);
  inputs_.resize(session_.inputs().size() + session_.overridable_initializers().size());
  inputs_[static_cast<size_t>(index)] = std::move(value);
  return OkStatus();
}

IoBinding::Output& IoBinding::OutputOf(std::string_view name) {
  const auto found = std::ranges::find(outputs_, name, &Output::name);
  if (found != outputs_.end()) return *found;
  outputs_.push_back({std::string(name), {}, false});
  return outputs_.back();
}

void IoBinding::BindOutput(std::string_view name, Value memory) {
  Output& output = OutputOf(name);
  output.value = std::move(memory);
  output.given = true;
}

void IoBinding::BindOutput(std::string_view name) {
  Output& output = OutputOf(name);
  output.value = Value();
  output.given = false;
}

// What the declaration alone tells about the caller's memory.
Status IoBinding::CheckMemory(const Output& output, size_t index) const {
  const import::DeclaredValue& declared = session_.outputs()[index];
  if (output.value.kind() != Value::Kind::kTensor || !declared.type.IsTensor()) {
    return InvalidArgument("Output '{}' of type {} cannot be bound to memory", output.name,
                           TypeText(declared.type));
  }
  return CheckTensor(declared, declared.type, output.value, "output");
}

Status IoBinding::Run(const RunOptions& options) {
  if (outputs_.empty()) return InvalidArgument("At least one output should be requested.");
  std::vector<int> wanted;
  for (const Output& output : outputs_) {
    const int index = session_.OutputIndex(output.name);
    if (index < 0) return InvalidArgument("Invalid output name: {}", output.name);
    if (output.given) ORTOLAN_RETURN_IF_ERROR(CheckMemory(output, static_cast<size_t>(index)));
    wanted.push_back(index);
  }
  inputs_.resize(session_.inputs().size() + session_.overridable_initializers().size());
  std::vector<Value> results;
  for (const Output& output : outputs_) results.push_back(output.value);
  ORTOLAN_RETURN_IF_ERROR(session_.Run(inputs_, wanted, options, results));
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    if (!output.given) {
      output.value = std::move(results[i]);
      continue;
    }
    const Tensor& memory = output.value.tensor();
    if (results[i].kind() == Value::Kind::kTensor && results[i].tensor().dims() == memory.dims()) continue;
    return InvalidArgument(
        "The output OrtValue provided for output '{}' has shape {} but the computed output shape for this "
        "run "
        "is {}. Bind memory of the run's shape, or let the engine make it.",
        output.name, DimsText(memory.dims()),
        results[i].kind() == Value::Kind::kTensor ? DimsText(results[i].tensor().dims()) : "none");
  }
  return OkStatus();
}

}  // namespace ortolan::session
