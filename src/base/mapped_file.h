// A file mapped read-only. The model's bytes and external data are read through it without copying.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"

namespace ortolan {

// What tells one state of a file from another without reading it. Writing to a file changes the times, which
// the system takes from a clock that ticks every few milliseconds.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;  // since the epoch
  int64_t changed_ns = 0;   // of the entry itself: nobody can set it back

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class MappedFile {
 public:
  // kNoSuchFile where there is no file, kFail where it is a directory or cannot be read; an empty file is an
  // empty span.
  static Result<std::shared_ptr<const MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const FileIdentity& identity() const { return identity_; }  // when it was opened

  // Tells the kernel that these bytes are not needed again: resident source pages count as the process's
  // memory.
  void DropPages(std::span<const std::byte> range) const;

 private:
  MappedFile(const std::byte* data, size_t size, const FileIdentity& identity)
      : data_(data), size_(size), identity_(identity) {}
  const std::byte* data_;
  size_t size_;
  FileIdentity identity_;
};

}  // namespace ortolan
