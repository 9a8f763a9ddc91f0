# Every third-party library, from Debian packages only; docs/dependencies.md gives the reason for each.

# What the client libraries need. cmake/TiaraConfig.cmake.in looks for the same when a program links them statically.
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(absl REQUIRED)
find_package(Boost 1.74 REQUIRED)  # headers alone
find_package(wslay REQUIRED)
if(NOT TIARA_PROGRAM)
  return()
endif()

find_package(PkgConfig REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)  # tools, tests and topicauth.policy
find_package(GTest REQUIRED)
find_package(CURL 7.85 REQUIRED)
# By pkg-config: Debian's CMake configuration of RocksDB drags in gflags and snappy modules it does not ship.
pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
