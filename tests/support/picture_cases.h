// tests/pictures/cases.txt: what Pillow makes of the pictures beside it, written by
// tools/make_picture_cases.py.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace ortolan {

// FNV-1a of 64 bits in hexadecimal digits.
inline std::string Fnv1a(const std::vector<uint8_t>& bytes) {
  uint64_t state = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) state = (state ^ byte) * 0x100000001b3;
  return fmt::format("{:016x}", state);
}

// The fields of each line of `folder`/cases.txt that begins with `verb`.
inline std::vector<std::vector<std::string>> PictureCases(const std::string& folder,
                                                          const std::string& verb) {
  std::ifstream file(folder + "cases.txt");
  std::vector<std::vector<std::string>> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string field;
    fields >> field;
    if (field != verb) continue;
    cases.emplace_back();
    while (fields >> field) cases.back().push_back(field);
  }
  return cases;
}

// The bytes of a file; none where there is no such file.
inline std::string FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(file)), {}};
}

}  // namespace ortolan
