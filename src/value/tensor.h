// Tensor: an owned, shared block of elements; TensorRef: the same facts without ownership, what kernels see.
// Tensors are dense and row-major. Strings are std::string objects in place.
#pragma once

#include <cstddef>
#include <functional>
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
  // Borrows bytes of a model, whose address need not suit the element: see source(). `file` is the mapped
  // file that they are of, or null. Such tensors are for the time in which a session is made: a file may be
  // overwritten afterwards.
  static Tensor Borrow(DType dtype, const Dims& dims, const void* data, std::shared_ptr<const void> owner,
                       std::shared_ptr<const MappedFile> file);
  // Elements that `make` writes when they are first looked at: of constants that a kernel's own form may
  // replace before anybody looks. Whatever `make` reads it holds.
  static Tensor Deferred(DType dtype, const Dims& dims, std::function<void(const TensorRef& elements)> make);
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
  // Whether there are elements to look at: not those of a constant that only its packed form is left of.
  bool HasElements() const { return ref_.data != nullptr || pending_ != nullptr || count() == 0; }
  // The elements. The first look at deferred ones, or at ones that lie at an odd address, makes memory for
  // them (std::bad_alloc where there is none) and is not for two threads at once.
  void* data() const { return ref().data; }
  template <typename T>
  std::span<T> Items() const {
    return ref().Items<T>();
  }
  const TensorRef& ref() const {
    if (pending_ != nullptr) Resolve();
    return ref_;
  }
  // Where the elements lie, for readers that copy them and need no alignment.
  const void* source() const;
  const std::shared_ptr<const void>& owner() const { return owner_; }

  // Whether the memory is someone else's (Wrap, Borrow) and not the tensor's own (Allocate).
  bool borrowed() const { return borrowed_; }
  bool pending() const { return pending_ != nullptr; }  // nobody looked at its elements so far
  // Of a mapped tensor: gives the resident pages back, which count as memory of the process. The elements
  // stay readable.
  void DropPages() const;
  // A tensor with memory of its own and the same elements.
  Result<Tensor> Copied() const;

  // The same elements under another shape of equal count.
  Tensor Reshaped(const Dims& dims) const;

 private:
  struct Pending;
  void Resolve() const;

  mutable TensorRef ref_;  // without data while pending
  Device device_;
  mutable bool borrowed_ = false;
  mutable std::shared_ptr<const void> owner_;
  std::shared_ptr<const MappedFile> file_;    // of a mapped tensor
  mutable std::shared_ptr<Pending> pending_;  // copies of a tensor share it
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
