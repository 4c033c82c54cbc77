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
    PlaceValues();
    ORTOLAN_RETURN_IF_ERROR(BindKernels(last.get()));
    AssignOffsets();
    // Unknown sizes have fresh symbols in every binding.
    if (unknowns_->symbol_count() == 0) {
      last_ = bound_;
      std::ranges::fill(changed_, char{0});
    }
    return std::shared_ptr<const BoundPlan>(std::move(bound_));
  }

 private:
  // What is known of a value, and which value's memory it uses.
  struct Facts {
    graph::Shape shape;
    std::optional<graph::Contents> contents;
    Tensor elements;        // the contents as a tensor, once somebody needed it
    bool needed = false;    // somebody reads its elements during the run
    int root = -1;          // the value whose memory this one shares; itself for most
    int lender = -1;        // of a view that a dynamic step makes: the root whose memory it will look into
    int last_use = -1;      // of a root: index into bound_->steps
    bool assigned = false;  // of a root: its offset is
  };

  const Step& step(size_t i) const { return plan_.steps()[i]; }
  BoundValue& value(int i) { return bound_->values[static_cast<size_t>(i)]; }
  Facts& facts(int i) { return facts_[static_cast<size_t>(i)]; }
  const graph::Value& source(int i) const { return *plan_.values()[static_cast<size_t>(i)].source; }
  // Views and values written in place share the memory of another value, which may itself share a third
  // one's.
  int RootOf(int i) {
    int root = facts(i).root;
    while (facts(root).root != root) root = facts(root).root;
    return facts(i).root = root;
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
      described_[i] = {Place::kConstant, true, tensor.dims(), 0, -1, tensor};
    }
  }

  void DescribeInputs() {
    for (size_t k = 0; k < plan_.inputs().size(); ++k) {
      const auto i = static_cast<size_t>(plan_.inputs()[k]);
      BoundValue& input = described_[i];
      const bool tensor = plan_.values()[i].source->type.IsTensor();
      input.place = tensor ? Place::kInput : Place::kDynamic;
      input.index = static_cast<int>(k);
      const Dims& dims = bound_->input_dims[k];
      if (!tensor || (input.known && input.dims == dims)) continue;
      changed_[i] = 1;
      input.known = true;
      input.dims = dims;
      facts_[i].shape = graph::Shape::OfConstants(dims);
    }
    for (size_t i = 0; i < facts_.size(); ++i) {
      Facts& known = facts_[i];
      known.root = static_cast<int>(i);
      known.needed = known.assigned = false;
      known.lender = known.last_use = -1;
    }
  }

  bool Changed(const std::vector<int>& values) const {
    return std::ranges::any_of(values,
                               [this](int i) { return i >= 0 && changed_[static_cast<size_t>(i)] != 0; });
  }

  Status InferShapes() {
    for (size_t s = 0; s < plan_.steps().size(); ++s) {
      // A step without inputs has outputs that were never inferred only the first time.
      if (!Changed(step(s).inputs) && !Changed(step(s).outputs)) continue;
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
      const TensorRef* data = described.place == Place::kConstant ? &described.constant.ref() : nullptr;
      if (data != nullptr && data->data == nullptr) data = nullptr;
      inputs.push_back(
          {true, source(i).type, facts(i).shape, facts(i).contents ? &*facts(i).contents : nullptr, data});
    }
    InferContext context(*step.node, std::move(inputs), step.outputs.size(), unknowns_.get());
    context.set_at_run(true);
    for (size_t o = 0; o < step.outputs.size(); ++o) {
      if (step.outputs[o] >= 0) context.output(o).type = source(step.outputs[o]).type;
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
    if (!source(o).type.IsTensor() || !known.shape.IsConstant()) return OkStatus();
    bound.known = true;
    bound.dims.clear();
    for (const graph::Dim& dim : known.shape.dims()) bound.dims.push_back(dim.constant());
    ORTOLAN_RETURN_IF_ERROR(CheckedBytes(source(o).type.dtype, bound.dims).status());
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
    if (!same) known.elements = Tensor();
    return OkStatus();
  }

  static bool AreConstants(const graph::Contents& contents) {
    return std::all_of(contents.begin(), contents.end(), [](graph::Dim dim) { return dim.IsConstant(); });
  }

  // Strings are objects, not bytes: they never live in the arena.
  bool IsDynamic(const Step& step) {
    auto known_tensor = [this](int i) { return i < 0 || value(i).known; };
    auto fits_arena = [&](int o) {
      return known_tensor(o) && (o < 0 || source(o).type.dtype != DType::kString);
    };
    return step.node->op->traits.control_flow ||
           !std::all_of(step.inputs.begin(), step.inputs.end(), known_tensor) ||
           !std::all_of(step.outputs.begin(), step.outputs.end(), fits_arena);
  }

  // Backwards: a step runs when an output of it is read and is not known already.
  void ChooseSteps() {
    for (int output : plan_.outputs()) facts(output).needed = true;
    std::vector<const Step*> chosen;
    for (size_t s = plan_.steps().size(); s-- > 0;) {
      const Step& candidate = step(s);
      const bool wanted = std::any_of(candidate.outputs.begin(), candidate.outputs.end(), [this](int o) {
        return o >= 0 && facts(o).needed && !facts(o).contents;
      });
      if (!wanted) continue;
      chosen.push_back(&candidate);
      const int view = candidate.node->op->traits.view_of;
      const bool only_view = view >= 0 && !IsDynamic(candidate);
      for (size_t i = 0; i < candidate.inputs.size(); ++i) {
        if (candidate.inputs[i] < 0 || (only_view && static_cast<int>(i) != view)) continue;
        facts(candidate.inputs[i]).needed = true;
      }
    }
    std::reverse(chosen.begin(), chosen.end());
    chosen_ = std::move(chosen);
    for (size_t i = 0; i < facts_.size(); ++i) MaterializeContents(static_cast<int>(i));
  }

  // A needed value whose elements follow from shapes becomes a constant of this binding.
  void MaterializeContents(int i) {
    Facts& known = facts(i);
    if (!known.needed || !known.contents || value(i).place != Place::kUnused) return;
    if (known.elements.defined()) {
      value(i).place = Place::kConstant;
      value(i).constant = known.elements;
      return;
    }
    const DType dtype = source(i).type.dtype;
    Result<Tensor> made = Tensor::Allocate(dtype, value(i).dims);
    if (!made.ok() || !Contains(SetOf(DType::kInt64, DType::kInt32, DType::kBool), dtype)) return;
    for (size_t k = 0; k < known.contents->size(); ++k) {
      const int64_t element = (*known.contents)[k].constant();
      if (dtype == DType::kInt64) {
        made->Items<int64_t>()[k] = element;
      } else if (dtype == DType::kBool) {
        made->Items<uint8_t>()[k] = element != 0;
      } else {
        made->Items<int32_t>()[k] = static_cast<int32_t>(element);
      }
    }
    value(i).place = Place::kConstant;
    value(i).constant = known.elements = std::move(*made);
  }

  void PlaceValues() {
    // Views first, so that the last use of a value counts the uses of its views.
    for (const Step* candidate : chosen_) {
      const int view = candidate->node->op->traits.view_of;
      bool dynamic = IsDynamic(*candidate);
      if (view >= 0 && !dynamic) {
        const int whole = candidate->inputs[static_cast<size_t>(view)];
        if (value(RootOf(whole)).place != Place::kDynamic) {
          facts(candidate->outputs[0]).root = RootOf(whole);
          continue;
        }
        dynamic = true;
      }
      if (view >= 0)
        facts(candidate->outputs[0]).lender = RootOf(candidate->inputs[static_cast<size_t>(view)]);
      for (int o : candidate->outputs) {
        if (o >= 0) value(o).place = dynamic ? Place::kDynamic : Place::kArena;
      }
      BoundStep& placed = bound_->steps.emplace_back();
      placed.step = candidate;
      placed.dynamic = dynamic;
    }
    for (size_t s = 0; s < bound_->steps.size(); ++s) {
      for (const auto* list : {&bound_->steps[s].step->inputs, &bound_->steps[s].step->outputs}) {
        for (int i : *list) {
          if (i >= 0) KeepUntil(i, static_cast<int>(s));
        }
      }
    }
    for (int output : plan_.outputs()) KeepUntil(output, kForever);
    for (size_t s = 0; s < bound_->steps.size(); ++s) ShareInPlace(static_cast<int>(s));
    ClaimOutputs();
    FinishViews();
    ListReleases();
  }

  void KeepUntil(int i, int step) {
    for (int root = RootOf(i); root >= 0; root = facts(root).lender) facts(root).last_use = step;
  }

  // Output 0 takes over the memory of an input that dies here, where the operator allows it.
  void ShareInPlace(int s) {
    const BoundStep& bound = bound_->steps[static_cast<size_t>(s)];
    const uint8_t allowed = bound.step->node->op->traits.in_place;
    if (bound.dynamic || allowed == 0) return;
    const int output = bound.step->outputs[0];
    if (output < 0) return;
    const DType dtype = source(output).type.dtype;
    for (size_t i = 0; i < bound.step->inputs.size() && i < 8; ++i) {
      const int input = bound.step->inputs[i];
      if (!((allowed >> i) & 1) || input < 0) continue;
      const int root = RootOf(input);
      if (value(root).place != Place::kArena || facts(root).last_use != s ||
          source(input).type.dtype != dtype || dtype == DType::kString ||
          !(value(input).dims == value(output).dims)) {
        continue;
      }
      // A second reader of the same memory under another shape would see elements that were overwritten
      // already.
      const bool hazard = std::any_of(bound.step->inputs.begin(), bound.step->inputs.end(), [&](int other) {
        return other >= 0 && RootOf(other) == root && !(value(other).dims == value(input).dims);
      });
      if (hazard) continue;
      facts(output).root = root;
      facts(root).last_use = std::max(s, facts(output).last_use);
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
      const int last = facts_[i].last_use;
      if (last >= 0 && last != kForever)
        bound_->steps[static_cast<size_t>(last)].released.push_back(static_cast<int>(i));
    }
  }

  // The steps of both bindings stand in the plan's order.
  Status BindKernels(const BoundPlan* last) {
    size_t before = 0;
    for (BoundStep& bound : bound_->steps) {
      if (bound.dynamic || bound.step->prepared.bind == nullptr) continue;
      while (last != nullptr && before < last->steps.size() && last->steps[before].step < bound.step)
        ++before;
      const bool known = last != nullptr && before < last->steps.size() &&
                         last->steps[before].step == bound.step && !last->steps[before].dynamic;
      if (known && !Changed(bound.step->inputs) && !Changed(bound.step->outputs)) {
        bound.binding = last->steps[before].binding;
        continue;
      }
      std::vector<Dims> inputs;
      std::vector<Dims> outputs;
      for (int i : bound.step->inputs) inputs.push_back(i < 0 ? Dims() : value(i).dims);
      for (int o : bound.step->outputs) outputs.push_back(o < 0 ? Dims() : value(o).dims);
      Status status = bound.step->prepared.bind(bound.step->prepared.state.get(), {inputs, outputs, threads_},
                                                &bound.binding);
      if (!status.ok()) return NodeError(*bound.step->node, std::move(status));
    }
    return OkStatus();
  }

  void AssignOffsets() {
    ArenaPlanner arena;
    auto bytes_of = [this](int root) {
      return DTypeBytes(source(root).type.dtype, ElementCount(value(root).dims));
    };
    std::vector<std::vector<int>> dying(bound_->steps.size());
    for (size_t i = 0; i < facts_.size(); ++i) {
      const Facts& known = facts_[i];
      if (known.root != static_cast<int>(i) || bound_->values[i].place != Place::kArena) continue;
      if (known.last_use >= 0 && known.last_use != kForever)
        dying[static_cast<size_t>(known.last_use)].push_back(static_cast<int>(i));
    }
    for (size_t s = 0; s < bound_->steps.size(); ++s) {
      BoundStep& bound = bound_->steps[s];
      for (int o : bound.step->outputs) {
        if (o < 0) continue;
        const int root = RootOf(o);
        if (value(root).place != Place::kArena || facts(root).assigned) continue;
        value(root).offset = arena.Take(bytes_of(root));
        facts(root).assigned = true;
      }
      bound.live_bytes = arena.live_now();
      if (bound.binding.scratch_bytes > 0) {
        bound.scratch_offset = arena.Take(bound.binding.scratch_bytes);
        bound.live_bytes = arena.live_now();
        arena.Give(bound.scratch_offset, bound.binding.scratch_bytes);
      }
      for (int root : dying[s]) arena.Give(value(root).offset, bytes_of(root));
    }
    for (size_t i = 0; i < facts_.size(); ++i) bound_->values[i].offset = value(facts_[i].root).offset;
    bound_->arena_bytes = arena.arena_bytes();
    bound_->live_bytes = arena.live_bytes();
  }

  const Plan& plan_;
  const std::shared_ptr<const Plan> shared_plan_;
  int threads_ = 0;
  std::shared_ptr<BoundPlan> bound_;
  std::vector<Facts> facts_;
  std::vector<BoundValue> described_;  // inputs, constants and what inference found, before values are placed
  std::vector<char> changed_;          // since the last binding
  std::vector<const Step*> chosen_;
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
