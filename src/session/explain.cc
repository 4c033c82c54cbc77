#include "session/explain.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "base/cpu.h"
#include "model/model.h"
#include "passes/pass.h"
#include "plan/bound_plan.h"
#include "session/pass_options.h"
#include "session/profiler.h"
#include "session/threads.h"

namespace ortolan::session {
namespace {

using graph::Graph;
using graph::Node;

// A node as it stood before or after a pass. Nodes are told apart by address and by what they say: an address
// that a pass frees and takes again holds other words.
struct Seen {
  const Node* node = nullptr;
  std::string text;  // "Conv [Relu]"
  std::string name;
  std::vector<std::string> sources;
  size_t inputs = 0;
  const OpDef* op = nullptr;

  bool Same(const Seen& other) const {
    return node == other.node && op == other.op && text == other.text && name == other.name &&
           sources.size() == other.sources.size() && inputs == other.inputs;
  }
};

std::string TextOf(const Node& node) {
  const std::string name(node.op->domain == "ortolan" ? node.op->name : std::string_view(node.op_type));
  return node.payload_text.empty() ? name : fmt::format("{} [{}]", name, node.payload_text);
}

std::vector<std::shared_ptr<Graph>> BodiesOf(const Node& node) {
  std::vector<std::shared_ptr<Graph>> bodies;
  for (const auto& [name, attribute] : node.attributes.items()) {
    const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute);
    if (body != nullptr && *body != nullptr) bodies.push_back(*body);
  }
  return bodies;
}

// All nodes, those of bodies too, by address, in order.
class Snapshot {
 public:
  explicit Snapshot(const Graph& graph) { Add(graph); }
  const std::vector<Seen>& nodes() const { return nodes_; }
  bool Holds(const Seen& seen) const {
    const auto found = place_.find(seen.node);
    return found != place_.end() && nodes_[found->second].Same(seen);
  }

 private:
  void Add(const Graph& graph) {
    std::vector<std::shared_ptr<Graph>> bodies;
    for (const Node* node = graph.first(); node != nullptr; node = node->next()) {
      place_.emplace(node, nodes_.size());
      nodes_.push_back({node, TextOf(*node), node->name, node->sources, node->inputs().size(), node->op});
      for (auto& body : BodiesOf(*node)) bodies.push_back(std::move(body));
    }
    for (const auto& body : bodies) Add(*body);
  }

  std::vector<Seen> nodes_;
  std::unordered_map<const Node*, size_t> place_;
};

// "Mul x2, Add".
std::string Joined(const std::vector<std::string>& texts) {
  constexpr size_t kMost = 6;
  std::vector<std::pair<std::string, size_t>> counts;
  for (const std::string& text : texts) {
    const auto found = std::ranges::find(counts, text, &std::pair<std::string, size_t>::first);
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace_back(text, 1);
    }
  }
  std::string joined;
  for (size_t i = 0; i < counts.size() && i < kMost; ++i) {
    joined += fmt::format("{}{}{}", i > 0 ? ", " : "", counts[i].first,
                          counts[i].second > 1 ? fmt::format(" x{}", counts[i].second) : "");
  }
  return counts.size() > kMost ? joined + ", ..." : joined;
}

// The changes between two snapshots: nodes that share a source of the file are one change.
class Difference {
 public:
  Difference(const Snapshot& before, const Snapshot& after) {
    for (const Seen& seen : before.nodes()) {
      if (!after.Holds(seen)) changed_.push_back({&seen, true});
    }
    for (const Seen& seen : after.nodes()) {
      if (!before.Holds(seen)) changed_.push_back({&seen, false});
    }
  }

