#include "service/dispatcher.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/kill_point.hpp"
#include "base/log.hpp"
#include "dxl/topic.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;
using reputation::DigestKeys;

constexpr std::int64_t kScanTypeOnDemand = 3;
constexpr std::string_view kBusy = "too many requests are waiting, try again";

// The reply topic of a client (DXL reference §2.6). Anything else would let a requester borrow the
// service's right to send events.
bool is_reply_topic(std::string_view topic) {
  return topic.starts_with(dxl::kClientTopicPrefix) && dxl::is_valid_topic(topic);
}

}  // namespace

// One row per topic: what arrives there, whether it is answered, what it does, who handles it.
struct Dispatcher::Topic {
  std::string_view name;
  enum class Kind : std::uint8_t { kRequest, kUnanswered, kEvent } kind;
  Action action;
  void (Dispatcher::*handle)(const dxl::MessageView& message);
};

const std::vector<Dispatcher::Topic>& Dispatcher::topics() {
  using enum Topic::Kind;
  using D = Dispatcher;
  static const std::vector<Topic> rows{
      {tie::kTopicFileReputation, kRequest, Action::kRead, &D::get_file},
      {tie::kTopicFileReputationSet, kRequest, Action::kSetEnterprise, &D::set_file},
      {tie::kTopicFileAgents, kRequest, Action::kRead, &D::get_file_agents},
      {tie::kTopicCertReputation, kRequest, Action::kRead, &D::get_certificate},
      {tie::kTopicCertReputationSet, kRequest, Action::kSetEnterprise, &D::set_certificate},
      {tie::kTopicCertAgents, kRequest, Action::kRead, &D::get_cert_agents},
      {tie::kTopicUpdates, kRequest, Action::kRead, &D::get_updates},
      {tie::kTopicFileMetadata, kUnanswered, Action::kTell, &D::take_file_metadata},
      {tie::kTopicCertMetadata, kUnanswered, Action::kTell, &D::take_cert_metadata},
      {tie::kTopicFileInfo, kRequest, Action::kRead, &D::get_file_info},
      {tie::kTopicFileSearch, kRequest, Action::kRead, &D::search_files},
      {tie::kTopicExternalReport, kEvent, Action::kReportExternal, &D::take_external_report},
      {tie::kTopicSandboxReport, kEvent, Action::kReportSandbox, &D::take_sandbox_report},
      {tie::kTopicBatchGet, kRequest, Action::kRead, &D::get_batch},
      {tie::kTopicBatchSet, kRequest, Action::kRead, &D::set_batch},
      {tie::kTopicReportOutcome, kRequest, Action::kRead, &D::report_outcome},
      {tie::kTopicExplain, kRequest, Action::kRead, &D::explain},
      {tie::kTopicHistory, kRequest, Action::kReadHistory, &D::history},
  };
  return rows;
}

Dispatcher::Dispatcher(const LookupContext& context, const Access& access, const base::Clock& clock,
                       DispatcherPorts& ports)
    : context_(context),
      access_(access),
      clock_(clock),
      counters_(context.counters),
      ports_(ports),
      refusals_(clock) {}

std::vector<std::string> Dispatcher::request_topics() {
  std::vector<std::string> names;
  for (const Topic& topic : topics())
    if (topic.kind != Topic::Kind::kEvent) names.emplace_back(topic.name);
  return names;
}

std::vector<std::string> Dispatcher::event_topics() {
  std::vector<std::string> names;
  for (const Topic& topic : topics())
    if (topic.kind == Topic::Kind::kEvent) names.emplace_back(topic.name);
  return names;
}

std::optional<Action> Dispatcher::action_of(std::string_view name) {
  const auto row = std::ranges::find(topics(), name, &Topic::name);
  return row == topics().end() ? std::nullopt : std::optional(row->action);
}

void Dispatcher::on_message(std::string_view name, const dxl::MessageView& message) {
  const auto topic = std::ranges::find(topics(), name, &Topic::name);
  const bool is_request = message.type == dxl::MessageType::kRequest;
  if (topic == topics().end()) {
    if (is_request)
      respond_error(reply_address(message), tie::ServiceError::kNotSupported,
                    "this topic is not served");
    return;
  }
  if (is_request != (topic->kind != Topic::Kind::kEvent)) return;
  if (!is_request && message.type != dxl::MessageType::kEvent) return;
  if (is_request) return on_request(*topic, message);
  if (is_too_fast(message)) return refuse_too_fast(topic->action, message);
  (this->*topic->handle)(message);
}

