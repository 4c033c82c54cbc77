#include "session/session.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/cpu.h"
#include "passes/pass.h"
#include "session/external.h"
#include "session/pass_options.h"
#include "session/profiler.h"
#include "session/threads.h"

namespace ortolan::session {
namespace {

Status CheckThreads(const Options& options) {
  if (GlobalThreads() == nullptr) {
    if (options.per_session_threads) return OkStatus();
    return Error(StatusCode::kRuntimeException,
                 "When the session is not configured to use per session threadpools, the env must be created "
                 "with the the CreateEnvWithGlobalThreadPools API.");
  }
  if (!options.per_session_threads) return OkStatus();
  return Error(StatusCode::kRuntimeException,
               "use_per_session_threads must be false when using a global thread pool");
}

// "cpu:0;gpu:0": whether a run is to give the CPU's memory back. Only the CPU has an arena here; as in
// onnxruntime others may follow it in the list, but not stand alone or first.
Result<bool> ShrinksArena(const std::map<std::string, std::string>& config) {
  constexpr std::string_view kList = "in the memory arena shrink list";
  std::string_view list = ConfigOf(config, "memory.enable_memory_arena_shrinkage");
  bool found = false;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(';'));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    const std::string_view device = item.substr(0, item.find(':'));
    if (device != "cpu" && device != "gpu")
      return InvalidArgument("Unsupported device specified {}: {}", kList, device);
    const std::string_view id = item.size() > device.size() ? item.substr(device.size() + 1) : "0";
    if (id.empty() || id.find_first_not_of("0123456789") != std::string_view::npos)
      return InvalidArgument("Unsupported device id {}: {}", kList, id);
    found = found || (device == "cpu" && id == "0");
    if (!found) {
      return InvalidArgument(
          "Did not find an arena based allocator registered for device-id combination {}: {}", kList, item);
    }
  }
  return found;
}

constexpr char kExternalFileKey[] = "session.optimized_model_external_initializers_file_name";

Status WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  // onnxruntime's words for what open() says.
  if (!file) return InvalidArgument("SystemError : {}", errno);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  return file ? OkStatus() : Fail("The model cannot be written to {}", path.string());
}

// A model from memory is not kept for scalars' sake where it is larger.
constexpr size_t kMostKeptBytes = size_t{64} << 20;

// Whether the mapping shows other bytes than it did; a file that was replaced lives on in it.
bool IsOverwritten(const MappedFile& mapped, const std::string& path) {
  const auto now = MappedFile::Open(path);
  if (!now.ok()) return false;
  const FileIdentity &then = mapped.identity(), &found = (*now)->identity();
  return then.device == found.device && then.inode == found.inode &&
         (then.size != found.size || then.modified_ns != found.modified_ns);
}

bool Cancelled(const Options& options) {
  return options.cancel_load != nullptr && options.cancel_load->load();
}

Status LoadCancelled() {
  return Fail("Graph loading canceled due to user request.");
}

}  // namespace

Session::Session(Options options, std::shared_ptr<ThreadPool> threads, int64_t start_ns)
    : options_(std::move(options)),
      flush_denormals_(FlushesDenormals(options_)),
      threads_(std::move(threads)) {
  if (options_.enable_profiling)
    profiler_ = std::make_unique<Profiler>(options_.profile_file_prefix, start_ns);
}

Session::~Session() {
  async_.reset();
  if (profiler_ != nullptr) static_cast<void>(profiler_->Finish());
}

Result<std::unique_ptr<Session>> Session::FromFile(const std::string& path, Options options) {
  const int64_t start = ProfilerNowNs();
  ORTOLAN_ASSIGN_OR_RETURN(model::ModelView view, model::OpenModel(path));
  return Build(std::move(view), std::move(options), "model_loading_uri", start);
}

Result<std::unique_ptr<Session>> Session::FromBytes(std::span<const std::byte> bytes,
                                                    std::shared_ptr<const void> owner, Options options) {
  const int64_t start = ProfilerNowNs();
  if (owner == nullptr) {
    auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    bytes = *copy;
    owner = copy;
  }
  ORTOLAN_ASSIGN_OR_RETURN(model::ModelView view, model::ParseModel(bytes, std::move(owner)));
  return Build(std::move(view), std::move(options), "model_loading_array", start);
}

