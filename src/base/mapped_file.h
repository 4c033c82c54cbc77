// A file mapped read-only. The model's bytes and external data are read through it without copying.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"

namespace ortolan {

class MappedFile {
 public:
  // kNoSuchFile where there is no file, kFail where it is a directory or cannot be read; an empty file is an
  // empty span.
  static Result<std::shared_ptr<const MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Tells the kernel that these bytes are not needed again: resident source pages count as the process's
  // memory.
  void DropPages(std::span<const std::byte> range) const;

 private:
  MappedFile(const std::byte* data, size_t size) : data_(data), size_(size) {}
  const std::byte* data_;
  size_t size_;
};

}  // namespace ortolan
