// The text of a dxlclient.config that `tiara client` writes (DXL reference §3.5). Pure.
#pragma once

#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "tiara/management_answers.hpp"

namespace tiara::app {

// Of a new client whose files are named after `prefix`; paths are relative to the file.
std::string new_client_config(std::string_view prefix, std::string_view bundle,
                              const BrokerLists& lists);

// `text` with other brokers. Comments, unknown keys and sections, order and line ends stay; a list
// that `lists` does not speak of stays as well. kConfiguration when the result would not say what
// `lists` says.
dxl::Result<std::string> update_client_config(std::string_view text, const BrokerLists& lists);

}  // namespace tiara::app
