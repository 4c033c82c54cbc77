#include "plan/bound_plan.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "ops/view.h"
#include "plan/arena.h"

namespace ortolan::plan {
namespace {

constexpr int kForever = std::numeric_limits<int>::max();

bool SameContents(const std::optional<graph::Contents>& a, const std::optional<graph::Contents>& b) {
  return a.has_value() == b.has_value() && (!a || std::ranges::equal(*a, *b));
}

}  // namespace

// One method a pass over the steps; each is linear in steps and values. Shapes are inferred again only behind
// inputs that changed since the last binding, and a kernel is bound again only where its shapes did.
class Binder::Work {
 public:
  explicit Work(std::shared_ptr<const Plan> plan) : plan_(*plan), shared_plan_(std::move(plan)) {}

  Result<std::shared_ptr<const BoundPlan>> Bind(std::span<const Dims> input_dims, int threads) {
    if (last_ == nullptr || threads != threads_) Forget();
    threads_ = threads;
    // What a failure leaves half done is not built upon.
    const std::shared_ptr<const BoundPlan> last = std::move(last_);
    bound_ = std::make_shared<BoundPlan>();
    bound_->plan = shared_plan_;
    bound_->input_dims.assign(input_dims.begin(), input_dims.end());
    DescribeInputs();
    ORTOLAN_RETURN_IF_ERROR(InferShapes());
    bound_->values = described_;
    ChooseSteps();
    ListSteps();
    ORTOLAN_RETURN_IF_ERROR(BindKernels(last.get()));
    GroupSteps();
    PlaceValues();
    AssignOffsets();
    // Unknown sizes have fresh symbols in every binding.
    if (unknowns_->symbol_count() == 0) {
      last_ = bound_;
      std::ranges::fill(changed_, char{0});
    }
    return std::shared_ptr<const BoundPlan>(std::move(bound_));
  }

 private:
  // What inference found of a value; it stays from one binding to the next.
  struct Facts {
    graph::Shape shape;
    std::optional<graph::Contents> contents;
    std::shared_ptr<const Tensor> elements;  // the contents as a tensor, once somebody needed it
  };
  // How one binding uses a value, and which value's memory it has.
  struct Use {
    int root = -1;             // the value whose memory this one shares; itself for most
    int lender = -1;           // of a view that a dynamic step makes: the root whose memory it will look into
    int last_use = -1;         // of a root: the last step of the group that uses it last
    int last_user = -1;        // of a root: a step of that group
    bool last_shared = false;  // ... and not the only one of it
    bool needed = false;       // somebody reads its elements during the run
    bool assigned = false;     // of a root: its offset is
  };

  const Step& step(size_t i) const { return plan_.steps()[i]; }
  const StepFacts& step_facts(size_t i) const { return plan_.step_facts()[i]; }
  size_t IndexOf(const BoundStep& bound) const { return plan_.IndexOf(*bound.step); }
  const StepFacts& step_facts(const BoundStep& bound) const { return step_facts(IndexOf(bound)); }
  BoundValue& value(int i) { return bound_->values[static_cast<size_t>(i)]; }
  Facts& facts(int i) { return facts_[static_cast<size_t>(i)]; }
  Use& use(int i) { return uses_[static_cast<size_t>(i)]; }
  const ValueType& type(int i) const { return plan_.values()[static_cast<size_t>(i)].source->type; }
  DType dtype(int i) const { return plan_.values()[static_cast<size_t>(i)].dtype; }
  // Views and values written in place share the memory of another value, which may itself share a third
  // one's.
  int RootOf(int i) {
    int root = use(i).root;
    while (use(root).root != root) root = use(root).root;
    return use(i).root = root;
  }

  // The state before the first binding: constants alone are known.
  void Forget() {
    const size_t count = plan_.values().size();
    unknowns_ = std::make_unique<graph::DimPool>();
    facts_.assign(count, {});
    described_.assign(count, {});
    changed_.assign(count, 1);
    for (size_t i = 0; i < count; ++i) {
      const PlanValue& planned = plan_.values()[i];
      if (!planned.constant) continue;
      const Tensor& tensor = planned.source->constant();
      facts_[i].shape = graph::Shape::OfConstants(tensor.dims());
      facts_[i].contents = planned.source->contents;
      described_[i] = {Place::kConstant, true, tensor.dims(), 0, -1, &tensor};
    }
  }

