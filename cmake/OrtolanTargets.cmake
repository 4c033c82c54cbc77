# The library's targets. Sources are found by folder: a new operator or kernel needs no edit here.

file(GLOB_RECURSE ORTOLAN_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/*.cc")
list(FILTER ORTOLAN_SOURCES EXCLUDE REGEX "(_test|_bench)\\.cc$")
file(GLOB ORTOLAN_VISION_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/vision/*.cc")
list(FILTER ORTOLAN_VISION_SOURCES EXCLUDE REGEX "(_test|_bench)\\.cc$")

if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(FILTER ORTOLAN_SOURCES EXCLUDE REGEX "_(avx2|avx512|avx512vnni|avx512bf16)\\.cc$")
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|ARM64")
  list(FILTER ORTOLAN_SOURCES EXCLUDE REGEX "_(neon|neondot)\\.cc$")
endif()
ortolan_isa_flags(${ORTOLAN_SOURCES})

include(OrtolanEmbed)
set(ORTOLAN_FONT_SOURCE "${PROJECT_BINARY_DIR}/vision/font_file.cc")
ortolan_embed("${ORTOLAN_FONT_SOURCE}" "${PROJECT_SOURCE_DIR}/vision/fonts/DejaVuSans-Bold-subset.ttf" vision/font.h FontFile)

# Everything once as objects; the static core serves the command, the Python module and the tests, the shared library
# serves C++ programs.
add_library(ortolan_objects OBJECT ${ORTOLAN_SOURCES} ${ORTOLAN_VISION_SOURCES} ${ORTOLAN_FONT_SOURCE})
target_include_directories(ortolan_objects PUBLIC "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(ortolan_objects PRIVATE ORTOLAN_BUILDING=1 ORTOLAN_VERSION="${PROJECT_VERSION}")
target_include_directories(ortolan_objects SYSTEM PRIVATE ${ORTOLAN_JPEG_INCLUDE} ${ORTOLAN_SPNG_INCLUDE} ${ORTOLAN_WEBP_INCLUDE} ${ORTOLAN_ZLIB_INCLUDE})
# Only where they are used: their headers are not on the usual path.
set_source_files_properties("${PROJECT_SOURCE_DIR}/src/kernels/image/jpeg2000.cc" PROPERTIES COMPILE_OPTIONS "-isystem;${ORTOLAN_OPENJPEG_INCLUDE}")
set_source_files_properties("${PROJECT_SOURCE_DIR}/vision/font.cc" PROPERTIES COMPILE_OPTIONS "-isystem;${ORTOLAN_FREETYPE_INCLUDE}")
target_link_libraries(ortolan_objects PUBLIC ortolan_flags ortolan_dependencies)

# Operators and what stands above them begin with the same contracts, a second of parsing each; parsed once, a clean build
# takes two thirds of the time. Kernels stay out: an ISA unit must not see a header compiled for another level.
option(ORTOLAN_PRECOMPILE "Parse the contracts of operators once for all sources (OFF shows missing includes)" ON)
if(ORTOLAN_PRECOMPILE)
  target_precompile_headers(ortolan_objects PRIVATE "${PROJECT_SOURCE_DIR}/src/ops/op.h")
  foreach(source IN LISTS ORTOLAN_SOURCES ORTOLAN_VISION_SOURCES ORTOLAN_FONT_SOURCE)
    if(NOT source MATCHES "/src/(ops|import|passes|plan|exec|session|export)/")
      set_source_files_properties("${source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
  # What ccache needs to tell one precompiled header from another.
  target_compile_options(ortolan_objects PRIVATE "$<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>")
endif()

set(ORTOLAN_IMAGE_LIBRARIES ${ORTOLAN_JPEG_LIBRARY} ${ORTOLAN_SPNG_LIBRARY} ${ORTOLAN_WEBPDEMUX_LIBRARY} ${ORTOLAN_WEBP_LIBRARY}
  ${ORTOLAN_ZLIB_LIBRARY} ${ORTOLAN_OPENJPEG_LIBRARY} ${ORTOLAN_FREETYPE_LIBRARY})

add_library(ortolan_core STATIC)
target_link_libraries(ortolan_core PUBLIC ortolan_objects ${ORTOLAN_IMAGE_LIBRARIES})

add_library(ortolan SHARED)
add_library(Ortolan::Ortolan ALIAS ortolan)
target_link_libraries(ortolan PRIVATE ortolan_objects ${ORTOLAN_IMAGE_LIBRARIES})
target_include_directories(ortolan INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
target_compile_features(ortolan INTERFACE cxx_std_20)
set_target_properties(ortolan PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME Ortolan)
