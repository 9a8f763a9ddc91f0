// For tests: dispatcher, processor and memory store wired together without threads or a network.
// The writer and the read pool run when the test says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "dxl/groups.hpp"
#include "service/access.hpp"
#include "service/command_processor.hpp"
#include "service/dispatcher.hpp"
#include "service/forwarding_store.hpp"
#include "service/housekeeping.hpp"
#include "service/service_payloads.hpp"

namespace tiara::service {

class ManualClock final : public base::Clock {
 public:
  base::SteadyTime now() const override { return steady; }
  std::int64_t epoch_seconds() const override { return epoch; }
  void advance(std::chrono::seconds by) {
    steady += by;
    epoch += by.count();
  }

  base::SteadyTime steady = base::SteadyTime{} + std::chrono::hours(1);
  std::int64_t epoch = 1'700'000'000;
};

// The memory store, with a disk that can be full and a count of what reached it.
class ScriptedStore final : public ForwardingStore {
 public:
  dxl::Result<std::vector<reputation::FileRecord>> find(
      const tie::FileHashes& hashes) const override {
    ++reads;
    return ForwardingStore::find(hashes);
  }
  dxl::Result<void> commit(const store::Batch& batch, store::Durability durability) override {
    if (full) return dxl::fail(dxl::ErrorCode::kStorage, "no space left on device");
    commits.push_back(durability);
    return ForwardingStore::commit(batch, durability);
  }

  bool full = false;
  std::vector<store::Durability> commits;
  mutable std::size_t reads = 0;
};

// One message the service sent.
struct Sent {
  std::string topic;
  dxl::MessageType type = dxl::MessageType::kEvent;
  std::string payload;
  std::string request_message_id{};
  std::uint32_t error_code = 0;
  std::string error_message{};
  std::vector<std::string> broker_ids{};
  std::vector<std::string> client_ids{};
};

inline std::vector<std::string> topics_of(const std::vector<Sent>& sent) {
  std::vector<std::string> topics;
  for (const Sent& message : sent) topics.push_back(message.topic);
  return topics;
}
// An attribute of one provider's entry; empty: there is none.
inline std::string attribute(const tie::Reputations& answer, tie::Provider provider,
                             std::string_view id) {
  const tie::Reputation* entry = answer.find(provider);
  if (entry == nullptr) return {};
  for (const auto& [name, value] : entry->attributes)
    if (name == id) return value;
  return {};
}
template <class T>
T value_of(dxl::Result<T> result) {
  EXPECT_TRUE(result) << result.error().message;
  return result ? *std::move(result) : T{};
}
// What was sent on one topic, in order.
inline std::vector<std::string> payloads_on(std::string_view topic, const std::vector<Sent>& sent) {
  std::vector<std::string> payloads;
  for (const Sent& message : sent)
    if (message.topic == topic) payloads.push_back(message.payload);
  return payloads;
}
inline std::size_t count_changes(const std::vector<Sent>& sent) {
  return payloads_on(tie::kTopicFileChangeBroadcast, sent).size() +
         payloads_on(tie::kTopicCertChangeBroadcast, sent).size();
}

class ServiceFixture : public DispatcherPorts {
 public:
  void send(std::string_view topic, const dxl::MessageView& message) override {
    sent.push_back(Sent{.topic = std::string(topic),
                        .type = message.type,
                        .payload = std::string(message.payload),
                        .request_message_id = std::string(message.request_message_id),
                        .error_code = message.error_code,
                        .error_message = std::string(message.error_message),
                        .broker_ids = message.broker_ids.to_strings(),
                        .client_ids = message.client_ids.to_strings()});
  }
  bool write(Command command) override {
    if (writes.size() >= write_limit) return false;
    writes.push_back(std::move(command));
    return true;
  }
  bool read(ReadTask task) override {
    reads.push_back(std::move(task));
    return true;
  }

  void request(std::string_view topic, std::string_view payload, std::string_view sender = kAlice,
               std::string_view message_id = "{request}") {
    dxl::MessageView message;
    message.type = dxl::MessageType::kRequest;
    message.message_id = message_id;
    message.reply_to_topic = kReplyTopic;
    message.source_client_id = sender;
    message.source_broker_id = "broker";
    message.payload = payload;
    dispatcher.on_message(topic, message);
  }
  void event(std::string_view topic, std::string_view payload, std::string_view sender,
             std::string_view message_id) {
    dxl::MessageView message;
    message.type = dxl::MessageType::kEvent;
    message.message_id = message_id;
    message.source_client_id = sender;
    message.payload = payload;
    dispatcher.on_message(topic, message);
  }
  void get(bool endpoint = false) { request(tie::kTopicFileReputation, get_json(endpoint)); }
  void set(int level) { request(tie::kTopicFileReputationSet, set_json(level)); }
  // Each report is a message of its own unless it says which one it is.
  void report(std::string_view payload, std::string_view sender = kAlice,
              std::string_view message_id = {}) {
    last_report = message_id.empty() ? next_id() : std::string(message_id);
    event(tie::kTopicExternalReport, payload, sender, last_report);
  }
  void sandbox(int severity) {
    event(tie::kTopicSandboxReport, sandbox_json(severity), kSandbox, next_id());
  }
  // Metadata of a file or of a certificate.
  void tell(std::string_view topic, std::string_view payload, std::string_view sender = kAlice) {
    request(topic, payload, sender, next_id());
  }
  // Of the last report, unless another is named.
  tie::ReportOutcome outcome(std::string_view sender = kAlice, std::string_view message_id = {}) {
    std::string payload;
    tie::append_outcome_request(message_id.empty() ? last_report : message_id, payload);
    request(tie::kTopicReportOutcome, payload, sender);
    const std::string answer = sent.back().payload;
    sent.pop_back();
    return value_of(tie::decode_outcome(answer));
  }
  std::string next_id() { return "{" + std::to_string(++messages) + "}"; }

