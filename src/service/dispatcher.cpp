#include "service/dispatcher.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/log.hpp"
#include "dxl/topic.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;
using reputation::digests_differ;
using reputation::strongest_key;

constexpr std::int64_t kScanTypeOnDemand = 3;
constexpr std::string_view kBusy = "too many requests are waiting, try again";

// The reply topic of a client (DXL reference §2.6). Anything else would let a requester borrow the
// service's right to send events.
bool is_reply_topic(std::string_view topic) {
  return topic.starts_with(dxl::kClientTopicPrefix) && dxl::is_valid_topic(topic);
}

// Without a topic there is nobody to answer.
ReplyAddress reply_address(const dxl::MessageView& request, base::SteadyTime now) {
  // The instance is one connection; the certificate is everybody who uses it (DXL reference §2.6).
  return {
      .topic = is_reply_topic(request.reply_to_topic) ? request.reply_to_topic : std::string_view(),
      .request_message_id = request.message_id,
      .service_id = request.service_id,
      .broker_id = request.source_broker_id,
      .client_id = request.source_client_instance_id.empty() ? request.source_client_id
                                                             : request.source_client_instance_id,
      .arrived = now};
}

tie::ServiceError service_error(const dxl::Error& error) {
  return static_cast<tie::ServiceError>(error.peer_code);
}

}  // namespace

Dispatcher::Dispatcher(const LookupContext& context, const base::Clock& clock, Counters& counters,
                       DispatcherPorts& ports,
                       std::function<bool(std::string_view)> is_administrator)
    : context_(context),
      clock_(clock),
      counters_(counters),
      ports_(ports),
      is_administrator_(std::move(is_administrator)),
      unknown_(nullptr, context.basis),
      refusals_(clock) {}

const std::vector<std::string>& Dispatcher::request_topics() {
  static const std::vector<std::string> topics{std::string(tie::kTopicFileReputation),
                                               std::string(tie::kTopicFileReputationSet),
                                               std::string(tie::kTopicReportOutcome)};
  return topics;
}

void Dispatcher::on_message(std::string_view topic, const dxl::MessageView& message) {
  if (message.type == dxl::MessageType::kRequest) {
    if (topic == tie::kTopicFileReputation) return get_reputation(message);
    if (topic == tie::kTopicFileReputationSet) return set_reputation(message);
    if (topic == tie::kTopicReportOutcome) return report_outcome(message);
    respond_error(reply_address(message, clock_.now()), tie::ServiceError::kNotSupported,
                  "this topic is not served");
  } else if (message.type == dxl::MessageType::kEvent && topic == tie::kTopicExternalReport) {
    report(message);
  }
}

void Dispatcher::get_reputation(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request, clock_.now());
  const auto lookup = tie::decode_get_file_reputation(request.payload);
  if (!lookup) return respond_error(reply, service_error(lookup.error()), lookup.error().message);
  counters_.lookups.fetch_add(1, std::memory_order_relaxed);
  // L4, L11: who is known and does not mark itself as an API caller is an endpoint.
  const bool counts =
      !request.source_client_id.empty() &&
      (context_.settings.get().lookup_count_scan_type_3 || lookup->scan_type != kScanTypeOnDemand);
  const std::string_view agent = counts ? request.source_client_id : std::string_view();
  if (is_pending(lookup->hashes)) {
    const bool taken = enqueue_write(LookupCommand{
        .reply = ReplyTo(reply), .hashes = lookup->hashes, .agent = std::string(agent)});
    if (!taken) respond_error(reply, tie::ServiceError::kUnavailable, kBusy);
    return;
  }
  if (answer_from_cache(lookup->hashes, reply, counts)) return count(lookup->hashes, agent);
  const bool taken = ports_.read(LookupCommand{
      .reply = ReplyTo(reply), .hashes = lookup->hashes, .agent = std::string(agent)});
  if (!taken) respond_error(reply, tie::ServiceError::kUnavailable, kBusy);
}

