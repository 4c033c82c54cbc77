// TensorView -> Tensor: the elements of initializers and attributes. Raw data and external files are borrowed
// where their place in the file suits the element type, everything else is decoded into fresh memory.
//
// A borrowed tensor reads the mapped file for as long as it lives. Who keeps tensors beyond the making of a
// session copies or packs them first, so that overwriting the file does no harm.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "model/model.h"
#include "value/tensor.h"

namespace ortolan::model {

// A tensor of its own from FileBytes(dtype, dims) bytes as raw or external data hold them: bools are 0 or 1
// after it, 6-bit floats unpacked. Strings stand in neither.
Result<Tensor> CopyOfFile(DType dtype, const Dims& dims, std::string_view bytes);

class TensorReader {
 public:
  // `external_folder` replaces the model's own folder as the place of external data; a model from memory
  // needs it. The model must outlive the reader; tensors outlive both.
  explicit TensorReader(const ModelView& model, std::string external_folder = {});

  Result<Tensor> Read(const TensorView& view);
  // All elements, absent ones zero (strings empty).
  Result<Tensor> ReadSparse(const SparseTensorView& view);

  // The external files that tensors were read from, by location.
  std::vector<std::shared_ptr<const MappedFile>> files() const;

 private:
  // Bytes and who keeps them alive.
  struct Source {
    std::string_view bytes;
    std::shared_ptr<const void> owner;
    std::shared_ptr<const MappedFile> file;
  };

  Result<Tensor> FromBytes(DType dtype, const Dims& dims, const Source& source) const;
  Result<Source> External(const TensorView& view, size_t bytes);
  Result<std::shared_ptr<const MappedFile>> ExternalFile(std::string_view location);
  Status FindRoots();

  const ModelView& model_;
  std::string external_folder_;
  std::vector<std::filesystem::path>
      roots_;  // canonical folders that external data may lie in, the first one first
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;  // by location
};

}  // namespace ortolan::model