  void DescribeInputs() {
    for (size_t k = 0; k < plan_.inputs().size(); ++k) {
      const auto i = static_cast<size_t>(plan_.inputs()[k]);
      BoundValue& input = described_[i];
      const bool tensor = plan_.values()[i].tensor;
      input.place = tensor ? Place::kInput : Place::kDynamic;
      input.index = static_cast<int>(k);
      const Dims& dims = bound_->input_dims[k];
      if (!tensor || (input.known && input.dims == dims)) continue;
      changed_[i] = 1;
      input.known = true;
      input.dims = dims;
      facts_[i].shape = graph::Shape::OfConstants(dims);
    }
    uses_.assign(facts_.size(), {});
    for (size_t i = 0; i < uses_.size(); ++i) uses_[i].root = static_cast<int>(i);
  }

  bool Changed(std::span<const int> values) const {
    return std::ranges::any_of(values,
                               [this](int i) { return i >= 0 && changed_[static_cast<size_t>(i)] != 0; });
  }

  Status InferShapes() {
    for (size_t s = 0; s < plan_.steps().size(); ++s) {
      // A step without inputs has outputs that were never inferred only the first time.
      if (!Changed(step_facts(s).inputs) && !Changed(step_facts(s).outputs)) continue;
      if (Status status = InferStep(step(s)); !status.ok())
        return NodeError(*step(s).node, std::move(status));
    }
    return OkStatus();
  }

  Status InferStep(const Step& step) {
    std::vector<InferInput> inputs;
    inputs.reserve(step.inputs.size());
    for (int i : step.inputs) {
      if (i < 0) {
        inputs.emplace_back();
        continue;
      }
      const BoundValue& described = described_[static_cast<size_t>(i)];
      const TensorRef* data = described.place == Place::kConstant ? &described.constant->ref() : nullptr;
      if (data != nullptr && data->data == nullptr) data = nullptr;
      inputs.push_back(
          {true, type(i), facts(i).shape, facts(i).contents ? &*facts(i).contents : nullptr, data});
    }
    InferContext context(*step.node, std::move(inputs), step.outputs.size(), unknowns_.get());
    context.set_at_run(true);
    for (size_t o = 0; o < step.outputs.size(); ++o) {
      if (step.outputs[o] >= 0) context.output(o).type = type(step.outputs[o]);
    }
    if (step.node->op->infer != nullptr && !step.node->op->traits.control_flow) {
      ORTOLAN_RETURN_IF_ERROR(step.node->op->infer(context));
    }
    for (size_t o = 0; o < step.outputs.size(); ++o) {
      if (step.outputs[o] >= 0) ORTOLAN_RETURN_IF_ERROR(TakeOutput(step, context.output(o), step.outputs[o]));
    }
    return OkStatus();
  }

  Status TakeOutput(const Step& step, InferOutput& found, int o) {
    Facts& known = facts(o);
    BoundValue& bound = described_[static_cast<size_t>(o)];
    const Dims dims_before = bound.dims;
    const bool known_before = bound.known && known.shape == found.shape;
    const std::optional<graph::Contents> contents_before = std::exchange(known.contents, std::nullopt);
    known.shape = std::move(found.shape);
    bound.known = false;
    changed_[static_cast<size_t>(o)] = 1;
    if (!plan_.values()[static_cast<size_t>(o)].tensor || !known.shape.IsConstant()) return OkStatus();
    bound.known = true;
    bound.dims.clear();
    for (const graph::Dim& dim : known.shape.dims()) bound.dims.push_back(dim.constant());
    ORTOLAN_RETURN_IF_ERROR(CheckedBytes(dtype(o), bound.dims).status());
    if (const int view = step.node->op->traits.view_of; view >= 0) {
      const auto& whole = described_[static_cast<size_t>(step.inputs[static_cast<size_t>(view)])];
      if (whole.known && ElementCount(whole.dims) != ElementCount(bound.dims)) {
        return CannotReshape(whole.dims, bound.dims);
      }
    }
    if (found.contents && AreConstants(*found.contents) &&
        static_cast<int64_t>(found.contents->size()) == ElementCount(bound.dims)) {
      known.contents = std::move(found.contents);
    }
    const bool same =
        known_before && bound.dims == dims_before && SameContents(known.contents, contents_before);
    changed_[static_cast<size_t>(o)] = same ? 0 : 1;
    if (!same) known.elements = nullptr;
    return OkStatus();
  }

  static bool AreConstants(const graph::Contents& contents) {
    return std::all_of(contents.begin(), contents.end(), [](graph::Dim dim) { return dim.IsConstant(); });
  }

