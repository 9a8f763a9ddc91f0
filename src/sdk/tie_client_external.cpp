// tie::Client: External reports and what becomes of them, and the rights that they need.
#include <algorithm>
#include <array>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "dxl/json.hpp"
#include "sdk/tie_ask.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using tiara::sdk::ask;
using tiara::sdk::read_answer;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{500};
constexpr milliseconds kOutcomeTimeout{5'000};  // of one question

// The original's checks in the original's order, with its texts (§3.15).
dxl::Result<void> check_external(const ExternalReport& report, FileTypeCheck check) {
  std::string_view problem;
  if (check == FileTypeCheck::kKnownOnly && !is_known(report.file_type)) {
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

dxl::Result<SendPermission> ask_permission(dxl::Client& client, std::string_view direction,
                                           const std::string& topic, milliseconds timeout) {
  std::string payload = fmt::format("{{\"direction\":\"{}\",\"topics\":[", direction);
  dxl::append_json_string(topic, payload);
  payload += "]}";
  return read_answer(
      kTopicFabricAuthorization,
      ask(client, kTopicFabricAuthorization, std::move(payload), timeout),
      [&topic](std::string_view answer) { return decode_permission(answer, topic); });
}

dxl::Result<dxl::MessageId> publish_report(dxl::Client& client, const ExternalReport& report,
                                           FileTypeCheck check, milliseconds timeout) {
  if (const auto valid = check_external(report, check); !valid) return dxl::fail(valid.error());
  if (report.filename.empty()) {
    tiara::base::log(tiara::base::LogLevel::kWarning, "tie",
                     "an External report without a file name: original TIE servers discard it");
  }
  dxl::Event event;
  event.topic = kTopicExternalReport;
  append_external_report(report, event.payload);
  return client.publish_confirmed(std::move(event), timeout);
}

VerifiedReport::Verdict to_verdict(ExternalOutcome::Kind kind) {
  switch (kind) {
    case ExternalOutcome::Kind::kAccepted:
    case ExternalOutcome::Kind::kUnchanged:
      return VerifiedReport::Verdict::kAccepted;
    case ExternalOutcome::Kind::kRefused:
      return VerifiedReport::Verdict::kRefused;
    case ExternalOutcome::Kind::kCannotTell:
    case ExternalOutcome::Kind::kNotSeen:
    case ExternalOutcome::Kind::kNoAnswer:
      break;
  }
  return VerifiedReport::Verdict::kCannotTell;
}

std::string not_allowed(const SendPermission& permission) {
  std::string text = "unauthorized: the broker would drop the report";
  if (!permission.reason.empty()) text += ": " + permission.reason;
  if (permission.groups.empty()) return text;
  text += "; needs the group ";
  for (std::size_t i = 0; i < permission.groups.size(); ++i)
    text += (i == 0 ? "\"" : " or \"") + permission.groups[i] + '"';
  return text;
}

// Whether lookups show the level that was reported, at the latest at `deadline`.
bool shows(Client& client, const ExternalReport& report, Clock::time_point deadline) {
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    const auto levels = client.get_file_reputation(report.hashes);
    if (!levels && !tiara::sdk::is_passing(levels.error())) return false;
    if (levels) {
      const Reputation* const entry = levels->find(Provider::kExternal);
      if ((entry != nullptr ? entry->trust_level : TrustLevel::kNotSet) == report.trust_level)
        return true;
    }
    if (Clock::now() + pause >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

dxl::Result<dxl::MessageId> Client::set_external_file_reputation(
    TrustLevel level, const FileHashes& hashes, FileType type, const std::string& filename,
    const std::string& comment, FileTypeCheck check) {
  if (level == TrustLevel::kNotSet)
    return dxl::fail(ErrorCode::kInvalidArgument, "TrustLevel was not specified");
  return publish_report(client_, {hashes, level, type, filename, comment}, check, timeout_);
}

dxl::Result<dxl::MessageId> Client::withdraw_external_file_reputation(const FileHashes& hashes,
                                                                      const std::string& filename,
                                                                      const std::string& comment) {
  return publish_report(client_, {hashes, TrustLevel::kNotSet, FileType::kNone, filename, comment},
                        FileTypeCheck::kKnownOnly, timeout_);
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
      const auto told = read_answer(kTopicReportOutcome, answer, decode_outcome);
      if (!told) return dxl::fail(told.error());
      outcome = to_outcome(*told);
      if (outcome.kind != Kind::kNotSeen) return outcome;
    } else if (tiara::sdk::is_unrouted(answer.error())) {
      return ExternalOutcome{Kind::kCannotTell,
                             "the service does not tell what becomes of reports"};
    } else if (!tiara::sdk::is_passing(answer.error())) {
      return dxl::fail(answer.error());
    } else if (answer.error().code == ErrorCode::kPeer && outcome.kind == Kind::kNoAnswer) {
      outcome = {Kind::kNotSeen, answer.error().message};
    }
    // The report may still be on its way to the service, or on its way to the disk.
    std::this_thread::sleep_until(std::min(deadline, Clock::now() + pause));
  }
}

dxl::Result<VerifiedReport> Client::report_and_verify(const ExternalReport& report,
                                                      milliseconds patience, FileTypeCheck check) {
  using Verdict = VerifiedReport::Verdict;
  if (const auto valid = check_external(report, check); !valid) return dxl::fail(valid.error());
  Client quick = with_timeout(std::min(timeout_, patience));
  VerifiedReport result;
  // A denied event disappears without an answer, so ask first. A fabric that cannot tell is no
  // obstacle: the outcome will show.
  if (auto permission = quick.may_send(std::string(kTopicExternalReport))) {
    result.permission = std::move(*permission);
    if (!result.permission.allowed) {
      result.verdict = Verdict::kRefused;
      result.reason = not_allowed(result.permission);
      return result;
    }
  }
  auto sent = publish_report(client_, report, check, timeout_);
  if (!sent) return dxl::fail(sent.error());
  result.report = std::move(*sent);
  const auto deadline = Clock::now() + patience;
  auto outcome = report_outcome(result.report, patience);
  if (!outcome) {
    result.failure = outcome.error();
    result.reason = outcome.error().message;
    return result;
  }
  result.outcome = std::move(*outcome);
  result.reason = result.outcome.reason;
  result.verdict = to_verdict(result.outcome.kind);
  if (result.outcome.kind == ExternalOutcome::Kind::kCannotTell && shows(quick, report, deadline)) {
    result.verdict = Verdict::kAccepted;
    result.reason = "the service does not tell, but its answers hold the level";
  }
  return result;
}

dxl::Result<SendPermission> Client::may_send(const std::string& topic) {
  return ask_permission(client_, "send", topic, timeout_);
}

dxl::Result<SendPermission> Client::may_receive(const std::string& topic) {
  return ask_permission(client_, "receive", topic, timeout_);
}

}  // namespace tie
