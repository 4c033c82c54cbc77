#include "value/tensor.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "base/aligned_buffer.h"

namespace ortolan {

namespace {

// Memory of large tensors that were freed, for the next ones of the same size: a caller that drops one run's
// results before the next run makes the same ones again, and the first touch of fresh pages costs more than
// most operators. Few and bounded, since they count as memory of the process.
class FreedBuffers {
 public:
  static constexpr size_t kLeastBytes = size_t{128} << 10;  // smaller ones stay in the heap's own lists
  static constexpr size_t kMostBytes = size_t{48} << 20;    // kept together

  // Never destroyed: tensors may be freed later than static objects.
  static FreedBuffers& Get() {
    static auto* const made = new FreedBuffers;
    return *made;
  }

  Result<AlignedBuffer> Take(size_t bytes) {
    if (bytes < kLeastBytes || bytes > kMostBytes) return AlignedBuffer::Allocate(bytes);
    std::vector<AlignedBuffer> dropped;  // freed outside of the lock
    {
      const std::lock_guard lock(mutex_);
      for (size_t i = buffers_.size(); i-- > 0;) {
        // The size is rounded up to whole lines, or to huge pages of 2 MB where it is large.
        const size_t spare = bytes / 4 + (bytes > size_t{4} << 20 ? size_t{2} << 20 : 0);
        if (buffers_[i].size() < bytes || buffers_[i].size() - bytes >= spare) continue;
        AlignedBuffer found = std::move(buffers_[i]);
        buffers_.erase(buffers_.begin() + static_cast<ptrdiff_t>(i));
        bytes_ -= found.size();
        return found;
      }
      // What is kept does not fit: it makes room, so that keeping it costs no memory at the peak.
      DropUntil(kMostBytes - bytes, dropped);
    }
    dropped.clear();
    // In steps of a sixteenth to an eighth, so that the next of a row of growing tensors fits too.
    const size_t step = std::bit_floor(bytes) / 8;
    return AlignedBuffer::Allocate((bytes + step - 1) / step * step);
  }

  void Give(AlignedBuffer buffer) {
    if (buffer.size() < kLeastBytes || buffer.size() > kMostBytes) return;
    std::vector<AlignedBuffer> dropped;  // freed outside of the lock
    const std::lock_guard lock(mutex_);
    bytes_ += buffer.size();
    buffers_.push_back(std::move(buffer));
    DropUntil(kMostBytes, dropped);
  }

 private:
  // The ones freed first go, until at most `most` bytes are kept.
  void DropUntil(size_t most, std::vector<AlignedBuffer>& dropped) {
    while (bytes_ > most) {
      bytes_ -= buffers_.front().size();
      dropped.push_back(std::move(buffers_.front()));
      buffers_.erase(buffers_.begin());
    }
  }

