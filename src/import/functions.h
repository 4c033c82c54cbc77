// The model's local functions, by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "import/opsets.h"
#include "model/model.h"

namespace ortolan::import {

struct Function {
  const model::FunctionView* view = nullptr;
  Opsets opsets;
};

class Functions {
 public:
  static Result<Functions> Of(const model::ModelView& model, const Opsets& model_opsets,
                              bool allow_unreleased, std::vector<std::string>* warnings);

  // Null where there is none.
  const Function* Find(std::string_view domain, std::string_view name, std::string_view overload) const;

 private:
  std::unordered_map<std::string, Function> functions_;
};

}  // namespace ortolan::import
