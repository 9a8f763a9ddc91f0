// The arguments of `tiara auth`, for command_line.cpp.
#pragma once

#include <functional>

#include "tiara/command_line.hpp"

namespace CLI {
class App;
}

namespace tiara::app {

// Adds the subcommand; `options` outlives the parser. `chosen` is called when one of its commands
// is on the command line.
void add_auth(CLI::App& app, AuthOptions& options, std::function<void()> chosen);

}  // namespace tiara::app
