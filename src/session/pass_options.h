// What import and passes are told of a session's options.
#pragma once

#include "import/import.h"
#include "passes/pass.h"
#include "session/options.h"

namespace ortolan::session {

// The type stands at the end because clang-format takes a line that begins with `import` for a module's.
auto ImportOptionsOf(const Options& options, ThreadPool& threads) -> import::ImportOptions;

passes::PassContext PassContextOf(const Options& options, ThreadPool& threads);

// The session entry of that key; empty where there is none.
std::string_view ConfigOf(const std::map<std::string, std::string>& config, const std::string& key);

}  // namespace ortolan::session
