// Where an answer goes (DXL reference §2.6): the request's ids and the connection it came from.
#pragma once

#include <cstdint>
#include <string>

#include "dxl/message.hpp"
#include "dxl/message_codec.hpp"

namespace tiara::sdk {

dxl::Response make_response(const dxl::Request& to, std::string payload);
dxl::ErrorResponse make_error(const dxl::Request& to, std::uint32_t code, std::string message);

}  // namespace tiara::sdk
