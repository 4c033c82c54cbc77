#include "session.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "session_options.h"

namespace ortolan::python {

using session::Session;

const session::RunOptions& PlainRun() {
  static const session::RunOptions plain;
  return plain;
}

session::Session& PySession::engine() const {
  if (engine_ == nullptr) RaiseRuntimeError("The session is not initialized");
  return *engine_;
}

namespace {

Result<std::unique_ptr<Session>> Load(nb::handle source, session::Options options) {
  if (PyBytes_Check(source.ptr())) {
    const auto* data = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(source.ptr()));
    const std::span<const std::byte> bytes(data, static_cast<size_t>(PyBytes_GET_SIZE(source.ptr())));
    const nb::gil_scoped_release released;
    return Session::FromBytes(bytes, nullptr, std::move(options));
  }
  const auto path = nb::cast<std::string>(source);
  const nb::gil_scoped_release released;
  return Session::FromFile(path, std::move(options));
}

std::vector<NodeArg> NodeArgsOf(const std::vector<import::DeclaredValue>& declared) {
  std::vector<NodeArg> made;
  for (const import::DeclaredValue& value : declared)
    made.push_back({value.name, TypeText(value.type), value.dims});
  return made;
}

// Sizes as int, symbols as str, what is neither as None.
nb::list ShapeOf(const NodeArg& self) {
  nb::list shape;
  for (const import::DeclaredDim& dim : self.dims) {
    if (dim.size >= 0) {
      shape.append(dim.size);
    } else if (!dim.symbol.empty()) {
      shape.append(dim.symbol);
    } else {
      shape.append(nb::none());
    }
  }
  return shape;
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

// Feeds by the session's input index, and which of them came.
struct Feeds {
  std::vector<Value> values;
  SmallVector<char, 32> fed;
  std::vector<std::string> names;  // as they came; for the error of a missing one
  std::string unknown;

  explicit Feeds(const Session& session)
      : values(session.inputs().size() + session.overridable_initializers().size()), fed(values.size(), 0) {}
};

const import::DeclaredValue& DeclaredAt(const Session& session, size_t i) {
  const size_t inputs = session.inputs().size();
  return i < inputs ? session.inputs()[i] : session.overridable_initializers()[i - inputs];
}

// The index of an input, noted as fed; -1 for an unknown name, which is an error after missing ones.
int Note(const Session& session, std::string_view name, Feeds& feeds) {
  const int index = session.InputIndex(name);
  if (index >= 0) {
    feeds.fed[static_cast<size_t>(index)] = 1;
  } else if (feeds.unknown.empty()) {
    feeds.unknown = name;
  }
  return index;
}

void FeedAdapters(const Session& session, const RunOptions* options, Feeds& feeds) {
  if (options == nullptr) return;
  for (const auto& [name, value] : options->adapter_parameters) {
    const int index = session.InputIndex(name);
    if (index < 0 || feeds.fed[static_cast<size_t>(index)] != 0) continue;
    feeds.values[static_cast<size_t>(index)] = FeedOf(value);
    feeds.fed[static_cast<size_t>(index)] = 1;
  }
}

void CheckAllFed(const Session& session, const Feeds& feeds, nb::handle given) {
  std::vector<std::string> missing;
  for (size_t i = 0; i < session.inputs().size(); ++i) {
    const import::DeclaredValue& input = session.inputs()[i];
    if (feeds.fed[i] == 0 && input.type.kind != ValueType::Kind::kOptional) missing.push_back(input.name);
  }
  if (!missing.empty()) {
    std::vector<std::string> names;
    for (nb::handle name : given) names.push_back(nb::cast<std::string>(nb::str(name)));
    throw nb::value_error(fmt::format("Required inputs ({}) are missing from input feed ({}).",
                                      NameList(missing), NameList(names))
                              .c_str());
  }
  if (!feeds.unknown.empty()) Raise(InvalidArgument("Invalid input name: {}", feeds.unknown));
}

Feeds FeedsFromDict(const Session& session, nb::handle dict, const RunOptions* options) {
  Feeds feeds(session);
  nb::dict items;
  if (PyDict_CheckExact(dict.ptr())) {
    items = nb::borrow<nb::dict>(dict);
  } else {  // any mapping; a list has no keys
    for (nb::handle name : dict.attr("keys")()) items[name] = dict[name];
  }
  PyObject* key = nullptr;
  PyObject* object = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(items.ptr(), &position, &key, &object) != 0) {
    const int index = Note(session, TextOf(key, "The name of an input"), feeds);
    if (index < 0) continue;
    const import::DeclaredValue& declared = DeclaredAt(session, static_cast<size_t>(index));
    feeds.values[static_cast<size_t>(index)] = ValueFromPython(object, declared.type, declared.name);
  }
  FeedAdapters(session, options, feeds);
  CheckAllFed(session, feeds, items);
  return feeds;
}

std::vector<int> WantedOutputs(const Session& session, nb::handle names) {
  std::vector<int> wanted;
  if (names.is_none()) return wanted;
  if (PyUnicode_Check(names.ptr()))
    throw nb::type_error(
        "run(): incompatible function arguments: output_names must be a list of str or None");
  for (nb::handle name : names) {
    const std::string_view text = TextOf(name, "The name of an output");
    wanted.push_back(session.OutputIndex(text));
    if (wanted.back() < 0) Raise(InvalidArgument("Invalid output name:{}", text));
  }
  return wanted;
}

std::vector<Value> RunReleased(Session& session, const Feeds& feeds, const std::vector<int>& wanted,
                               const RunOptions* options) {
  std::vector<Value> results(wanted.empty() ? session.outputs().size() : wanted.size());
  Status status;
  {
    const nb::gil_scoped_release released;
    status = session.Run(feeds.values, wanted, options == nullptr ? PlainRun() : options->options, results);
  }
  RaiseIfError(status);
  return results;
}

nb::list Run(PySession& self, nb::handle output_names, nb::handle dict, const RunOptions* options) {
  Session& session = self.engine();
  const Feeds feeds = FeedsFromDict(session, dict, options);
  const std::vector<Value> results =
      RunReleased(session, feeds, WantedOutputs(session, output_names), options);
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(results.size()));
  if (list == nullptr) nb::raise_python_error();
  const nb::list owned = nb::steal<nb::list>(list);
  for (size_t i = 0; i < results.size(); ++i)
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), PythonFromValue(results[i]).release().ptr());
  return owned;
}

