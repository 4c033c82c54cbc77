#include "exec/frame.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "exec/control_flow.h"
#include "ops/view.h"

namespace ortolan::exec {
namespace {

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool Overlaps(const TensorRef& a, const TensorRef& b) {
  const auto* x = static_cast<const std::byte*>(a.data);
  const auto* y = static_cast<const std::byte*>(b.data);
  return x < y + b.bytes() && y < x + a.bytes();
}

}  // namespace

// What one step sees. One object serves all steps of a run.
class StepContext final : public RunContext {
 public:
  StepContext(Frame& frame, ThreadPool& threads, const std::atomic<bool>* cancelled)
      : frame_(frame), cancelled_(cancelled) {
    threads_ = &threads;
  }

  void Enter(const plan::BoundStep& bound, const TensorRef* const* inputs, TensorRef* const* outputs,
             std::byte* scratch) {
    step_ = bound.step;
    inputs_ = inputs;
    outputs_ = outputs;
    input_count_ = bound.step->inputs.size();
    output_count_ = bound.step->outputs.size();
    binding_ = bound.binding.data.get();
    scratch_ = scratch;
  }
  void SetBinding(const Binding& binding, std::byte* scratch) {
    binding_ = binding.data.get();
    scratch_ = scratch;
  }

  Status Output(size_t i, const Dims& dims) override {
    if (!HasOutput(i)) return OkStatus();
    if (outputs_[i]->data != nullptr && outputs_[i]->dims == dims) return OkStatus();
    return frame_.AllocateDynamic(step_->outputs[i], dims);
  }
  const Value& InputValue(size_t i) const override {
    borrowed_ = frame_.ValueOf(step_->inputs[i]);
    return borrowed_;
  }
  void SetOutputValue(size_t i, Value value) override {
    if (!HasOutput(i)) return;
    const auto index = static_cast<size_t>(step_->outputs[i]);
    if (value.kind() == Value::Kind::kTensor) frame_.refs_[index] = value.tensor().ref();
    frame_.objects_[index] = std::move(value);
  }
  bool cancelled() const override {
    return cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed);
  }
  const std::atomic<bool>* cancelled_flag() const { return cancelled_; }

 private:
  Frame& frame_;
  const std::atomic<bool>* cancelled_;
  const plan::Step* step_ = nullptr;
  mutable Value borrowed_;
};

Status Frame::Prepare(std::shared_ptr<const plan::BoundPlan> bound) {
  if (bound->arena_bytes > arena_.size()) {
    // A frame whose shapes grow, as those of a cache do, shall not move at every step.
    const size_t spare = arena_.size() > 0 ? bound->arena_bytes / 8 : 0;
    arena_ = AlignedBuffer();
    ORTOLAN_ASSIGN_OR_RETURN(arena_, AlignedBuffer::Allocate(bound->arena_bytes + spare));
  }
  bound_ = std::move(bound);
  const plan::Plan& plan = *bound_->plan;
  const size_t count = bound_->values.size();
  refs_.assign(count, {});
  objects_.resize(count);  // empty between runs
  values_of_input_.assign(plan.inputs().size(), {});
  values_of_output_.assign(plan.outputs().size(), {});
  for (size_t i = 0; i < count; ++i) {
    const plan::BoundValue& value = bound_->values[i];
    refs_[i] = {plan.values()[i].dtype, value.dims, nullptr};
    switch (value.place) {
      case plan::Place::kConstant:
        refs_[i].data = value.constant->data();
        break;
      case plan::Place::kArena:
        refs_[i].data = arena_.data() + value.offset;
        break;
      case plan::Place::kInput:
        values_of_input_[static_cast<size_t>(value.index)].push_back(static_cast<int>(i));
        break;
      case plan::Place::kOutput:
        values_of_output_[static_cast<size_t>(value.index)].push_back(static_cast<int>(i));
        break;
      case plan::Place::kDynamic:
      case plan::Place::kUnused:
        break;
    }
  }
  owning_.clear();
  for (size_t i = 0; i < count; ++i) {
    if (bound_->values[i].place == plan::Place::kDynamic) owning_.push_back(static_cast<int>(i));
  }
  for (int output : plan.outputs()) owning_.push_back(output);
  input_refs_.clear();
  output_refs_.clear();
  arguments_.clear();
  for (const plan::BoundStep& step : bound_->steps) {
    arguments_.push_back({input_refs_.size(), output_refs_.size()});
    const plan::StepFacts& facts = plan.step_facts()[plan.IndexOf(*step.step)];
    for (int i : facts.inputs) input_refs_.push_back(i < 0 ? nullptr : &refs_[static_cast<size_t>(i)]);
    for (int o : facts.outputs) output_refs_.push_back(o < 0 ? nullptr : &refs_[static_cast<size_t>(o)]);
  }
  return OkStatus();
}

