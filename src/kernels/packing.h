// Packing: what a function that packs weights works with: threads, and the store that its result is kept in.
#pragma once

#include "base/weight_store.h"
#include "threads/pool.h"

namespace ortolan::kernels {

struct Packing {
  Packing(ThreadPool& pool, WeightStore* blocks = nullptr)  // NOLINT: a pool alone will do, in tests for one
      : threads(pool), store(blocks) {}

  Result<WeightBlock> Take(size_t bytes, FunctionRef<void(std::byte* to)> fill) const {
    return TakeWeights(store, bytes, fill);
  }
  Result<WeightBlock> TakeFloats(int64_t count, FunctionRef<void(float* to)> fill) const {
    return Take(static_cast<size_t>(count) * sizeof(float),
                [fill](std::byte* to) { fill(reinterpret_cast<float*>(to)); });
  }

  ThreadPool& threads;
  WeightStore* store;
};

// Floats that are to be packed, at any address: asked for only if the store does not know the packed form.
class WeightSource {
 public:
  WeightSource(const float* floats) : floats_(floats) {}  // NOLINT: a pointer is one
  WeightSource(const void* object, const float* (*get)(const void* object)) : object_(object), get_(get) {}

  const float* floats() const { return get_ != nullptr ? get_(object_) : floats_; }

 private:
  const float* floats_ = nullptr;
  const void* object_ = nullptr;
  const float* (*get_)(const void*) = nullptr;
};

}  // namespace ortolan::kernels