Result<std::unique_ptr<Session>> Session::Build(model::ModelView view, Options options,
                                                const char* loading_event, int64_t start_ns) {
  ORTOLAN_RETURN_IF_ERROR(CheckThreads(options));
  ORTOLAN_ASSIGN_OR_RETURN(auto external, GivenExternal(view, options));
  for (auto& [name, tensor] : external) options.initializers.emplace_back(name, std::move(tensor));
  if (Cancelled(options)) return LoadCancelled();
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<ThreadPool> threads, MakeThreads(options));
  std::unique_ptr<Session> session(new Session(std::move(options), std::move(threads), start_ns));
  const FlushDenormals flush(session->flush_denormals_);
  session->LogStart();
  ORTOLAN_ASSIGN_OR_RETURN(session->model_,
                           import::Import(view, ImportOptionsOf(session->options_, *session->threads_)));
  for (const std::string& warning : session->model_.warnings)
    Log(session->logger(), Severity::kWarning, warning);
  if (Cancelled(session->options_)) return LoadCancelled();
  if (!session->options_.optimized_model_path.empty()) ORTOLAN_RETURN_IF_ERROR(session->SaveOptimized(view));
  const int64_t loaded = ProfilerNowNs();
  ORTOLAN_RETURN_IF_ERROR(session->MakeCachedExecutor(view));
  if (view.file != nullptr || view.bytes.size() <= kMostKeptBytes) {
    for (size_t i = 0; i < session->model_.inputs.size(); ++i) {
      if (session->model_.inputs[i].IsScalar()) session->scalars_.push_back(i);
    }
  }
  if (!session->model_.overridable.empty() || !session->scalars_.empty()) session->view_ = std::move(view);

  const import::ImportedModel& model = session->model_;
  int index = 0;
  for (const auto* list : {&model.inputs, &model.overridable}) {
    for (const import::DeclaredValue& input : *list) session->input_index_.emplace(input.name, index++);
  }
  index = 0;
  for (const import::DeclaredValue& output : model.outputs)
    session->output_index_.emplace(output.name, index++);
  if (session->profiler_ != nullptr) {
    session->profiler_->AddSessionEvent(loading_event, start_ns, loaded);
    session->profiler_->AddSessionEvent("session_initialization", loaded, ProfilerNowNs());
  }
  session->LogPlan();
  return session;
}

Result<std::unique_ptr<exec::Executor>> Session::MakeExecutor(std::shared_ptr<graph::Graph> graph,
                                                              WeightStore* store) const {
  passes::PassContext context = PassContextOf(options_, *threads_);
  ORTOLAN_RETURN_IF_ERROR(passes::RunPasses(*graph, context));
  plan::PlanOptions plan_options{GetCpuInfo().isa, options_.deterministic_compute, options_.parallel_steps,
                                 store};
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const plan::Plan> plan,
                           plan::Plan::Make(std::move(graph), plan_options, *threads_));
  return std::make_unique<exec::Executor>(std::move(plan), threads_);
}

Status Session::MakeCachedExecutor(const model::ModelView& view) {
  // Elements that the caller gave are not the files'.
  const bool given = !options_.initializers.empty() || !options_.external_files.empty();
  if (given) {
    WeightStore own;
    ORTOLAN_ASSIGN_OR_RETURN(executor_, MakeExecutor(std::move(model_.graph), &own));
    weights_ = std::make_shared<const std::vector<WeightBlock>>(own.blocks());
    return OkStatus();
  }
  PlanCache cache(PlanCacheFolder(options_), view.bytes, view.file, model_.external_files,
                  PlanSettings(options_), *threads_);
  std::string problem;
  WeightStore store(cache.Find(&problem));
  if (!problem.empty()) Log(logger(), Severity::kWarning, problem);
  ORTOLAN_ASSIGN_OR_RETURN(executor_, MakeExecutor(std::move(model_.graph), &store));
  if (Status status = cache.Keep(store.blocks(), store.grew(), &weights_); !status.ok())
    Log(logger(), Severity::kWarning, status.message());
  return OkStatus();
}

