# Language, warnings, sanitizers, output folders: everything that holds for all targets alike.

option(TIARA_PROGRAM "Build the program, the samples and the tests, not the libraries alone" ${PROJECT_IS_TOP_LEVEL})
option(TIARA_INSTALL "Build the installed libraries, and the rules that install them" ${PROJECT_IS_TOP_LEVEL})
option(TIARA_WERROR "Treat warnings as errors" OFF)
option(TIARA_BENCH "Build the benchmark programs" OFF)
option(TIARA_FUZZ "Build the fuzz targets with libFuzzer (clang only); otherwise they replay files" OFF)
set(TIARA_SANITIZE "" CACHE STRING "Value for -fsanitize=, or empty")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(TIARA_CCACHE ccache)
if(TIARA_CCACHE)
  # The three slackened checks are what ccache asks for when precompiled headers are in use.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${TIARA_CCACHE})
endif()

add_library(tiara_settings INTERFACE)
target_include_directories(tiara_settings INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_compile_options(tiara_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wrestrict of g++ 12 warns about std::string at -O3 without cause; -fpch-preprocess is for ccache.
  target_compile_options(tiara_settings INTERFACE -Wno-restrict -fpch-preprocess)
endif()
if(TIARA_WERROR)
  target_compile_options(tiara_settings INTERFACE -Werror)
endif()
if(TIARA_SANITIZE)
  add_compile_options(-fsanitize=${TIARA_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TIARA_SANITIZE})
  if(TIARA_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(TIARA_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()
if(TIARA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
find_package(Threads REQUIRED)
target_link_libraries(tiara_settings INTERFACE Threads::Threads)
