# `cmake --install` puts the shared library, the public headers and what find_package(Ortolan) needs into a prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Ortolan")
install(TARGETS ortolan EXPORT OrtolanTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/ortolan" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT development FILES_MATCHING PATTERN "*.h")
install(EXPORT OrtolanTargets NAMESPACE Ortolan:: DESTINATION "${package_folder}" COMPONENT development)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/OrtolanConfig.cmake.in" "${PROJECT_BINARY_DIR}/OrtolanConfig.cmake"
  INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/OrtolanConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/OrtolanConfig.cmake" "${PROJECT_BINARY_DIR}/OrtolanConfigVersion.cmake"
  DESTINATION "${package_folder}" COMPONENT development)
