// Records as bytes on disk (docs/store.md, "File record" and "Certificate record").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dxl/result.hpp"
#include "reputation/record.hpp"
#include "store/elements.hpp"

namespace tiara::store {

inline constexpr std::uint8_t kRecordVersion = 2;
inline constexpr std::uint8_t kFirstRecordVersion = 1;  // still read
inline constexpr std::uint8_t kCertRecordVersion = 1;
inline constexpr std::size_t kMaxEntries = 64;
inline constexpr std::size_t kMaxEntryAttributes = 1024;

// The record must have passed check_batch().
void append_record(const reputation::FileRecord& record, std::string& out);
void append_record(const reputation::CertRecord& record, std::string& out);

// Exactly one record. kStorage with the field that is damaged.
dxl::Result<reputation::FileRecord> decode_record(std::string_view bytes);
dxl::Result<reputation::CertRecord> decode_cert_record(std::string_view bytes);

// The parts of a record that are there only if something was told about the subject.
void append_details(const reputation::FileDetails& details, std::string& out);
void append_details(const reputation::CertDetails& details, std::string& out);
void read_details(Reader& reader, reputation::FileDetails& details);
void read_details(Reader& reader, reputation::CertDetails& details);

}  // namespace tiara::store
