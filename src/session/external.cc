#include "session/external.h"

#include <algorithm>
#include <charconv>
#include "model/six_bits.h"
#include "model/tensor.h"

namespace ortolan::session {
namespace {

Status CheckReplacement(const model::ModelView& model, const std::string& name, const Tensor& given) {
  const auto found = std::ranges::find(model.graph.initializers, name, &model::TensorView::name);
  if (found == model.graph.initializers.end())
    return Fail("Failed to find existing initializer with name {}.", name);
  if (!found->external) return Fail("Trying to replace non-external initializer with external data");
  if (!std::ranges::equal(found->dims, std::span<const int64_t>(given.dims())))
    return Fail("Replacement tensor's dimensions do not match.");
  if (found->data_type != static_cast<int32_t>(given.dtype()))
    return Fail("Replacement tensor's data type does not match.");
  return OkStatus();
}

std::string_view Entry(const model::TensorView& tensor, std::string_view key) {
  const auto found = std::ranges::find(tensor.external_data, key, &model::StringPair::key);
  return found == tensor.external_data.end() ? std::string_view() : found->value;
}

// The elements of an external tensor, copied out of a file in memory.
Result<Tensor> FromMemory(const model::TensorView& view, std::span<const std::byte> file) {
  if (!IsDefined(view.data_type) || static_cast<DType>(view.data_type) == DType::kString)
    return Fail("TensorProto: {} cannot have external data of type {}", view.name, view.data_type);
  const std::string_view text = Entry(view, "offset");
  uint64_t offset = 0;
  if (!text.empty() &&
      std::from_chars(text.data(), text.data() + text.size(), offset).ptr != text.data() + text.size())
    return Fail("TensorProto: {} has an external_data offset that is not a number", view.name);
  const auto dtype = static_cast<DType>(view.data_type);
  const Dims dims(std::span<const int64_t>(view.dims));
  ORTOLAN_RETURN_IF_ERROR(CheckedBytes(dtype, dims).status());
  const size_t bytes = model::FileBytes(dtype, dims);
  if (offset > file.size() || bytes > file.size() - offset) {
    return Fail(
        "External initializer: {} offset: {} size to read: {} given file_length: {} are out of bounds or can "
        "not be read in full.",
        view.name, offset, bytes, file.size());
  }
  return model::CopyOfFile(dtype, dims, {reinterpret_cast<const char*>(file.data()) + offset, bytes});
}

}  // namespace

Result<std::vector<std::pair<std::string, Tensor>>> GivenExternal(const model::ModelView& model,
                                                                  const Options& options) {
  std::vector<std::pair<std::string, Tensor>> given;
  for (const auto& [name, value] : options.external_initializers) {
    ORTOLAN_RETURN_IF_ERROR(CheckReplacement(model, name, value.tensor()));
    given.emplace_back(name, value.tensor());
  }
  if (options.external_files.empty()) return given;
  for (const model::TensorView& view : model.graph.initializers) {
    const auto known = [&](const auto& pair) { return pair.first == view.name; };
    if (!view.external || std::ranges::any_of(given, known)) continue;
    const auto file = options.external_files.find(std::string(Entry(view, "location")));
    if (file == options.external_files.end()) continue;
    ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, FromMemory(view, file->second.bytes));
    given.emplace_back(std::string(view.name), std::move(tensor));
  }
  return given;
}

}  // namespace ortolan::session
