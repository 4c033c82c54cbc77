#include "options.h"

#include <nanobind/stl/string.h>

namespace ortolan::python {
namespace {

constexpr size_t kMostKeyLength = 1024;

void AddConfig(RunOptions& self, const std::string& key, const std::string& value) {
  if (key.empty() || key.size() > kMostKeyLength) {
    RaiseRuntimeError(fmt::format("Config key is empty or longer than maximum length {}", kMostKeyLength));
  }
  self.options.config[key] = value;
}

std::string GetConfig(const RunOptions& self, const std::string& key) {
  const auto found = self.options.config.find(key);
  if (found == self.options.config.end())
    RaiseRuntimeError(fmt::format("RunOptions does not have configuration with key: {}", key));
  return found->second;
}

// The adapter is the package's LoraAdapter: a dict of names and OrtValues.
void AddAdapter(RunOptions& self, nb::handle adapter) {
  for (auto [name, value] : nb::cast<nb::dict>(adapter.attr("_parameters"))) {
    const OrtValue* made = FindOrtValue(value);
    if (made == nullptr) RaiseRuntimeError("An adapter's parameters must be OrtValues");
    self.adapter_parameters.emplace_back(nb::cast<std::string>(name), *made);
  }
}

}  // namespace

void BindOptions(nb::module_& module) {
  nb::class_<RunOptions>(
      module, "RunOptions",
      "Configuration of runs. `terminate` may be set from another thread while a run is under way.")
      .def(nb::init<>())
      .def_prop_rw(
          "log_severity_level", [](const RunOptions& self) { return self.options.log_severity; },
          [](RunOptions& self, int level) { self.options.log_severity = level; },
          "0 verbose, 1 info, 2 warning, 3 error, 4 fatal; -1 the session's.")
      .def_prop_rw(
          "log_verbosity_level", [](const RunOptions& self) { return self.options.log_verbosity; },
          [](RunOptions& self, int level) { self.options.log_verbosity = level; },
          "Detail of verbose logging.")
      .def_prop_rw(
          "logid", [](const RunOptions& self) { return self.options.log_id; },
          [](RunOptions& self, std::string id) { self.options.log_id = std::move(id); },
          "The word that marks log lines of these runs.")
      .def_prop_rw(
          "terminate", [](const RunOptions& self) { return self.options.terminate->load(); },
          [](RunOptions& self, bool value) { self.options.terminate->store(value); },
          "True stops running and later calls that use this object, with an error, until it is set back.")
      .def_prop_rw(
          "only_execute_path_to_fetches", [](const RunOptions& self) { return self.options.only_needed; },
          [](RunOptions& self, bool value) { self.options.only_needed = value; },
          "Whether nodes that no asked output needs are left out.")
      .def_prop_rw(
          "training_mode", [](const RunOptions& self) { return self.options.training_mode; },
          [](RunOptions& self, bool value) { self.options.training_mode = value; },
          "Training or inferencing mode. It is kept; this engine's runs are inference.")
      .def("add_run_config_entry", &AddConfig, "Set one configuration entry; the last value of a key wins.")
      .def("get_run_config_entry", &GetConfig,
           "Return a configuration entry; RuntimeError where there is none.")
      .def("add_active_adapter", &AddAdapter, "Feed an adapter's parameters to the inputs of their names.");
}

}  // namespace ortolan::python
