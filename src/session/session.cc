#include "session/session.h"

#include <algorithm>
#include <numeric>

#include "base/cpu.h"
#include "passes/pass.h"
#include "session/profiler.h"

namespace ortolan::session {
namespace {

passes::Level LevelOf(OptimizationLevel level) {
  switch (level) {
    case OptimizationLevel::kDisableAll:
      return passes::Level::kAlways;
    case OptimizationLevel::kBasic:
      return passes::Level::kBasic;
    case OptimizationLevel::kExtended:
      return passes::Level::kExtended;
    case OptimizationLevel::kLayout:
    case OptimizationLevel::kAll:
      return passes::Level::kLayout;
  }
  return passes::Level::kLayout;
}

import::ImportOptions ImportOptionsOf(const Options& options, ThreadPool& threads){import::ImportOptions made;
made.free_dimensions_by_name = options.free_dimensions_by_name;
made.free_dimensions_by_denotation = options.free_dimensions_by_denotation;
for (const auto& [name, value] : options.initializers) {
  if (value.kind() == Value::Kind::kTensor) made.initializers.emplace_back(name, value.tensor());
}
made.threads = &threads;
return made;
}  // namespace

passes::PassContext PassContextOf(const Options& options, ThreadPool& threads) {
  passes::PassContext context{threads};
  context.isa = GetCpuInfo().isa;
  context.level = LevelOf(options.optimization_level);
  context.disabled.insert(options.disabled_passes.begin(), options.disabled_passes.end());
  return context;
}

std::shared_ptr<ThreadPool> PoolFor(const Options& options) {
  return options.intra_op_threads > 0 ? std::make_shared<ThreadPool>(options.intra_op_threads)
                                      : SharedThreadPool();
}

}  // namespace ortolan::session

Session::Session(Options options) : options_(std::move(options)), threads_(PoolFor(options_)) {
  if (options_.enable_profiling) profiler_ = std::make_unique<Profiler>(options_.profile_file_prefix);
}

Session::~Session() = default;

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
  std::unique_ptr<Session> session(new Session(std::move(options)));
  ORTOLAN_ASSIGN_OR_RETURN(session->model_,
                           import::Import(view, ImportOptionsOf(session->options_, *session->threads_)));
  const int64_t loaded = ProfilerNowNs();
  ORTOLAN_ASSIGN_OR_RETURN(session->executor_, session->MakeExecutor(std::move(session->model_.graph)));
  if (!session->model_.overridable.empty()) session->view_ = std::move(view);

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
  return session;
}

Result<std::unique_ptr<exec::Executor>> Session::MakeExecutor(std::shared_ptr<graph::Graph> graph) const {
  passes::PassContext context = PassContextOf(options_, *threads_);
  ORTOLAN_RETURN_IF_ERROR(passes::RunPasses(*graph, context));
  plan::PlanOptions plan_options{GetCpuInfo().isa, options_.deterministic_compute};
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const plan::Plan> plan,
                           plan::Plan::Make(std::move(graph), plan_options, *threads_));
  return std::make_unique<exec::Executor>(std::move(plan), threads_);
}

// The plan that takes overridable initializers as inputs: neither folded nor packed. Most models never need
// it.
Result<exec::Executor*> Session::OverridingExecutor() {
  std::lock_guard lock(overriding_mutex_);
  if (overriding_ == nullptr) {
    import::ImportOptions import_options = ImportOptionsOf(options_, *threads_);
    import_options.overridable_as_inputs = true;
    ORTOLAN_ASSIGN_OR_RETURN(import::ImportedModel model, import::Import(view_, import_options));
    overridable_defaults_ = std::move(model.overridable_defaults);
    ORTOLAN_ASSIGN_OR_RETURN(overriding_, MakeExecutor(std::move(model.graph)));
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

Status Session::RunAll(std::span<const Value> feeds, const RunOptions& options, std::span<Value> outputs) {
  exec::RunRequest request{feeds.first(model_.inputs.size()), outputs, options.terminate.get(),
                           profiler_.get()};
  const std::span<const Value> overrides = feeds.subspan(model_.inputs.size());
  const bool overridden = std::any_of(overrides.begin(), overrides.end(),
                                      [](const Value& value) { return value.kind() != Value::Kind::kNone; });
  if (!overridden) return executor_->Run(request);
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
  Status status;
  if (wanted.empty()) {
    status = RunAll(feeds, options, results);
  } else {
    std::vector<Value> outputs(model_.outputs.size());
    std::vector<int> first_use(outputs.size(), -1);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto output = static_cast<size_t>(wanted[i]);
      if (first_use[output] >= 0) continue;
      first_use[output] = static_cast<int>(i);
      outputs[output] = std::move(results[i]);
    }
    status = RunAll(feeds, options, outputs);
    for (size_t i = 0; i < wanted.size() && status.ok(); ++i) {
      const auto output = static_cast<size_t>(wanted[i]);
      if (first_use[output] == static_cast<int>(i)) {
        results[i] = std::move(outputs[output]);
      } else {
        status = CopyResult(results[static_cast<size_t>(first_use[output])], results[i]);
      }
    }
  }
  if (profiler_ != nullptr) profiler_->AddSessionEvent("model_run", start, ProfilerNowNs());
  return status;
}

// An output that was asked for twice is two arrays.
Status Session::CopyResult(const Value& from, Value& to) {
  if (from.kind() != Value::Kind::kTensor) {
    to = from;
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, from.tensor().Copied());
  to = std::move(copy);
  return OkStatus();
}

Result<std::string> Session::EndProfiling() {
  return profiler_ == nullptr ? std::string() : profiler_->Finish();
}

uint64_t Session::profiling_start_ns() const {
  return profiler_ == nullptr ? 0 : profiler_->start_ns();
}

Result<std::string> DescribeStage(const std::string& path, std::string_view stage, const Options& options) {
  ORTOLAN_ASSIGN_OR_RETURN(const model::ModelView view, model::OpenModel(path));
  if (stage == "model") return model::DumpModel(view);
  const std::shared_ptr<ThreadPool> threads = PoolFor(options);
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