  // Strings are objects, not bytes: they never live in the arena.
  bool IsDynamic(const StepFacts& step) {
    auto known_tensor = [this](int i) { return i < 0 || value(i).known; };
    auto fits_arena = [&](int o) { return known_tensor(o) && (o < 0 || dtype(o) != DType::kString); };
    return step.control_flow || !std::all_of(step.inputs.begin(), step.inputs.end(), known_tensor) ||
           !std::all_of(step.outputs.begin(), step.outputs.end(), fits_arena);
  }

  // Backwards: a step runs when an output of it is read and is not known already.
  void ChooseSteps() {
    for (int output : plan_.outputs()) use(output).needed = true;
    chosen_.clear();
    for (size_t s = plan_.steps().size(); s-- > 0;) {
      const StepFacts& candidate = step_facts(s);
      const bool wanted = std::any_of(candidate.outputs.begin(), candidate.outputs.end(), [this](int o) {
        return o >= 0 && use(o).needed && !facts(o).contents;
      });
      if (!wanted) continue;
      chosen_.push_back(s);
      const int view = candidate.view_of;
      const bool only_view = view >= 0 && !IsDynamic(candidate);
      for (size_t i = 0; i < candidate.inputs.size(); ++i) {
        if (candidate.inputs[i] < 0 || (only_view && static_cast<int>(i) != view)) continue;
        use(candidate.inputs[i]).needed = true;
      }
    }
    std::reverse(chosen_.begin(), chosen_.end());
    for (size_t i = 0; i < facts_.size(); ++i) MaterializeContents(static_cast<int>(i));
  }

  // A needed value whose elements follow from shapes becomes a constant of this binding.
  void MaterializeContents(int i) {
    Facts& known = facts(i);
    if (!use(i).needed || !known.contents || value(i).place != Place::kUnused) return;
    if (known.elements == nullptr) known.elements = ElementsOf(i);
    if (known.elements == nullptr) return;
    value(i).place = Place::kConstant;
    value(i).constant = known.elements.get();
    bound_->made.push_back(known.elements);
  }

  // Null for a type that shape arithmetic does not have.
  std::shared_ptr<const Tensor> ElementsOf(int i) {
    const graph::Contents& contents = *facts(i).contents;
    if (!Contains(SetOf(DType::kInt64, DType::kInt32, DType::kBool), dtype(i))) return nullptr;
    Result<Tensor> made = Tensor::Allocate(dtype(i), value(i).dims);
    if (!made.ok()) return nullptr;
    for (size_t k = 0; k < contents.size(); ++k) {
      const int64_t element = contents[k].constant();
      if (dtype(i) == DType::kInt64) {
        made->Items<int64_t>()[k] = element;
      } else if (dtype(i) == DType::kBool) {
        made->Items<uint8_t>()[k] = element != 0;
      } else {
        made->Items<int32_t>()[k] = static_cast<int32_t>(element);
      }
    }
    return std::make_shared<const Tensor>(std::move(*made));
  }

  // Views become another name for their whole; every other chosen step will run.
  void ListSteps() {
    bound_->steps.reserve(chosen_.size());
    for (size_t s : chosen_) {
      const StepFacts& candidate = step_facts(s);
      const int view = candidate.view_of;
      bool dynamic = IsDynamic(candidate);
      if (view >= 0 && !dynamic) {
        const int whole = candidate.inputs[static_cast<size_t>(view)];
        if (value(RootOf(whole)).place != Place::kDynamic) {
          use(candidate.outputs[0]).root = RootOf(whole);
          continue;
        }
        dynamic = true;
      }
      if (view >= 0) use(candidate.outputs[0]).lender = RootOf(candidate.inputs[static_cast<size_t>(view)]);
      for (int o : candidate.outputs) {
        if (o >= 0) value(o).place = dynamic ? Place::kDynamic : Place::kArena;
      }
      BoundStep& placed = bound_->steps.emplace_back();
      placed.step = &step(s);
      placed.dynamic = dynamic;
    }
  }

