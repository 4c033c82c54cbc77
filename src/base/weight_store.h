// WeightStore: the memory of a plan's packed weights, taken block by block while the plan is made. Which
// blocks are taken, in which order, follows from model, options and machine alone: a store that is given the
// blocks of an earlier one, of this process or from a file, hands them out again and nothing is packed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/function_ref.h"
#include "base/status.h"

namespace ortolan {

// Bytes at a 64-byte border that are written once; copies share them.
class WeightBlock {
 public:
  WeightBlock() = default;
  WeightBlock(std::byte* data, size_t size, std::shared_ptr<const void> owner)
      : data_(data), size_(size), owner_(std::move(owner)) {}

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<const void> owner_;
};

// For one thread.
class WeightStore {
 public:
  WeightStore() = default;
  explicit WeightStore(std::vector<WeightBlock> known) : known_(std::move(known)) {}

  // About how many more bytes will be taken: memory for them is reserved at once, and costs nothing where it
  // is not used.
  void Expect(size_t bytes) { expected_ = std::max(expected_, taken_ + bytes); }

  // The next block; `fill` writes it where it is not known already.
  Result<WeightBlock> Take(size_t bytes, FunctionRef<void(std::byte* to)> fill);

  // From here to EndRepeat, Take hands out these blocks, in their order: of a node that packs what an earlier
  // one has packed. It fails where a block of another size is asked for.
  void Repeat(std::span<const WeightBlock> blocks);
  // Whether all of them were taken, and no other.
  bool EndRepeat();

  const std::vector<WeightBlock>& blocks() const { return blocks_; }
  // Whether a block had to be filled.
  bool grew() const { return grew_; }

 private:
  Result<WeightBlock> Allocate(size_t bytes);

  std::vector<WeightBlock> known_;
  std::vector<WeightBlock> blocks_;
  bool grew_ = false;
  size_t expected_ = 0;
  size_t taken_ = 0;
  std::shared_ptr<const AlignedBuffer> region_;  // the one that blocks are cut from
  size_t region_used_ = 0;

  bool repeating_ = false;
  std::vector<WeightBlock> repeated_;
  size_t next_repeated_ = 0;
};

// A block of its own where there is no store.
Result<WeightBlock> TakeWeights(WeightStore* store, size_t bytes, FunctionRef<void(std::byte* to)> fill);

}  // namespace ortolan
