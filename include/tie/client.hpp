// The TIE client: typed calls over a dxl::Client (TIE reference §3, §7), everything that a client
// may ask, tell or listen to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dxl/client.hpp"
#include "tie/events.hpp"
#include "tie/explanation.hpp"
#include "tie/file_info.hpp"
#include "tie/history.hpp"
#include "tie/metadata.hpp"
#include "tie/outcomes.hpp"
#include "tie/reputation.hpp"
#include "tie/service_error.hpp"
#include "tie/sets.hpp"
#include "tie/topics.hpp"
#include "tie/updates.hpp"

#pragma GCC visibility push(default)
namespace tie {

// Callbacks run on the dxl::Client's pool. `original` is the message as it came, for members that
// have no field here. An event that cannot be read is logged and dropped.
using FileChangeCallback =
    std::function<void(const FileReputationChange&, const dxl::Event& original)>;
using CertificateChangeCallback =
    std::function<void(const CertificateReputationChange&, const dxl::Event& original)>;
using DetectionCallback = std::function<void(const Detection&, const dxl::Event& original)>;
using FirstInstanceCallback = std::function<void(const FirstInstance&, const dxl::Event& original)>;
using PrevalenceCallback = std::function<void(const Prevalence&, const dxl::Event& original)>;

using ReputationsCallback = std::function<void(dxl::Result<Reputations>)>;

// What an endpoint adds to its question (§3.1). Without a scan type of 3 the service counts it: the
// first such lookup creates the record and a first reference, and may answer `submit_metadata`.
struct EndpointLookup {
  std::optional<std::int64_t> scan_type{};  // 1 in the vendor's examples
  std::optional<FileType> file_type{};
  std::optional<Certificate> signer{};
};

// Which of the two topics of a change to listen to (§3.11). Every change is on the broadcast;
// products address the targeted one to those who asked about the subject.
enum class ChangeTopic : std::uint8_t { kBroadcast, kTargeted };

// Types of files that a report may name: the 39 that the original clients accept, or any number.
enum class FileTypeCheck : std::uint8_t { kKnownOnly, kAny };

inline constexpr std::int64_t kDefaultQueryLimit = 500;  // of the original clients

// Thread-safe; all of it may be used inside callbacks. `client` must outlive it and be connected
// for calls to succeed. Each call ends at the latest with `timeout`, unless it says otherwise.
//
// Error responses become Errors with kPeer (kNotAuthorised for 0x80000013 and service code 6), the
// peer's code and text; source_of() tells who refused. A lookup that the fabric could not route
// (0x80000001) is asked once more, as an instance that died may leave a registration behind. What
// can never be meant is kInvalidArgument before anything is sent: no digest, a level outside the
// nine, a limit outside 1..kMaxQueryLimit.
class Client {
 public:
  explicit Client(dxl::Client& client,
                  std::chrono::milliseconds timeout = std::chrono::seconds(30));
  ~Client();
  Client(const Client&);
  Client& operator=(const Client&) = delete;

  // The same client with another deadline: `tie.with_timeout(2s).get_file_reputation(hashes)`.
  Client with_timeout(std::chrono::milliseconds timeout) const;
  std::chrono::milliseconds timeout() const { return timeout_; }
  dxl::Client& dxl_client() const { return client_; }

  // --- Lookups. Marked as API reads, which change nothing at the service (L4), unless an
  // EndpointLookup says otherwise. An unknown subject
  // has levels of kNotSet; the open stand-ins refuse instead, see is_unknown_to_stand_in(). ---

  dxl::Result<Reputations> get_file_reputation(const FileHashes& hashes);
  dxl::Result<Reputations> get_certificate_reputation(const Certificate& certificate);
  // The same as an endpoint that met the file, not as a program that wants to know.
  dxl::Result<Reputations> get_file_reputation(const FileHashes& hashes,
                                               const EndpointLookup& endpoint);
  // `done` runs on the pool exactly once.
  void async_get_file_reputation(const FileHashes& hashes, ReputationsCallback done);
  void async_get_certificate_reputation(const Certificate& certificate, ReputationsCallback done);

  // Many at once, answers in the order of the questions, an error for its item alone. Asks in
  // batches where the service can (extensions.md), else one by one with many on their way. Each
  // batch has `timeout`; what a busy service refuses (7, 8) is asked again until then. Once one
  // batch got no answer at all, those not yet sent fail like it.
  std::vector<dxl::Result<Reputations>> get_file_reputations(std::span<const FileHashes> files);
  std::vector<dxl::Result<Reputations>> get_certificate_reputations(
      std::span<const Certificate> certificates);

  // --- Enterprise levels. kNotSet removes the override. Need the group "TIE Server Set Enterprise
  // Reputation". ---

  dxl::Result<void> set_file_reputation(TrustLevel level, const FileHashes& hashes,
                                        const std::string& filename = "",
                                        const std::string& comment = "");
  dxl::Result<void> set_certificate_reputation(TrustLevel level, const Certificate& certificate,
                                               const std::string& comment = "");
  // As the batches of lookups; each batch is one commit at the service. A batch that got no answer
  // is not repeated: whether it took effect is not known then (kTimedOut).
  std::vector<dxl::Result<SetOutcome>> set_file_reputations(
      std::span<const SetFileReputation> files);
  std::vector<dxl::Result<SetOutcome>> set_certificate_reputations(
      std::span<const SetCertReputation> certificates);

