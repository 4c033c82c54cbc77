#include "import/functions.h"

#include "base/status.h"

namespace ortolan::import {
namespace {

// Zero bytes cannot make two keys of different parts equal: the lengths of the first two stand in front.
std::string Key(std::string_view domain, std::string_view name, std::string_view overload) {
  domain = CanonicalDomain(domain);
  return fmt::format("{}:{}:{}{}{}", domain.size(), name.size(), domain, name, overload);
}

}  // namespace

Result<Functions> Functions::Of(const model::ModelView& model, const Opsets& model_opsets,
                                bool allow_unreleased, std::vector<std::string>* warnings) {
  Functions functions;
  for (const model::FunctionView& view : model.functions) {
    ORTOLAN_ASSIGN_OR_RETURN(Opsets opsets, Opsets::Of(view.opset_imports, allow_unreleased, warnings));
    opsets.InheritFrom(model_opsets);
    const bool added =
        functions.functions_
            .emplace(Key(view.domain, view.name, view.overload), Function{&view, std::move(opsets)})
            .second;
    if (!added)
      return Fail("This is an invalid model. Error: Duplicate definition of function {}:{}.", view.domain,
                  view.name);
  }
  return functions;
}

const Function* Functions::Find(std::string_view domain, std::string_view name,
                                std::string_view overload) const {
  if (functions_.empty()) return nullptr;
  const auto found = functions_.find(Key(domain, name, overload));
  return found == functions_.end() ? nullptr : &found->second;
}

}  // namespace ortolan::import
