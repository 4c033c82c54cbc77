#include "model/tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <protozero/pbf_reader.hpp>

#include "model/six_bits.h"

namespace ortolan::model {
namespace {

namespace fs = std::filesystem;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

// The field of TensorProto that holds a type's elements, and how its items become them.
enum class Field : uint32_t {
  kNone = 0,
  kFloat = 4,
  kInt32 = 5,
  kString = 6,
  kInt64 = 7,
  kDouble = 10,
  kUInt64 = 11
};

struct Layout {
  Field field = Field::kNone;
  size_t item_bytes = 0;  // what an item of the field becomes
  int64_t items = 0;      // how many items all elements take
};

Layout LayoutOf(DType dtype, int64_t count) {
  switch (dtype) {
    case DType::kFloat:
      return {Field::kFloat, 4, count};
    case DType::kComplex64:
      return {Field::kFloat, 4, 2 * count};
    case DType::kDouble:
      return {Field::kDouble, 8, count};
    case DType::kComplex128:
      return {Field::kDouble, 8, 2 * count};
    case DType::kInt64:
      return {Field::kInt64, 8, count};
    case DType::kUInt64:
      return {Field::kUInt64, 8, count};
    case DType::kUInt32:
      return {Field::kUInt64, 4, count};
    case DType::kString:
      return {Field::kString, sizeof(std::string), count};
    default:
      break;
  }
  // Everything else is in int32_data: an item per element, for the packed types an item per byte of two or
  // four.
  const int bits = DTypeBits(dtype);
  const size_t bytes = bits < 8 ? 1 : static_cast<size_t>(bits) / 8;
  return {Field::kInt32, bytes, static_cast<int64_t>(DTypeBytes(dtype, count) / bytes)};
}

// Items of a typed field go one by one into memory for `left` of them; more are counted only.
class ItemSink {
 public:
  ItemSink(std::byte* out, const Layout& layout) : out_(out), layout_(layout) {}

  void Put(uint64_t bits) {
    if (count_++ < layout_.items) {
      std::memcpy(out_, &bits, layout_.item_bytes);  // little-endian: the low bytes are the narrower type
      out_ += layout_.item_bytes;
    }
  }
  // A packed run of fixed-width items.
  void PutRun(std::string_view bytes) {
    const int64_t items = static_cast<int64_t>(bytes.size() / layout_.item_bytes);
    const int64_t fitting = std::clamp<int64_t>(layout_.items - count_, 0, items);
    const size_t fitting_bytes = static_cast<size_t>(fitting) * layout_.item_bytes;
    if (fitting_bytes > 0) std::memcpy(out_, bytes.data(), fitting_bytes);
    out_ += fitting_bytes;
    count_ += items;
  }
  int64_t count() const { return count_; }

