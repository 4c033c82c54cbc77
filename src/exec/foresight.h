// Foresight: shapes that change by the same step from run to run, as those of a decoder with a growing cache
// do, are bound before they are asked for, by a thread of its own while the caller looks at its answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "value/dims.h"

namespace ortolan::exec {

class Foresight {
 public:
  using BindFunction = std::function<void(std::span<const Dims>)>;

  // `bind` is called on another thread, for one signature at a time, until the destructor returns. It must
  // not throw.
  explicit Foresight(BindFunction bind);
  ~Foresight();
  Foresight(const Foresight&) = delete;
  Foresight& operator=(const Foresight&) = delete;

  // A run of this signature ended. The third of a series starts the thread. Safe to call from several
  // threads.
  void Ran(std::span<const Dims> signature);
  // Waits until what was foreseen so far is bound; for tests.
  void Settle();

 private:
  void Main();

  const BindFunction bind_;
  const uint32_t fork_;
  std::mutex mutex_;
  std::vector<Dims> last_;  // the signature that ran last
  std::vector<Dims> step_;  // from the one before it
  std::vector<Dims> next_;  // what the thread is to bind
  bool stopping_ = false;
  std::atomic<uint32_t> asked_{0};  // grows with every request; a condition variable would not outlive a fork
  std::atomic<uint32_t> served_{0};  // the last of them that is done
  std::thread thread_;
};

}  // namespace ortolan::exec