  std::vector<Rewrite> Rewrites() {
    parents_.resize(changed_.size());
    std::iota(parents_.begin(), parents_.end(), size_t{0});
    std::unordered_map<std::string_view, size_t> owner;
    for (size_t i = 0; i < changed_.size(); ++i) {
      for (const std::string& source : changed_[i].seen->sources) {
        if (source.empty()) continue;
        const auto [found, fresh] = owner.try_emplace(source, i);
        if (!fresh) parents_[RootOf(i)] = RootOf(found->second);
      }
    }
    std::map<size_t, std::pair<std::vector<std::string>, std::vector<std::string>>> groups;
    for (size_t i = 0; i < changed_.size(); ++i) {
      auto& [old_texts, new_texts] = groups[RootOf(i)];
      (changed_[i].old ? old_texts : new_texts).push_back(changed_[i].seen->text);
    }
    std::map<std::string, Rewrite> kinds;
    for (const auto& [root, texts] : groups) {
      std::string text = Joined(texts.first);
      if (!texts.first.empty()) text += texts.second.empty() ? " goes" : " -> ";
      if (texts.first.empty()) text = "new: ";
      text += Joined(texts.second);
      Rewrite& rewrite = kinds[text];
      rewrite.text = text;
      rewrite.nodes.push_back(changed_[root].seen->name);
    }
    std::vector<Rewrite> rewrites;
    for (auto& [text, rewrite] : kinds) rewrites.push_back(std::move(rewrite));
    std::ranges::stable_sort(rewrites, std::greater<>(),
                             [](const Rewrite& each) { return each.nodes.size(); });
    return rewrites;
  }

 private:
  struct Changed {
    const Seen* seen;
    bool old;
  };
  size_t RootOf(size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }

  std::vector<Changed> changed_;
  std::vector<size_t> parents_;
};

// Listens to the passes as they run.
class Listener {
 public:
  void Attach(passes::PassContext& context) {
    for (const passes::Pass& pass : passes::Pipeline()) {
      reports_.push_back({std::string(pass.name), false, 0, 0, 0, {}});
    }
    context.before = [this](std::string_view pass, const Graph& graph) {
      before_ = std::make_unique<Snapshot>(graph);
      while (reports_[next_].name != pass) ++next_;
      reports_[next_].ran = true;
      reports_[next_].nodes_before = before_->nodes().size();
      start_ns_ = ProfilerNowNs();
    };
    context.after = [this](std::string_view, const Graph& graph) {
      PassReport& report = reports_[next_++];
      report.ms = static_cast<double>(ProfilerNowNs() - start_ns_) * 1e-6;
      const Snapshot after(graph);
      report.nodes_after = after.nodes().size();
      report.rewrites = Difference(*before_, after).Rewrites();
    };
    context.left = [this](const Node& node, std::string_view why) {
      left_.push_back({reports_[next_].name, TextOf(node), node.name, std::string(why)});
      left_sources_.push_back(node.sources);
    };
  }

  std::vector<PassReport> TakeReports() { return std::move(reports_); }

  // What was told of nodes that still are steps of their own, once each.
  std::vector<LeftStep> LeftOf(const std::vector<ExplainedStep>& steps) const {
    std::unordered_map<std::string_view, size_t> step_of;
    for (size_t s = 0; s < steps.size(); ++s) {
      for (const std::string& source : steps[s].sources) step_of.try_emplace(source, s);
    }
    std::vector<LeftStep> kept;
    std::unordered_set<std::string> told;
    for (size_t i = 0; i < left_.size(); ++i) {
      const bool stands = std::ranges::any_of(left_sources_[i], [&](const std::string& source) {
        return step_of.contains(source) && !source.empty();
      });
      if (stands && told.insert(left_[i].pass + "\n" + left_[i].node).second) kept.push_back(left_[i]);
    }
    return kept;
  }

 private:
  std::vector<PassReport> reports_;
  std::vector<LeftStep> left_;
  std::vector<std::vector<std::string>> left_sources_;
  std::unique_ptr<Snapshot> before_;
  size_t next_ = 0;
  int64_t start_ns_ = 0;
};

