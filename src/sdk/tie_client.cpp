#include "tie/client.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/log.hpp"
#include "dxl/json.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{500};
constexpr milliseconds kOutcomeTimeout{5'000};  // of one question

dxl::Error to_error(const dxl::ErrorResponse& refusal) {
  const bool not_authorised =
      refusal.error_code == dxl::kNotAuthorisedToSend ||
      refusal.error_code == static_cast<std::uint32_t>(ServiceError::kNotAuthorised);
  return {not_authorised ? ErrorCode::kNotAuthorised : ErrorCode::kPeer, refusal.error_message,
          refusal.error_code};
}

// The payload of the answer; a refusal by the peer is an error here.
dxl::Result<std::string> ask(dxl::Client& client, std::string_view topic, std::string payload,
                             milliseconds timeout) {
  dxl::Request request;
  request.topic = topic;
  request.payload = std::move(payload);
  auto reply = client.request(std::move(request), timeout);
  if (!reply) return dxl::fail(reply.error());
  if (const auto* refusal = std::get_if<dxl::ErrorResponse>(&*reply)) {
    return dxl::fail(to_error(*refusal));
  }
  return std::move(std::get<dxl::Response>(*reply).payload);
}

bool is_unavailable(const dxl::Error& error) {
  return error.code == ErrorCode::kPeer && error.peer_code == dxl::kServiceUnavailable;
}

// What a moment later may be answered: the question of an outcome comes from the same share of
// requests as the report, and a service under load refuses a while.
bool is_passing(const dxl::Error& error) {
  if (error.code == ErrorCode::kTimedOut || error.code == ErrorCode::kUnavailable) return true;
  return error.code == ErrorCode::kPeer &&
         (error.peer_code == static_cast<std::uint32_t>(ServiceError::kTooManyRequests) ||
          error.peer_code == static_cast<std::uint32_t>(ServiceError::kUnavailable));
}

dxl::Error bad_answer(std::string_view topic, const dxl::Error& why) {
  return {why.code, "answer on " + std::string(topic) + ": " + why.message};
}

// The original's checks in the original's order, with its texts (§3.15).
dxl::Result<void> check_external(const ExternalReport& report) {
  std::string_view problem;
  if (report.trust_level == TrustLevel::kNotSet) {
    problem = "TrustLevel was not specified";
  } else if (!is_known(report.file_type)) {
    problem = "FileType was not a valid entry";
  } else if (!is_known(report.trust_level)) {
    problem = "TrustLevel was not a valid entry";
  } else if (report.hashes.empty()) {
    problem = "File hashes were not specified";
  } else {
    return {};
  }
  return dxl::fail(ErrorCode::kInvalidArgument, std::string(problem));
}

dxl::Result<void> check_hashes(const FileHashes& hashes) {
  if (!hashes.empty()) return {};
  return dxl::fail(ErrorCode::kInvalidArgument, "File hashes were not specified");
}

ExternalOutcome to_outcome(const ReportOutcome& answer) {
  using Kind = ExternalOutcome::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds = {
      {{"accepted", Kind::kAccepted},
       {"unchanged", Kind::kUnchanged},
       {"refused", Kind::kRefused}}};
  for (const auto& [name, kind] : kKinds) {
    if (answer.outcome == name) return {kind, answer.reason};
  }
  return {Kind::kNotSeen,
          answer.reason.empty() ? "the service has not seen the report" : answer.reason};
}

dxl::Result<SendPermission> decode_permission(std::string_view payload, std::string_view topic) {
  dxl::JsonDocument document;
  const auto answer = document.parse(payload);
  if (!answer) return dxl::fail(answer.error());
  std::optional<SendPermission> permission;
  const auto read = [&](const dxl::JsonValue& item) {
    if (!item.is_object()) return true;
    const auto name = item.find("topic");
    const auto allowed = item.find("allowed");
    if (!name || name->string() != topic || !allowed || !allowed->boolean()) return true;
    permission.emplace();
    permission->allowed = *allowed->boolean();
    if (const auto reason = item.find("reason"); reason && reason->string()) {
      permission->reason = *reason->string();
    }
    if (const auto groups = item.find("groups"); groups && groups->is_array()) {
      groups->for_each_element([&](const dxl::JsonValue& group) {
        if (group.string()) permission->groups.emplace_back(*group.string());
        return true;
      });
    }
    return false;
  };
  if (answer->is_object()) {
    if (const auto topics = answer->find("topics"); topics && topics->is_array()) {
      topics->for_each_element(read);
    }
  }
  if (permission) return std::move(*permission);
  return dxl::fail(ErrorCode::kMalformed, "nothing about " + std::string(topic));
}

}  // namespace

Client::Client(dxl::Client& client, milliseconds timeout) : client_(client), timeout_(timeout) {}
Client::~Client() = default;

