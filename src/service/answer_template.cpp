#include "service/answer_template.hpp"

#include <string.h>

#include <algorithm>
#include <array>
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
constexpr std::size_t kUsualPieces = 4;

template <class Number>
void append_number(Number value, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// As std::string::find, which stops at each place where the first character fits: at every quote of
// an answer.
std::size_t find_from(const std::string& text, std::string_view wanted, std::size_t from) {
  const void* found =
      ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found == nullptr ? std::string::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
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
  struct Mark {
    std::string_view text;
    Hole hole;
    std::size_t at;  // of the next one
  };
  std::array marks{Mark{now_mark, Hole::kNow, find_from(marked, now_mark, 0)},
                   Mark{size_mark, Hole::kEnterpriseSize, find_from(marked, size_mark, 0)},
                   Mark{kSubmitMember, Hole::kSubmitMetadata, find_from(marked, kSubmitMember, 0)}};
  text_.reserve(marked.size());
  pieces_.reserve(kUsualPieces);
  std::size_t begin = 0;
  while (true) {
    Mark& next = *std::ranges::min_element(marks, {}, &Mark::at);
    if (next.at == std::string::npos) break;
    // The member's name stays, its one digit goes.
    const bool is_member = next.hole == Hole::kSubmitMetadata;
    const std::size_t end = next.at + next.text.size();
    text_.append(marked, begin, (is_member ? end : next.at) - begin);
    pieces_.push_back(Piece{.end = text_.size(), .hole = next.hole});
    begin = is_member ? end + 1 : end;
    next.at = find_from(marked, next.text, begin);
  }
  text_.append(marked, begin);
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