  // --- External levels: a third party's, a fallback where nobody else has a verdict (§6.3). Need
  // the group "TIE Server Set External Reputation"; events of others disappear without a word. ---

  // Publishes a report; returns once the broker has it. Checks in the original's order, with its
  // texts: "TrustLevel was not specified", "FileType was not a valid entry", "TrustLevel was not a
  // valid entry", "File hashes were not specified" (all kInvalidArgument). An empty name is logged
  // as a warning: original servers discard such reports. The message id names the report to
  // report_outcome().
  dxl::Result<dxl::MessageId> set_external_file_reputation(
      TrustLevel level, const FileHashes& hashes, FileType type = FileType::kNone,
      const std::string& filename = "", const std::string& comment = "",
      FileTypeCheck check = FileTypeCheck::kKnownOnly);

  // Takes a report back: level 0, which Tiara's service removes the entry for (L3). What original
  // servers do with it is not known.
  dxl::Result<dxl::MessageId> withdraw_external_file_reputation(const FileHashes& hashes,
                                                                const std::string& filename = "",
                                                                const std::string& comment = "");

  // Reports (a level of kNotSet withdraws) and finds out what became of it: asks the broker for the
  // right first, then publishes, then asks the service for at most `patience`; where the service
  // does not tell, looks whether the level is there. A missing right is no Error: the verdict is
  // kRefused and nothing was published. An Error: nothing was published either, except with
  // kTimedOut and kNotConnected, where that is not known.
  dxl::Result<VerifiedReport> report_and_verify(
      const ExternalReport& report, std::chrono::milliseconds patience = std::chrono::seconds(5),
      FileTypeCheck check = FileTypeCheck::kKnownOnly);

  // Asks the service what became of a report, repeatedly until it knows or `patience` is over. A
  // service that is busy, or takes no more from us this second, is asked again.
  dxl::Result<ExternalOutcome> report_outcome(const dxl::MessageId& report,
                                              std::chrono::milliseconds patience);

  // Asks the broker whether we may send to `topic`. kPeer or kTimedOut: the broker cannot tell.
  dxl::Result<SendPermission> may_send(const std::string& topic);
  // The same about receiving from it: a subscription that is refused is not told so.
  dxl::Result<SendPermission> may_receive(const std::string& topic);

  // --- First references: which systems met a subject first, and when (§3.3, §3.6). The first
  // `limit` of `total_count`. ---

  dxl::Result<FirstReferences> get_file_first_references(const FileHashes& hashes,
                                                         std::int64_t limit = kDefaultQueryLimit);
  dxl::Result<FirstReferences> get_certificate_first_references(
      const Certificate& certificate, std::int64_t limit = kDefaultQueryLimit);

  // --- Changes since a time; one page. UpdatesReader (updates_reader.hpp) rolls through them. ---

  dxl::Result<Updates> get_updates(const GetUpdates& request);

  // --- Metadata (§3.8, §3.9). The service never answers; success means handed to the network. ---

  dxl::Result<void> send_file_metadata(const FileMetadata& metadata);
  dxl::Result<void> send_certificate_metadata(const CertMetadata& metadata);

  // --- File info and search (§3.10): not supported by the vendor. ---

  dxl::Result<std::vector<FileInfo>> get_file_info(std::span<const FileHashes> files);
  dxl::Result<std::vector<FileInfo>> search_files(const std::string& text, std::int64_t rows = 100);

  // --- The effective level, step by step (§6.2). From the service if it can explain, which knows
  // the signer and the latest local level; else from its answers to lookups, with `signer` if the
  // caller knows it. ---

  dxl::Result<Explanation> explain(const FileHashes& hashes,
                                   const std::optional<Certificate>& signer = {});
  dxl::Result<Explanation> explain(const Certificate& certificate);

  // --- History of levels, newest first (extensions.md). 0x80000001: an original service. For
  // members of the set groups and administrators. ---

  dxl::Result<std::vector<HistoryEntry>> get_history(const FileHashes& hashes,
                                                     std::int64_t limit = 100);
  dxl::Result<std::vector<HistoryEntry>> get_history(const Certificate& certificate,
                                                     std::int64_t limit = 100);

  // --- Events. The handle unsubscribes when it is destroyed. ---

  dxl::Result<dxl::Subscription> add_file_reputation_change_callback(
      FileChangeCallback callback, ChangeTopic topic = ChangeTopic::kBroadcast);
  dxl::Result<dxl::Subscription> add_certificate_reputation_change_callback(
      CertificateChangeCallback callback, ChangeTopic topic = ChangeTopic::kBroadcast);
  dxl::Result<dxl::Subscription> add_file_detection_callback(DetectionCallback callback);
  dxl::Result<dxl::Subscription> add_file_first_instance_callback(FirstInstanceCallback callback);
  dxl::Result<dxl::Subscription> add_file_prevalence_callback(PrevalenceCallback callback);

 private:
  struct Shared;  // what copies have in common
  Client(dxl::Client& client, std::chrono::milliseconds timeout, std::shared_ptr<Shared> shared);

  dxl::Client& client_;
  std::chrono::milliseconds timeout_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tie
#pragma GCC visibility pop
