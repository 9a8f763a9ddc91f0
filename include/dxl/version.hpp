// The version of the library that a program runs with, which need not be the one it was built with.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)
namespace dxl {

// "MAJOR.MINOR.PATCH"
std::string_view version();

}  // namespace dxl
#pragma GCC visibility pop
