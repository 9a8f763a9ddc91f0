// Calls every operation of tie::Client on a real fabric and checks what comes back. Uses the public
// headers alone, as a user's program does.
//
//   client_calls CONFIG        exit 0 and "N calls as expected" if all is well
//   client_calls CONFIG COUNT  looks up COUNT files in one call and prints how many a second
//
// The client must be in both set groups and in `Tiara Administrators`.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "dxl/client.hpp"
#include "tie/attributes.hpp"
#include "tie/client.hpp"
#include "tie/file_facts.hpp"
#include "tie/updates_reader.hpp"

namespace {

using Clock = std::chrono::steady_clock;

int checks = 0;
int failures = 0;

void check(bool fine, const std::string& what) {
  ++checks;
  if (fine) return;
  ++failures;
  std::fprintf(stderr, "client_calls: %s\n", what.c_str());
}

// The value, or a failed check and an empty one.
template <class T>
T value(dxl::Result<T> result, const std::string& what) {
  check(result.has_value(), what + (result ? "" : ": " + result.error().message));
  return result ? *std::move(result) : T{};
}

template <class D>
D random_digest() {
  static std::random_device random;
  D digest;
  for (auto& byte : digest.bytes) byte = static_cast<std::uint8_t>(random());
  return digest;
}

tie::FileHashes new_file() {
  return {.md5 = random_digest<tie::Md5>(),
          .sha1 = random_digest<tie::Sha1>(),
          .sha256 = random_digest<tie::Sha256>()};
}
tie::Certificate new_certificate() {
  return {.sha1 = random_digest<tie::Sha1>(), .public_key_sha1 = random_digest<tie::Sha1>()};
}

tie::TrustLevel level_of(const tie::Reputations& answer, tie::Provider provider) {
  const tie::Reputation* const entry = answer.find(provider);
  return entry == nullptr ? tie::TrustLevel::kNotSet : entry->trust_level;
}

// What an event callback tells, for one event at a time.
template <class Told>
class Heard {
 public:
  auto callback(std::function<bool(const Told&)> wanted) {
    return [this, wanted = std::move(wanted)](const Told& told, const dxl::Event&) {
      if (!done_ && wanted(told)) {
        done_ = true;
        told_.set_value(told);
      }
    };
  }
  bool comes() {
    return told_.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  }

