// The session as Python holds it: what it was made from, so that it can be made again, and the engine's
// session once it is initialized.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "options.h"
#include "session/session.h"

namespace ortolan::python {

struct NodeArg {
  std::string name;
  std::string type;
  std::vector<import::DeclaredDim> dims;
};

class PySession {
 public:
  PySession(nb::object options, nb::object source)
      : options_(std::move(options)), source_(std::move(source)) {}

  // The engine's session waits for its threads, which may be waiting for the GIL.
  ~PySession() {
    const nb::gil_scoped_release released;
    engine_.reset();
  }
  PySession(const PySession&) = delete;
  PySession& operator=(const PySession&) = delete;

  void Initialize(nb::handle providers, nb::handle provider_options, nb::handle disabled);
  // RuntimeError before Initialize.
  session::Session& engine() const;
  const nb::object& options() const { return options_; }
  const std::vector<std::string>& providers() const { return providers_; }
  bool records_assignment() const { return records_assignment_; }

 private:
  nb::object options_;
  nb::object source_;  // a path or bytes
  std::unique_ptr<session::Session> engine_;
  std::vector<std::string> providers_;
  bool records_assignment_ = false;
};

// The options of a run where the caller gives none.
const session::RunOptions& PlainRun();

}  // namespace ortolan::python