OrtValueVector VectorOf(const Session& session, std::vector<Value> results, const std::vector<int>& wanted) {
  OrtValueVector made;
  for (size_t i = 0; i < results.size(); ++i) {
    const size_t output = wanted.empty() ? i : static_cast<size_t>(wanted[i]);
    made.values.push_back(MakeOrtValue(std::move(results[i]), session.outputs()[output].type));
  }
  return made;
}

OrtValueVector RunWithValues(PySession& self, const nb::dict& dict, nb::handle output_names,
                             const RunOptions* options) {
  Session& session = self.engine();
  Feeds feeds(session);
  for (auto [name, object] : dict) {
    const int index = Note(session, TextOf(name, "The name of an input"), feeds);
    const OrtValue* value = FindOrtValue(object);
    if (value == nullptr) throw nb::type_error("run_with_ort_values(): the feeds must be OrtValues");
    if (index >= 0) feeds.values[static_cast<size_t>(index)] = FeedOf(*value);
  }
  FeedAdapters(session, options, feeds);
  CheckAllFed(session, feeds, dict);
  const std::vector<int> wanted = WantedOutputs(session, output_names);
  return VectorOf(session, RunReleased(session, feeds, wanted, options), wanted);
}

// fetches is empty, or has memory (or empty values) for each output.
void RunWithVector(PySession& self, const RunOptions* options, const std::vector<std::string>& feed_names,
                   const OrtValueVector& given, const std::vector<std::string>& fetch_names,
                   OrtValueVector& fetches, const std::vector<OrtDevice>& devices) {
  Session& session = self.engine();
  if (feed_names.size() != given.values.size()) {
    Raise(InvalidArgument("feed names has {} elements, but feed has {} elements.", feed_names.size(),
                          given.values.size()));
  }
  if (!fetches.values.empty() && fetches.values.size() != fetch_names.size()) {
    Raise(InvalidArgument("Output vector incorrectly sized: output_names.size(): {} p_fetches->size(): {}",
                          fetch_names.size(), fetches.values.size()));
  }
  for (const OrtDevice& device : devices) CheckHasMemory(device);
  Feeds feeds(session);
  for (size_t i = 0; i < feed_names.size(); ++i) {
    const int index = Note(session, feed_names[i], feeds);
    if (index >= 0) feeds.values[static_cast<size_t>(index)] = FeedOf(given.values[i]);
  }
  FeedAdapters(session, options, feeds);
  CheckAllFed(session, feeds, nb::cast(feed_names));
  const std::vector<int> wanted = WantedOutputs(session, nb::cast(fetch_names));
  std::vector<Value> results(wanted.empty() ? session.outputs().size() : wanted.size());
  for (size_t i = 0; i < fetches.values.size(); ++i) results[i] = fetches.values[i].value;
  Status status;
  {
    const nb::gil_scoped_release released;
    status = session.Run(feeds.values, wanted, options == nullptr ? PlainRun() : options->options, results);
  }
  RaiseIfError(status);
  fetches = VectorOf(session, std::move(results), wanted);
}

