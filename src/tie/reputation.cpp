#include "tie/reputation.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace tie {
namespace {

template <class Enum>
struct Name {
  Enum value;
  std::string_view text;
};

// Names are the constants of the original clients (TIE reference §4).
constexpr std::array<Name<TrustLevel>, 9> kTrustLevels{{
    {TrustLevel::kNotSet, "NOT_SET"},
    {TrustLevel::kKnownMalicious, "KNOWN_MALICIOUS"},
    {TrustLevel::kMostLikelyMalicious, "MOST_LIKELY_MALICIOUS"},
    {TrustLevel::kMightBeMalicious, "MIGHT_BE_MALICIOUS"},
    {TrustLevel::kUnknown, "UNKNOWN"},
    {TrustLevel::kMightBeTrusted, "MIGHT_BE_TRUSTED"},
    {TrustLevel::kMostLikelyTrusted, "MOST_LIKELY_TRUSTED"},
    {TrustLevel::kKnownTrusted, "KNOWN_TRUSTED"},
    {TrustLevel::kKnownTrustedInstaller, "KNOWN_TRUSTED_INSTALLER"},
}};

constexpr std::array<Name<Provider>, 7> kProviders{{
    {Provider::kGti, "GTI"},
    {Provider::kCertGti, "GTI"},
    {Provider::kEnterprise, "ENTERPRISE"},
    {Provider::kCertEnterprise, "ENTERPRISE"},
    {Provider::kAtd, "ATD"},
    {Provider::kMwg, "MWG"},
    {Provider::kExternal, "EXTERNAL"},
}};

constexpr std::array<Name<FileType>, 39> kFileTypes{{
    {FileType::kNone, "NONE"},
    {FileType::kCom, "COM"},
    {FileType::kExe, "EXE"},
    {FileType::kDrv, "DRV"},
    {FileType::kBoot, "BOOT"},
    {FileType::kPe, "PE"},
    {FileType::kPeexe, "PEEXE"},
    {FileType::kVxd, "VXD"},
    {FileType::kDllNonPe, "DLLNONPE"},
    {FileType::kDll, "DLL"},
    {FileType::kWin, "WIN"},
    {FileType::kMzStub, "MZSTUB"},
    {FileType::kNlm, "NLM"},
    {FileType::kElf, "ELF"},
    {FileType::kJs, "JS"},
    {FileType::kVbs, "VBS"},
    {FileType::kScript, "SCRIPT"},
    {FileType::kOle, "OLE"},
    {FileType::kPic, "PIC"},
    {FileType::kText, "TEXT"},
    {FileType::kBat, "BAT"},
    {FileType::kHtml, "HTML"},
    {FileType::kHtmlText, "HTMLTEXT"},
    {FileType::kHta, "HTA"},
    {FileType::kRtf, "RTF"},
    {FileType::kPdf, "PDF"},
    {FileType::kMmedia, "MMEDIA"},
    {FileType::kUrl, "URL"},
    {FileType::kSys, "SYS"},
    {FileType::kZip, "ZIP"},
    {FileType::kCab, "CAB"},
    {FileType::kRarNoArc, "RARNOARC"},
    {FileType::kRar, "RAR"},
    {FileType::kOoxml, "OOXML"},
    {FileType::kOoxmlPk, "OOXMLPK"},
    {FileType::kMacho, "MACHO"},
    {FileType::kApk, "APK"},
    {FileType::kClass, "CLASS"},
    {FileType::kJar, "JAR"},
}};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

template <class Enum, std::size_t N>
std::string_view find_name(const std::array<Name<Enum>, N>& names, Enum value) {
  for (const auto& name : names)
    if (name.value == value) return name.text;
  return {};
}

template <class Enum, std::size_t N>
std::string name_or_number(const std::array<Name<Enum>, N>& names, Enum value) {
  const std::string_view name = find_name(names, value);
  if (!name.empty()) return std::string(name);
  return std::to_string(static_cast<std::underlying_type_t<Enum>>(value));
}

template <class Enum, std::size_t N>
std::optional<Enum> find_value(const std::array<Name<Enum>, N>& names, std::string_view text) {
  for (const auto& name : names) {
    if (std::ranges::equal(name.text, text, {}, {}, upper)) return name.value;
  }
  return std::nullopt;
}

// Decimal text without sign, from 0 to `maximum`.
std::optional<std::int64_t> find_number(std::string_view text, std::int64_t maximum) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < 0 || text.front() == '-' ||
      number > maximum) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

bool is_known(TrustLevel level) { return !find_name(kTrustLevels, level).empty(); }

std::string to_string(TrustLevel level) { return name_or_number(kTrustLevels, level); }

dxl::Result<TrustLevel> parse_trust_level(std::string_view text) {
  if (const auto level = find_value(kTrustLevels, text)) return *level;
  if (const auto number = find_number(text, std::numeric_limits<std::int32_t>::max()))
    return static_cast<TrustLevel>(*number);
  return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                   fmt::format("trust level: expected a number or a name such as "
                               "MIGHT_BE_TRUSTED, found \"{:.40}\"",
                               text));
}

bool is_definitive(TrustLevel level) {
  return level != TrustLevel::kNotSet && level != TrustLevel::kUnknown;
}

std::string to_string(Provider provider) { return name_or_number(kProviders, provider); }

bool is_known(FileType type) { return !find_name(kFileTypes, type).empty(); }

std::string to_string(FileType type) { return name_or_number(kFileTypes, type); }

dxl::Result<FileType> parse_file_type(std::string_view text) {
  if (const auto type = find_value(kFileTypes, text)) return *type;
  if (const auto number = find_number(text, std::numeric_limits<std::int64_t>::max()))
    return static_cast<FileType>(*number);
  return dxl::fail(
      dxl::ErrorCode::kInvalidArgument,
      fmt::format("file type: expected a number or a name such as PEEXE, found \"{:.40}\"", text));
}

const Reputation* Reputations::find(Provider provider) const {
  const auto entry = std::ranges::find(entries, provider, &Reputation::provider);
  return entry == entries.end() ? nullptr : &*entry;
}

const Reputation* Reputations::find_verdict_of_others(Provider provider) const {
  const auto entry = std::ranges::find_if(entries, [&](const Reputation& each) {
    return each.provider != provider && is_definitive(each.trust_level);
  });
  return entry == entries.end() ? nullptr : &*entry;
}

}  // namespace tie