 private:
  std::byte* out_;
  const Layout& layout_;
  int64_t count_ = 0;
};

// Throws what protozero throws.
int64_t DecodeNumbers(std::string_view message, const Layout& layout, std::byte* out) {
  ItemSink sink(out, layout);
  const bool fixed = layout.field == Field::kFloat || layout.field == Field::kDouble;
  const pbf_wire_type single = layout.field == Field::kFloat    ? pbf_wire_type::fixed32
                               : layout.field == Field::kDouble ? pbf_wire_type::fixed64
                                                                : pbf_wire_type::varint;
  pbf_reader reader(message.data(), message.size());
  while (reader.next()) {
    if (reader.tag() != static_cast<uint32_t>(layout.field)) {
      reader.skip();
    } else if (reader.has_wire_type(pbf_wire_type::length_delimited)) {
      if (fixed) {
        const protozero::data_view run = reader.get_view();
        if (run.size() % layout.item_bytes != 0) throw protozero::invalid_length_exception{};
        sink.PutRun({run.data(), run.size()});
      } else {
        for (const uint64_t item : reader.get_packed_uint64()) sink.Put(item);
      }
    } else if (reader.has_wire_type(single)) {
      sink.Put(layout.field == Field::kFloat    ? reader.get_fixed32()
               : layout.field == Field::kDouble ? reader.get_fixed64()
                                                : reader.get_uint64());
    } else {
      reader.skip();
    }
  }
  return sink.count();
}

int64_t DecodeStrings(std::string_view message, std::span<std::string> out) {
  size_t count = 0;
  pbf_reader reader(message.data(), message.size());
  while (reader.next()) {
    if (reader.tag_and_type() != protozero::tag_and_type(6, pbf_wire_type::length_delimited)) {
      reader.skip();
      continue;
    }
    const protozero::data_view text = reader.get_view();
    if (count < out.size()) out[count].assign(text.data(), text.size());
    ++count;
  }
  return static_cast<int64_t>(count);
}

// Where the file has a tensor at an odd address, a copy of this size costs less than to think about it later.
constexpr size_t kLeastPendingBytes = size_t{16} << 10;

Status CountMismatch(const TensorView& view, int64_t expected, int64_t found) {
  return Fail(
      "TensorProto: {} corrupted protobuf data: tensor shape size({}) does not match the data size({}) in "
      "proto",
      view.name, expected, found);
}

Result<Tensor> FromTypedFields(const TensorView& view, DType dtype, const Dims& dims) {
  const int64_t count = ElementCount(dims);
  const Layout layout = LayoutOf(dtype, count);
  // Each item takes a byte of the message at least, so a claim beyond that is a lie, found before anything is
  // allocated.
  if (layout.items > static_cast<int64_t>(view.message.size())) return CountMismatch(view, layout.items, 0);
  ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, dims));
  int64_t found = 0;
  try {
    found = dtype == DType::kString
                ? DecodeStrings(view.message, tensor.Items<std::string>())
                : DecodeNumbers(view.message, layout, static_cast<std::byte*>(tensor.data()));
  } catch (const protozero::exception&) {
    return Error(StatusCode::kInvalidProtobuf, "TensorProto: {} protobuf parsing failed.", view.name);
  } catch (const std::bad_alloc&) {
    return Fail("TensorProto: {} out of memory.", view.name);
  }
  if (found != layout.items) return CountMismatch(view, layout.items, found);
  if (dtype == DType::kBool) {
    for (uint8_t& byte : std::span(static_cast<uint8_t*>(tensor.data()), static_cast<size_t>(count)))
      byte = byte != 0;
  }
  if (IsSixBit(dtype)) {
    for (uint8_t& byte : std::span(static_cast<uint8_t*>(tensor.data()), static_cast<size_t>(count)))
      byte &= 0x3f;
  }
  return tensor;
}

// Whether every byte is a bool that C++ may read.
bool AreBools(std::string_view bytes) {
  unsigned all = 0;
  for (const char byte : bytes) all |= static_cast<unsigned char>(byte);
  return all <= 1;
}

bool Inside(const fs::path& folder, const fs::path& file) {
  const auto [at, unused] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return at == folder.end();
}

std::string_view Entry(const TensorView& view, std::string_view key) {
  for (const StringPair& pair : view.external_data) {
    if (pair.key == key) return pair.value;
  }
  return {};
}

bool ParseNumber(std::string_view text, uint64_t* number) {
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<Tensor> CopyOfFile(DType dtype, const Dims& dims, std::string_view bytes) {
  ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, dims));
  if (bytes.empty()) return tensor;
  auto* to = static_cast<uint8_t*>(tensor.data());
  if (IsSixBit(dtype)) {
    UnpackSixBits(bytes.data(), tensor.count(), to);
    return tensor;
  }
  std::memcpy(to, bytes.data(), bytes.size());
  if (dtype == DType::kBool) {
    for (uint8_t& byte : std::span(to, bytes.size())) byte = byte != 0;
  }
  return tensor;
}

TensorReader::TensorReader(const ModelView& model, std::string external_folder)
    : model_(model), external_folder_(std::move(external_folder)) {}

Result<Tensor> TensorReader::Read(const TensorView& view) {
  if (!IsDefined(view.data_type)) {
    return Fail("TensorProto: {} has an unknown data type {}", view.name, view.data_type);
  }
  const DType dtype = static_cast<DType>(view.data_type);
  const Dims dims(std::span<const int64_t>(view.dims));
  if (!CheckedBytes(dtype, dims).ok())
    return Fail("TensorProto: {} has invalid dimensions {}", view.name, DimsText(dims));
  const size_t bytes = FileBytes(dtype, dims);
  if (view.has_segment)
    return NotImplemented("TensorProto: {} is segmented, which is not supported", view.name);
  if ((view.external || view.has_raw) && dtype == DType::kString) {
    return Fail("TensorProto: {} holds strings, which must be in string_data", view.name);
  }
  if (view.external) {
    ORTOLAN_ASSIGN_OR_RETURN(const Source source, External(view, bytes));
    return FromBytes(dtype, dims, source);
  }
  if (view.has_raw) {
    if (view.raw.size() != bytes) {
      return Fail("TensorProto: {} raw data size mismatch. Computed size: {}, raw_data size: {}", view.name,
                  bytes, view.raw.size());
    }
    return FromBytes(dtype, dims, {view.raw, model_.owner, model_.file});
  }
  return FromTypedFields(view, dtype, dims);
}

