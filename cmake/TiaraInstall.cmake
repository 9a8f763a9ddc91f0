# What `cmake --install` installs: headers, the library in both kinds, its CMake package and pkg-config files, licence.
#
# One library, two targets. tiara::tie is written on parts of src/dxl that no header shows (codec, JSON): two libraries
# would have to export those, or hold them twice. A user names what is used, and a later division breaks nobody.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# What a statically linked program needs besides: the same list stands in TiaraConfig.cmake.in and in tiara-dxl.pc.in.
set(TIARA_SDK_PRIVATE fmt::fmt spdlog::spdlog simdjson::simdjson OpenSSL::SSL OpenSSL::Crypto absl::flat_hash_map
    wslay Threads::Threads)
list(TRANSFORM TIARA_SDK_FOLDERS REPLACE "(.+)" "$<TARGET_OBJECTS:tiara_\\1>" OUTPUT_VARIABLE TIARA_SDK_OBJECTS)

foreach(kind IN ITEMS SHARED STATIC)
  string(TOLOWER ${kind} lower)
  add_library(tiara_${lower} ${kind} ${TIARA_SDK_OBJECTS})
  set_target_properties(tiara_${lower} PROPERTIES OUTPUT_NAME tiara EXPORT_NAME ${lower} LINKER_LANGUAGE CXX)
  target_link_libraries(tiara_${lower} PRIVATE ${TIARA_SDK_PRIVATE} INTERFACE tl::expected)
  target_include_directories(tiara_${lower} INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_compile_features(tiara_${lower} INTERFACE cxx_std_20)
endforeach()
# Below 1.0 a minor version may change the interface.
set_target_properties(tiara_shared PROPERTIES VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/tiara.map")
target_link_options(tiara_shared PRIVATE "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/tiara.map")
if(NOT TIARA_SANITIZE)
  # The sanitizers' own symbols are in the program.
  target_link_options(tiara_shared PRIVATE LINKER:-z,defs)
endif()

set(TIARA_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Tiara")
foreach(kind IN ITEMS shared static)
  install(TARGETS tiara_${kind} EXPORT tiara_${kind} COMPONENT sdk)
  install(EXPORT tiara_${kind} FILE Tiara-${kind}.cmake NAMESPACE tiara:: DESTINATION "${TIARA_CMAKE_DIR}" COMPONENT sdk)
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT sdk
  FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT sdk)

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/TiaraConfig.cmake.in" "${PROJECT_BINARY_DIR}/TiaraConfig.cmake"
  INSTALL_DESTINATION "${TIARA_CMAKE_DIR}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/TiaraConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/TiaraConfig.cmake" "${PROJECT_BINARY_DIR}/TiaraConfigVersion.cmake"
  DESTINATION "${TIARA_CMAKE_DIR}" COMPONENT sdk)

# The way from the .pc files up to the prefix, so that an installed tree can be moved.
file(RELATIVE_PATH TIARA_PC_TO_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
foreach(module IN ITEMS dxl tie)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/tiara-${module}.pc.in" "${PROJECT_BINARY_DIR}/tiara-${module}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/tiara-${module}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT sdk)
endforeach()
