// All that is stored about a file in the form of topics 10 and 11 (TIE reference §3.10).
#pragma once

#include <optional>
#include <string_view>

#include "reputation/record.hpp"
#include "tie/file_info.hpp"
#include "tie/hash.hpp"

namespace tiara::service {

// `signer` null: not known or not stored.
tie::FileInfo make_file_info(const reputation::FileRecord& file,
                             const reputation::CertRecord* signer);

// A text that is one digest in hexadecimal.
std::optional<tie::FileHashes> parse_any_digest(std::string_view text);

}  // namespace tiara::service