  // Neighbours in a group do not read what another one of it writes. Groups of one where steps run one after
  // another; else steps stand by how many others they wait for. A dynamic step is alone.
  void GroupSteps() {
    std::vector<BoundStep>& steps = bound_->steps;
    if (!plan_.parallel()) {
      for (size_t s = 0; s < steps.size(); ++s) steps[s].group_end = s + 1;
      return;
    }
    std::vector<size_t> made(facts_.size(), 0);    // by value: the first level at which it can be read
    std::vector<std::pair<size_t, size_t>> order;  // level, step
    size_t deepest = 0;
    size_t least = 0;  // levels below are in front of a dynamic step
    for (size_t s = 0; s < steps.size(); ++s) {
      const StepFacts& step = step_facts(steps[s]);
      size_t level = least;
      for (int i : step.inputs) {
        if (i >= 0) level = std::max(level, made[static_cast<size_t>(RootOf(i))]);
      }
      if (steps[s].dynamic) level = deepest;
      deepest = std::max(deepest, level + 1);
      if (steps[s].dynamic) least = deepest;
      for (int o : step.outputs) {
        if (o >= 0) made[static_cast<size_t>(RootOf(o))] = level + 1;
      }
      order.emplace_back(level, s);
    }
    std::ranges::sort(order);
    std::vector<BoundStep> sorted;
    sorted.reserve(steps.size());
    for (size_t begin = 0; begin < order.size();) {
      size_t end = begin;
      while (end < order.size() && order[end].first == order[begin].first) ++end;
      for (; begin < end; ++begin) {
        sorted.push_back(std::move(steps[order[begin].second]));
        sorted.back().group_end = end;
      }
    }
    steps = std::move(sorted);
  }

  void PlaceValues() {
    for (size_t s = 0; s < bound_->steps.size(); ++s) {
      const StepFacts& step = step_facts(bound_->steps[s]);
      for (std::span<const int> list : {step.inputs, step.outputs}) {
        for (int i : list) {
          if (i >= 0) UsedBy(i, s);
        }
      }
    }
    for (int output : plan_.outputs()) {
      for (int root = RootOf(output); root >= 0; root = use(root).lender) use(root).last_use = kForever;
    }
    for (size_t s = 0; s < bound_->steps.size(); ++s) ShareInPlace(s);
    ClaimOutputs();
    FinishViews();
    ListReleases();
  }

  void UsedBy(int i, size_t step) {
    const int end = LastOfGroup(step);
    for (int root = RootOf(i); root >= 0; root = use(root).lender) {
      Use& of = use(root);
      of.last_shared = of.last_use == end && (of.last_shared || of.last_user != static_cast<int>(step));
      of.last_use = end;
      of.last_user = static_cast<int>(step);
    }
  }
  int LastOfGroup(size_t step) const { return static_cast<int>(bound_->steps[step].group_end) - 1; }

  // Output 0 takes over the memory of an input that dies here, where the operator allows it.
  void ShareInPlace(size_t s) {
    const BoundStep& bound = bound_->steps[s];
    const StepFacts& step = step_facts(bound);
    const uint8_t allowed = step.in_place;
    if (bound.dynamic || allowed == 0) return;
    const int output = step.outputs[0];
    if (output < 0) return;
    const DType wanted = dtype(output);
    for (size_t i = 0; i < step.inputs.size() && i < 8; ++i) {
      const int input = step.inputs[i];
      if (!((allowed >> i) & 1) || input < 0) continue;
      const int root = RootOf(input);
      if (value(root).place != Place::kArena || use(root).last_use != LastOfGroup(s) ||
          use(root).last_shared || dtype(input) != wanted || wanted == DType::kString ||
          !(value(input).dims == value(output).dims)) {
        continue;
      }
      // A second reader of the same memory under another shape would see elements that were overwritten
      // already.
      const bool hazard = std::ranges::any_of(step.inputs, [&](int other) {
        return other >= 0 && RootOf(other) == root && !(value(other).dims == value(input).dims);
      });
      if (hazard) continue;
      use(output).root = root;
      use(root).last_use = std::max(use(root).last_use, use(output).last_use);
      use(root).last_user = use(output).last_user;
      use(root).last_shared = use(output).last_shared;
      return;
    }
  }

  // Memory that ends as a graph output is the caller's from the start. One output a root: further ones are
  // copied.
  void ClaimOutputs() {
    for (size_t k = 0; k < plan_.outputs().size(); ++k) {
      BoundValue& root = value(RootOf(plan_.outputs()[k]));
      if (root.place != Place::kArena) continue;
      root.place = Place::kOutput;
      root.index = static_cast<int>(k);
    }
  }

  void FinishViews() {
    for (size_t i = 0; i < facts_.size(); ++i) {
      const int root = RootOf(static_cast<int>(i));
      if (root == static_cast<int>(i)) continue;
      BoundValue& view = bound_->values[i];
      view.place = value(root).place;
      view.index = value(root).index;
      view.constant = value(root).constant;
    }
  }

  void ListReleases() {
    for (size_t i = 0; i < facts_.size(); ++i) {
      if (bound_->values[i].place != Place::kDynamic) continue;
      const int last = uses_[i].last_use;
      if (last >= 0 && last != kForever)
        bound_->steps[static_cast<size_t>(last)].released.push_back(static_cast<int>(i));
    }
  }

