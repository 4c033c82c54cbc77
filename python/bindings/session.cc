#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "session/session.h"

namespace ortolan::python {
namespace {

using session::Session;

// The switch behind RunOptions.terminate: set from any thread while runs look at it.
struct TerminateFlag {
  std::shared_ptr<std::atomic<bool>> flag = std::make_shared<std::atomic<bool>>(false);
};

session::Options OptionsFromDict(const nb::dict& dict) {
  session::Options options;
  for (auto [key_object, value] : dict) {
    const auto key = nb::cast<std::string>(key_object);
    if (key == "intra_op_num_threads") {
      options.intra_op_threads = nb::cast<int>(value);
    } else if (key == "inter_op_num_threads") {
      options.inter_op_threads = nb::cast<int>(value);
    } else if (key == "graph_optimization_level") {
      options.optimization_level = static_cast<session::OptimizationLevel>(nb::cast<int>(value));
    } else if (key == "disabled_optimizers") {
      options.disabled_passes = nb::cast<std::vector<std::string>>(value);
    } else if (key == "use_deterministic_compute") {
      options.deterministic_compute = nb::cast<bool>(value);
    } else if (key == "enable_profiling") {
      options.enable_profiling = nb::cast<bool>(value);
    } else if (key == "profile_file_prefix") {
      options.profile_file_prefix = nb::cast<std::string>(value);
    } else if (key == "free_dimensions_by_name") {
      options.free_dimensions_by_name = nb::cast<std::vector<std::pair<std::string, int64_t>>>(value);
    } else if (key == "free_dimensions_by_denotation") {
      options.free_dimensions_by_denotation = nb::cast<std::vector<std::pair<std::string, int64_t>>>(value);
    } else if (key == "config") {
      options.config = nb::cast<std::map<std::string, std::string>>(value);
    } else {
      throw nb::key_error(key.c_str());
    }
  }
  return options;
}

std::unique_ptr<Session> Load(nb::handle path_or_bytes, const nb::dict& dict) {
  session::Options options = OptionsFromDict(dict);
  if (PyBytes_Check(path_or_bytes.ptr())) {
    const auto* data = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(path_or_bytes.ptr()));
    const std::span<const std::byte> bytes(data, static_cast<size_t>(PyBytes_GET_SIZE(path_or_bytes.ptr())));
    Result<std::unique_ptr<Session>> made = [&] {
      nb::gil_scoped_release released;
      return Session::FromBytes(bytes, nullptr, std::move(options));
    }();
    return ValueOrRaise(std::move(made));
  }
  const auto path = nb::cast<std::string>(path_or_bytes);
  Result<std::unique_ptr<Session>> made = [&] {
    nb::gil_scoped_release released;
    return Session::FromFile(path, std::move(options));
  }();
  return ValueOrRaise(std::move(made));
}

// (name, type, shape) of a NodeArg; shape holds int, str or None.
nb::list Describe(const std::vector<import::DeclaredValue>& declared) {
  nb::list list;
  for (const import::DeclaredValue& value : declared) {
    nb::list shape;
    for (const import::DeclaredDim& dim : value.dims) {
      if (dim.size >= 0) {
        shape.append(dim.size);
      } else if (!dim.symbol.empty()) {
        shape.append(dim.symbol);
      } else {
        shape.append(nb::none());
      }
    }
    list.append(nb::make_tuple(value.name, TypeText(value.type), shape));
  }
  return list;
}

nb::dict DescribeMetadata(const import::Metadata& metadata) {
  nb::dict dict;
  dict["producer_name"] = metadata.producer_name;
  dict["graph_name"] = metadata.graph_name;
  dict["domain"] = metadata.domain;
  dict["description"] = metadata.description;
  dict["graph_description"] = metadata.graph_description;
  dict["version"] = metadata.version;
  dict["custom_metadata_map"] = metadata.custom;
  return dict;
}

std::string_view TextOf(nb::handle object, const char* what) {
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_Check(object.ptr()) ? PyUnicode_AsUTF8AndSize(object.ptr(), &size) : nullptr;
  if (utf8 == nullptr) throw nb::type_error(fmt::format("{} must be a str", what).c_str());
  return {utf8, static_cast<size_t>(size)};
}

// "['x', 'y']"
std::string NameList(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const std::string& name : names) text += fmt::format("{}'{}'", text.size() > 1 ? ", " : "", name);
  return text + "]";
}

