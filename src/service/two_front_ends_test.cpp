// L16: a fabric may hand one message to several instances of the service, as the original broker
// does with every request of the JavaScript client. Two front-ends on one writer, as in one
// process.
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/service_fixture.hpp"
#include "service/store_dump.hpp"

namespace tiara::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tie::Provider;
using tie::TrustLevel;

// Dispatchers beside each other; the first is the fixture's. Commands of both go to the fixture's
// processor in the order they came.
class TwoFrontEnds {
 public:
  // The message at both; then everything is done.
  void deliver(std::string_view topic, dxl::MessageType type, std::string_view payload,
               std::string_view sender, std::string_view message_id) {
    dxl::MessageView message;
    message.type = type;
    message.message_id = message_id;
    message.reply_to_topic = kReplyTopic;
    message.source_client_id = sender;
    message.payload = payload;
    for (Port& port : ports_) port.dispatcher.on_message(topic, message);
    for (bool idle = false; !idle;) {
      idle = true;
      for (Port& port : ports_) idle = port.run_reads(service) && idle;
      idle = run_writer() && idle;
    }
  }
  void request(std::string_view topic, std::string_view payload, std::string_view sender = kAlice) {
    deliver(topic, dxl::MessageType::kRequest, payload, sender, service.next_id());
  }
  void report(std::string_view payload, std::string_view sender = kAlice,
              std::string_view message_id = "{report}") {
    deliver(tie::kTopicExternalReport, dxl::MessageType::kEvent, payload, sender, message_id);
  }
  std::vector<Sent> take() { return std::exchange(sent_, {}); }
  std::string outcome_at(std::size_t front_end) {
    std::string payload;
    tie::append_outcome_request("{report}", payload);
    dxl::MessageView message;
    message.type = dxl::MessageType::kRequest;
    message.reply_to_topic = kReplyTopic;
    message.source_client_id = kAlice;
    message.payload = payload;
    ports_[front_end].dispatcher.on_message(tie::kTopicReportOutcome, message);
    const std::string answer = sent_.back().payload;
    sent_.pop_back();
    return value_of(tie::decode_outcome(answer)).outcome;
  }

  ServiceFixture service;

 private:
  struct Port final : DispatcherPorts {
    Port(TwoFrontEnds& owner, Origin number)
        : both(owner),
          origin(number),
          dispatcher(owner.service.context, owner.service.access, owner.service.clock, *this) {}
    void send(std::string_view topic, const dxl::MessageView& message) override {
      both.sent_.push_back({.topic = std::string(topic),
                            .type = message.type,
                            .payload = std::string(message.payload),
                            .error_code = message.error_code});
    }
    bool write(Command command) override {
      both.writes_.push_back({.command = std::move(command), .origin = origin});
      return true;
    }
    bool read(ReadTask task) override {
      reads.push_back(std::move(task));
      return true;
    }
    bool run_reads(ServiceFixture& of) {
      if (reads.empty()) return true;
      for (ReadTask& task : std::exchange(reads, {})) {
        auto text = answer(of.context, task.query, of.clock.epoch_seconds());
        dispatcher.on_read(ReadDone{.task = std::move(task), .answer = std::move(text)});
      }
      return false;
    }

    TwoFrontEnds& both;
    Origin origin;
    Dispatcher dispatcher;
    std::vector<ReadTask> reads;
  };

  // As ServiceCore does: results go to where their commands came from.
  bool run_writer() {
    if (writes_.empty()) return true;
    std::array<std::vector<Completed>, 2> by_origin;
    for (Completed& done : service.processor.process(std::exchange(writes_, {})))
      by_origin.at(done.origin).push_back(std::move(done));
    for (Port& port : ports_) port.dispatcher.on_written(std::move(by_origin.at(port.origin)));
    return false;
  }

  std::vector<Submitted> writes_;
  std::vector<Sent> sent_;
  std::array<Port, 2> ports_{Port{*this, 0}, Port{*this, 1}};
};

TEST(Decisions, L16_ASetThatReachesBothChangesTheLevelOnceAndBothAnswer) {
  TwoFrontEnds both;
  both.service.change_settings([](auto& s) { s.authorization_accept_unidentified = true; });
  both.request(tie::kTopicFileReputationSet, set_json(99), "");
  EXPECT_THAT(topics_of(both.take()), ElementsAre(kReplyTopic, tie::kTopicFileChangeBroadcast,
                                                  tie::kTopicFileChange, kReplyTopic));
  EXPECT_EQ(both.service.level(Provider::kEnterprise), TrustLevel::kKnownTrusted);
  EXPECT_EQ(both.service.store.last_change_id(), 1U);

  both.request(tie::kTopicCertReputationSet, set_cert_json(99), "");
  EXPECT_EQ(count_changes(both.take()), 1U);
}

