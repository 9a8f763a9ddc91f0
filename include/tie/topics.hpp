// The topics of TIE (TIE reference §2) and of our extensions to it.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)
namespace tie {

// Requests to the service.
inline constexpr std::string_view kTopicFileReputation = "/mcafee/service/tie/file/reputation";
inline constexpr std::string_view kTopicFileReputationSet =
    "/mcafee/service/tie/file/reputation/set";
inline constexpr std::string_view kTopicFileAgents = "/mcafee/service/tie/file/agents";
inline constexpr std::string_view kTopicCertReputation = "/mcafee/service/tie/cert/reputation";
inline constexpr std::string_view kTopicCertReputationSet =
    "/mcafee/service/tie/cert/reputation/set";
inline constexpr std::string_view kTopicCertAgents = "/mcafee/service/tie/cert/agents";
inline constexpr std::string_view kTopicUpdates = "/mcafee/service/tie/reputation/updates";
inline constexpr std::string_view kTopicFileInfo = "/mcafee/service/tie/file/info";
inline constexpr std::string_view kTopicFileSearch = "/mcafee/service/tie/file/search";
// Requests that are never answered.
inline constexpr std::string_view kTopicFileMetadata = "/mcafee/service/tie/file/update_metadata";
inline constexpr std::string_view kTopicCertMetadata = "/mcafee/service/tie/cert/update_metadata";

// Events of the service.
inline constexpr std::string_view kTopicFileChangeBroadcast =
    "/mcafee/event/tie/file/repchange/broadcast";
inline constexpr std::string_view kTopicFileChange = "/mcafee/event/tie/file/repchange";
inline constexpr std::string_view kTopicCertChangeBroadcast =
    "/mcafee/event/tie/cert/repchange/broadcast";
inline constexpr std::string_view kTopicCertChange = "/mcafee/event/tie/cert/repchange";
inline constexpr std::string_view kTopicFileDetection = "/mcafee/event/tie/file/detection";
inline constexpr std::string_view kTopicFileFirstInstance = "/mcafee/event/tie/file/firstinstance";
inline constexpr std::string_view kTopicFilePrevalence = "/mcafee/event/tie/file/prevalence";
// Events for the service.
inline constexpr std::string_view kTopicExternalReport = "/mcafee/event/external/file/report";
inline constexpr std::string_view kTopicSandboxReport = "/mcafee/event/atd/file/report";

// Extensions.
inline constexpr std::string_view kTopicBatchGet = "/opendxl-tiara/service/tie/reputations";
inline constexpr std::string_view kTopicBatchSet = "/opendxl-tiara/service/tie/reputations/set";
inline constexpr std::string_view kTopicReportOutcome = "/opendxl-tiara/service/tie/report/outcome";
inline constexpr std::string_view kTopicExplain = "/opendxl-tiara/service/tie/explain";
inline constexpr std::string_view kTopicHistory = "/opendxl-tiara/service/tie/history";
inline constexpr std::string_view kTopicFabricAuthorization =
    "/opendxl-tiara/service/fabric/authorization";

}  // namespace tie
#pragma GCC visibility pop
