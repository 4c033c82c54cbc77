# Compiler settings shared by every target: the language, warnings, sanitizers, and the flags of the ISA units.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(ORTOLAN_CCACHE ccache)
if(ORTOLAN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ORTOLAN_CCACHE}")
endif()

add_library(ortolan_flags INTERFACE)
# fp-contract stays off outside ISA units so that scalar references mean what they say; kernels write FMA explicitly.
target_compile_options(ortolan_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers -ffp-contract=off)
if(ORTOLAN_WERROR)
  target_compile_options(ortolan_flags INTERFACE -Werror)
endif()
if(ORTOLAN_SANITIZE)
  target_compile_options(ortolan_flags INTERFACE -fsanitize=${ORTOLAN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(ortolan_flags INTERFACE -fsanitize=${ORTOLAN_SANITIZE})
endif()

# A file named *_avx2.cc, *_avx512.cc or *_neon.cc is an ISA unit: compiled for that level, everything in it with internal
# linkage but the rows that variants.inc names. x86-64-v3 and v4 are the levels of the x86-64 psABI; every aarch64 has
# NEON, whose units have to be told from the scalar ones. g++ 12 takes the undefined operands inside its own AVX-512
# intrinsics for uninitialised variables; its predictive commoning carries what neighbouring pixels share from one turn of
# an inner loop to the next, and its scheduling before registers are assigned, which x86 does without, brings loads
# forward: both spill the sums for that. NEON units are optimised in full in every build: slow ones show nothing.
# The scalar units are for machines without vectors: -O3 takes twice the time to compile them and gains nothing there.
function(ortolan_isa_flags)
  set(gnu "$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized;-fno-predictive-commoning>")
  set(neon "-O3;-DORTOLAN_NEON=1;$<$<CXX_COMPILER_ID:GNU>:-fno-schedule-insns>;${gnu}")
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_avx2\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=x86-64-v3;-mtune=generic;${gnu}")
    elseif(source MATCHES "_avx512\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=x86-64-v4;-mtune=generic;-mprefer-vector-width=512;${gnu}")
    elseif(source MATCHES "_avx512vnni\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=x86-64-v4;-mavx512vnni;-mtune=generic;-mprefer-vector-width=512;${gnu}")
    elseif(source MATCHES "_avx512bf16\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=x86-64-v4;-mavx512bf16;-mtune=generic;-mprefer-vector-width=512;${gnu}")
    elseif(source MATCHES "_scalar\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O2>")
    elseif(source MATCHES "_neon\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${neon}")
    elseif(source MATCHES "_neondot\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-march=armv8.2-a+dotprod;${neon}")
    endif()
  endforeach()
endfunction()
