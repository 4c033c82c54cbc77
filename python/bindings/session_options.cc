#include "session_options.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "ort_value.h"

namespace ortolan::python {
namespace {

// Name and OrtValue pairs; the session shares the values' memory.
std::vector<std::pair<std::string, Value>> Initializers(nb::handle pairs) {
  std::vector<std::pair<std::string, Value>> made;
  for (nb::handle pair : pairs) {
    const OrtValue* value = FindOrtValue(pair[1]);
    if (value == nullptr || !value->HasTensor())
      RaiseRuntimeError("The provided Python object must be an OrtValue");
    made.emplace_back(nb::cast<std::string>(pair[0]), value->value);
  }
  return made;
}

std::map<std::string, session::ExternalFile> Files(nb::handle pairs) {
  std::map<std::string, session::ExternalFile> made;
  for (nb::handle pair : pairs) {
    // The view keeps the buffer; the session keeps the view.
    auto* view = new nb::object(nb::borrow(pair[1]));
    std::shared_ptr<const void> owner(view, [](nb::object* kept) {
      if (!Py_IsInitialized()) return;
      const nb::gil_scoped_acquire held;
      delete kept;
    });
    const nb::bytes bytes = nb::cast<nb::bytes>(*view);
    made[nb::cast<std::string>(pair[0])] = {{reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size()},
                                            std::move(owner)};
  }
  return made;
}

}  // namespace

session::Options OptionsFromPython(nb::handle python) {
  session::Options options;
  const nb::dict given = nb::cast<nb::dict>(python.attr("_for_engine")());
  options.intra_op_threads = nb::cast<int>(given["intra_op_num_threads"]);
  options.inter_op_threads = nb::cast<int>(given["inter_op_num_threads"]);
  options.parallel_steps = nb::cast<bool>(given["parallel_steps"]);
  options.optimization_level =
      static_cast<session::OptimizationLevel>(nb::cast<int>(given["graph_optimization_level"]));
  options.deterministic_compute = nb::cast<bool>(given["use_deterministic_compute"]);
  options.enable_profiling = nb::cast<bool>(given["enable_profiling"]);
  options.profile_file_prefix = nb::cast<std::string>(given["profile_file_prefix"]);
  using NamedSizes = std::vector<std::pair<std::string, int64_t>>;
  options.free_dimensions_by_name = nb::cast<NamedSizes>(given["free_dimensions_by_name"]);
  options.free_dimensions_by_denotation = nb::cast<NamedSizes>(given["free_dimensions_by_denotation"]);
  options.config = nb::cast<std::map<std::string, std::string>>(given["config"]);
  options.initializers = Initializers(given["initializers"]);
  options.external_initializers = Initializers(given["external_initializers"]);
  options.external_files = Files(given["external_files"]);
  options.keep_memory = nb::cast<bool>(given["enable_cpu_mem_arena"]);
  options.most_arena_bytes = nb::cast<size_t>(given["most_arena_bytes"]);
  options.per_session_threads = nb::cast<bool>(given["use_per_session_threads"]);
  options.log_severity = nb::cast<int>(given["log_severity_level"]);
  options.log_verbosity = nb::cast<int>(given["log_verbosity_level"]);
  options.log_id = nb::cast<std::string>(given["logid"]);
  options.optimized_model_path = nb::cast<std::string>(given["optimized_model_filepath"]);
  options.cancel_load = std::make_shared<std::atomic<bool>>(nb::cast<bool>(given["cancel_load"]));
  return options;
}

}  // namespace ortolan::python