size_t Session::weight_bytes() const {
  size_t bytes = 0;
  if (weights_ != nullptr) {
    for (const WeightBlock& block : *weights_) bytes += block.size();
  }
  return bytes;
}

Status Session::SaveOptimized(const model::ModelView& view) const {
  const std::filesystem::path path = options_.optimized_model_path;
  const std::string_view format = ConfigOf(options_.config, "session.save_model_format");
  if (format == "ORT" || (format.empty() && path.extension() == ".ort"))
    return NotImplemented("The ORT format cannot be written: name an .onnx file");
  ORTOLAN_ASSIGN_OR_RETURN(const exporting::OnnxFiles files, OptimizedModel(view, options_, *threads_));
  ORTOLAN_RETURN_IF_ERROR(WriteFile(path, files.model));
  if (files.external.empty()) return OkStatus();
  return WriteFile(path.parent_path() / ConfigOf(options_.config, kExternalFileKey), files.external);
}

// The plan that takes overridable initializers as inputs, neither folded nor packed, and scalars of any rank.
// Most models never need it.
Result<exec::Executor*> Session::OverridingExecutor() {
  std::lock_guard lock(overriding_mutex_);
  if (overriding_ == nullptr) {
    if (view_.file != nullptr && IsOverwritten(*view_.file, view_.path))
      return Fail("{} has been overwritten: what this run needs of it cannot be read", view_.path);
    import::ImportOptions import_options = ImportOptionsOf(options_, *threads_);
    import_options.overridable_as_inputs = true;
    import_options.scalars_of_any_rank = true;
    ORTOLAN_ASSIGN_OR_RETURN(import::ImportedModel model, import::Import(view_, import_options));
    overridable_defaults_ = std::move(model.overridable_defaults);
    ORTOLAN_ASSIGN_OR_RETURN(overriding_, MakeExecutor(std::move(model.graph), nullptr));
  }
  return overriding_.get();
}

int Session::InputIndex(std::string_view name) const {
  const auto found = input_index_.find(name);
  return found == input_index_.end() ? -1 : found->second;
}

int Session::OutputIndex(std::string_view name) const {
  const auto found = output_index_.find(name);
  return found == output_index_.end() ? -1 : found->second;
}

bool Session::FeedsRankToScalar(std::span<const Value> feeds) const {
  return std::any_of(scalars_.begin(), scalars_.end(), [&](size_t input) {
    return feeds[input].kind() == Value::Kind::kTensor && !feeds[input].tensor().dims().empty();
  });
}

Status Session::RunAll(std::span<const Value> feeds, std::span<const int> wanted, const RunOptions& options,
                       std::span<Value> outputs) {
  exec::RunRequest request{feeds.first(model_.inputs.size()), outputs, options.terminate.get(),
                           profiler_.get()};
  request.most_arena_bytes = options_.most_arena_bytes;
  if (options.only_needed) request.wanted = wanted;
  const std::span<const Value> overrides = feeds.subspan(model_.inputs.size());
  const bool overridden = std::any_of(overrides.begin(), overrides.end(),
                                      [](const Value& value) { return value.kind() != Value::Kind::kNone; });
  if (!overridden && !FeedsRankToScalar(feeds)) return executor_->Run(request);
  ORTOLAN_ASSIGN_OR_RETURN(exec::Executor * executor, OverridingExecutor());
  std::vector<Value> inputs(feeds.begin(), feeds.end());
  for (size_t i = 0; i < overrides.size(); ++i) {
    if (overrides[i].kind() == Value::Kind::kNone)
      inputs[model_.inputs.size() + i] = overridable_defaults_[i];
  }
  request.inputs = inputs;
  return executor->Run(request);
}

