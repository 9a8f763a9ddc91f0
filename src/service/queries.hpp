// What is asked without changing anything, and its answers from store and cache; on any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dxl/result.hpp"
#include "service/lookup.hpp"
#include "service/reply_address.hpp"
#include "tie/codec.hpp"

namespace tiara::service {

// A lookup by an endpoint (L4, L11) asks for metadata; any other is a pure read.
struct FileQuery {
  tie::FileHashes hashes;
  bool counts = false;
};
struct CertQuery {
  tie::Certificate certificate;
  bool counts = false;
};
struct BatchQuery {
  tie::BatchGet batch;
  bool counts = false;
};
// `asker`: the identity that "targeted" is about (L22); empty: nobody, whose targeted updates are
// the prevalent subjects.
struct UpdatesQuery {
  tie::GetUpdates updates;
  std::string asker;
};
struct InfoQuery {
  std::vector<tie::FileHashes> files;
};

using Query = std::variant<FileQuery, CertQuery, BatchQuery, tie::GetFileAgents, tie::GetCertAgents,
                           UpdatesQuery, InfoQuery, tie::SearchFiles, tie::ExplainRequest,
                           tie::HistoryRequest>;

// A query, whom to answer, and what counts as asked once that is done (L13).
struct ReadTask {
  ReplyTo reply{};
  Query query;
  std::string agent{};  // empty: counts nothing
  std::optional<tie::Certificate> signer{};
};

// Those that may read much and therefore wait in a queue of their own.
bool is_slow(const Query& query);

// The answer's payload. Errors: kStorage.
dxl::Result<std::string> answer(const LookupContext& context, const Query& query, std::int64_t now);

}  // namespace tiara::service
