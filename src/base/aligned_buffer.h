// AlignedBuffer: uninitialised bytes at a 64-byte border; large ones come from huge pages where the system
// grants them. Weight arenas, activation arenas and scratch are made of it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/status.h"

namespace ortolan {

inline constexpr size_t kBufferAlignment = 64;  // one cache line, one AVX-512 vector

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // kFail when the system has no such amount of memory; never throws.
  static Result<AlignedBuffer> Allocate(size_t bytes);

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        mapped_(other.mapped_) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~AlignedBuffer();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  bool mapped_ = false;
};

}  // namespace ortolan
