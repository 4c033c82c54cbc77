# ortolan_embed(SOURCE FILE HEADER NAME): SOURCE becomes a C++ file that defines the function NAME, declared in HEADER,
# which returns the bytes of FILE.
function(ortolan_embed source file header name)
  set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  get_filename_component(file_name "${file}" NAME)
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT [[// Made by CMake from @file_name@.
#include "@header@"

namespace ortolan::vision {
namespace {
constexpr unsigned char kBytes[] = {@bytes@};
}  // namespace
std::span<const std::byte> @name@() {
  return std::as_bytes(std::span(kBytes));
}
}  // namespace ortolan::vision
]])
endfunction()