  std::mutex mutex_;
  std::vector<AlignedBuffer> buffers_;  // the one freed last stands last
  size_t bytes_ = 0;
};

}  // namespace

Result<Tensor> Tensor::Allocate(DType dtype, const Dims& dims) {
  ORTOLAN_ASSIGN_OR_RETURN(const size_t bytes, CheckedBytes(dtype, dims));
  Tensor tensor;
  tensor.ref_ = {dtype, dims, nullptr};
  if (dtype == DType::kString) {
    const size_t count = static_cast<size_t>(tensor.count());
    auto* strings = new (std::nothrow) std::string[count];
    if (strings == nullptr) return Fail("Cannot allocate {} strings", count);
    tensor.ref_.data = strings;
    tensor.owner_ = std::shared_ptr<const void>(
        strings, [](const void* p) { delete[] static_cast<const std::string*>(p); });
    return tensor;
  }
  ORTOLAN_ASSIGN_OR_RETURN(AlignedBuffer buffer, FreedBuffers::Get().Take(bytes));
  tensor.ref_.data = buffer.data();
  if (bytes < FreedBuffers::kLeastBytes) {
    tensor.owner_ = std::make_shared<const AlignedBuffer>(std::move(buffer));
    return tensor;
  }
  tensor.owner_ = std::shared_ptr<const void>(new AlignedBuffer(std::move(buffer)), [](const void* owned) {
    const std::unique_ptr<AlignedBuffer> own(static_cast<AlignedBuffer*>(const_cast<void*>(owned)));
    FreedBuffers::Get().Give(std::move(*own));
  });
  return tensor;
}

Tensor Tensor::Wrap(DType dtype, const Dims& dims, void* data, std::shared_ptr<const void> owner,
                    Device device) {
  Tensor tensor;
  tensor.ref_ = {dtype, dims, data};
  tensor.device_ = device;
  tensor.borrowed_ = true;
  tensor.owner_ = std::move(owner);
  return tensor;
}

// What a pending tensor's elements come from, and the elements once a copy of it was looked at.
struct Tensor::Pending {
  const void* source = nullptr;  // bytes at an odd address
  std::function<void(const TensorRef&)> make;
  std::mutex mutex;
  Tensor made;
};

Tensor Tensor::Borrow(DType dtype, const Dims& dims, const void* data, std::shared_ptr<const void> owner,
                      std::shared_ptr<const MappedFile> file) {
  const size_t alignment = std::clamp<size_t>(static_cast<size_t>(DTypeBits(dtype)) / 8, 1, 8);
  const bool aligned = reinterpret_cast<uintptr_t>(data) % alignment == 0;
  // Constants are never written; the type of TensorRef::data serves outputs too.
  Tensor tensor = Wrap(dtype, dims, aligned ? const_cast<void*>(data) : nullptr, std::move(owner));
  tensor.file_ = std::move(file);
  if (!aligned) {
    tensor.pending_ = std::make_shared<Pending>();
    tensor.pending_->source = data;
  }
  return tensor;
}

Tensor Tensor::Deferred(DType dtype, const Dims& dims, std::function<void(const TensorRef& elements)> make) {
  Tensor tensor;
  tensor.ref_ = {dtype, dims, nullptr};
  tensor.pending_ = std::make_shared<Pending>();
  tensor.pending_->make = std::move(make);
  return tensor;
}

void Tensor::Resolve() const {
  const std::shared_ptr<Pending> pending = std::move(pending_);
  const std::lock_guard lock(pending->mutex);
  if (!pending->made.defined()) {
    Result<Tensor> made = Allocate(ref_.dtype, ref_.dims);
    if (!made.ok()) throw std::bad_alloc();
    if (pending->make != nullptr) {
      pending->make(made->ref_);
      pending->make = nullptr;  // and what it holds
    } else if (ref_.bytes() > 0) {
      std::memcpy(made->ref_.data, pending->source, ref_.bytes());
      if (file_ != nullptr) file_->DropPages({static_cast<const std::byte*>(pending->source), ref_.bytes()});
    }
    pending->made = std::move(*made);
  }
  ref_.data = pending->made.ref_.data;
  owner_ = pending->made.owner_;
  borrowed_ = false;
}

const void* Tensor::source() const {
  return pending_ != nullptr && pending_->source != nullptr ? pending_->source : data();
}

void Tensor::DropPages() const {
  if (file_ == nullptr || (pending_ == nullptr && !borrowed_)) return;
  file_->DropPages({static_cast<const std::byte*>(source()), bytes()});
}

Result<Tensor> Tensor::Copied() const {
  ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, Allocate(dtype(), dims()));
  CopyElements(ref(), copy.ref_);
  return copy;
}

Tensor Tensor::Reshaped(const Dims& dims) const {
  Tensor tensor = *this;
  tensor.ref_.dims = dims;
  return tensor;
}

void CopyElements(const TensorRef& from, const TensorRef& to) {
  if (from.dtype == DType::kString) {
    const std::span<const std::string> source = from.Items<const std::string>();
    std::copy(source.begin(), source.end(), to.As<std::string>());
  } else if (const size_t bytes = from.bytes(); bytes > 0) {
    std::memmove(to.data, from.data, bytes);
  }
}

}  // namespace ortolan