Status Session::Run(std::span<const Value> feeds, std::span<const int> wanted, const RunOptions& options,
                    std::span<Value> results) {
  const int64_t start = profiler_ != nullptr ? ProfilerNowNs() : 0;
  for (size_t i = 0; i < feeds.size(); ++i) ORTOLAN_RETURN_IF_ERROR(CheckFeed(i, feeds[i]));
  const int64_t checked = profiler_ != nullptr ? ProfilerNowNs() : 0;
  const FlushDenormals flush(flush_denormals_);
  if (!options.log_id.empty() && logger().Writes(Severity::kInfo))
    Log(logger(), Severity::kInfo, fmt::format("Running with tag: {}", options.log_id));
  bool shrink = !options_.keep_memory;
  if (!options.config.empty()) {
    ORTOLAN_ASSIGN_OR_RETURN(const bool asked, ShrinksArena(options.config));
    shrink = shrink || asked;
  }
  Status status =
      wanted.empty() ? RunAll(feeds, {}, options, results) : RunWanted(feeds, wanted, options, results);
  if (status.ok()) status = OwnSequences(feeds, results);
  if (shrink) Trim();
  if (profiler_ != nullptr) {
    const int64_t end = ProfilerNowNs();
    profiler_->AddSessionEvent("SequentialExecutor::Execute", checked, end);
    profiler_->AddSessionEvent("model_run", start, end);
  }
  if (!status.ok()) Log(LoggerOf(options), Severity::kError, status.message());
  return status;
}

// A run's own id and severity go before the session's.
Logger Session::LoggerOf(const RunOptions& options) const {
  Logger log = logger();
  if (options.log_severity >= 0 || !options.log_id.empty())
    log = {options.log_id, options.log_severity >= 0 ? options.log_severity : log.least};
  return log;
}

void Session::LogStart() const {
  const Logger log = logger();
  if (!log.Writes(Severity::kInfo)) return;
  Log(log, Severity::kInfo,
      fmt::format("Flush-to-zero and denormal-as-zero are {}", flush_denormals_ ? "on" : "off"));
  Log(log, Severity::kInfo, fmt::format("Using {} threads", threads_->thread_count()));
  Log(log, Severity::kInfo, "Initializing session.");
}

void Session::LogPlan() const {
  const Logger log = logger();
  if (!log.Writes(Severity::kInfo)) return;
  if (log.Writes(Severity::kVerbose) && std::max(options_.log_verbosity, DefaultVerbosity()) > 0) {
    for (const plan::Step& step : plan().steps()) {
      Log(log, Severity::kVerbose,
          fmt::format("Node {} ({}): {}", step.node->name, step.node->op_type,
                      step.prepared.kernel.empty() ? "no kernel" : step.prepared.kernel));
    }
  }
  Log(log, Severity::kInfo, "Session successfully initialized.");
}

Status Session::RunWanted(std::span<const Value> feeds, std::span<const int> wanted,
                          const RunOptions& options, std::span<Value> results) {
  std::vector<Value> outputs(model_.outputs.size());
  std::vector<int> first_use(outputs.size(), -1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto output = static_cast<size_t>(wanted[i]);
    if (first_use[output] >= 0) continue;
    first_use[output] = static_cast<int>(i);
    outputs[output] = std::move(results[i]);
  }
  ORTOLAN_RETURN_IF_ERROR(RunAll(feeds, wanted, options, outputs));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto output = static_cast<size_t>(wanted[i]);
    if (first_use[output] == static_cast<int>(i)) {
      results[i] = std::move(outputs[output]);
    } else {
      ORTOLAN_RETURN_IF_ERROR(CopyResult(results[static_cast<size_t>(first_use[output])], results[i]));
    }
  }
  return OkStatus();
}

void Session::Post(std::function<void()> task) {
  std::call_once(async_once_, [this] { async_ = std::make_unique<AsyncRunner>(); });
  async_->Post(std::move(task));
}

void Session::RunAsync(std::vector<Value> feeds, std::vector<int> wanted, RunOptions options, Done done) {
  Post([this, feeds = std::move(feeds), wanted = std::move(wanted), options = std::move(options),
        done = std::move(done)]() mutable {
    std::vector<Value> results(wanted.empty() ? model_.outputs.size() : wanted.size());
    Status status = Run(feeds, wanted, options, results);
    if (!status.ok()) results.clear();
    feeds.clear();  // whoever is told that the run is over may take it that its inputs are free
    done(std::move(status), std::move(results));
  });
}