// True if every digest is cached and they name one record without contradiction, or none at all.
bool Dispatcher::answer_from_cache(const tie::FileHashes& hashes, const ReplyAddress& reply,
                                   bool counts) {
  CachedRecordPtr record;
  for (const DigestKey& digest : DigestKeys(hashes)) {
    const auto cached = context_.cache.find(digest);
    if (!cached) return false;
    if (!*cached) continue;
    if (record && strongest_key(record->record.hashes) != strongest_key((*cached)->record.hashes))
      return false;
    record = *cached;
  }
  if (record && digests_differ(record->record.hashes, hashes)) return false;
  answer_.clear();
  (record ? record->answer : unknown_)
      .append(AnswerValues{.now = clock_.epoch_seconds(),
                           .enterprise_size = context_.enterprise_size(),
                           .submit_metadata = counts},
              answer_);
  respond(reply, answer_);
  return true;
}

// The answer is out; what the lookup means for prevalence goes through the writer.
void Dispatcher::count(const tie::FileHashes& hashes, std::string_view agent) {
  if (agent.empty() || recent_.seen(hashes, agent, clock_.epoch_seconds())) return;
  if (!enqueue_write(
          LookupCommand{.answered = true, .hashes = hashes, .agent = std::string(agent)})) {
    counters_.uncounted_lookups.fetch_add(1);
    recent_.clear();
  }
}

void Dispatcher::on_read(ReadDone done) {
  const ReplyAddress reply = done.command.reply.view();
  if (!done.answer)
    return respond_error(reply, tie::ServiceError::kUnavailable, done.answer.error().message);
  respond(reply, *done.answer);
  count(done.command.hashes, done.command.agent);
}

void Dispatcher::set_reputation(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request, clock_.now());
  auto set = tie::decode_set_file_reputation(request.payload);
  if (!set) return respond_error(reply, service_error(set.error()), set.error().message);
  if (request.source_client_id.empty() &&
      !context_.settings.get().authorization_accept_unidentified) {
    return respond_error(reply, tie::ServiceError::kNotAuthorised,
                         "the request carries no sender identity");
  }
  if (!enqueue_write(SetCommand{.reply = ReplyTo(reply), .set = std::move(*set)}))
    respond_error(reply, tie::ServiceError::kUnavailable, kBusy);
}

// The order of the checks is that of TIE reference §3.15.
void Dispatcher::report(const dxl::MessageView& event) {
  using tie::ReportRefusal;
  if (!context_.settings.get().external_enabled)
    return refuse_report(event, ReportRefusal::kDisabled, "external.enabled is false");
  if (event.source_client_id.empty() && !context_.settings.get().authorization_accept_unidentified)
    return refuse_report(event, ReportRefusal::kUnauthorized, "it carries no sender identity");
  auto decoded = tie::decode_external_report(event.payload);
  if (!decoded) {
    return refuse_report(event, static_cast<ReportRefusal>(decoded.error().peer_code),
                         decoded.error().message);
  }
  if (decoded->filename.empty() && context_.settings.get().external_require_filename)
    return refuse_report(event, ReportRefusal::kFilename, "external.require_filename is true");
  const bool taken = enqueue_write(ReportCommand{.message_id = std::string(event.message_id),
                                                 .sender = std::string(event.source_client_id),
                                                 .report = std::move(*decoded)});
  if (!taken) {
    counters_.reports_unavailable.fetch_add(1);
    refuse_report_unavailable(event.source_client_id, event.message_id, kBusy);
  }
}

void Dispatcher::refuse_report(const dxl::MessageView& event, tie::ReportRefusal refusal,
                               std::string_view detail) {
  counters_.reports_refused[static_cast<std::size_t>(refusal)].fetch_add(1);
  const std::string_view name = tie::to_string(refusal);
  refusals_.add(name, event.source_client_id, detail);
  reports_.add(event.source_client_id, event.message_id,
               tie::ReportOutcome{.outcome = "refused",
                                  .reason = std::string(name) + ": " + std::string(detail),
                                  .time = clock_.epoch_seconds()});
}

void Dispatcher::refuse_report_unavailable(std::string_view sender, std::string_view message_id,
                                           std::string_view why) {
  refusals_.add("unavailable", sender, why);
  reports_.add(sender, message_id,
               tie::ReportOutcome{.outcome = "refused",
                                  .reason = "unavailable: " + std::string(why),
                                  .time = clock_.epoch_seconds()});
}