  // One group, as the writer thread would.
  void run_writer() {
    if (writes.empty()) return;
    std::vector<Submitted> submitted;
    for (Command& command : std::exchange(writes, {}))
      submitted.push_back({.command = std::move(command)});
    dispatcher.on_written(processor.process(std::move(submitted)));
  }
  void run_reads() {
    for (ReadTask& task : std::exchange(reads, {})) {
      auto text = answer(context, task.query, clock.epoch_seconds());
      dispatcher.on_read(ReadDone{.task = std::move(task), .answer = std::move(text)});
    }
  }
  void settle() {
    while (!writes.empty() || !reads.empty()) {
      run_reads();
      run_writer();
    }
  }
  // What was sent since the last call, everything done.
  std::vector<Sent> take() {
    settle();
    return std::exchange(sent, {});
  }
  // The answer to one request, once everything is done; what else was sent is in `others`.
  Sent exchange(std::string_view topic, std::string_view payload,
                std::string_view sender = kAlice) {
    others = take();
    request(topic, payload, sender, next_id());
    Sent answer;
    for (Sent& message : take())
      (message.topic == kReplyTopic ? answer : others.emplace_back()) = std::move(message);
    return answer;
  }
  // The answer to a pure read.
  tie::Reputations ask(const std::string& hashes = hashes_json(kMd5Base64)) {
    return value_of(tie::decode_reputations(
        exchange(tie::kTopicFileReputation, get_json(false, hashes)).payload));
  }
  tie::Reputations ask_certificate() {
    return value_of(
        tie::decode_reputations(exchange(tie::kTopicCertReputation, get_cert_json(false)).payload));
  }
  tie::FirstReferences agents(std::string_view topic, std::string_view payload) {
    return value_of(tie::decode_first_references(exchange(topic, payload).payload));
  }
  tie::Updates updates(std::int64_t since, std::string_view more = {},
                       std::string_view sender = kAlice) {
    return value_of(tie::decode_updates(
        exchange(tie::kTopicUpdates, updates_json(since, more), sender).payload));
  }
  tie::Explanation explanation(const std::string& hashes = hashes_json(kMd5Base64)) {
    return value_of(
        tie::decode_explanation(exchange(tie::kTopicExplain, file_item(hashes)).payload));
  }
  std::vector<tie::HistoryEntry> history(std::string_view payload) {
    return value_of(tie::decode_history_entries(exchange(tie::kTopicHistory, payload).payload));
  }
  std::vector<tie::FileInfo> infos(std::string_view topic, std::string_view payload) {
    return value_of(tie::decode_file_infos(exchange(topic, payload).payload));
  }
  tie::FileInfo info(const std::string& hashes = hashes_json(kMd5Base64)) {
    return infos(tie::kTopicFileInfo, info_json(hashes)).at(0);
  }
  // What is sent by one round of retention.
  std::vector<Sent> keep_house() {
    take();
    Housekeeping(context, clock, [this](AgeCommand command) {
      return write(std::move(command));
    }).run_once();
    return take();
  }
  tie::TrustLevel level(tie::Provider provider) {
    const tie::Reputations answer = ask();
    const tie::Reputation* entry = answer.find(provider);
    return entry == nullptr ? tie::TrustLevel::kNotSet : entry->trust_level;
  }

  // Changes the settings, as a reload does.
  template <class Change>
  void change_settings(Change change) {
    reputation::Settings changed = *settings.get();
    change(changed);
    settings.set(changed);
  }

  LiveSettings settings{reputation::Settings{}};
  ManualClock clock;
  ScriptedStore store;
  Counters counters;
  RecordCache cache{1024};
  LookupContext context{.settings = settings,
                        .basis = {.server_version = tie::pack_version(3, 0, 0, 1)},
                        .store = store,
                        .cache = cache,
                        .counters = counters};
  // Alice may set and report, the administrator everything, Bob nothing, the others one thing.
  Access access{{.is_member =
                     [](std::string_view certificate, std::string_view group) {
                       if (group == dxl::kGroupAdministrators) return certificate == kAdmin;
                       if (group == dxl::kGroupReportSandbox) return certificate == kSandbox;
                       if (group == dxl::kGroupSetEnterprise)
                         return certificate == kAlice || certificate == kSetter;
                       return group == dxl::kGroupSetExternal &&
                              (certificate == kAlice || certificate == kReporter);
                     },
                 .describe =
                     [](std::string_view certificate) {
                       return store::Actor{.certificate = std::string(certificate),
                                           .name = certificate == kAlice ? "alice" : "",
                                           .client_id = {}};
                     }}};
  CommandProcessor processor{context, store, clock};
  Dispatcher dispatcher{context, access, clock, *this};
  std::size_t write_limit = 1000;
  std::vector<Command> writes;
  std::vector<ReadTask> reads;
  std::vector<Sent> sent;
  std::vector<Sent> others;
  std::size_t messages = 0;
  std::string last_report;
};

}  // namespace tiara::service