void CheckAllFed(const Session& session, std::span<const char> fed, const nb::dict& feeds) {
  std::vector<std::string> missing;
  for (size_t i = 0; i < session.inputs().size(); ++i) {
    const import::DeclaredValue& input = session.inputs()[i];
    if (!fed[i] && input.type.kind != ValueType::Kind::kOptional) missing.push_back(input.name);
  }
  if (missing.empty()) return;
  std::vector<std::string> given;
  for (auto [name, value] : feeds) given.push_back(nb::cast<std::string>(nb::str(name)));
  throw nb::value_error(fmt::format("Required inputs ({}) are missing from input feed ({}).",
                                    NameList(missing), NameList(given))
                            .c_str());
}

nb::list Run(Session& session, nb::handle output_names, const nb::dict& feeds,
             const TerminateFlag* terminate) {
  const size_t inputs = session.inputs().size();
  std::vector<Value> values(inputs + session.overridable_initializers().size());
  SmallVector<char, 32> fed(values.size(), 0);
  std::string unknown;
  for (auto [key, object] : feeds) {
    const std::string_view name = TextOf(key, "The name of an input");
    const int index = session.InputIndex(name);
    if (index < 0) {
      if (unknown.empty()) unknown = name;
      continue;
    }
    const auto i = static_cast<size_t>(index);
    const import::DeclaredValue& declared =
        i < inputs ? session.inputs()[i] : session.overridable_initializers()[i - inputs];
    values[i] = ValueFromPython(object, declared.type, declared.name);
    fed[i] = 1;
  }
  CheckAllFed(session, {fed.data(), fed.size()}, feeds);
  if (!unknown.empty()) Raise(InvalidArgument("Invalid input name: {}", unknown));

  std::vector<int> wanted;
  if (!output_names.is_none()) {
    if (PyUnicode_Check(output_names.ptr())) {
      throw nb::type_error("run(): output_names must be a list of str or None, not a str");
    }
    for (nb::handle name : output_names) {
      const std::string_view text = TextOf(name, "The name of an output");
      wanted.push_back(session.OutputIndex(text));
      if (wanted.back() < 0) Raise(InvalidArgument("Invalid output name:{}", text));
    }
  }
  session::RunOptions options;
  if (terminate != nullptr) options.terminate = terminate->flag;
  std::vector<Value> results(wanted.empty() ? session.outputs().size() : wanted.size());
  Status status;
  {
    nb::gil_scoped_release released;
    status = session.Run(values, wanted, options, results);
  }
  RaiseIfError(status);
  nb::list list;
  for (const Value& result : results) list.append(PythonFromValue(result));
  return list;
}

}  // namespace

void BindSession(nb::module_& module) {
  nb::class_<TerminateFlag>(module, "TerminateFlag", "A switch that stops the runs which were given it.")
      .def(nb::init<>())
      .def_prop_rw(
          "value", [](const TerminateFlag& self) { return self.flag->load(); },
          [](TerminateFlag& self, bool value) { self.flag->store(value); },
          "True stops running and later runs.");

  nb::class_<Session>(module, "Session", "A loaded model. Safe to use from several threads.")
      .def_static("load", &Load, nb::arg("path_or_bytes"), nb::arg("options"),
                  "Loads a model from a path (str) or from serialized bytes.")
      .def("run", &Run, nb::arg("output_names").none(), nb::arg("feeds"),
           nb::arg("terminate").none() = nb::none(),
           "Computes outputs from a dict of feeds; releases the GIL meanwhile.")
      .def("inputs", [](const Session& self) { return Describe(self.inputs()); })
      .def("outputs", [](const Session& self) { return Describe(self.outputs()); })
      .def("overridable_initializers",
           [](const Session& self) { return Describe(self.overridable_initializers()); })
      .def("metadata", [](const Session& self) { return DescribeMetadata(self.metadata()); })
      .def("end_profiling", [](Session& self) { return ValueOrRaise(self.EndProfiling()); })
      .def("profiling_start_ns", &Session::profiling_start_ns);
}

}  // namespace ortolan::python
