// A serialised answer with holes for what differs from one lookup to the next, so that steady state
// builds no tree and formats a few numbers only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reputation/certificates.hpp"
#include "reputation/engine.hpp"

namespace tiara::service {

// What the service says about itself and its settings in each answer.
struct AnswerBasis {
  std::uint64_t server_version = 0;
  reputation::Settings::CreateDate create_date = reputation::Settings::CreateDate::kChanged;
};

// What differs.
struct AnswerValues {
  std::int64_t now = 0;
  std::uint64_t enterprise_size = 0;
  bool counts = false;  // asked by an endpoint, who may then be asked for metadata (§6.9)
};

// The answer as a value, for change events and for answers that are needed once.
tie::Reputations make_answer(const reputation::FileRecord* record, const AnswerBasis& basis,
                             const AnswerValues& values);

tie::Reputations make_cert_answer(const reputation::CertRecord* record, const AnswerBasis& basis,
                                  const AnswerValues& values,
                                  const tie::OverriddenFiles& overridden);

class AnswerTemplate {
 public:
  // `record` null: the answer for an unknown file, whose dates are those of the lookup (L5).
  AnswerTemplate(const reputation::FileRecord* record, const AnswerBasis& basis);

  void append(const AnswerValues& values, std::string& out) const;

 private:
  enum class Hole : std::uint8_t { kNone, kNow, kEnterpriseSize, kSubmitMetadata };
  struct Piece {
    std::size_t end;  // of the literal text before the hole
    Hole hole;
  };
  std::string text_;  // literals only
  std::vector<Piece> pieces_;
  bool wants_metadata_ = false;
};

}  // namespace tiara::service