Status Frame::Run(const RunRequest& request, std::span<const char> needed) {
  SetInputs(request);
  Status status = SetOutputs(request);
  if (status.ok()) status = RunSteps(request, needed);
  if (status.ok()) status = GiveOutputs(request);
  ReleaseRun();
  return status;
}

void Frame::SetInputs(const RunRequest& request) {
  const auto& inputs = bound_->plan->inputs();
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (request.inputs[k].kind() == Value::Kind::kTensor) {
      for (int i : values_of_input_[k])
        refs_[static_cast<size_t>(i)].data = request.inputs[k].tensor().data();
      if (values_of_input_[k].empty())
        refs_[static_cast<size_t>(inputs[k])] = request.inputs[k].tensor().ref();
    }
    if (bound_->values[static_cast<size_t>(inputs[k])].place == plan::Place::kDynamic) {
      objects_[static_cast<size_t>(inputs[k])] = request.inputs[k];
    }
  }
}

// Outputs that are made in the caller's memory, or in fresh memory that becomes the caller's.
Status Frame::SetOutputs(const RunRequest& request) {
  const auto& outputs = bound_->plan->outputs();
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (values_of_output_[k].empty()) continue;
    const TensorRef& wanted = refs_[static_cast<size_t>(outputs[k])];
    Value& out = request.outputs[k];
    bool usable = out.kind() == Value::Kind::kTensor && out.tensor().dtype() == wanted.dtype &&
                  out.tensor().dims() == wanted.dims;
    for (const Value& input :
         request.inputs) {  // a caller may pass one buffer for both: then the result is copied in
      usable = usable &&
               !(input.kind() == Value::Kind::kTensor && Overlaps(input.tensor().ref(), out.tensor().ref()));
    }
    void* data = nullptr;
    if (usable) {
      data = out.tensor().data();
    } else {
      ORTOLAN_ASSIGN_OR_RETURN(Tensor fresh, Tensor::Allocate(wanted.dtype, wanted.dims));
      data = fresh.data();
      objects_[static_cast<size_t>(outputs[k])] = std::move(fresh);
    }
    for (int i : values_of_output_[k]) refs_[static_cast<size_t>(i)].data = data;
  }
  return OkStatus();
}

Status Frame::RunSteps(const RunRequest& request, std::span<const char> needed) {
  StepContext context(*this, executor_.threads(), request.cancelled);
  for (size_t begin = 0; begin < bound_->steps.size();) {
    const size_t end = bound_->steps[begin].group_end;
    if (end == begin + 1) {
      ORTOLAN_RETURN_IF_ERROR(RunStep(begin, request, needed, context));
    } else {
      ORTOLAN_RETURN_IF_ERROR(RunGroup(begin, end, request, needed));
    }
    for (int value : bound_->steps[end - 1].released) {
      objects_[static_cast<size_t>(value)] = Value();
      refs_[static_cast<size_t>(value)].data = nullptr;
    }
    begin = end;
  }
  return OkStatus();
}

Status Frame::RunStep(size_t s, const RunRequest& request, std::span<const char> needed,
                      StepContext& context) {
  if (context.cancelled()) return Fail("Exiting due to terminate flag being set to true.");
  const plan::BoundStep& step = bound_->steps[s];
  if (!needed.empty() && needed[bound_->plan->IndexOf(*step.step)] == 0) return OkStatus();
  context.Enter(step, input_refs_.data() + arguments_[s].first_input,
                output_refs_.data() + arguments_[s].first_output, arena_.data() + step.scratch_offset);
  const int64_t start = request.observer != nullptr ? NowNs() : 0;
  Status status = step.dynamic ? RunDynamic(step, context)
                               : step.step->prepared.run(step.step->prepared.state.get(), context);
  if (!status.ok()) {
    if (context.cancelled()) return Fail("Exiting due to terminate flag being set to true.");
    return plan::NodeError(*step.step->node, std::move(status));
  }
  if (request.observer != nullptr) request.observer->StepDone(*bound_, step, start, NowNs(), context);
  return OkStatus();
}

// The error of the first step that has one, as if they had run in order.
Status Frame::RunGroup(size_t begin, size_t end, const RunRequest& request, std::span<const char> needed) {
  std::vector<Status> ended(end - begin);
  executor_.threads().ParallelFor(static_cast<int64_t>(end - begin), [&](int64_t i) {
    StepContext context(*this, executor_.threads(), request.cancelled);
    try {
      ended[static_cast<size_t>(i)] = RunStep(begin + static_cast<size_t>(i), request, needed, context);
    } catch (const std::bad_alloc&) {
      ended[static_cast<size_t>(i)] = Error(StatusCode::kRuntimeException, "Failed to allocate memory");
    }
  });
  for (Status& status : ended) ORTOLAN_RETURN_IF_ERROR(std::move(status));
  return OkStatus();
}