void Dispatcher::on_request(const Topic& topic, const dxl::MessageView& message) {
  const bool answered = topic.kind == Topic::Kind::kRequest;
  if (is_too_fast(message)) {
    counters_.errors[static_cast<std::size_t>(tie::ServiceError::kTooManyRequests)].fetch_add(
        answered ? 0 : 1);
    if (answered)
      respond_error(reply_address(message), tie::ServiceError::kTooManyRequests,
                    "more requests than the service takes from one client, try again in a second");
    return;
  }
  if (const auto refusal = refusal_of(topic.action, message)) {
    refusals_.add(Refused::kRequest, "unauthorized", message.source_client_id, *refusal);
    if (answered)
      respond_error(reply_address(message), tie::ServiceError::kNotAuthorised, *refusal);
    return;
  }
  (this->*topic.handle)(message);
}

// Senders without a certificate share one share, unless the broker tells their connections apart.
std::string_view Dispatcher::sharer_of(const dxl::MessageView& message) {
  return message.source_client_id.empty() ? message.source_client_instance_id
                                          : message.source_client_id;
}

bool Dispatcher::is_too_fast(const dxl::MessageView& message) {
  return !rates_.take(sharer_of(message), context_.settings.get()->limits_requests_per_second,
                      clock_.now());
}

// A batch is as many messages as it has items.
void Dispatcher::count_items(const dxl::MessageView& batch, std::size_t items) {
  if (items > 1) rates_.owe(sharer_of(batch), items - 1);
}

std::optional<std::string> Dispatcher::refusal_of(Action action,
                                                  const dxl::MessageView& message) const {
  return access_.refuse(action, sender_of(message),
                        context_.settings.get()->authorization_accept_unidentified);
}

std::string_view Dispatcher::agent_of(const dxl::MessageView& request, std::string_view claimed,
                                      std::optional<std::int64_t> scan_type) const {
  const LiveSettings::Snapshot settings = context_.settings.get();
  // Who marks itself as an API caller is no endpoint (L4).
  if (scan_type == kScanTypeOnDemand && !settings->lookup_count_scan_type_3) return {};
  const std::string_view sender = request.source_client_id;
  if (!claimed.empty() && settings->identity_trusted_senders.contains(sender)) return claimed;
  return sender;
}

void Dispatcher::ask(ReadTask task, bool pending) {
  counters_.queries.fetch_add(1, std::memory_order_relaxed);
  const ReplyTo reply = task.reply;
  bool taken = false;
  if (pending) {
    taken = enqueue_write(BarrierCommand{.task = std::make_shared<ReadTask>(std::move(task))});
  } else {
    taken = ports_.read(std::move(task));
  }
  if (!taken) respond_error(reply.view(), tie::ServiceError::kUnavailable, kBusy);
}

void Dispatcher::on_read(ReadDone done) {
  const ReplyAddress reply = done.task.reply.view();
  if (!done.answer)
    return respond_error(reply, tie::ServiceError::kUnavailable, done.answer.error().message);
  respond(reply, *done.answer);
  count(done.task);
}

// The answer is out; what the lookup means for prevalence goes through the writer.
void Dispatcher::count(const ReadTask& task) {
  if (task.agent.empty()) return;
  if (const auto* file = std::get_if<FileQuery>(&task.query)) {
    count(file->hashes, task.agent, task.signer);
  } else if (const auto* certificate = std::get_if<CertQuery>(&task.query)) {
    count(certificate->certificate, task.agent);
  } else if (const auto* batch = std::get_if<BatchQuery>(&task.query)) {
    for (const tie::BatchGetItem& item : batch->batch.items) {
      if (item.error) continue;
      item.certificate ? count(*item.certificate, task.agent)
                       : count(*item.file, task.agent, std::nullopt);
    }
  }
}

