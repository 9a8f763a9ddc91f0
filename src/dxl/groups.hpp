// The named groups of clients (spec/extensions.md, "Named groups"): in policy files, in the
// broker's built-in rules and in the TIE service's own.
#pragma once

#include <string_view>

namespace dxl {

inline constexpr std::string_view kGroupSetEnterprise = "TIE Server Set Enterprise Reputation";
inline constexpr std::string_view kGroupSetExternal = "TIE Server Set External Reputation";
// Ours: sandbox verdicts outrank External reports, so they have a group of their own. The service
// asks for it; the topic itself stays open, as other services listen to it too.
inline constexpr std::string_view kGroupReportSandbox = "TIE Server Report Sandbox Reputation";
inline constexpr std::string_view kGroupTieServer = "TIE Server";
inline constexpr std::string_view kGroupAdministrators = "Tiara Administrators";

}  // namespace dxl
