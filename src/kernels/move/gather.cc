#include "kernels/move/gather.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace ortolan::kernels {
namespace {

constexpr int64_t kChunkBytes = 128 << 10;

template <typename T, typename Index>
void GatherElements(const GatherProblem& problem, const T* data, const Index* indices, T* out, int64_t begin,
                    int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t index = static_cast<int64_t>(indices[i % problem.count]);
    const int64_t row = index < 0 ? index + problem.axis : index;
    out[i] = data[i / problem.count * problem.axis + row];
  }
}

template <typename Index>
void GatherBlocks(const GatherProblem& problem, const std::byte* data, const Index* indices, std::byte* out,
                  int64_t block_bytes, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t index = static_cast<int64_t>(indices[i % problem.count]);
    const int64_t row = index < 0 ? index + problem.axis : index;
    std::memcpy(out + i * block_bytes, data + (i / problem.count * problem.axis + row) * block_bytes,
                static_cast<size_t>(block_bytes));
  }
}

template <typename Index>
void GatherStrings(const GatherProblem& problem, const std::string* data, const Index* indices,
                   std::string* out) {
  for (int64_t i = 0; i < problem.outer * problem.count; ++i) {
    const int64_t index = static_cast<int64_t>(indices[i % problem.count]);
    const int64_t row = index < 0 ? index + problem.axis : index;
    const std::string* from = data + (i / problem.count * problem.axis + row) * problem.block;
    std::copy(from, from + problem.block, out + i * problem.block);
  }
}

template <typename Index>
void GatherAny(const GatherProblem& problem, const void* data, const Index* indices, void* out,
               ThreadPool& threads) {
  const int64_t items = problem.outer * problem.count;
  if (items == 0 || problem.block == 0) return;
  if (problem.width == 0) {
    return GatherStrings(problem, static_cast<const std::string*>(data), indices,
                         static_cast<std::string*>(out));
  }
  const int64_t block_bytes = problem.block * problem.width;
  threads.ParallelRanges(items, std::max<int64_t>(1, kChunkBytes / block_bytes),
                         [&](int64_t begin, int64_t end) {
                           if (problem.block == 1 && problem.width == 4) {
                             return GatherElements(problem, static_cast<const uint32_t*>(data), indices,
                                                   static_cast<uint32_t*>(out), begin, end);
                           }
                           if (problem.block == 1 && problem.width == 8) {
                             return GatherElements(problem, static_cast<const uint64_t*>(data), indices,
                                                   static_cast<uint64_t*>(out), begin, end);
                           }
                           if (block_bytes == 1) {
                             return GatherElements(problem, static_cast<const uint8_t*>(data), indices,
                                                   static_cast<uint8_t*>(out), begin, end);
                           }
                           GatherBlocks(problem, static_cast<const std::byte*>(data), indices,
                                        static_cast<std::byte*>(out), block_bytes, begin, end);
                         });
}

}  // namespace

void Gather(const GatherProblem& problem, const void* data, const int64_t* indices, void* out,
            ThreadPool& threads) {
  GatherAny(problem, data, indices, out, threads);
}
void Gather(const GatherProblem& problem, const void* data, const int32_t* indices, void* out,
            ThreadPool& threads) {
  GatherAny(problem, data, indices, out, threads);
}

}  // namespace ortolan::kernels
