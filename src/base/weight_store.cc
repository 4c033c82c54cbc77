#include "base/weight_store.h"

#include <algorithm>

namespace ortolan {
namespace {

// A block of this size gets a mapping of its own from AlignedBuffer, in huge pages; smaller ones share one,
// so that they have huge pages too.
constexpr size_t kOwnBytes = size_t{8} << 20;
// The least that is reserved for blocks to share: what a small model needs in all.
constexpr size_t kLeastRegionBytes = size_t{64} << 10;
// The most: a region that is not used up wastes no more than the rest of a huge page.
constexpr size_t kMostRegionBytes = size_t{64} << 20;

size_t Padded(size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

Result<WeightBlock> OwnBlock(size_t bytes) {
  ORTOLAN_ASSIGN_OR_RETURN(AlignedBuffer own, AlignedBuffer::Allocate(bytes));
  auto owner = std::make_shared<const AlignedBuffer>(std::move(own));
  return WeightBlock(owner->data(), bytes, owner);
}

}  // namespace

Result<WeightBlock> WeightStore::Allocate(size_t bytes) {
  taken_ += bytes;
  if (bytes >= kOwnBytes) return OwnBlock(bytes);
  if (region_ == nullptr || region_->size() - region_used_ < bytes) {
    const size_t left = expected_ > taken_ ? expected_ - taken_ + bytes : taken_ / 2;
    const size_t wanted = std::clamp(left, kLeastRegionBytes, kMostRegionBytes);
    ORTOLAN_ASSIGN_OR_RETURN(AlignedBuffer made, AlignedBuffer::Allocate(std::max(wanted, Padded(bytes))));
    region_ = std::make_shared<const AlignedBuffer>(std::move(made));
    region_used_ = 0;
  }
  WeightBlock block(region_->data() + region_used_, bytes, region_);
  region_used_ += Padded(bytes);
  return block;
}

void WeightStore::Repeat(std::span<const WeightBlock> blocks) {
  repeating_ = true;
  repeated_.assign(blocks.begin(), blocks.end());
  next_repeated_ = 0;
}

bool WeightStore::EndRepeat() {
  repeating_ = false;
  const bool all = next_repeated_ == repeated_.size();
  repeated_.clear();
  return all;
}

Result<WeightBlock> WeightStore::Take(size_t bytes, FunctionRef<void(std::byte* to)> fill) {
  if (repeating_) {
    if (next_repeated_ < repeated_.size() && repeated_[next_repeated_].size() == bytes)
      return repeated_[next_repeated_++];
    next_repeated_ = repeated_.size() + 1;
    return Fail("No packed weights of {} bytes to repeat", bytes);
  }
  const size_t index = blocks_.size();
  if (!grew_ && index < known_.size() && known_[index].size() == bytes) {
    blocks_.push_back(std::move(known_[index]));
    return blocks_.back();
  }
  grew_ = true;
  ORTOLAN_ASSIGN_OR_RETURN(WeightBlock block, Allocate(bytes));
  if (bytes > 0) fill(block.data());
  blocks_.push_back(block);
  return block;
}

Result<WeightBlock> TakeWeights(WeightStore* store, size_t bytes, FunctionRef<void(std::byte* to)> fill) {
  if (store != nullptr) return store->Take(bytes, fill);
  ORTOLAN_ASSIGN_OR_RETURN(WeightBlock block, OwnBlock(bytes));
  if (bytes > 0) fill(block.data());
  return block;
}

}  // namespace ortolan
