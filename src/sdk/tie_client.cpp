// tie::Client: lookups and sets, one at a time; first references, updates, metadata. The others are
// in the tie_client_*.cpp beside.
#include "tie/client.hpp"

#include <utility>

#include "sdk/tie_ask.hpp"
#include "sdk/tie_client_shared.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

using std::chrono::milliseconds;
using tiara::sdk::ask;
using tiara::sdk::ask_to_read;
using tiara::sdk::check_hashes;
using tiara::sdk::check_level;
using tiara::sdk::check_limit;
using tiara::sdk::Payload;
using tiara::sdk::read_answer;

dxl::Result<void> to_done(const Payload& answer) {
  if (!answer) return dxl::fail(answer.error());
  return {};  // the clients ignore what is in it, and so do we (§3.2)
}

}  // namespace

Client::Client(dxl::Client& client, milliseconds timeout)
    : Client(client, timeout, std::make_shared<Shared>()) {}
Client::Client(dxl::Client& client, milliseconds timeout, std::shared_ptr<Shared> shared)
    : client_(client), timeout_(timeout), shared_(std::move(shared)) {}
Client::Client(const Client&) = default;
Client::~Client() = default;

Client Client::with_timeout(milliseconds timeout) const { return {client_, timeout, shared_}; }

dxl::Result<Reputations> Client::get_file_reputation(const FileHashes& hashes) {
  if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  std::string payload;
  append_get_file_reputation(hashes, payload);
  return read_answer(kTopicFileReputation,
                     ask_to_read(client_, kTopicFileReputation, payload, timeout_),
                     decode_reputations);
}

dxl::Result<Reputations> Client::get_file_reputation(const FileHashes& hashes,
                                                     const EndpointLookup& endpoint) {
  if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  GetFileReputation get{.hashes = hashes, .scan_type = endpoint.scan_type, .agent_guid = {}};
  if (endpoint.file_type) get.file_type = static_cast<std::int64_t>(*endpoint.file_type);
  get.signer = endpoint.signer;
  std::string payload;
  append_endpoint_lookup(get, payload);
  return read_answer(kTopicFileReputation,
                     ask_to_read(client_, kTopicFileReputation, payload, timeout_),
                     decode_reputations);
}

dxl::Result<Reputations> Client::get_certificate_reputation(const Certificate& certificate) {
  std::string payload;
  append_get_cert_reputation(certificate, payload);
  return read_answer(kTopicCertReputation,
                     ask_to_read(client_, kTopicCertReputation, payload, timeout_),
                     decode_reputations);
}

void Client::async_get_file_reputation(const FileHashes& hashes, ReputationsCallback done) {
  if (const auto given = check_hashes(hashes); !given) {
    return tiara::sdk::fail_later(client_, given.error(), [done = std::move(done)](dxl::Error why) {
      done(dxl::fail(std::move(why)));
    });
  }
  std::string payload;
  append_get_file_reputation(hashes, payload);
  tiara::sdk::read_later(client_, kTopicFileReputation, std::move(payload), timeout_,
                         [done = std::move(done)](const Payload& answer) {
                           done(read_answer(kTopicFileReputation, answer, decode_reputations));
                         });
}

void Client::async_get_certificate_reputation(const Certificate& certificate,
                                              ReputationsCallback done) {
  std::string payload;
  append_get_cert_reputation(certificate, payload);
  tiara::sdk::read_later(client_, kTopicCertReputation, std::move(payload), timeout_,
                         [done = std::move(done)](const Payload& answer) {
                           done(read_answer(kTopicCertReputation, answer, decode_reputations));
                         });
}

dxl::Result<void> Client::set_file_reputation(TrustLevel level, const FileHashes& hashes,
                                              const std::string& filename,
                                              const std::string& comment) {
  if (const auto valid = check_level(level); !valid) return valid;
  if (const auto given = check_hashes(hashes); !given) return given;
  std::string payload;
  append_set_file_reputation({hashes, level, filename, comment}, payload);
  return to_done(ask(client_, kTopicFileReputationSet, std::move(payload), timeout_));
}

dxl::Result<void> Client::set_certificate_reputation(TrustLevel level,
                                                     const Certificate& certificate,
                                                     const std::string& comment) {
  if (const auto valid = check_level(level); !valid) return valid;
  std::string payload;
  append_set_cert_reputation({certificate, level, comment}, payload);
  return to_done(ask(client_, kTopicCertReputationSet, std::move(payload), timeout_));
}

dxl::Result<FirstReferences> Client::get_file_first_references(const FileHashes& hashes,
                                                               std::int64_t limit) {
  if (const auto given = check_hashes(hashes); !given) return dxl::fail(given.error());
  if (const auto valid = check_limit("limit", limit, kMaxQueryLimit); !valid)
    return dxl::fail(valid.error());
  std::string payload;
  append_get_file_agents({.hashes = hashes, .query_limit = limit}, payload);
  return read_answer(kTopicFileAgents, ask_to_read(client_, kTopicFileAgents, payload, timeout_),
                     decode_first_references);
}

dxl::Result<FirstReferences> Client::get_certificate_first_references(
    const Certificate& certificate, std::int64_t limit) {
  if (const auto valid = check_limit("limit", limit, kMaxQueryLimit); !valid)
    return dxl::fail(valid.error());
  std::string payload;
  append_get_cert_agents({.certificate = certificate, .query_limit = limit}, payload);
  return read_answer(kTopicCertAgents, ask_to_read(client_, kTopicCertAgents, payload, timeout_),
                     decode_first_references);
}

dxl::Result<Updates> Client::get_updates(const GetUpdates& request) {
  if (!request.files && !request.certificates)
    return dxl::fail(dxl::ErrorCode::kInvalidArgument, "updates: neither files nor certificates");
  if (request.since < 0)
    return dxl::fail(dxl::ErrorCode::kInvalidArgument, "since: a time before 1970");
  if (request.query_limit) {
    const auto valid = check_limit("query_limit", *request.query_limit, kMaxQueryLimit);
    if (!valid) return dxl::fail(valid.error());
  }
  std::string payload;
  append_get_updates(request, payload);
  return read_answer(kTopicUpdates, ask_to_read(client_, kTopicUpdates, payload, timeout_),
                     decode_updates);
}

dxl::Result<void> Client::send_file_metadata(const FileMetadata& metadata) {
  if (const auto given = check_hashes(metadata.hashes); !given) return given;
  std::string payload;
  append_file_metadata(metadata, payload);
  return tiara::sdk::tell(client_, kTopicFileMetadata, std::move(payload));
}

dxl::Result<void> Client::send_certificate_metadata(const CertMetadata& metadata) {
  std::string payload;
  append_cert_metadata(metadata, payload);
  return tiara::sdk::tell(client_, kTopicCertMetadata, std::move(payload));
}

}  // namespace tie