// Runs in the background that have not called back yet. A thread that asks for the GIL while the interpreter
// ends would be killed by it, so the interpreter waits for them first. Never destroyed: threads may outlive
// static objects.
struct PendingRuns {
  std::mutex mutex;
  std::condition_variable ended;
  int count = 0;

  static PendingRuns& Instance() {
    static auto* pending = new PendingRuns;
    return *pending;
  }
  void Add(int change) {
    std::lock_guard lock(mutex);
    count += change;
    if (count == 0) ended.notify_all();
  }
  // Called at exit; a signal ends the wait.
  void Wait() {
    while (true) {
      {
        const nb::gil_scoped_release released;
        std::unique_lock lock(mutex);
        if (ended.wait_for(lock, std::chrono::milliseconds(50), [this] { return count == 0; })) return;
      }
      if (PyErr_CheckSignals() != 0) nb::raise_python_error();
    }
  }
};

// What a run in the background holds of Python: dropped under the GIL, on whichever thread.
struct Callback {
  nb::object session;
  nb::object function;
  nb::object user_data;
};

void CallBack(const Callback& callback, const Status& status, const std::vector<Value>& results) {
  try {
    nb::list list;
    for (const Value& result : results) list.append(PythonFromValue(result));
    callback.function(list, callback.user_data, status.ok() ? std::string() : status.message());
  } catch (nb::python_error& error) {
    error.restore();
    PyErr_WriteUnraisable(callback.function.ptr());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
    PyErr_WriteUnraisable(callback.function.ptr());
  }
}

void RunAsync(nb::handle self, nb::handle output_names, nb::handle dict, nb::handle function,
              nb::handle user_data, const RunOptions* options) {
  if (PyCallable_Check(function.ptr()) == 0)
    throw nb::type_error("run_async(): incompatible function arguments: callback must be callable");
  Session& session = nb::cast<PySession&>(self).engine();
  const auto callback =
      std::make_shared<Callback>(Callback{nb::borrow(self), nb::borrow(function), nb::borrow(user_data)});
  const auto report = [callback](const Status& status, const std::vector<Value>& results) {
    {
      const nb::gil_scoped_acquire held;
      CallBack(*callback, status, results);
      callback->function.reset();
      callback->user_data.reset();
      callback->session.reset();
    }
    PendingRuns::Instance().Add(-1);
  };
  std::vector<Value> feeds;
  std::vector<int> wanted;
  try {
    feeds = FeedsFromDict(session, dict, options).values;
    wanted = WantedOutputs(session, output_names);
  } catch (nb::python_error& error) {
    // What the engine finds wrong is reported like any failure of the run; the rest raises at once.
    if (!nb::bool_(nb::hasattr(error.type(), "__module__")) ||
        nb::cast<std::string>(error.type().attr("__module__")) != "ortolan.capi.onnxruntime_pybind11_state")
      throw;
    std::string text = nb::cast<std::string>(nb::str(error.value()));
    for (int colon = 0; colon < 3; ++colon) text.erase(0, text.find(" : ") + 3);  // the prefix with the code
    PendingRuns::Instance().Add(1);
    session.Post([report, text] { report(Fail("{}", text), {}); });
    return;
  }
  PendingRuns::Instance().Add(1);
  session.RunAsync(
      std::move(feeds), std::move(wanted), options == nullptr ? PlainRun() : options->options,
      [report](const Status& status, const std::vector<Value>& results) { report(status, results); });
}

