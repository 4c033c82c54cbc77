// The threads that a session computes on, and the mode in which they compute; made from its options.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "session/options.h"
#include "threads/pool.h"

namespace ortolan::session {

// While it lives, this thread takes denormal operands for zero and flushes denormal results to zero. Threads
// that are started meanwhile inherit that for good.
class FlushDenormals {
 public:
  explicit FlushDenormals(bool flush);
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  bool flush_;
  unsigned before_ = 0;
};

// `session.set_denormal_as_zero`.
bool FlushesDenormals(const Options& options);

// "1,2;3-5": the processors of each worker, counted from 0 here and from 1 in the text.
Result<std::vector<std::vector<int>>> ParseAffinities(std::string_view text);

// The process's pool, or one of the session's own where its options ask for a thread count, affinities or
// flushed denormals.
Result<std::shared_ptr<ThreadPool>> MakeThreads(const Options& options);

}  // namespace ortolan::session
