// The arguments of the commands that run and look after a fabric, `tiara cert-authority`, `tiara
// config`, `tiara status` and `tiara reload`, for command_line.cpp.
#pragma once

#include <functional>

#include "tiara/command_line.hpp"

namespace CLI {
class App;
}

namespace tiara::app {

// As in store_arguments.hpp.
void add_cert_authority(CLI::App& app, CertAuthorityOptions& options, std::function<void()> chosen);
void add_config(CLI::App& app, ConfigOptions& options, std::function<void()> chosen);
void add_status(CLI::App& app, StatusOptions& options, std::function<void()> chosen);
void add_reload(CLI::App& app, ReloadOptions& options, std::function<void()> chosen);

}  // namespace tiara::app
