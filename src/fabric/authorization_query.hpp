// The broker's answer to `/opendxl-tiara/service/fabric/authorization` (extensions.md "Fabric").
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dxl/json.hpp"
#include "dxl/result.hpp"
#include "fabric/authorization.hpp"

namespace tiara::fabric {

inline constexpr std::size_t kMaxQueriedTopics = 1'000;

// The response's JSON, about `asker` or, for administrators, about another certificate, of which
// nothing but its own memberships is known. kMalformed or kLimitExceeded: the request is wrong;
// kNotAuthorised: somebody else's certificate.
dxl::Result<std::string> answer_authorization_query(const Authorization& authorization,
                                                    const Identity& asker,
                                                    dxl::JsonDocument& document,
                                                    std::string_view payload);

}  // namespace tiara::fabric
