// Events that report levels (TIE reference §3.15, §3.16), and what became of them. Nobody is
// answered, so every refusal is counted, logged and remembered under its reason.
#include <utility>

#include "service/dispatcher.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using tie::ReportRefusal;

constexpr std::string_view kBusy = "too many requests are waiting, try again";
constexpr std::string_view kTooFast =
    "more messages than the service takes from one client, try again in a second";

}  // namespace

// Before anything is read, as with requests.
void Dispatcher::refuse_too_fast(Action action, const dxl::MessageView& event) {
  if (action == Action::kReportExternal) {
    counters_.reports_unavailable.fetch_add(1);
    return refuse_report_unavailable(event.source_client_id, event.message_id, kTooFast);
  }
  counters_.sandbox_refused.fetch_add(1);
  refusals_.add(Refused::kSandboxReport, "unavailable", event.source_client_id, kTooFast);
}

// The order of the checks is that of §3.15.
void Dispatcher::take_external_report(const dxl::MessageView& event) {
  const LiveSettings::Snapshot settings = context_.settings.get();
  if (!settings->external_enabled)
    return refuse_report(event, ReportRefusal::kDisabled, "external.enabled is false");
  if (const auto refusal = refusal_of(Action::kReportExternal, event))
    return refuse_report(event, ReportRefusal::kUnauthorized, *refusal);
  auto decoded = tie::decode_external_report(event.payload);
  if (!decoded) {
    return refuse_report(event, static_cast<ReportRefusal>(decoded.error().peer_code),
                         decoded.error().message);
  }
  if (decoded->filename.empty() && settings->external_require_filename)
    return refuse_report(event, ReportRefusal::kFilename, "external.require_filename is true");
  const bool taken = enqueue_write(ReportCommand{.message_id = std::string(event.message_id),
                                                 .sender = std::string(event.source_client_id),
                                                 .report = std::move(*decoded),
                                                 .actor = access_.describe(sender_of(event))});
  if (!taken) {
    counters_.reports_unavailable.fetch_add(1);
    refuse_report_unavailable(event.source_client_id, event.message_id, kBusy);
  }
}

void Dispatcher::take_sandbox_report(const dxl::MessageView& event) {
  const auto refuse = [&](std::string_view reason, std::string_view detail) {
    counters_.sandbox_refused.fetch_add(1);
    refusals_.add(Refused::kSandboxReport, reason, event.source_client_id, detail);
  };
  if (const auto refusal = refusal_of(Action::kReportSandbox, event))
    return refuse("unauthorized", *refusal);
  auto report = tie::decode_sandbox_report(event.payload);
  if (!report) {
    return refuse(to_string(static_cast<ReportRefusal>(report.error().peer_code)),
                  report.error().message);
  }
  if (!enqueue_write(SandboxCommand{.message_id = std::string(event.message_id),
                                    .sender = std::string(event.source_client_id),
                                    .report = std::move(*report),
                                    .actor = access_.describe(sender_of(event))}))
    refuse("unavailable", kBusy);
}

void Dispatcher::refuse_report(const dxl::MessageView& event, ReportRefusal refusal,
                               std::string_view detail) {
  counters_.reports_refused[static_cast<std::size_t>(refusal)].fetch_add(1);
  const std::string_view name = tie::to_string(refusal);
  refusals_.add(Refused::kExternalReport, name, event.source_client_id, detail);
  reports_.add(event.source_client_id, event.message_id,
               tie::ReportOutcome{.outcome = "refused",
                                  .reason = std::string(name) + ": " + std::string(detail),
                                  .time = clock_.epoch_seconds()});
}

void Dispatcher::refuse_report_unavailable(std::string_view sender, std::string_view message_id,
                                           std::string_view why) {
  refusals_.add(Refused::kExternalReport, "unavailable", sender, why);
  reports_.add(sender, message_id,
               tie::ReportOutcome{.outcome = "refused",
                                  .reason = "unavailable: " + std::string(why),
                                  .time = clock_.epoch_seconds()});
}

void Dispatcher::finish_report(const ReportCommand& command, const Completed& completed) {
  if (completed.failed)
    return refuse_report_unavailable(command.sender, command.message_id, completed.text);
  reports_.add(command.sender, command.message_id,
               tie::ReportOutcome{.outcome = completed.changed ? "accepted" : "unchanged",
                                  .reason = {},
                                  .time = completed.time});
}

void Dispatcher::report_outcome(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  const auto message_id = tie::decode_outcome_request(request.payload);
  if (!message_id) return respond_error(reply, message_id.error());
  tie::ReportOutcome outcome = reports_.find(request.source_client_id, *message_id);
  if (outcome.outcome == "unknown" &&
      !access_.refuse(Action::kReadOutcomesOfOthers, sender_of(request), false)) {
    outcome = reports_.find_from_anybody(*message_id);
  }
  answer_.clear();
  tie::append_outcome(outcome, answer_);
  respond(reply, answer_);
}

}  // namespace tiara::service
