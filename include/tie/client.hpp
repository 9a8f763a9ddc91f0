// The TIE client: typed calls over a dxl::Client (TIE reference §3, §7).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "dxl/client.hpp"
#include "tie/reputation.hpp"

#pragma GCC visibility push(default)
namespace tie {

using FileChangeCallback =
    std::function<void(const FileReputationChange&, const dxl::Event& original)>;

// What became of an External report, as far as the service tells (extensions.md).
struct ExternalOutcome {
  enum class Kind : std::uint8_t {
    kAccepted,    // stored, level changed
    kUnchanged,   // stored, the level was the same
    kRefused,     // reason says why
    kCannotTell,  // the service is an original one: it has no such question
    kNotSeen,     // the service has the question and did not say in time that it has the report
    kNoAnswer,    // nothing answered in time
  } kind = Kind::kCannotTell;
  std::string reason;
};

// Whether this client's certificate may send to a topic, as the broker says.
struct SendPermission {
  bool allowed = true;
  std::vector<std::string> groups;  // any of which would allow it
  std::string reason;
};

// Thread-safe. `client` must outlive it and be connected for calls to succeed. Error responses
// become Errors with kPeer (kNotAuthorised for 0x80000013 and service code 6), the peer's code and
// text.
class Client {
 public:
  explicit Client(dxl::Client& client,
                  std::chrono::milliseconds timeout = std::chrono::seconds(30));
  ~Client();

  // What is known about a file. Marked as an API read: changes nothing at the service (L4).
  dxl::Result<Reputations> get_file_reputation(const FileHashes& hashes);

  // Enterprise override; kNotSet removes it. Needs the group "TIE Server Set Enterprise
  // Reputation".
  dxl::Result<void> set_file_reputation(TrustLevel level, const FileHashes& hashes,
                                        const std::string& filename = "",
                                        const std::string& comment = "");

  // Publishes an External report; returns once the broker has it. Checks in the original's order,
  // with its texts: "TrustLevel was not specified", "FileType was not a valid entry", "TrustLevel
  // was not a valid entry", "File hashes were not specified" (all kInvalidArgument). The message id
  // names the report to report_outcome().
  dxl::Result<dxl::MessageId> set_external_file_reputation(TrustLevel level,
                                                           const FileHashes& hashes,
                                                           FileType type = FileType::kNone,
                                                           const std::string& filename = "",
                                                           const std::string& comment = "");

  // Asks the service what became of a report, repeatedly until it knows or `patience` is over. A
  // service that is busy, or takes no more from us this second, is asked again.
  dxl::Result<ExternalOutcome> report_outcome(const dxl::MessageId& report,
                                              std::chrono::milliseconds patience);

  // Asks the broker whether we may send to `topic`. Nullopt value semantics: kPeer/kTimedOut error
  // = cannot tell.
  dxl::Result<SendPermission> may_send(const std::string& topic);
  // The same about receiving from it: a subscription that is refused is not told so.
  dxl::Result<SendPermission> may_receive(const std::string& topic);

  // Every change of a file's level, from the broadcast topic.
  dxl::Result<dxl::Subscription> add_file_reputation_change_callback(FileChangeCallback callback);

 private:
  dxl::Client& client_;
  std::chrono::milliseconds timeout_;
};

}  // namespace tie
#pragma GCC visibility pop