  Status BindKernels(const BoundPlan* last) {
    std::vector<const BoundStep*> before(plan_.steps().size());  // of the last binding, by step of the plan
    if (last != nullptr) {
      for (const BoundStep& bound : last->steps) before[IndexOf(bound)] = &bound;
    }
    for (BoundStep& bound : bound_->steps) {
      if (bound.dynamic) continue;
      const StepFacts& step = step_facts(bound);
      const BoundStep* known = before[IndexOf(bound)];
      if (known != nullptr && !known->dynamic && !Changed(step.inputs) && !Changed(step.outputs)) {
        bound.binding = known->binding;
        continue;
      }
      if (bound.step->prepared.bind == nullptr) continue;
      std::vector<Dims> inputs;
      std::vector<Dims> outputs;
      for (int i : step.inputs) inputs.push_back(i < 0 ? Dims() : value(i).dims);
      for (int o : step.outputs) outputs.push_back(o < 0 ? Dims() : value(o).dims);
      Status status = bound.step->prepared.bind(bound.step->prepared.state.get(), {inputs, outputs, threads_},
                                                &bound.binding);
      if (!status.ok()) return NodeError(*bound.step->node, std::move(status));
    }
    return OkStatus();
  }

  void AssignOffsets() {
    ArenaPlanner arena;
    auto bytes_of = [this](int root) { return DTypeBytes(dtype(root), ElementCount(value(root).dims)); };
    std::vector<std::vector<int>> dying(bound_->steps.size());
    for (size_t i = 0; i < facts_.size(); ++i) {
      const Use& known = uses_[i];
      if (known.root != static_cast<int>(i) || bound_->values[i].place != Place::kArena) continue;
      if (known.last_use >= 0 && known.last_use != kForever)
        dying[static_cast<size_t>(known.last_use)].push_back(static_cast<int>(i));
    }
    std::span<BoundStep> steps = bound_->steps;
    for (size_t begin = 0; begin < steps.size();) {
      const size_t end = steps[begin].group_end;
      const std::span<BoundStep> group = steps.subspan(begin, end - begin);
      for (const BoundStep& bound : group) {
        for (int o : step_facts(bound).outputs) {
          if (o < 0) continue;
          const int root = RootOf(o);
          if (value(root).place != Place::kArena || use(root).assigned) continue;
          value(root).offset = arena.Take(bytes_of(root));
          use(root).assigned = true;
        }
      }
      for (BoundStep& bound : group) {
        if (bound.binding.scratch_bytes > 0) bound.scratch_offset = arena.Take(bound.binding.scratch_bytes);
      }
      for (BoundStep& bound : group) bound.live_bytes = arena.live_now();
      for (const BoundStep& bound : group) {
        if (bound.binding.scratch_bytes > 0) arena.Give(bound.scratch_offset, bound.binding.scratch_bytes);
      }
      for (int root : dying[end - 1]) arena.Give(value(root).offset, bytes_of(root));
      begin = end;
    }
    for (size_t i = 0; i < facts_.size(); ++i) bound_->values[i].offset = value(uses_[i].root).offset;
    bound_->arena_bytes = arena.arena_bytes();
    bound_->live_bytes = arena.live_bytes();
  }

  const Plan& plan_;
  const std::shared_ptr<const Plan> shared_plan_;
  int threads_ = 0;
  std::shared_ptr<BoundPlan> bound_;
  std::vector<Facts> facts_;
  std::vector<Use> uses_;
  std::vector<BoundValue> described_;  // inputs, constants and what inference found, before values are placed
  std::vector<char> changed_;          // since the last binding
  std::vector<size_t> chosen_;         // steps of the plan
  std::unique_ptr<graph::DimPool> unknowns_;  // what only data can tell, told apart from every constant
  std::shared_ptr<const BoundPlan> last_;     // null where facts_ are not those of a whole binding
};

Binder::Binder(std::shared_ptr<const Plan> plan) : work_(std::make_unique<Work>(std::move(plan))) {}
Binder::~Binder() = default;

Result<std::shared_ptr<const BoundPlan>> Binder::Bind(std::span<const Dims> input_dims, int threads) {
  return work_->Bind(input_dims, threads);
}

Result<std::shared_ptr<const BoundPlan>> Bind(std::shared_ptr<const Plan> plan,
                                              std::span<const Dims> input_dims, int threads) {
  return Binder(std::move(plan)).Bind(input_dims, threads);
}

}  // namespace ortolan::plan
