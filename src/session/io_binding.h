// IoBinding: inputs and outputs of a session's runs that are bound once and used by many. What a run gives
// back stays in the binding: memory that the engine made for an output serves the next run of the same shape.
#pragma once

#include <string>
#include <vector>

#include "session/session.h"

namespace ortolan::session {

class IoBinding {
 public:
  explicit IoBinding(Session& session) : session_(session) {}

  Session& session() const { return session_; }

  // Binds, or binds anew. kInvalidArgument for a name that is no input.
  Status BindInput(std::string_view name, Value value);
  // Outputs come in the order of their first binding. The name is looked up when a run is made.
  void BindOutput(std::string_view name, Value memory);  // written in place; its type and shape must fit
  void BindOutput(std::string_view name);                // the engine gives the memory
  void ClearInputs() { inputs_.clear(); }
  void ClearOutputs() { outputs_.clear(); }

  Status Run(const RunOptions& options);

  size_t output_count() const { return outputs_.size(); }
  const std::string& output_name(size_t i) const { return outputs_[i].name; }
  const Value& output(size_t i) const { return outputs_[i].value; }

 private:
  struct Output {
    std::string name;
    Value value;         // the memory, then the result
    bool given = false;  // the caller's memory
  };
  Output& OutputOf(std::string_view name);
  Status CheckMemory(const Output& output, size_t index) const;

  Session& session_;
  std::vector<Value> inputs_;  // by the session's input index
  std::vector<Output> outputs_;
};

}  // namespace ortolan::session
