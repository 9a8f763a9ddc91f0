// The connection that `rep` and `watch` work over.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "dxl/client.hpp"
#include "dxl/result.hpp"
#include "tiara/command_line.hpp"
#include "tie/client.hpp"

namespace tiara::app {

// How long a command waits for an answer unless --timeout says otherwise.
std::chrono::milliseconds answer_timeout(const CommonOptions& options);

// --config, then $DXL_CONFIG, then ./dxlclient.config.
std::string config_file(const CommonOptions& options);

// A client that is connected. `reconnect`: for commands that run for long.
dxl::Result<std::unique_ptr<dxl::Client>> connect(const CommonOptions& options, bool reconnect);

// "not authorised to send to <topic>: needs the group "…"; <remedy>". `action`: "send to" or
// "receive from".
dxl::Error not_authorised(std::string_view action, const std::string& topic,
                          const tie::SendPermission& permission);
// The refusal of a request to `topic`, with what the broker knows about it; other errors as they
// are.
dxl::Error explain_refusal(tie::Client& tie, std::string_view topic, const dxl::Error& refusal);

}  // namespace tiara::app