 private:
  std::promise<Told> told_;
  bool done_ = false;  // callbacks run one after the other
};

void levels_of_files(tie::Client& tie) {
  const tie::FileHashes file = new_file();
  const auto unknown = value(tie.get_file_reputation(file), "lookup of an unknown file");
  check(unknown.find(tie::Provider::kGti) && unknown.find(tie::Provider::kEnterprise),
        "an unknown file has two entries");
  const auto attributes = tie::decode_file_enterprise(*unknown.find(tie::Provider::kEnterprise));
  check(attributes.server_version && attributes.server_version->major >= 3,
        "the server's version is 3 or later");
  check(attributes.prevalence == 0U, "nobody has asked");

  Heard<tie::FileReputationChange> broadcast, targeted;
  const auto is_ours = [&](const tie::FileReputationChange& change) {
    return change.hashes == file;
  };
  auto first = tie.add_file_reputation_change_callback(broadcast.callback(is_ours));
  auto second = tie.add_file_reputation_change_callback(targeted.callback(is_ours),
                                                        tie::ChangeTopic::kTargeted);
  check(first && second, "subscriptions");
  check(tie.set_file_reputation(tie::TrustLevel::kKnownTrusted, file, "a.exe", "why").has_value(),
        "set");
  check(broadcast.comes() && targeted.comes(), "a change is on both topics");
  check(level_of(value(tie.get_file_reputation(file), "lookup"), tie::Provider::kEnterprise) ==
            tie::TrustLevel::kKnownTrusted,
        "the lookup shows the set");
  const auto explained = value(tie.explain(file), "explain");
  check(explained.step == 1 && explained.provider == tie::Provider::kEnterprise, "step 1 decided");
  const auto here = tie::explain_file(value(tie.get_file_reputation(file), "lookup"));
  check(here.step == explained.step && here.trust_level == explained.trust_level,
        "both sides explain alike");
  const auto history = value(tie.get_history(file), "history");
  check(history.size() == 1 && history.front().comment == "why", "one entry of history");
  const std::vector<tie::FileHashes> one{file};
  const auto infos = value(tie.get_file_info(one), "file info");
  check(infos.size() == 1 && infos.front().enterprise.level == tie::TrustLevel::kKnownTrusted,
        "file info shows the level");
  check(!value(tie.search_files("a.exe", 10), "search").empty(), "search finds the name");
  const auto references = value(tie.get_file_first_references(file, 1), "first references");
  check(references.total_count == 0, "API lookups are no references");
  std::promise<dxl::Result<tie::Reputations>> later;
  tie.async_get_file_reputation(file, [&](auto answer) { later.set_value(std::move(answer)); });
  check(later.get_future().get().has_value(), "asynchronous lookup");
}

void levels_of_certificates(tie::Client& tie) {
  const tie::Certificate certificate = new_certificate();
  Heard<tie::CertificateReputationChange> heard;
  auto subscription = tie.add_certificate_reputation_change_callback(heard.callback(
      [&](const auto& change) { return change.certificate.sha1 == certificate.sha1; }));
  check(subscription.has_value(), "subscription");
  check(tie.set_certificate_reputation(tie::TrustLevel::kKnownMalicious, certificate, "why")
            .has_value(),
        "set of a certificate");
  check(heard.comes(), "a certificate's change is published");
  const auto answer = value(tie.get_certificate_reputation(certificate), "certificate");
  check(level_of(answer, tie::Provider::kCertEnterprise) == tie::TrustLevel::kKnownMalicious,
        "the lookup shows the set of the certificate");
  check(value(tie.explain(certificate), "explain").step == 2, "step 2 decided");
  check(value(tie.get_history(certificate), "history").size() == 1, "history of a certificate");
  (void)value(tie.get_certificate_first_references(certificate, 5), "certificate references");
}

void external_reports(tie::Client& tie) {
  using Verdict = tie::VerifiedReport::Verdict;
  tie::ExternalReport report{
      .hashes = new_file(), .trust_level = tie::TrustLevel::kMightBeMalicious, .filename = "x.exe"};
  const auto verified = value(tie.report_and_verify(report), "verified report");
  check(verified.verdict == Verdict::kAccepted, "accepted: " + verified.reason);
  check(level_of(value(tie.get_file_reputation(report.hashes), "lookup"),
                 tie::Provider::kExternal) == report.trust_level,
        "the lookup shows the report");
  check(value(tie.explain(report.hashes), "explain").provider == tie::Provider::kExternal,
        "External decides alone");
  report.trust_level = tie::TrustLevel::kNotSet;
  check(value(tie.report_and_verify(report), "withdrawal").verdict == Verdict::kAccepted,
        "withdrawal accepted");
  check(value(tie.get_file_reputation(report.hashes), "lookup").find(tie::Provider::kExternal) ==
            nullptr,
        "nothing is left of it");
}

void metadata_and_its_events(tie::Client& tie) {
  Heard<tie::Detection> detected;
  tie::FileMetadata metadata;
  metadata.hashes = new_file();
  metadata.agent_guid = "{68125cd6-a5d8-11e6-348e-000c29663178}";
  metadata.name = "bad.exe";
  metadata.remediation = 5;
  auto subscription = tie.add_file_detection_callback(detected.callback(
      [&](const tie::Detection& detection) { return detection.hashes == metadata.hashes; }));
  auto instances = tie.add_file_first_instance_callback([](const auto&, const auto&) {});
  auto prevalence = tie.add_file_prevalence_callback([](const auto&, const auto&) {});
  check(subscription && instances && prevalence, "subscriptions");
  check(tie.send_file_metadata(metadata).has_value(), "metadata");
  check(detected.comes(), "a remediation is a detection");
  tie::CertMetadata certificate;
  certificate.certificate = new_certificate();
  certificate.subject_name = "Somebody";
  check(tie.send_certificate_metadata(certificate).has_value(), "metadata of a certificate");
}

void batches_and_updates(tie::Client& tie) {
  constexpr std::size_t kFiles = 1'300;
  std::vector<tie::SetFileReputation> sets;
  std::vector<tie::FileHashes> files;
  for (std::size_t i = 0; i < kFiles; ++i) {
    files.push_back(new_file());
    sets.push_back({.hashes = files.back(),
                    .trust_level = i % 2 == 0 ? tie::TrustLevel::kKnownTrusted
                                              : tie::TrustLevel::kKnownMalicious});
  }
  std::size_t changed = 0, shown = 0;
  for (const auto& outcome : tie.set_file_reputations(sets))
    changed += outcome && *outcome == tie::SetOutcome::kChanged ? 1U : 0U;
  check(changed == kFiles, "a batch of sets changed " + std::to_string(changed));
  const auto answers = tie.get_file_reputations(files);
  for (std::size_t i = 0; i < kFiles; ++i)
    if (answers[i] && level_of(*answers[i], tie::Provider::kEnterprise) == sets[i].trust_level)
      ++shown;
  check(shown == kFiles, "a batch of lookups shows " + std::to_string(shown));

  tie::UpdatesReader reader(tie, {.since = 0, .query_limit = 100, .files = true});
  std::size_t listed = 0, pages = 0;
  while (auto page = value(reader.next(), "updates")) {
    listed += page->files.size();
    if (++pages > 1'000) break;
  }
  check(listed >= kFiles && pages <= 1'000, "updates list " + std::to_string(listed));
  check(reader.since() > 0, "updates have a time");
}

int measure(tie::Client& tie, std::size_t count) {
  std::vector<tie::FileHashes> files(count);
  for (tie::FileHashes& file : files) file = new_file();
  const auto begin = Clock::now();
  std::size_t answered = 0;
  for (const auto& answer : tie.get_file_reputations(files)) answered += answer ? 1U : 0U;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("%zu of %zu answered, %.0f a second\n", answered, count,
              static_cast<double>(answered) / seconds);
  return answered == count ? 0 : 1;
}

int fail(const std::string& why) {
  std::fprintf(stderr, "client_calls: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return fail("usage: client_calls CONFIG [COUNT]");
  auto config = dxl::ClientConfig::load(argv[1]);
  if (!config) return fail(config.error().message);
  auto client = dxl::Client::create(*std::move(config));
  if (!client) return fail(client.error().message);
  if (auto connected = (*client)->connect(); !connected) return fail(connected.error().message);
  tie::Client tie(**client);
  if (argc == 3) return measure(tie, std::strtoull(argv[2], nullptr, 10));
  levels_of_files(tie);
  levels_of_certificates(tie);
  external_reports(tie);
  metadata_and_its_events(tie);
  batches_and_updates(tie);
  std::printf("%d of %d calls as expected\n", checks - failures, checks);
  return failures == 0 ? 0 : 1;
}
