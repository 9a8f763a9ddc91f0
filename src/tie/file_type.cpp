// detect_file_type(): content decides, the name only where content cannot tell (scripts, packages
// in ZIP form, drivers). A wrong answer costs little: the type is a hint to the service, never a
// verdict.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "tie/reputation.hpp"

namespace tie {
namespace {

using std::string_view;

constexpr std::size_t kMaxZipEntries = 32;  // looked at before a ZIP is just a ZIP

std::uint8_t byte_at(string_view data, std::size_t at) {
  return at < data.size() ? static_cast<std::uint8_t>(data[at]) : std::uint8_t{0};
}
std::uint32_t little16(string_view data, std::size_t at) {
  return byte_at(data, at) | std::uint32_t{byte_at(data, at + 1)} << 8;
}
std::uint32_t little32(string_view data, std::size_t at) {
  return little16(data, at) | little16(data, at + 2) << 16;
}
std::uint32_t big32(string_view data, std::size_t at) {
  return std::uint32_t{byte_at(data, at)} << 24 | std::uint32_t{byte_at(data, at + 1)} << 16 |
         std::uint32_t{byte_at(data, at + 2)} << 8 | byte_at(data, at + 3);
}

bool has_at(string_view data, std::size_t at, string_view magic) {
  return at <= data.size() && data.substr(at).starts_with(magic);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// `small` is lower-case.
bool starts_with_any_case(string_view text, string_view small) {
  return text.size() >= small.size() &&
         std::ranges::equal(text.substr(0, small.size()), small, {}, lower);
}

std::string extension_of(string_view name) {
  const std::size_t slash = name.find_last_of("/\\");
  if (slash != string_view::npos) name.remove_prefix(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == string_view::npos) return {};
  std::string extension(name.substr(dot + 1));
  std::ranges::transform(extension, extension.begin(), lower);
  return extension;
}

bool is_any_of(string_view value, std::initializer_list<string_view> list) {
  return std::ranges::find(list, value) != list.end();
}

// Characteristics and subsystem as in the PE/COFF specification.
FileType portable_executable(string_view head, std::size_t pe, string_view extension) {
  constexpr std::uint32_t kExecutableImage = 0x0002, kSystem = 0x1000, kDynamicLibrary = 0x2000;
  constexpr std::uint32_t kSubsystemNative = 1;
  const std::uint32_t characteristics = little16(head, pe + 22);
  const bool native = little16(head, pe + 92) == kSubsystemNative;
  if (characteristics & kSystem) return FileType::kSys;
  // Drivers that export functions carry the library flag as well.
  if (native && extension == "sys") return FileType::kSys;
  if (characteristics & kDynamicLibrary) return FileType::kDll;
  // Native programs that are no drivers (the session manager) are named .exe.
  if (native && extension != "exe") return FileType::kSys;
  return characteristics & kExecutableImage ? FileType::kPeexe : FileType::kPe;
}

FileType dos_or_windows(string_view head, string_view extension) {
  const std::size_t header = head.size() >= 64 ? little32(head, 60) : 0;
  if (header != 0) {
    if (has_at(head, header, string_view("PE\0\0", 4)))
      return portable_executable(head, header, extension);
    if (has_at(head, header, "LE")) return FileType::kVxd;
    if (header >= head.size()) {  // the PE header lies beyond what we were given
      if (extension == "dll") return FileType::kDll;
      if (extension == "sys") return FileType::kSys;
    }
  }
  return FileType::kExe;
}

std::optional<FileType> mach_o_or_class(string_view head) {
  switch (big32(head, 0)) {
    case 0xFEEDFACE:
    case 0xFEEDFACF:
    case 0xCEFAEDFE:
    case 0xCFFAEDFE:
    case 0xCAFEBABF:
      return FileType::kMacho;
    case 0xCAFEBABE:
      // Next is the number of architectures, or the class file's version: 45 and up since Java 1.0.
      return big32(head, 4) < 45 ? FileType::kMacho : FileType::kClass;
    default:
      return std::nullopt;
  }
}

// What the names of a ZIP's first entries say; walks the local file headers.
FileType zip(string_view head, string_view extension) {
  constexpr string_view kLocalHeader("PK\3\4", 4);
  constexpr std::size_t kHeaderBytes = 30;
  constexpr std::uint32_t kSizesFollowData = 1U << 3;
  bool apk = extension == "apk";
  bool ooxml = is_any_of(extension, {"docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xltx", "xltm",
                                     "xlsb", "pptx", "pptm", "potx", "ppsx", "ppsm", "vsdx"});
  bool jar = is_any_of(extension, {"jar", "war", "ear"});
  std::size_t at = 0;
  for (std::size_t entry = 0; entry < kMaxZipEntries && has_at(head, at, kLocalHeader); ++entry) {
    const std::size_t name_bytes = little16(head, at + 26);
    const string_view name =
        at + kHeaderBytes <= head.size() ? head.substr(at + kHeaderBytes, name_bytes) : "";
    if (is_any_of(name, {"AndroidManifest.xml", "classes.dex", "resources.arsc"})) apk = true;
    if (name == "[Content_Types].xml") ooxml = true;
    if (name == "META-INF/MANIFEST.MF" || (entry == 0 && name == "META-INF/")) jar = true;
    const std::size_t data = at + kHeaderBytes + name_bytes + little16(head, at + 28);
    if (little16(head, at + 6) & kSizesFollowData) {
      at = data <= head.size() ? head.find(kLocalHeader, data) : string_view::npos;
      if (at == string_view::npos) break;
    } else {
      at = data + little32(head, at + 18);
    }
  }
  if (apk) return FileType::kApk;
  if (ooxml) return FileType::kOoxmlPk;
  if (jar) return FileType::kJar;
  return FileType::kZip;
}

struct Magic {
  std::size_t at;
  string_view bytes;
  FileType type;
};

constexpr std::array kMagics{
    Magic{0,
          "\x7F"
          "ELF",
          FileType::kElf},
    Magic{0, "MSCF", FileType::kCab},
    Magic{0, "Rar!\x1A\x07", FileType::kRar},
    Magic{0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileType::kOle},
    Magic{0, "%PDF-", FileType::kPdf},
    Magic{0, "{\\rtf", FileType::kRtf},
    Magic{0, "NetWare Loadable Module", FileType::kNlm},
    Magic{0, "\x89PNG\r\n\x1A\n", FileType::kPic},
    Magic{0, "\xFF\xD8\xFF", FileType::kPic},
    Magic{0, "GIF87a", FileType::kPic},
    Magic{0, "GIF89a", FileType::kPic},
    Magic{0, string_view("II*\0", 4), FileType::kPic},
    Magic{0, string_view("MM\0*", 4), FileType::kPic},
    Magic{0, string_view("\0\0\1\0", 4), FileType::kPic},
    Magic{0, "8BPS", FileType::kPic},
    Magic{8, "WEBP", FileType::kPic},
    Magic{8, "WAVE", FileType::kMmedia},
    Magic{8, "AVI ", FileType::kMmedia},
    Magic{4, "ftyp", FileType::kMmedia},
    Magic{0, "ID3", FileType::kMmedia},
    Magic{0, "OggS", FileType::kMmedia},
    Magic{0, "fLaC", FileType::kMmedia},
    Magic{0, "FLV\1", FileType::kMmedia},
    Magic{0, "MThd", FileType::kMmedia},
    Magic{0, "\x1A\x45\xDF\xA3", FileType::kMmedia},
    Magic{0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11", FileType::kMmedia},
    Magic{0, string_view("\0\0\1\xBA", 4), FileType::kMmedia},
    Magic{0, string_view("\0\0\1\xB3", 4), FileType::kMmedia},
};

std::optional<FileType> by_magic(string_view head, string_view extension) {
  for (const Magic& magic : kMagics) {
    // The RIFF family shares one beginning; the kind comes at byte 8.
    if (magic.at == 8 && !head.starts_with("RIFF")) continue;
    if (has_at(head, magic.at, magic.bytes)) return magic.type;
  }
  // Two letters are too few: a bitmap has zeros in its reserved fields, an MP3 its extension.
  if (head.starts_with("BM") && head.size() >= 14 && little32(head, 6) == 0) return FileType::kPic;
  if (byte_at(head, 0) == 0xFF && byte_at(head, 1) >= 0xE0 && is_any_of(extension, {"mp3", "aac"}))
    return FileType::kMmedia;
  const std::uint8_t first = byte_at(head, 0);
  if (head.size() == 512 && (first == 0xEB || first == 0xE9) && has_at(head, 510, "\x55\xAA"))
    return FileType::kBoot;
  return std::nullopt;
}

// No control characters but white space, or UTF-16 with its mark.
bool is_text(string_view head) {
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) return true;
  return std::ranges::none_of(head, [](char c) {
    const auto value = static_cast<unsigned char>(c);
    return (value < 0x20 && !(value >= '\t' && value <= '\r') && value != 0x1B) || value == 0x7F;
  });
}

FileType text(string_view head, string_view extension) {
  string_view start = head;
  if (start.starts_with("\xEF\xBB\xBF")) start.remove_prefix(3);
  if (start.starts_with("#!")) return FileType::kScript;
  start.remove_prefix(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  if (is_any_of(extension, {"js", "jse", "mjs"})) return FileType::kJs;
  if (is_any_of(extension, {"vbs", "vbe"})) return FileType::kVbs;
  if (is_any_of(extension, {"bat", "cmd"})) return FileType::kBat;
  if (extension == "hta") return FileType::kHta;
  if (is_any_of(extension, {"wsf", "ps1", "psm1", "sh", "py", "pl", "rb", "php"}))
    return FileType::kScript;
  if (extension == "url" || starts_with_any_case(start, "[internetshortcut]"))
    return FileType::kUrl;
  if (is_any_of(extension, {"html", "htm", "xhtml"}) ||
      starts_with_any_case(start, "<!doctype html") || starts_with_any_case(start, "<html"))
    return FileType::kHtml;
  return head.empty() ? FileType::kNone : FileType::kText;
}

}  // namespace

FileType detect_file_type(string_view head, string_view file_name) {
  const std::string extension = extension_of(file_name);
  if (head.starts_with("MZ")) return dos_or_windows(head, extension);
  if (const auto type = mach_o_or_class(head)) return *type;
  if (head.starts_with(string_view("PK\3\4", 4))) return zip(head, extension);
  if (head.starts_with(string_view("PK\5\6", 4))) return zip(head, extension);  // an empty one
  if (const auto type = by_magic(head, extension)) return *type;
  if (is_text(head)) return text(head, extension);
  if (extension == "com") return FileType::kCom;
  return FileType::kNone;
}

}  // namespace tie