// (name, domain, op_type) of the nodes behind each step, as onnxruntime tells which provider took what.
nb::list AssignedNodes(PySession& self) {
  if (!self.records_assignment()) {
    Raise(
        Fail("Session configuration entry 'session.record_ep_graph_assignment_info' must be set to \"1\" to "
             "retrieve EP graph assignment information."));
  }
  nb::list list;
  for (const plan::Step& step : self.engine().plan().steps()) {
    list.append(nb::make_tuple(step.node->name, std::string(step.node->op->domain), step.node->op_type));
  }
  return list;
}

void BindFacts(nb::module_& module) {
  nb::class_<NodeArg>(module, "NodeArg",
                      "Name, type and shape of an input or output, as the model declares them.")
      .def("__init__", [](NodeArg*, const nb::args&,
                          const nb::kwargs&) { throw nb::type_error("NodeArg: No constructor defined!"); })
      .def_prop_ro(
          "name", [](const NodeArg& self) { return self.name; }, "The name that feeds and fetches use.")
      .def_prop_ro(
          "type", [](const NodeArg& self) { return self.type; },
          "Such as ``tensor(float)`` or ``seq(map(string,tensor(float)))``.")
      .def_prop_ro(
          "shape", &ShapeOf, nb::sig("def shape(self) -> list[int | str | None]"),
          "A size, a symbol or None (unknown) for each dimension; empty for scalars and unknown ranks.")
      .def("__repr__", [](const NodeArg& self) {
        return fmt::format("NodeArg(name='{}', type='{}', shape={})", self.name, self.type,
                           nb::cast<std::string>(nb::repr(ShapeOf(self))));
      });

  using import::Metadata;
  nb::class_<Metadata>(module, "ModelMetadata",
                       "What a model file says of itself; texts that are absent are empty.")
      .def("__init__",
           [](Metadata*, const nb::args&, const nb::kwargs&) {
             throw nb::type_error("ModelMetadata: No constructor defined!");
           })
      .def_rw("producer_name", &Metadata::producer_name)
      .def_rw("graph_name", &Metadata::graph_name)
      .def_rw("domain", &Metadata::domain)
      .def_rw("description", &Metadata::description)
      .def_rw("graph_description", &Metadata::graph_description)
      .def_rw("version", &Metadata::version)
      .def_rw("custom_metadata_map", &Metadata::custom);
}

}  // namespace

void PySession::Initialize(nb::handle providers, nb::handle provider_options, nb::handle disabled) {
  static_cast<void>(provider_options);  // the CPU has none
  session::Options options = OptionsFromPython(options_);
  for (nb::handle name : disabled) options.disabled_passes.push_back(nb::cast<std::string>(name));
  const auto recorded = options.config.find("session.record_ep_graph_assignment_info");
  records_assignment_ = recorded != options.config.end() && recorded->second == "1";
  const std::shared_ptr<std::atomic<bool>> cancel = options.cancel_load;
  Result<std::unique_ptr<Session>> made = Load(source_, std::move(options));
  if (!made.ok()) {
    const Status status = made.status();
    if (cancel != nullptr && cancel->load())
      RaiseNamed("ModelLoadCanceled", 12, "MODEL_LOAD_CANCELED", status.message());
    // A pool that cannot be had is no fault of the model: onnxruntime raises plain RuntimeError.
    if (status.code() == StatusCode::kRuntimeException) RaiseRuntimeError(status.message());
    Raise(status);
  }
  engine_ = std::move(*made);
  providers_.clear();
  for (nb::handle name : providers) providers_.push_back(nb::cast<std::string>(name));
  if (providers_.empty()) providers_.emplace_back("CPUExecutionProvider");
}