double BytesOf(const plan::BoundPlan& bound, std::span<const int> values) {
  double bytes = 0;
  for (const int i : values) {
    if (i < 0 || !bound.values[static_cast<size_t>(i)].known) continue;
    const ValueType& type = bound.plan->values()[static_cast<size_t>(i)].source->type;
    if (type.IsTensor())
      bytes += static_cast<double>(
          DTypeBytes(type.dtype, ElementCount(bound.values[static_cast<size_t>(i)].dims)));
  }
  return bytes;
}

ExplainedStep StepOf(const plan::BoundPlan& bound, const plan::BoundStep& step, int threads) {
  const Node& node = *step.step->node;
  ExplainedStep made{.op = TextOf(node), .kernel = step.step->prepared.kernel, .name = node.name};
  made.sources = node.sources;
  made.live_bytes = step.live_bytes;
  const auto dims_of = [&](std::span<const int> values) {
    std::vector<Dims> dims;
    for (const int i : values) dims.push_back(i < 0 ? Dims() : bound.values[static_cast<size_t>(i)].dims);
    return dims;
  };
  const std::vector<Dims> inputs = dims_of(step.step->inputs), outputs = dims_of(step.step->outputs);
  const int first = step.step->outputs.empty() ? -1 : step.step->outputs[0];
  made.shape = "?";
  if (first >= 0 && bound.values[static_cast<size_t>(first)].known) {
    const auto& source = *bound.plan->values()[static_cast<size_t>(first)].source;
    made.shape = std::string(DTypeName(source.type.dtype)) + ShapeText(graph::Shape::OfConstants(outputs[0]));
  }
  made.bytes = BytesOf(bound, step.step->inputs) + BytesOf(bound, step.step->outputs);
  if (node.op->cost != nullptr && !step.dynamic) {
    const Cost cost = node.op->cost(node, {inputs, outputs, threads});
    made.flops = cost.flops;
    if (cost.bytes > 0) made.bytes = cost.bytes;
  }
  return made;
}

}  // namespace

Result<Explanation> Explain(const std::string& path, const SizesOf& sizes, const Options& options) {
  ORTOLAN_ASSIGN_OR_RETURN(const model::ModelView view, model::OpenModel(path));
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<ThreadPool> threads, MakeThreads(options));
  ORTOLAN_ASSIGN_OR_RETURN(import::ImportedModel model,
                           import::Import(view, ImportOptionsOf(options, *threads)));
  passes::PassContext context = PassContextOf(options, *threads);
  Listener listener;
  listener.Attach(context);
  ORTOLAN_RETURN_IF_ERROR(passes::RunPasses(*model.graph, context));
  Explanation made;
  made.passes = listener.TakeReports();
  for (const auto& value : model.graph->values()) {
    if (value != nullptr && value->IsConstant()) made.weight_bytes += value->constant().bytes();
  }
  std::vector<Dims> input_dims;
  for (const import::DeclaredValue& input : model.inputs) {
    Dims dims;
    if (input.type.IsTensor()) {
      ORTOLAN_ASSIGN_OR_RETURN(dims, sizes(input));
    }
    made.inputs.push_back(fmt::format("{} {}", input.name,
                                      input.type.IsTensor() ? std::string(DTypeName(input.type.dtype)) +
                                                                  ShapeText(graph::Shape::OfConstants(dims))
                                                            : TypeText(input.type)));
    input_dims.push_back(std::move(dims));
  }
  ORTOLAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const plan::Plan> plan,
      plan::Plan::Make(std::move(model.graph), {GetCpuInfo().isa, options.deterministic_compute}, *threads));
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const plan::BoundPlan> bound,
                           plan::Bind(plan, input_dims, threads->thread_count()));
  for (const plan::BoundStep& step : bound->steps)
    made.steps.push_back(StepOf(*bound, step, threads->thread_count()));
  made.left = listener.LeftOf(made.steps);
  made.steps_of_plan = plan->steps().size();
  made.live_bytes = bound->live_bytes;
  made.arena_bytes = bound->arena_bytes;
  return made;
}

std::string PassTable() {
  return passes::PassTable();
}

}  // namespace ortolan::session
