#include "value/tensor.h"

#include <cstring>
#include <new>

#include "base/aligned_buffer.h"

namespace ortolan {

Result<Tensor> Tensor::Allocate(DType dtype, const Dims& dims) {
  ORTOLAN_ASSIGN_OR_RETURN(const size_t bytes, CheckedBytes(dtype, dims));
  Tensor tensor;
  tensor.ref_ = {dtype, dims, nullptr};
  if (dtype == DType::kString) {
    const size_t count = static_cast<size_t>(tensor.count());
    auto* strings = new (std::nothrow) std::string[count];
    if (strings == nullptr) return Fail("Cannot allocate {} strings", count);
    tensor.ref_.data = strings;
    tensor.owner_ = std::shared_ptr<const void>(
        strings, [](const void* p) { delete[] static_cast<const std::string*>(p); });
    return tensor;
  }
  ORTOLAN_ASSIGN_OR_RETURN(AlignedBuffer buffer, AlignedBuffer::Allocate(bytes));
  tensor.ref_.data = buffer.data();
  tensor.owner_ = std::make_shared<const AlignedBuffer>(std::move(buffer));
  return tensor;
}

Tensor Tensor::Wrap(DType dtype, const Dims& dims, void* data, std::shared_ptr<const void> owner,
                    Device device) {
  Tensor tensor;
  tensor.ref_ = {dtype, dims, data};
  tensor.device_ = device;
  tensor.borrowed_ = true;
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::Map(DType dtype, const Dims& dims, const void* data, std::shared_ptr<const MappedFile> file) {
  Tensor tensor = Wrap(dtype, dims, const_cast<void*>(data), file);
  tensor.file_ = std::move(file);
  return tensor;
}

void Tensor::DropPages() const {
  if (file_ != nullptr) file_->DropPages({static_cast<const std::byte*>(data()), bytes()});
}

Result<Tensor> Tensor::Copied() const {
  ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, Allocate(dtype(), dims()));
  CopyElements(ref_, copy.ref());
  return copy;
}

Tensor Tensor::Reshaped(const Dims& dims) const {
  Tensor tensor = *this;
  tensor.ref_.dims = dims;
  return tensor;
}

void CopyElements(const TensorRef& from, const TensorRef& to) {
  if (from.dtype == DType::kString) {
    const std::span<const std::string> source = from.Items<const std::string>();
    std::copy(source.begin(), source.end(), to.As<std::string>());
  } else if (const size_t bytes = from.bytes(); bytes > 0) {
    std::memmove(to.data, from.data, bytes);
  }
}

}  // namespace ortolan