TEST(Decisions, L16_AReportThatReachesBothIsOneEventAndAcceptedAtBoth) {
  TwoFrontEnds both;
  both.report(report_json(70));
  EXPECT_EQ(count_changes(both.take()), 1U);
  EXPECT_EQ(both.outcome_at(0), "accepted");
  EXPECT_EQ(both.outcome_at(1), "accepted");
  EXPECT_EQ(both.service.counters.reports_accepted, 1U);
}

TEST(Decisions, L16_AReportThatCannotBeStoredIsRefusedAtBothAndTakenWhenSentAgain) {
  TwoFrontEnds both;
  both.service.store.full = true;
  both.report(report_json(70));
  EXPECT_EQ(both.outcome_at(0), "refused");
  EXPECT_EQ(both.outcome_at(1), "refused");
  both.service.store.full = false;
  both.service.clock.advance(std::chrono::seconds(10));
  both.report(report_json(70));
  EXPECT_EQ(both.outcome_at(1), "accepted");
  EXPECT_EQ(both.service.level(Provider::kExternal), TrustLevel::kMightBeTrusted);
}

TEST(Decisions, L16_MetadataThatReachesBothIsCountedOnce) {
  TwoFrontEnds both;
  both.request(tie::kTopicFileMetadata, metadata_json(R"(,"remediation":5,"localRep":50)"));
  EXPECT_THAT(topics_of(both.take()), ElementsAre(tie::kTopicFileDetection));
  EXPECT_EQ(both.service.info().local.count, 1U);
  EXPECT_EQ(both.service.info().detection_count, 1U);
  EXPECT_EQ(both.service.counters.metadata, 1U);
  both.request(tie::kTopicFileMetadata, metadata_json(R"(,"localRep":50)"));
  EXPECT_EQ(both.service.info().local.count, 2U) << "another message is another one";
}

TEST(Decisions, L16_ASandboxReportThatReachesBothIsOneEvent) {
  TwoFrontEnds both;
  both.deliver(tie::kTopicSandboxReport, dxl::MessageType::kEvent, sandbox_json(5), kSandbox,
               "{s}");
  EXPECT_EQ(count_changes(both.take()), 1U);
  EXPECT_EQ(both.service.counters.sandbox_reports, 1U);
}

TEST(Decisions, L16_AnEndpointsLookupThatReachesBothIsCountedAndAnnouncedOnce) {
  TwoFrontEnds both;
  both.request(tie::kTopicFileReputation, get_json(true));
  const std::vector<Sent> sent = both.take();
  EXPECT_THAT(payloads_on(kReplyTopic, sent), SizeIs(2));
  EXPECT_THAT(payloads_on(tie::kTopicFileFirstInstance, sent), SizeIs(1));
  EXPECT_THAT(payloads_on(tie::kTopicFilePrevalence, sent), SizeIs(1));
  EXPECT_EQ(both.service.store.enterprise_size(), 1U);
}

// An id is its sender's and its kind's: nobody can have another's message taken for a repetition.
TEST(Decisions, L16_TheIdOfAnothersMessageCannotBeUsedUp) {
  TwoFrontEnds both;
  both.deliver(tie::kTopicFileMetadata, dxl::MessageType::kRequest, metadata_json(), kBob,
               "{report}");
  both.report(report_json(1), kReporter);
  both.take();
  both.report(report_json(70));
  EXPECT_EQ(count_changes(both.take()), 1U);
  EXPECT_EQ(both.outcome_at(0), "accepted");
  EXPECT_EQ(both.service.level(Provider::kExternal), TrustLevel::kMightBeTrusted);
}

TEST(Decisions, L16_ABatchThatReachesBothChangesEachItemOnce) {
  TwoFrontEnds both;
  both.request(tie::kTopicBatchSet, items_json({set_item(3, 99, numbered_hashes(1)),
                                                set_item(15, 1, numbered_hashes(2))}));
  const std::vector<Sent> sent = both.take();
  EXPECT_EQ(count_changes(sent), 2U);
  std::vector<std::string> outcomes;
  for (const std::string& answer : payloads_on(kReplyTopic, sent))
    for (const tie::BatchOutcome& each : value_of(tie::decode_batch_outcomes(answer)))
      outcomes.push_back(each.outcome);
  EXPECT_THAT(outcomes, ElementsAre("changed", "changed", "unchanged", "unchanged"));
}

}  // namespace
}  // namespace tiara::service