Status Frame::AllocateDynamic(int value, const Dims& dims) {
  const auto index = static_cast<size_t>(value);
  ORTOLAN_ASSIGN_OR_RETURN(Tensor made, Tensor::Allocate(refs_[index].dtype, dims));
  refs_[index] = made.ref();
  objects_[index] = std::move(made);
  return OkStatus();
}

Status Frame::RunDynamic(const plan::BoundStep& bound, StepContext& context) {
  const plan::Step& step = *bound.step;
  const plan::Plan& plan = *bound_->plan;
  const OpDef& op = *step.node->op;
  if (op.traits.control_flow) {
    std::vector<Value> inputs;
    for (int i : step.inputs) inputs.push_back(i < 0 ? Value() : ValueOf(i));
    ORTOLAN_ASSIGN_OR_RETURN(std::vector<Value> made, RunControlFlow(step, executor_.BodiesOf(step), inputs,
                                                                     context.cancelled_flag()));
    for (size_t o = 0; o < step.outputs.size() && o < made.size(); ++o) {
      const bool tensor =
          step.outputs[o] >= 0 && plan.values()[static_cast<size_t>(step.outputs[o])].source->type.IsTensor();
      // An optional that no iteration of a Loop turned into what it holds.
      if (tensor && made[o].kind() != Value::Kind::kTensor)
        return InvalidArgument("Output {} of {} holds nothing where a tensor is expected", o, op.name);
      if (step.outputs[o] >= 0) context.SetOutputValue(o, std::move(made[o]));
    }
    return OkStatus();
  }

  // Inference with constants and the data itself.
  std::vector<InferInput> inputs;
  for (int i : step.inputs) {
    if (i < 0) {
      inputs.emplace_back();
      continue;
    }
    const TensorRef& ref = refs_[static_cast<size_t>(i)];
    const bool tensor = ref.data != nullptr || plan.values()[static_cast<size_t>(i)].tensor;
    // Only an optional may hold nothing; what a kernel reads as a tensor is there, or has no elements.
    if (tensor && ref.data == nullptr && ref.count() != 0 &&
        bound_->values[static_cast<size_t>(i)].place == plan::Place::kDynamic) {
      return InvalidArgument("Missing Input: {}", plan.values()[static_cast<size_t>(i)].source->name());
    }
    InferInput input{
        true, plan.values()[static_cast<size_t>(i)].source->type, {}, nullptr, ref.data ? &ref : nullptr};
    if (tensor) input.shape = graph::Shape::OfConstants(ref.dims);
    inputs.push_back(std::move(input));
  }
  InferContext inference(*step.node, std::move(inputs), step.outputs.size(), nullptr);
  for (size_t o = 0; o < step.outputs.size(); ++o) {
    if (step.outputs[o] >= 0)
      inference.output(o).type = plan.values()[static_cast<size_t>(step.outputs[o])].source->type;
  }
  if (op.infer != nullptr) ORTOLAN_RETURN_IF_ERROR(op.infer(inference));
  if (op.traits.view_of >= 0) return RunView(bound, inference.output(0).shape);

  std::vector<Dims> input_dims;
  std::vector<Dims> output_dims;
  for (int i : step.inputs) input_dims.push_back(i < 0 ? Dims() : refs_[static_cast<size_t>(i)].dims);
  for (size_t o = 0; o < step.outputs.size(); ++o) {
    Dims dims;
    const graph::Shape& shape = inference.output(o).shape;
    bool known = step.outputs[o] >= 0 && inference.output(o).type.IsTensor() && shape.IsConstant();
    if (known) {
      for (const graph::Dim& dim : shape.dims()) {
        dims.push_back(dim.constant());
        known = known && dim.constant() >= 0;
      }
    }
    if (known) {
      ORTOLAN_RETURN_IF_ERROR(AllocateDynamic(step.outputs[o], dims));
    } else if (step.outputs[o] >= 0) {
      refs_[static_cast<size_t>(step.outputs[o])].data = nullptr;  // the kernel asks for it
    }
    output_dims.push_back(dims);
  }
  Binding binding;
  Tensor scratch;  // whose memory comes back for the next one of its size
  if (step.prepared.bind != nullptr) {
    ORTOLAN_RETURN_IF_ERROR(step.prepared.bind(
        step.prepared.state.get(), {input_dims, output_dims, executor_.threads().thread_count()}, &binding));
    ORTOLAN_ASSIGN_OR_RETURN(scratch,
                             Tensor::Allocate(DType::kUInt8, {static_cast<int64_t>(binding.scratch_bytes)}));
  }
  context.SetBinding(binding, static_cast<std::byte*>(scratch.data()));
  return step.prepared.run(step.prepared.state.get(), context);
}

