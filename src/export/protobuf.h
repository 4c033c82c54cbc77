// Writes protobuf messages: fields in the order of the calls, no schema.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace ortolan::exporting {

class Message {
 public:
  void Int(int field, int64_t value) {
    Key(field, 0);
    Varint(static_cast<uint64_t>(value));
  }
  void Float(int field, float value) {
    Key(field, 5);
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<char>(bits >> shift));
  }
  void Bytes(int field, std::string_view value) {
    Key(field, 2);
    Varint(value.size());
    bytes_.append(value);
  }
  // Empty texts are the default of protobuf and left out.
  void Text(int field, std::string_view value) {
    if (!value.empty()) Bytes(field, value);
  }
  void Add(int field, const Message& message) { Bytes(field, message.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  void Key(int field, int wire_type) {
    Varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
  }
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

}  // namespace ortolan::exporting
