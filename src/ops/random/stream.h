// The random numbers of one node: a stream of its own, which attribute `seed` fixes. Each run goes on where
// the one before it ended; a session made anew begins anew.
#pragma once

#include <atomic>
#include <memory>

#include "base/random.h"
#include "ops/op.h"

namespace ortolan::random {

inline constexpr DTypeSet kRandomTypes = kFloatTypes;

class Stream {
 public:
  explicit Stream(uint64_t seed) : seed_(seed) {}

  uint64_t seed() const { return seed_; }
  // The first of `count` counters that nobody else gets.
  uint64_t Take(uint64_t count) const { return next_.fetch_add(count, std::memory_order_relaxed); }

 private:
  uint64_t seed_;
  mutable std::atomic<uint64_t> next_{0};
};

// By attribute `seed` of either type, else from the process.
std::shared_ptr<const Stream> StreamOf(const graph::Attributes& attributes);

// body(begin, end, counter) for pieces of `count` elements from several threads: element i of a piece has
// counter `counter + (i - begin)` of the stream for itself.
void ForEachDraw(const Stream& stream, int64_t count, ThreadPool& threads,
                 FunctionRef<void(int64_t begin, int64_t end, uint64_t counter)> body);

// One number of a distribution from four of random bits.
double Uniform(const std::array<uint32_t, 4>& bits);  // in [0, 1)
double Normal(const std::array<uint32_t, 4>& bits);   // of mean 0 and deviation 1

// The type that attribute dtype names, or `otherwise`; kInvalidArgument where `allowed` lacks it.
Result<DType> TypeOf(const graph::Attributes& attributes, DType otherwise, DTypeSet allowed);

// Fills output 0 with shift + scale * draw of its type.
Status Fill(const Stream& stream, RunContext& context, double (*draw)(const std::array<uint32_t, 4>& bits),
            double shift, double scale);

// What the four operators that make tensors of random numbers share.
struct FillState {
  std::shared_ptr<const Stream> stream;
  double shift, scale;
};
Status PrepareNormal(PrepareContext& context, Prepared* prepared);
Status PrepareUniform(PrepareContext& context, Prepared* prepared);
// Shape from attribute `shape`, or input 0's; type from `dtype`, or float, or input 0's.
Status InferOfShape(InferContext& context);
Status InferLike(InferContext& context);

}  // namespace ortolan::random