void Dispatcher::report_outcome(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request, clock_.now());
  const auto message_id = tie::decode_outcome_request(request.payload);
  if (!message_id)
    return respond_error(reply, tie::ServiceError::kBadRequest, message_id.error().message);
  answer_.clear();
  tie::ReportOutcome outcome = reports_.find(request.source_client_id, *message_id);
  if (outcome.outcome == "unknown" && is_administrator_ &&
      is_administrator_(request.source_client_id)) {
    outcome = reports_.find_from_anybody(*message_id);
  }
  tie::append_outcome(outcome, answer_);
  respond(reply, answer_);
}

bool Dispatcher::is_pending(const tie::FileHashes& hashes) const {
  if (pending_.empty()) return false;
  const DigestKeys digests(hashes);
  return std::any_of(digests.begin(), digests.end(),
                     [this](const DigestKey& digest) { return pending_.contains(digest); });
}

bool Dispatcher::enqueue_write(Command command) {
  const DigestKeys digests(hashes_of(command));
  // Counting a lookup changes no level: nobody waits for it.
  const bool waited_for = !std::holds_alternative<LookupCommand>(command);
  if (!ports_.write(std::move(command))) return false;
  if (waited_for)
    for (const DigestKey& digest : digests) ++pending_[digest];
  return true;
}

void Dispatcher::on_written(std::vector<Completed> results) {
  for (Completed& completed : results) {
    if (!std::holds_alternative<LookupCommand>(completed.command)) {
      for (const DigestKey& digest : DigestKeys(hashes_of(completed.command))) {
        const auto at = pending_.find(digest);
        if (--at->second == 0) pending_.erase(at);
      }
    }
    const ReplyTo* reply = nullptr;
    if (const auto* set = std::get_if<SetCommand>(&completed.command)) reply = &set->reply;
    if (const auto* lookup = std::get_if<LookupCommand>(&completed.command)) {
      if (!lookup->answered) reply = &lookup->reply;
      if (completed.failed) recent_.clear();
    }
    if (const auto* report = std::get_if<ReportCommand>(&completed.command))
      finish_report(*report, completed);
    if (reply != nullptr) {
      completed.failed ? respond_error(reply->view(), completed.error, completed.text)
                       : respond(reply->view(), completed.text);
    }
    for (const Publication& event : completed.events) {
      dxl::MessageView message;
      message.type = dxl::MessageType::kEvent;
      message.payload = event.payload;
      ports_.send(event.topic, message);
    }
  }
}

void Dispatcher::finish_report(const ReportCommand& command, const Completed& completed) {
  if (completed.failed)
    return refuse_report_unavailable(command.sender, command.message_id, completed.text);
  reports_.add(command.sender, command.message_id,
               tie::ReportOutcome{.outcome = completed.changed ? "accepted" : "unchanged",
                                  .reason = {},
                                  .time = completed.time});
}

void Dispatcher::respond(const ReplyAddress& to, std::string_view payload) {
  counters_.answer_times.add(clock_.now() - to.arrived);
  if (to.topic.empty()) return;
  const std::array<std::string_view, 1> broker{to.broker_id}, client{to.client_id};
  dxl::MessageView message;
  message.type = dxl::MessageType::kResponse;
  message.payload = payload;
  message.request_message_id = to.request_message_id;
  message.service_id = to.service_id;
  if (!to.broker_id.empty()) message.broker_ids = std::span<const std::string_view>(broker);
  if (!to.client_id.empty()) message.client_ids = std::span<const std::string_view>(client);
  ports_.send(to.topic, message);
}

void Dispatcher::respond_error(const ReplyAddress& to, tie::ServiceError error,
                               std::string_view text) {
  counters_.answer_times.add(clock_.now() - to.arrived);
  if (to.topic.empty()) return;
  const std::array<std::string_view, 1> broker{to.broker_id}, client{to.client_id};
  dxl::MessageView message;
  message.type = dxl::MessageType::kErrorResponse;
  message.request_message_id = to.request_message_id;
  message.service_id = to.service_id;
  message.error_code = static_cast<std::uint32_t>(error);
  message.error_message = text;
  if (!to.broker_id.empty()) message.broker_ids = std::span<const std::string_view>(broker);
  if (!to.client_id.empty()) message.client_ids = std::span<const std::string_view>(client);
  ports_.send(to.topic, message);
}

}  // namespace tiara::service