std::vector<std::shared_ptr<const MappedFile>> TensorReader::files() const {
  std::vector<std::shared_ptr<const MappedFile>> all;
  for (const auto& [location, file] : files_) all.push_back(file);
  return all;
}

Result<Tensor> TensorReader::FromBytes(DType dtype, const Dims& dims, const Source& source) const {
  const bool clean = dtype != DType::kBool || AreBools(source.bytes);
  if (clean && !IsSixBit(dtype) && !source.bytes.empty()) {
    Tensor tensor = Tensor::Borrow(dtype, dims, source.bytes.data(), source.owner, source.file);
    if (source.bytes.size() < kLeastPendingBytes) static_cast<void>(tensor.data());
    return tensor;
  }
  ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, CopyOfFile(dtype, dims, source.bytes));
  if (source.file != nullptr && !source.bytes.empty())
    source.file->DropPages(std::as_bytes(std::span(source.bytes)));
  return tensor;
}

Result<TensorReader::Source> TensorReader::External(const TensorView& view, size_t bytes) {
  const std::string_view length_text = Entry(view, "length");
  uint64_t offset = 0;
  uint64_t length = bytes;
  if (!ParseNumber(Entry(view, "offset"), &offset) || !ParseNumber(length_text, &length)) {
    return Fail("TensorProto: {} has an external_data offset or length that is not a number", view.name);
  }
  if (length != bytes) {
    return Fail("TensorProto: {} external data size mismatch. Computed size: {}, external_data.length: {}",
                view.name, bytes, length);
  }
  Result<std::shared_ptr<const MappedFile>> file = ExternalFile(Entry(view, "location"));
  if (!file.ok()) {
    const Status status = std::move(file).status();
    return Error(status.code(), "External data path validation failed for initializer: {}. Error: {}",
                 view.name, status.message());
  }
  const std::span<const std::byte> all = (*file)->bytes();
  if (offset > all.size() || length > all.size() - offset) {
    return Fail(
        "External initializer: {} offset: {} size to read: {} given file_length: {} are out of bounds or can "
        "not be read "
        "in full.",
        view.name, offset, length, all.size());
  }
  const std::string_view range(reinterpret_cast<const char*>(all.data()) + offset, length);
  return Source{length == 0 ? std::string_view() : range, *file, *file};
}

// Links inside a model's folder may lead to where the model's own link leads: caches keep
// snapshots/model.onnx and snapshots/model.onnx_data as links to blobs/.
Status TensorReader::FindRoots() {
  if (!roots_.empty()) return OkStatus();
  std::error_code error;
  if (!external_folder_.empty()) {
    roots_.push_back(fs::canonical(external_folder_, error));
    if (error) return Fail("External data folder does not exist: \"{}\"", external_folder_);
    return OkStatus();
  }
  if (model_.path.empty()) {
    return Fail(
        "model_path must not be empty. Ensure that a path is provided when the model is created or loaded.");
  }
  const fs::path path(model_.path);
  fs::path folder = fs::canonical(path.has_parent_path() ? path.parent_path() : fs::path("."), error);
  fs::path real_file = error ? fs::path() : fs::canonical(path, error);
  if (error) return Fail("Model file does not exist any more: \"{}\"", model_.path);
  roots_.push_back(std::move(folder));
  roots_.push_back(real_file.parent_path());
  return OkStatus();
}

Result<std::shared_ptr<const MappedFile>> TensorReader::ExternalFile(std::string_view location) try {
  if (const auto found = files_.find(std::string(location)); found != files_.end()) return found->second;
  if (location.empty() || location.find('\0') != std::string_view::npos) {
    return Fail("External data path is empty or has a zero byte in it.");
  }
  ORTOLAN_RETURN_IF_ERROR(FindRoots());
  const fs::path relative(location);
  if (relative.is_absolute()) return Fail("External data path must not be absolute: \"{}\"", location);
  const Status escapes =
      Fail("External data path escapes model directory. External data path: \"{}\" model directory: \"{}\"",
           location, roots_.front().string());
  if (!Inside(roots_.front(), (roots_.front() / relative).lexically_normal())) return escapes;
  std::error_code error;
  const fs::path real = fs::canonical(roots_.front() / relative, error);
  if (error) return Fail("External data path does not exist: \"{}\"", (roots_.front() / relative).string());
  if (std::none_of(roots_.begin(), roots_.end(),
                   [&real](const fs::path& root) { return Inside(root, real); })) {
    return escapes;
  }
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::Open(real.string()));
  files_.emplace(location, file);
  return file;
} catch (const std::exception& failure) {  // std::filesystem::path allocates and converts
  return Fail("External data path cannot be used: {}", failure.what());
}

}  // namespace ortolan::model
