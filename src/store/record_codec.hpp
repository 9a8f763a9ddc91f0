// File records as bytes on disk (docs/store.md, "Record").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "reputation/record.hpp"

namespace tiara::store {

inline constexpr std::uint8_t kRecordVersion = 1;
inline constexpr std::size_t kMaxEntries = 64;

// The record must have passed check_batch().
void append_record(const reputation::FileRecord& record, std::string& out);

// Exactly one record. kStorage with the field that is damaged.
dxl::Result<reputation::FileRecord> decode_record(std::string_view bytes);

// The integers of docs/store.md, also used in the values of other keys.
void append_varint(std::uint64_t value, std::string& out);
void append_signed(std::int64_t value, std::string& out);
// Take one from the front of `bytes`; nullopt if it is truncated, too long or not minimal.
std::optional<std::uint64_t> take_varint(std::string_view& bytes);
std::optional<std::int64_t> take_signed(std::string_view& bytes);

}  // namespace tiara::store
