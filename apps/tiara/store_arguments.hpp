// The arguments of `tiara server`, `tiara store` and `tiara audit`, for command_line.cpp.
#pragma once

#include <functional>

#include "tiara/command_line.hpp"

namespace CLI {
class App;
}

namespace tiara::app {

// Each adds its subcommand; `options` outlives the parser. `chosen` is called when the command, or
// one of its commands, is on the command line.
void add_server(CLI::App& app, ServerOptions& options, std::function<void()> chosen);
void add_store(CLI::App& app, StoreOptions& options, std::function<void()> chosen);
void add_audit(CLI::App& app, AuditOptions& options, std::function<void()> chosen);

}  // namespace tiara::app