dxl::Result<Reputations> Client::get_file_reputation(const FileHashes& hashes) {
  if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  std::string payload;
  append_get_file_reputation(hashes, payload);
  auto answer = ask(client_, kTopicFileReputation, payload, timeout_);
  // An instance that died leaves a registration behind; the first request removes it (§1.1). A read
  // may be repeated.
  if (!answer && is_unavailable(answer.error())) {
    answer = ask(client_, kTopicFileReputation, payload, timeout_);
  }
  if (!answer) return dxl::fail(answer.error());
  auto reputations = decode_reputations(*answer);
  if (!reputations) return dxl::fail(bad_answer(kTopicFileReputation, reputations.error()));
  return reputations;
}

dxl::Result<void> Client::set_file_reputation(TrustLevel level, const FileHashes& hashes,
                                              const std::string& filename,
                                              const std::string& comment) {
  if (!is_known(level)) {
    return dxl::fail(ErrorCode::kInvalidArgument, "TrustLevel was not a valid entry");
  }
  if (const auto given = check_hashes(hashes); !given) return given;
  std::string payload;
  append_set_file_reputation({hashes, level, filename, comment}, payload);
  const auto answer = ask(client_, kTopicFileReputationSet, std::move(payload), timeout_);
  if (!answer) return dxl::fail(answer.error());
  return {};
}

dxl::Result<dxl::MessageId> Client::set_external_file_reputation(TrustLevel level,
                                                                 const FileHashes& hashes,
                                                                 FileType type,
                                                                 const std::string& filename,
                                                                 const std::string& comment) {
  const ExternalReport report{hashes, level, type, filename, comment};
  if (const auto valid = check_external(report); !valid) return dxl::fail(valid.error());
  if (filename.empty()) {
    tiara::base::log(tiara::base::LogLevel::kWarning, "tie",
                     "an External report without a file name: original TIE servers discard it");
  }
  dxl::Event event;
  event.topic = kTopicExternalReport;
  append_external_report(report, event.payload);
  return client_.publish_confirmed(std::move(event), timeout_);
}

dxl::Result<ExternalOutcome> Client::report_outcome(const dxl::MessageId& report,
                                                    milliseconds patience) {
  using Kind = ExternalOutcome::Kind;
  ExternalOutcome outcome{Kind::kNoAnswer, "the service did not answer"};
  const Clock::time_point deadline = Clock::now() + patience;
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds(0)) return outcome;
    std::string payload;
    append_outcome_request(report.value, payload);
    const auto answer =
        ask(client_, kTopicReportOutcome, std::move(payload), std::min(left, kOutcomeTimeout));
    if (answer) {
      const auto told = decode_outcome(*answer);
      if (!told) return dxl::fail(bad_answer(kTopicReportOutcome, told.error()));
      outcome = to_outcome(*told);
      if (outcome.kind != Kind::kNotSeen) return outcome;
    } else if (is_unavailable(answer.error())) {
      return ExternalOutcome{Kind::kCannotTell,
                             "the service does not tell what becomes of reports"};
    } else if (!is_passing(answer.error())) {
      return dxl::fail(answer.error());
    } else if (answer.error().code == ErrorCode::kPeer && outcome.kind == Kind::kNoAnswer) {
      outcome = {Kind::kNotSeen, answer.error().message};
    }
    // The report may still be on its way to the service, or on its way to the disk.
    std::this_thread::sleep_until(std::min(deadline, Clock::now() + pause));
  }
}

namespace {

dxl::Result<SendPermission> ask_permission(dxl::Client& client, std::string_view direction,
                                           const std::string& topic, milliseconds timeout) {
  std::string payload = fmt::format("{{\"direction\":\"{}\",\"topics\":[", direction);
  dxl::append_json_string(topic, payload);
  payload += "]}";
  const auto answer = ask(client, kTopicFabricAuthorization, std::move(payload), timeout);
  if (!answer) return dxl::fail(answer.error());
  auto permission = decode_permission(*answer, topic);
  if (!permission) return dxl::fail(bad_answer(kTopicFabricAuthorization, permission.error()));
  return permission;
}

}  // namespace

dxl::Result<SendPermission> Client::may_send(const std::string& topic) {
  return ask_permission(client_, "send", topic, timeout_);
}

dxl::Result<SendPermission> Client::may_receive(const std::string& topic) {
  return ask_permission(client_, "receive", topic, timeout_);
}

dxl::Result<dxl::Subscription> Client::add_file_reputation_change_callback(
    FileChangeCallback callback) {
  return client_.add_event_callback(std::string(kTopicFileChangeBroadcast),
                                    [callback = std::move(callback)](const dxl::Event& event) {
                                      const auto change = decode_file_change(event.payload);
                                      if (change) return callback(*change, event);
                                      tiara::base::log(tiara::base::LogLevel::kWarning, "tie",
                                                       "dropped a change event: {}",
                                                       change.error().message);
                                    });
}

}  // namespace tie
