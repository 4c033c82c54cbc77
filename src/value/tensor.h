// Tensor: an owned, shared block of elements; TensorRef: the same facts without ownership, what kernels see.
// Tensors are dense and row-major. Strings are std::string objects in place.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/mapped_file.h"
#include "base/status.h"
#include "value/dims.h"
#include "value/dtype.h"

namespace ortolan {

// Where bytes live. Kernels of a device read and write its memory only; copies between devices are steps of
// the plan.
struct Device {
  enum class Kind : uint8_t { kCpu = 0, kCuda = 1 };
  Kind kind = Kind::kCpu;
  uint8_t id = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

struct TensorRef {
  DType dtype = DType::kUndefined;
  Dims dims;
  void* data = nullptr;

  int64_t count() const { return ElementCount(dims); }
  size_t bytes() const { return DTypeBytes(dtype, count()); }
  size_t rank() const { return dims.size(); }
  template <typename T>
  T* As() const {
    return static_cast<T*>(data);
  }
  template <typename T>
  std::span<T> Items() const {
    return {As<T>(), static_cast<size_t>(count())};
  }
};

class Tensor {
 public:
  Tensor() = default;  // no type, no data

  // Fresh memory on the CPU, 64-byte aligned; uninitialised but for strings, which are empty.
  static Result<Tensor> Allocate(DType dtype, const Dims& dims);
  // Borrows memory that `owner` keeps alive (null: the caller does). At least the element's alignment is
  // assumed.
  static Tensor Wrap(DType dtype, const Dims& dims, void* data, std::shared_ptr<const void> owner,
                     Device device = {});
  // Borrows bytes of a mapped file. Such tensors are for the time in which a session is made: the file may be
  // overwritten afterwards.
  static Tensor Map(DType dtype, const Dims& dims, const void* data, std::shared_ptr<const MappedFile> file);
  // A copy of items; for constants made by passes and tests.
  template <typename T>
  static Tensor Of(const Dims& dims, std::span<const T> items);
  template <typename T>
  static Tensor Scalar(T item) {
    return Of<T>({}, std::span<const T>(&item, 1));
  }

  bool defined() const { return ref_.dtype != DType::kUndefined; }
  DType dtype() const { return ref_.dtype; }
  const Dims& dims() const { return ref_.dims; }
  Device device() const { return device_; }
  int64_t count() const { return ref_.count(); }
  size_t bytes() const { return ref_.bytes(); }
  void* data() const { return ref_.data; }
  template <typename T>
  std::span<T> Items() const {
    return ref_.Items<T>();
  }
  const TensorRef& ref() const { return ref_; }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  // Whether the memory is someone else's (Wrap, Map) and not the tensor's own (Allocate).
  bool borrowed() const { return borrowed_; }
  // Of a mapped tensor: gives the resident pages back, which count as memory of the process. The elements
  // stay readable.
  void DropPages() const;
  // A tensor with memory of its own and the same elements.
  Result<Tensor> Copied() const;

  // The same elements under another shape of equal count.
  Tensor Reshaped(const Dims& dims) const;

 private:
  TensorRef ref_;
  Device device_;
  bool borrowed_ = false;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const MappedFile> file_;  // of a mapped tensor
};

// Copies elements (strings by assignment) between tensors of equal type and count.
void CopyElements(const TensorRef& from, const TensorRef& to);

template <typename T>
Tensor Tensor::Of(const Dims& dims, std::span<const T> items) {
  Result<Tensor> made = Allocate(kDTypeOf<T>, dims);
  if (!made.ok()) return {};
  std::copy(items.begin(), items.end(), made->template Items<T>().begin());
  return std::move(*made);
}

}  // namespace ortolan
