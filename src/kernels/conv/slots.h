// ScratchSlots: hands each running chunk a piece of scratch of its own. There are as many as threads, so one
// is always free or about to be.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <thread>

namespace ortolan::kernels {

class ScratchSlots {
 public:
  static constexpr size_t kFlagBytes = 64;  // a cache line each

  static size_t Bytes(int slots, size_t floats) {
    return static_cast<size_t>(slots) * (kFlagBytes + sizeof(float) * floats);
  }

  // `scratch` holds Bytes(slots, floats) at a 64-byte border; floats is a multiple of 16.
  ScratchSlots(std::byte* scratch, int slots, size_t floats)
      : scratch_(scratch), slots_(slots), floats_(floats) {
    for (int i = 0; i < slots; ++i) new (Flag(i)) std::atomic<int>(0);
  }

  int Take() {
    for (int i = 0;; i = (i + 1) % slots_) {
      if (Flag(i)->exchange(1, std::memory_order_acquire) == 0) return i;
      if (i + 1 == slots_) std::this_thread::yield();
    }
  }
  void Give(int slot) { Flag(slot)->store(0, std::memory_order_release); }
  float* At(int slot) const {
    return reinterpret_cast<float*>(scratch_ + kFlagBytes * static_cast<size_t>(slots_)) +
           static_cast<size_t>(slot) * floats_;
  }

 private:
  std::atomic<int>* Flag(int slot) const {
    return reinterpret_cast<std::atomic<int>*>(scratch_ + kFlagBytes * static_cast<size_t>(slot));
  }
  std::byte* scratch_;
  int slots_;
  size_t floats_;
};

}  // namespace ortolan::kernels