namespace {

// The model as it is after the passes up to the basic level, and what its external file holds.
nb::tuple OptimizedModel(nb::handle source, nb::handle python_options) {
  const session::Options options = OptionsFromPython(python_options);
  Result<exporting::OnnxFiles> made = [&]() -> Result<exporting::OnnxFiles> {
    const bool in_memory = PyBytes_Check(source.ptr());
    const std::string path = in_memory ? std::string() : nb::cast<std::string>(source);
    std::span<const std::byte> bytes;
    if (in_memory) {
      bytes = {reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(source.ptr())),
               static_cast<size_t>(PyBytes_GET_SIZE(source.ptr()))};
    }
    const nb::gil_scoped_release released;
    ORTOLAN_ASSIGN_OR_RETURN(const model::ModelView view,
                             in_memory ? model::ParseModel(bytes, nullptr) : model::OpenModel(path));
    return session::OptimizedModel(view, options, *SharedThreadPool());
  }();
  const exporting::OnnxFiles files = ValueOrRaise(std::move(made));
  return nb::make_tuple(nb::bytes(files.model.data(), files.model.size()),
                        nb::bytes(files.external.data(), files.external.size()));
}

}  // namespace

void BindSession(nb::module_& module) {
  BindFacts(module);
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] { PendingRuns::Instance().Wait(); }));
  module.def("optimized_model", &OptimizedModel, nb::arg("path_or_bytes"), nb::arg("options"));
  nb::class_<PySession>(module, "InferenceSession", "A loaded model. Safe to use from several threads.")
      .def("__init__",
           [](PySession* self, nb::object options, nb::object source, bool is_path, bool) {
             if (is_path ? !PyUnicode_Check(source.ptr()) : !PyBytes_Check(source.ptr()))
               throw nb::type_error("a path (str) or the model's bytes are expected");
             new (self) PySession(std::move(options), std::move(source));
           })
      .def("initialize_session", &PySession::Initialize)
      .def("run", &Run, nb::arg("output_names").none(), nb::arg("input_feed"),
           nb::arg("run_options").none() = nb::none(),
           "Computes outputs from a dict of feeds; releases the GIL meanwhile.")
      .def("run_with_ort_values", &RunWithValues, nb::arg("input_feed"), nb::arg("output_names").none(),
           nb::arg("run_options").none() = nb::none())
      .def("run_with_ortvaluevector", &RunWithVector, nb::arg("run_options").none(), nb::arg("feed_names"),
           nb::arg("feeds"), nb::arg("fetch_names"), nb::arg("fetches"), nb::arg("fetch_devices"))
      .def("run_async", &RunAsync, nb::arg("output_names").none(), nb::arg("input_feed"), nb::arg("callback"),
           nb::arg("user_data").none(), nb::arg("run_options").none() = nb::none())
      .def_prop_ro("inputs_meta", [](const PySession& self) { return NodeArgsOf(self.engine().inputs()); })
      .def_prop_ro("outputs_meta", [](const PySession& self) { return NodeArgsOf(self.engine().outputs()); })
      .def_prop_ro("overridable_initializers",
                   [](const PySession& self) { return NodeArgsOf(self.engine().overridable_initializers()); })
      .def_prop_ro("model_meta", [](const PySession& self) { return self.engine().metadata(); })
      .def_prop_ro("session_options", [](const PySession& self) { return self.options(); })
      .def("get_providers", [](const PySession& self) { return self.providers(); })
      .def("assigned_nodes", &AssignedNodes)
      .def("memory_stats",
           [](const PySession& self) {
             const exec::MemoryStats stats = self.engine().memory_stats();
             return std::map<std::string, size_t>{{"weights", self.engine().weight_bytes()},
                                                  {"arena", stats.arena_bytes},
                                                  {"planned", stats.planned_bytes},
                                                  {"live", stats.live_bytes}};
           })
      .def("trim", [](PySession& self) { self.engine().Trim(); })
      .def("end_profiling", [](PySession& self) { return ValueOrRaise(self.engine().EndProfiling()); })
      .def_prop_ro("get_profiling_start_time_ns",
                   [](const PySession& self) { return self.engine().profiling_start_ns(); });
}

}  // namespace ortolan::python