// A view whose shape only the data told: the same memory, kept alive by the same owner.
Status Frame::RunView(const plan::BoundStep& bound, const graph::Shape& shape) {
  const auto whole =
      static_cast<size_t>(bound.step->inputs[static_cast<size_t>(bound.step->node->op->traits.view_of)]);
  const auto view = static_cast<size_t>(bound.step->outputs[0]);
  if (!bound_->plan->values()[whole].tensor) {  // a sequence or an optional: shared as it is
    objects_[view] = ValueOf(static_cast<int>(whole));
    refs_[view] = refs_[whole];
    return OkStatus();
  }
  if (!shape.IsConstant()) return Fail("The shape of the view is not known");
  Dims dims;
  for (const graph::Dim& dim : shape.dims()) dims.push_back(dim.constant());
  const std::optional<int64_t> count = CheckedCount(dims);
  if (!count || *count != refs_[whole].count()) {
    return CannotReshape(refs_[whole].dims, dims);
  }
  refs_[view] = {refs_[whole].dtype, dims, refs_[whole].data};
  if (objects_[whole].kind() == Value::Kind::kTensor && objects_[whole].tensor().owner() != nullptr) {
    objects_[view] = objects_[whole].tensor().Reshaped(dims);
  } else {
    objects_[view] = Tensor::Wrap(refs_[view].dtype, dims, refs_[view].data, nullptr);
  }
  return OkStatus();
}

// A value as the outside sees it; tensors of the arena are borrowed.
Value Frame::ValueOf(int i) const {
  const auto index = static_cast<size_t>(i);
  if (objects_[index].kind() != Value::Kind::kNone) return objects_[index];
  const TensorRef& ref = refs_[index];
  if (!bound_->plan->values()[index].tensor && ref.data == nullptr) return {};
  return Tensor::Wrap(ref.dtype, ref.dims, ref.data, nullptr);
}

Status Frame::GiveOutputs(const RunRequest& request) {
  const auto& outputs = bound_->plan->outputs();
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!request.wanted.empty() &&
        std::find(request.wanted.begin(), request.wanted.end(), static_cast<int>(k)) == request.wanted.end())
      continue;
    const auto index = static_cast<size_t>(outputs[k]);
    const plan::BoundValue& value = bound_->values[index];
    Value& out = request.outputs[k];
    Value made;
    if (value.place == plan::Place::kOutput && value.index == static_cast<int>(k)) {
      if (objects_[index].kind() == Value::Kind::kNone) continue;  // written in the caller's memory
      made = std::exchange(objects_[index], Value());
    } else {
      made = ValueOf(outputs[k]);
      if (made.kind() == Value::Kind::kTensor) {
        // Fresh memory that nobody else holds is handed over; everything else is copied.
        const bool own = value.place == plan::Place::kDynamic && bound_->plan->values()[index].input < 0 &&
                         made.tensor().owner() != nullptr;
        bool shared = !own;
        for (size_t j = 0; j < outputs.size() && !shared; ++j) {
          const bool same = j < k && request.outputs[j].kind() == Value::Kind::kTensor &&
                            request.outputs[j].tensor().owner() == made.tensor().owner();
          shared = same;
        }
        for (const Value& input : request.inputs) {
          shared = shared ||
                   (input.kind() == Value::Kind::kTensor && input.tensor().owner() == made.tensor().owner());
        }
        if (shared) {
          ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, made.tensor().Copied());
          made = std::move(copy);
        }
      }
    }
    // The caller's own buffer keeps its place when it fits.
    if (out.kind() == Value::Kind::kTensor && made.kind() == Value::Kind::kTensor &&
        out.tensor().dtype() == made.tensor().dtype() && out.tensor().dims() == made.tensor().dims()) {
      CopyElements(made.tensor().ref(), out.tensor().ref());
    } else {
      out = std::move(made);
    }
  }
  return OkStatus();
}

void Frame::ReleaseRun() {
  for (int i : owning_) {
    const auto index = static_cast<size_t>(i);
    objects_[index] = Value();
    if (bound_->values[index].place == plan::Place::kDynamic) refs_[index].data = nullptr;
  }
}

}  // namespace ortolan::exec
