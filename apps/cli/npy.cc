#include "npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/mapped_file.h"
#include "value/dims.h"

namespace ortolan::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they stand in the file");

constexpr std::string_view kMagic = "\x93NUMPY";

struct TypeCode {
  std::string_view code;  // as in the header, without the byte order
  ElementType type;
  size_t bytes;
};
constexpr TypeCode kTypes[] = {
    {"f4", ElementType::kFloat, 4},  {"f8", ElementType::kDouble, 8}, {"f2", ElementType::kFloat16, 2},
    {"i8", ElementType::kInt64, 8},  {"i4", ElementType::kInt32, 4},  {"i2", ElementType::kInt16, 2},
    {"i1", ElementType::kInt8, 1},   {"u8", ElementType::kUInt64, 8}, {"u4", ElementType::kUInt32, 4},
    {"u2", ElementType::kUInt16, 2}, {"u1", ElementType::kUInt8, 1},  {"b1", ElementType::kBool, 1},
};

[[noreturn]] void Refuse(const std::string& path, std::string_view why) {
  throw Exception(ErrorCode::kInvalidArgument, fmt::format("{}: {}", path, why));
}

// The text after `key` and the colon in the header's dict.
std::optional<std::string_view> After(std::string_view header, std::string_view key) {
  const size_t at = header.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t start = header.find_first_not_of(" :", at + key.size());
  if (start == std::string_view::npos) return std::nullopt;
  return header.substr(start);
}

const TypeCode* FindType(std::string_view header) {
  const auto description = After(header, "'descr'");
  if (!description || description->size() < 5 || description->front() != '\'') return nullptr;
  const char order = (*description)[1];
  if (order != '<' && order != '|' && order != '=') return nullptr;
  const std::string_view code = description->substr(2, description->find('\'', 1) - 2);
  for (const TypeCode& type : kTypes)
    if (type.code == code) return &type;
  return nullptr;
}

std::optional<std::vector<int64_t>> FindShape(std::string_view header) {
  const auto text = After(header, "'shape'");
  if (!text || text->front() != '(') return std::nullopt;
  std::vector<int64_t> shape;
  std::string_view rest = text->substr(1);
  while (!rest.empty()) {
    if (rest.front() == ')') return shape;
    if (rest.front() == ' ' || rest.front() == ',') {
      rest.remove_prefix(1);
      continue;
    }
    int64_t size = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (error != std::errc() || size < 0) return std::nullopt;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    shape.push_back(size);
  }
  return std::nullopt;
}

}  // namespace

Array ReadNpy(const std::string& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) throw Exception(static_cast<ErrorCode>(file.status().code()), file.status().message());
  const std::span<const std::byte> bytes = (*file)->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() < 12 || !text.starts_with(kMagic)) Refuse(path, "not a .npy file");
  const auto byte_at = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(text[i])); };
  // Version 1 has a header length of two bytes, later ones of four.
  const size_t start = byte_at(6) == 1 ? 10 : 12;
  size_t length = byte_at(8) | byte_at(9) << 8;
  if (start == 12) length |= byte_at(10) << 16 | byte_at(11) << 24;
  if (length > text.size() - start) Refuse(path, "the header is cut short");
  const std::string_view header = text.substr(start, length);
  const TypeCode* const type = FindType(header);
  if (type == nullptr) Refuse(path, "its element type is not a little-endian number or bool");
  if (const auto order = After(header, "'fortran_order'"); !order || !order->starts_with("False"))
    Refuse(path, "it is in Fortran order; save np.ascontiguousarray(x)");
  const auto shape = FindShape(header);
  if (!shape) Refuse(path, "the shape in its header is broken");
  const auto count = CheckedCount(*shape);
  const size_t available = text.size() - start - length;
  if (!count || static_cast<uint64_t>(*count) > available / type->bytes)
    Refuse(path,
           fmt::format("the data is cut short: {} bytes for shape ({})", available, fmt::join(*shape, ", ")));
  const Array array(type->type, *shape);
  const std::string_view data = text.substr(start + length, static_cast<size_t>(*count) * type->bytes);
  data.copy(static_cast<char*>(array.data()), data.size());
  return array;
}

void WriteNpy(const std::string& path, const Array& array) {
  const TypeCode* type = nullptr;
  for (const TypeCode& candidate : kTypes)
    if (candidate.type == array.type()) type = &candidate;
  if (type == nullptr) Refuse(path, "a .npy file cannot hold this element type");
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                   type->bytes == 1 ? '|' : '<', type->code, fmt::join(array.shape(), ", "),
                                   array.shape().size() == 1 ? "," : "");
  // The data begins at a multiple of 64, and the header ends with a line feed.
  header.append(63 - (kMagic.size() + 4 + header.size()) % 64, ' ');
  header.push_back('\n');
  std::ofstream file(path, std::ios::binary);
  file << kMagic << '\x01' << '\0' << static_cast<char>(header.size() & 0xFF)
       << static_cast<char>(header.size() >> 8) << header;
  file.write(static_cast<const char*>(array.data()),
             static_cast<std::streamsize>(array.count() * type->bytes));
  file.close();
  if (!file) throw Exception(ErrorCode::kFail, fmt::format("cannot write {}", path));
}

}  // namespace ortolan::cli