void Dispatcher::count(const tie::FileHashes& hashes, std::string_view agent,
                       const std::optional<tie::Certificate>& signer) {
  if (agent.empty() || recent_.seen(hashes, agent, clock_.epoch_seconds())) return;
  if (!enqueue_write(LookupCommand{
          .answered = true, .hashes = hashes, .agent = std::string(agent), .signer = signer})) {
    counters_.uncounted_lookups.fetch_add(1);
    recent_.clear();
  }
}

void Dispatcher::count(const tie::Certificate& certificate, std::string_view agent) {
  if (agent.empty()) return;
  if (!enqueue_write(CertLookupCommand{.certificate = certificate, .agent = std::string(agent)}))
    counters_.uncounted_lookups.fetch_add(1);
}

bool Dispatcher::is_pending(const DigestKey& digest) const { return pending_.contains(digest); }

bool Dispatcher::is_pending(const tie::FileHashes& hashes) const {
  if (pending_.empty()) return false;
  const DigestKeys digests(hashes);
  return std::any_of(digests.begin(), digests.end(),
                     [this](const DigestKey& digest) { return is_pending(digest); });
}

bool Dispatcher::enqueue_write(Command command) {
  std::vector<DigestKey> digests;
  for_each_written_digest(command, [&](const DigestKey& digest) { digests.push_back(digest); });
  if (!ports_.write(std::move(command))) return false;
  for (const DigestKey& digest : digests) ++pending_[digest];
  return true;
}

void Dispatcher::write_or_refuse(Command command, const ReplyAddress& reply) {
  if (!enqueue_write(std::move(command)))
    respond_error(reply, tie::ServiceError::kUnavailable, kBusy);
}

void Dispatcher::on_written(std::vector<Completed> results) {
  for (Completed& completed : results) {
    for_each_written_digest(completed.command, [&](const DigestKey& digest) {
      const auto at = pending_.find(digest);
      if (--at->second == 0) pending_.erase(at);
    });
    if (const auto* report = std::get_if<ReportCommand>(&completed.command))
      finish_report(*report, completed);
    if (const auto* lookup = std::get_if<LookupCommand>(&completed.command);
        lookup != nullptr && completed.failed)
      recent_.clear();
    if (const auto* barrier = std::get_if<BarrierCommand>(&completed.command)) {
      const ReplyTo reply = barrier->task->reply;
      if (!ports_.read(std::move(*barrier->task)))
        respond_error(reply.view(), tie::ServiceError::kUnavailable, kBusy);
      continue;
    }
    TIARA_KILL_POINT("service.answer.before");
    if (const ReplyTo* reply = reply_of(completed.command)) {
      completed.failed ? respond_error(reply->view(), completed.error, completed.text)
                       : respond(reply->view(), completed.text);
    }
    TIARA_KILL_POINT_IF(!completed.events.empty(), "service.events.before");
    for (const Publication& event : completed.events) {
      dxl::MessageView message;
      message.type = dxl::MessageType::kEvent;
      message.payload = event.payload;
      message.client_ids = std::span<const std::string>(event.client_ids);
      ports_.send(event.topic, message);
    }
    TIARA_KILL_POINT_IF(!completed.events.empty(), "service.events.after");
  }
}

// Without a topic there is nobody to answer.
ReplyAddress Dispatcher::reply_address(const dxl::MessageView& request) const {
  // The instance is one connection; the certificate is everybody who uses it (DXL reference §2.6).
  return {
      .topic = is_reply_topic(request.reply_to_topic) ? request.reply_to_topic : std::string_view(),
      .request_message_id = request.message_id,
      .service_id = request.service_id,
      .broker_id = request.source_broker_id,
      .client_id = request.source_client_instance_id.empty() ? request.source_client_id
                                                             : request.source_client_instance_id,
      .arrived = clock_.now()};
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

void Dispatcher::respond_error(const ReplyAddress& to, const dxl::Error& error) {
  respond_error(to, static_cast<tie::ServiceError>(error.peer_code), error.message);
}

void Dispatcher::respond_error(const ReplyAddress& to, tie::ServiceError error,
                               std::string_view text) {
  counters_.answer_times.add(clock_.now() - to.arrived);
  counters_.errors[static_cast<std::size_t>(error)].fetch_add(1);
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
