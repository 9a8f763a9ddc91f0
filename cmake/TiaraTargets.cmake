# tiara_library(base SOURCES a.cpp … LINKS tiara_dxl … PRIVATE fmt::fmt …): one static library per folder of src/.
# tiara_tests(base SOURCES a_test.cpp … LINKS …): its unit tests, one program named <folder>_tests.

set(TIARA_PCH_HEADERS <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <utility> <variant> <vector> <tl/expected.hpp> <fmt/format.h>)

# The folders that become the installed library, lowest layer first.
set(TIARA_SDK_FOLDERS base dxl mqtt tie session net sdk)

function(tiara_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE" ${ARGN})
  add_library(tiara_${name} STATIC ${arg_SOURCES})
  target_link_libraries(tiara_${name} PUBLIC tiara_settings tl::expected ${arg_LINKS} PRIVATE fmt::fmt ${arg_PRIVATE})
  target_precompile_headers(tiara_${name} PRIVATE ${TIARA_PCH_HEADERS})
  if(name IN_LIST TIARA_SDK_FOLDERS)
    # The shared library exports what the public headers mark; hidden, code costs no more than in a program.
    set_target_properties(tiara_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
      VISIBILITY_INLINES_HIDDEN ON)
  endif()
endfunction()

function(tiara_tests name)
  if(NOT TIARA_PROGRAM)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name}_tests ${arg_SOURCES})
  target_link_libraries(${name}_tests PRIVATE tiara_${name} ${arg_LINKS} fmt::fmt GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_tests PRIVATE TIARA_FIXTURES="${PROJECT_SOURCE_DIR}/tests/fixtures")
  target_precompile_headers(${name}_tests PRIVATE ${TIARA_PCH_HEADERS} <gtest/gtest.h> <gmock/gmock.h>)
  gtest_discover_tests(${name}_tests DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}." PROPERTIES TIMEOUT 120)
endfunction()
include(GoogleTest)

# tiara_fuzz(name SOURCES name.cpp LINKS …): libFuzzer program under TIARA_FUZZ, else a program that replays the
# corpus folder tests/fixtures/fuzz/<name> and is a test.
function(tiara_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(fuzz_${name} ${arg_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE tiara_settings fmt::fmt ${arg_LINKS})
  if(TIARA_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE "${PROJECT_SOURCE_DIR}/fuzz/replay_main.cpp")
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} "${PROJECT_SOURCE_DIR}/tests/fixtures/fuzz/${name}")
  endif()
endfunction()
