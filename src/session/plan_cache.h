// PlanCache: packed weights outlive the session that made them. Sessions of one file in a process share one
// copy; where a folder is named (session config `ortolan.plan_cache`, else the environment's
// ORTOLAN_PLAN_CACHE) they are kept there for later processes, which map the file and pack nothing.
//
// DIR/<key>.plan holds the blocks of one plan. The key is made of the contents of the model's files, of the
// options that a plan follows from, the kernels' level and this very library. A file that is damaged, or not
// what its name says, is ignored and written anew; files appear by renaming, so that a reader sees all or
// nothing. DIR/<identity>.seen remembers the digest of a file's contents, by device, inode, size and times.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/status.h"
#include "base/weight_store.h"
#include "session/options.h"
#include "threads/pool.h"

namespace ortolan::session {

// 128 bits of XXH3.
struct Digest {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

using SharedWeights = std::shared_ptr<const std::vector<WeightBlock>>;

// `ortolan.plan_cache` of the session's config, else ORTOLAN_PLAN_CACHE; empty: no folder.
std::string PlanCacheFolder(const Options& options);
// All that a plan's packed weights follow from beside the model, as text.
std::string PlanSettings(const Options& options);

class PlanCache {
 public:
  // folder: empty for none. model: the file's bytes; file: the file that they are of, or null. settings: all
  // else that the plan follows from, as text.
  PlanCache(std::string folder, std::span<const std::byte> model, std::shared_ptr<const MappedFile> file,
            std::vector<std::shared_ptr<const MappedFile>> external, std::string settings,
            ThreadPool& threads);

  // The blocks of the same plan: of a session that lives in this process, or from the folder. Empty where
  // there are none; `problem` says why a file was of no use.
  std::vector<WeightBlock> Find(std::string* problem);

  // Makes the blocks known to later sessions for as long as the result lives, and, where they are not from
  // there, writes them to the folder. An error says why the folder could not be written to.
  Status Keep(std::vector<WeightBlock> blocks, bool grew, SharedWeights* kept);

 private:
  Digest DigestOf(std::span<const std::byte> bytes, const MappedFile* file) const;
  std::string PathOf(const Digest& name, const char* ending) const;
  Digest Key();
  Result<std::vector<WeightBlock>> Read(const std::string& path);
  Status Write(const std::string& path, const std::vector<WeightBlock>& blocks);

  std::string folder_;
  std::span<const std::byte> model_;
  std::shared_ptr<const MappedFile> file_;
  std::vector<std::shared_ptr<const MappedFile>> external_;
  std::string settings_;
  ThreadPool& threads_;
  bool has_key_ = false;
  Digest key_;     // of contents; only where there is a folder
  Digest living_;  // of identities; shares within the process
};

}  // namespace ortolan::session
