// If, Loop, Scan and SequenceMap: operators that run plans. Their declarations stand in ops/control/.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "exec/executor.h"

namespace ortolan::exec {

// Runs the step's bodies on `inputs` (none for absent ones) and returns its outputs.
Result<std::vector<Value>> RunControlFlow(const plan::Step& step,
                                          std::span<const std::unique_ptr<Executor>> bodies,
                                          std::span<const Value> inputs, const std::atomic<bool>* cancelled);

}  // namespace ortolan::exec
