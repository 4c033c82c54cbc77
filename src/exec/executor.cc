#include "exec/executor.h"

#include <algorithm>
#include <new>

#include "exec/frame.h"

namespace ortolan::exec {
namespace {

// How many signatures keep their binding, and how many frames wait for the next run. A server that sees more
// shapes than this binds again (well under a millisecond); more waiting frames would only hold memory.
constexpr size_t kMostBindings = 32;
constexpr size_t kMostIdleFrames = 8;

Dims DimsOf(const Value& value) {
  return value.kind() == Value::Kind::kTensor ? value.tensor().dims() : Dims();
}

}  // namespace

Executor::Executor(std::shared_ptr<const plan::Plan> plan, std::shared_ptr<ThreadPool> threads, bool body)
    : plan_(std::move(plan)), threads_(std::move(threads)), binder_(plan_) {
  for (const plan::Step& step : plan_->steps()) {
    auto& bodies = bodies_.emplace_back();
    for (const auto& body_plan : step.bodies)
      bodies.push_back(std::make_unique<Executor>(body_plan, threads_, true));
  }
  if (body) return;
  foresight_ = std::make_unique<Foresight>([this](std::span<const Dims> signature) {
    try {
      (void)Bind(signature);  // a run of these shapes would meet the same error, and report it
    } catch (const std::bad_alloc&) {
    }
  });
}

Executor::~Executor() = default;

std::span<const std::unique_ptr<Executor>> Executor::BodiesOf(const plan::Step& step) const {
  return bodies_[plan_->IndexOf(step)];
}

// Null where no binding matches; one that does becomes the most recently used.
template <typename Matches>
std::shared_ptr<const plan::BoundPlan> Executor::FindBinding(const Matches& matches) {
  std::lock_guard lock(mutex_);
  for (size_t i = bindings_.size(); i-- > 0;) {
    if (!matches(*bindings_[i])) continue;
    std::rotate(bindings_.begin() + static_cast<ptrdiff_t>(i),
                bindings_.begin() + static_cast<ptrdiff_t>(i) + 1, bindings_.end());
    return bindings_.back();
  }
  return nullptr;
}

Result<std::shared_ptr<const plan::BoundPlan>> Executor::BindingFor(std::span<const Value> inputs) {
  auto bound = FindBinding([&](const plan::BoundPlan& known) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].kind() == Value::Kind::kTensor && !(inputs[i].tensor().dims() == known.input_dims[i]))
        return false;
    }
    return true;
  });
  if (bound != nullptr) return bound;
  std::vector<Dims> dims;
  for (const Value& input : inputs) dims.push_back(DimsOf(input));
  return Bind(dims);
}

Result<std::shared_ptr<const plan::BoundPlan>> Executor::Bind(std::span<const Dims> signature) {
  std::lock_guard binding(binder_mutex_);
  // Another thread may have bound the same shapes while this one waited.
  auto known = FindBinding(
      [&](const plan::BoundPlan& bound) { return std::ranges::equal(bound.input_dims, signature); });
  if (known != nullptr) return known;
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const plan::BoundPlan> bound,
                           binder_.Bind(signature, threads_->thread_count()));
  std::shared_ptr<const plan::BoundPlan> oldest;  // is taken apart without the lock
  std::lock_guard lock(mutex_);
  bindings_.push_back(bound);
  if (bindings_.size() > kMostBindings) {
    oldest = std::move(bindings_.front());
    bindings_.erase(bindings_.begin());
  }
  return bound;
}

std::unique_ptr<Frame> Executor::TakeFrame(const std::shared_ptr<const plan::BoundPlan>& bound) {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Frame>(*this);
  auto found = std::find_if(idle_.begin(), idle_.end(),
                            [&](const auto& frame) { return frame->bound() == bound.get(); });
  if (found == idle_.end()) found = idle_.end() - 1;
  std::unique_ptr<Frame> frame = std::move(*found);
  idle_.erase(found);
  return frame;
}

void Executor::GiveFrame(std::unique_ptr<Frame> frame) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kMostIdleFrames) idle_.push_back(std::move(frame));
}

// Whether each step of the plan has a part in these outputs.
std::vector<char> Executor::StepsFor(std::span<const int> outputs) const {
  std::vector<char> needed(plan_->steps().size(), 0);
  std::vector<char> read(plan_->values().size(), 0);
  for (int output : outputs) read[static_cast<size_t>(plan_->outputs()[static_cast<size_t>(output)])] = 1;
  for (size_t s = needed.size(); s-- > 0;) {
    const plan::Step& step = plan_->steps()[s];
    needed[s] =
        std::ranges::any_of(step.outputs, [&](int o) { return o >= 0 && read[static_cast<size_t>(o)] != 0; });
    if (needed[s] == 0) continue;
    for (int i : step.inputs) {
      if (i >= 0) read[static_cast<size_t>(i)] = 1;
    }
  }
  return needed;
}

Status Executor::Run(const RunRequest& request) {
  if (request.cancelled != nullptr && request.cancelled->load(std::memory_order_relaxed)) {
    return Fail("Exiting due to terminate flag being set to true.");
  }
  ORTOLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const plan::BoundPlan> bound, BindingFor(request.inputs));
  if (request.most_arena_bytes != 0 && bound->arena_bytes > request.most_arena_bytes) {
    return Error(StatusCode::kRuntimeException,
                 "Failed to allocate memory for requested buffer of size {}: the allocator's limit is {}",
                 bound->arena_bytes, request.most_arena_bytes);
  }
  std::unique_ptr<Frame> frame = TakeFrame(bound);
  if (frame->bound() != bound.get()) ORTOLAN_RETURN_IF_ERROR(frame->Prepare(bound));
  Status status =
      request.wanted.empty() ? frame->Run(request, {}) : frame->Run(request, StepsFor(request.wanted));
  GiveFrame(std::move(frame));
  if (status.ok()) Foresee(*bound);
  return status;
}

void Executor::Foresee(const plan::BoundPlan& ran) {
  if (foresight_ == nullptr || ran_last_.exchange(&ran, std::memory_order_relaxed) == &ran) return;
  foresight_->Ran(ran.input_dims);
}

MemoryStats Executor::memory_stats() const {
  std::lock_guard lock(mutex_);
  MemoryStats stats;
  for (const auto& frame : idle_) stats.arena_bytes += frame->arena_bytes();
  if (!bindings_.empty()) {
    stats.planned_bytes = bindings_.back()->arena_bytes;
    stats.live_bytes = bindings_.back()->live_bytes;
  }
  return stats;
}

void Executor::Trim() {
  std::lock_guard lock(mutex_);
  idle_.clear();
}

}  // namespace ortolan::exec
