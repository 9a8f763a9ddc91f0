#include "service/answer_template.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "tie/codec.hpp"

namespace tiara::service {
namespace {

// Values no real answer has; they mark the holes in a serialised one.
constexpr std::int64_t kNowMark = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kSizeMark = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kSubmitMember = R"("submitMetaData":)";

template <class Number>
void append_number(Number value, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

reputation::AnswerContext context_of(const AnswerBasis& basis, const AnswerValues& values,
                                     bool submit_metadata) {
  return {.now = values.now,
          .enterprise_size = values.enterprise_size,
          .server_version = basis.server_version,
          .submit_metadata = submit_metadata,
          .create_date = basis.create_date};
}

}  // namespace

tie::Reputations make_answer(const reputation::FileRecord* record, const AnswerBasis& basis,
                             const AnswerValues& values) {
  return reputation::make_answer(
      record, context_of(basis, values, values.counts && reputation::wants_metadata(record)));
}

tie::Reputations make_cert_answer(const reputation::CertRecord* record, const AnswerBasis& basis,
                                  const AnswerValues& values,
                                  const tie::OverriddenFiles& overridden) {
  return reputation::make_cert_answer(
      record, context_of(basis, values, values.counts && reputation::wants_metadata(record)),
      overridden);
}

AnswerTemplate::AnswerTemplate(const reputation::FileRecord* record, const AnswerBasis& basis)
    : wants_metadata_(reputation::wants_metadata(record)) {
  std::string marked;
  tie::append_reputations(
      make_answer(record, basis, AnswerValues{.now = kNowMark, .enterprise_size = kSizeMark}),
      marked);
  const std::string now_mark = std::to_string(kNowMark);
  const std::string size_mark = std::to_string(kSizeMark);
  std::string_view rest = marked;
  while (!rest.empty()) {
    const std::size_t now_at = rest.find(now_mark);
    const std::size_t size_at = rest.find(size_mark);
    const std::size_t submit_at = rest.find(kSubmitMember);
    const std::size_t at = std::min({now_at, size_at, submit_at});
    if (at == std::string_view::npos) break;
    std::size_t literal = at;
    std::size_t skipped = 0;
    Hole hole = Hole::kNone;
    if (at == now_at) {
      hole = Hole::kNow;
      skipped = now_mark.size();
    } else if (at == size_at) {
      hole = Hole::kEnterpriseSize;
      skipped = size_mark.size();
    } else {
      hole = Hole::kSubmitMetadata;
      literal += kSubmitMember.size();
      skipped = 1;
    }
    text_ += rest.substr(0, literal);
    pieces_.push_back(Piece{.end = text_.size(), .hole = hole});
    rest.remove_prefix(literal + skipped);
  }
  text_ += rest;
  pieces_.push_back(Piece{.end = text_.size(), .hole = Hole::kNone});
}

void AnswerTemplate::append(const AnswerValues& values, std::string& out) const {
  std::size_t begin = 0;
  for (const Piece& piece : pieces_) {
    out.append(text_, begin, piece.end - begin);
    begin = piece.end;
    switch (piece.hole) {
      case Hole::kNone:
        break;
      case Hole::kNow:
        append_number(values.now, out);
        break;
      case Hole::kEnterpriseSize:
        append_number(values.enterprise_size, out);
        break;
      case Hole::kSubmitMetadata:
        out += values.counts && wants_metadata_ ? '1' : '0';
        break;
    }
  }
}

}  // namespace tiara::service
