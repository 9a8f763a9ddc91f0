// The arguments of `tiara client`, for command_line.cpp.
#pragma once

#include <functional>

#include "tiara/command_line.hpp"

namespace CLI {
class App;
}

namespace tiara::app {

// As in store_arguments.hpp.
void add_client(CLI::App& app, ClientOptions& options, std::function<void()> chosen);

}  // namespace tiara::app