namespace {

// Whether the value holds its memory alone.
bool HeldAlone(const Sequence& sequence) {
  return std::ranges::all_of(sequence.items, [](const Value& item) {
    if (item.kind() == Value::Kind::kTensor) return item.tensor().owner().use_count() == 1;
    return item.kind() == Value::Kind::kNone;
  });
}

Result<Value> CopyOf(const Value& value) {
  if (value.kind() == Value::Kind::kTensor) {
    ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, value.tensor().Copied());
    return Value(std::move(copy));
  }
  if (value.kind() != Value::Kind::kSequence) return value;
  auto made = std::make_shared<Sequence>();
  made->element = value.sequence().element;
  for (const Value& item : value.sequence().items) {
    ORTOLAN_ASSIGN_OR_RETURN(Value copy, CopyOf(item));
    made->items.push_back(std::move(copy));
  }
  return Value(std::shared_ptr<const Sequence>(std::move(made)));
}

}  // namespace

// Inside a run sequences share their items, with feeds and with each other; a caller may write to what it
// gets.
Status Session::OwnSequences(std::span<const Value> feeds, std::span<Value> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].kind() != Value::Kind::kSequence) continue;
    const auto same = [&](const Value& other) {
      return other.kind() == Value::Kind::kSequence && &other.sequence() == &results[i].sequence();
    };
    const bool shared = std::ranges::any_of(feeds, same) || std::ranges::any_of(results.first(i), same);
    if (!shared && HeldAlone(results[i].sequence())) continue;
    ORTOLAN_ASSIGN_OR_RETURN(results[i], CopyOf(results[i]));
  }
  return OkStatus();
}

// An output that was asked for twice is two arrays.
Status Session::CopyResult(const Value& from, Value& to) {
  ORTOLAN_ASSIGN_OR_RETURN(to, CopyOf(from));
  return OkStatus();
}

Result<std::string> Session::EndProfiling() {
  return profiler_ == nullptr ? std::string() : profiler_->Finish();
}

uint64_t Session::profiling_start_ns() const {
  return profiler_ == nullptr ? 0 : profiler_->start_ns();
}

Result<exporting::OnnxFiles> OptimizedModel(const model::ModelView& view, const Options& options,
                                            ThreadPool& threads) {
  import::ImportOptions import_options = ImportOptionsOf(options, threads);
  import_options.overridable_as_inputs = true;
  ORTOLAN_ASSIGN_OR_RETURN(import::ImportedModel model, import::Import(view, import_options));
  passes::PassContext context = PassContextOf(options, threads);
  context.level = std::min(context.level, passes::Level::kBasic);
  ORTOLAN_RETURN_IF_ERROR(passes::RunPasses(*model.graph, context));
  exporting::OnnxOptions export_options;
  export_options.input_defaults = model.overridable_defaults;
  export_options.external_file = ConfigOf(options.config, kExternalFileKey);
  const std::string least(
      ConfigOf(options.config, "session.optimized_model_external_initializers_min_size_in_bytes"));
  if (!least.empty()) export_options.external_least_bytes = std::strtoull(least.c_str(), nullptr, 10);
  return exporting::ExportOnnx(*model.graph, view, export_options);
}

Result<std::string> DescribeStage(const std::string& path, std::string_view stage, const Options& options) {
  ORTOLAN_ASSIGN_OR_RETURN(const model::ModelView view, model::OpenModel(path));
  if (stage == "model") return model::DumpModel(view);
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<ThreadPool> threads, MakeThreads(options));
  ORTOLAN_ASSIGN_OR_RETURN(import::ImportedModel model,
                           import::Import(view, ImportOptionsOf(options, *threads)));
  if (stage == "graph") return graph::Dump(*model.graph);
  passes::PassContext context = PassContextOf(options, *threads);
  std::string report;
  context.after = [&report](std::string_view pass, const graph::Graph& graph) {
    report += fmt::format("# {}: {} nodes\n", pass, graph.node_count());
  };
  ORTOLAN_RETURN_IF_ERROR(passes::RunPasses(*model.graph, context));
  if (stage == "passes") return report + graph::Dump(*model.graph);
  if (stage != "plan") {
    return InvalidArgument("A stage is one of model, graph, passes, plan; got {}", stage);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const plan::Plan> plan,
                           plan::Plan::Make(std::move(model.graph), {GetCpuInfo().isa, false}, *threads));
  return plan::Dump(*plan);
}

}  // namespace ortolan::session
