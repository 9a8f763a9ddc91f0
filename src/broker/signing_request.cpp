#include "broker/signing_request.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "broker/openssl.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;

constexpr int kMinRsaBits = 2048;
// Above it, checking one signature costs more than a request is worth.
constexpr int kMaxRsaBits = 8192;
constexpr int kMaxSubjectParts = 16;
constexpr std::size_t kMaxPartBytes = 256;
constexpr std::size_t kMaxCommonName = 64;  // characters

using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;

// OpenSSL's queue of reasons belongs to the thread; what we leave there, others would report.
struct CleanErrors {
  ~CleanErrors() { ERR_clear_error(); }
};

tl::unexpected<dxl::Error> refuse(ErrorCode code, std::string why) {
  return dxl::fail(code, "certificate request: " + why);
}

std::optional<std::string> find_key_problem(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    if (bits >= kMinRsaBits && bits <= kMaxRsaBits) return std::nullopt;
    return fmt::format("an RSA key of {} bits; {} to {} are accepted", bits, kMinRsaBits,
                       kMaxRsaBits);
  }
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
      EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1) {
    const std::string_view name(group.data(), size);
    if (name == SN_X9_62_prime256v1 || name == SN_secp384r1) return std::nullopt;
  }
  return "a kind of key that is not accepted; RSA and EC on P-256 or P-384 are";
}

bool is_accepted_signature(int algorithm) {
  constexpr std::array kAccepted{NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption,
                                 NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA256,
                                 NID_ecdsa_with_SHA384,       NID_ecdsa_with_SHA512};
  return std::find(kAccepted.begin(), kAccepted.end(), algorithm) != kAccepted.end();
}

// The value of a subject's part; nullopt when it cannot be text.
std::optional<std::string> text_of(const X509_NAME_ENTRY* entry) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  const bool has_control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  return text.size() > kMaxPartBytes || has_control ? std::nullopt : std::optional(text);
}

// Whoever reads a log or a list of members takes these for ours.
bool is_reserved(std::string_view common_name) {
  std::string plain;
  for (const char c : common_name)
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return plain == "admin" || plain.starts_with("tiara");
}

dxl::Result<std::string> check_subject(const X509_NAME* subject) {
  const int parts = X509_NAME_entry_count(subject);
  if (parts > kMaxSubjectParts)
    return refuse(ErrorCode::kLimitExceeded,
                  fmt::format("a subject of {} parts; {} are accepted", parts, kMaxSubjectParts));
  std::optional<std::string> common_name;
  for (int i = 0; i < parts; ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(subject, i);
    auto text = text_of(entry);
    if (!text)
      return refuse(
          ErrorCode::kMalformed,
          fmt::format("part {} of the subject is not text of up to {} bytes without control "
                      "characters",
                      i + 1, kMaxPartBytes));
    if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName) continue;
    if (common_name) return refuse(ErrorCode::kInvalidArgument, "the subject has two common names");
    common_name = std::move(text);
  }
  if (!common_name) return refuse(ErrorCode::kInvalidArgument, "the subject has no common name");
  if (const auto checked = check_client_name(*common_name); !checked)
    return refuse(checked.error().code, checked.error().message);
  return *common_name;
}

template <class Object, class Encode>
std::string to_der(Object* object, Encode encode) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

dxl::Result<void> check_client_name(std::string_view common_name) {
  const auto characters = std::count_if(common_name.begin(), common_name.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  if (characters < 1 || characters > static_cast<std::ptrdiff_t>(kMaxCommonName))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("a common name of {} characters; 1 to {} are accepted", characters,
                                 kMaxCommonName));
  if (!base::is_readable_name(common_name))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("the common name {} has characters that cannot be seen or turn "
                                 "text around, or blanks at an end",
                                 base::json_text(common_name)));
  if (is_reserved(common_name))
    return dxl::fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the common name {} is reserved: admin, and all that begin with Tiara, "
                    "are names of this broker's own certificates",
                    base::json_text(common_name)));
  return {};
}

dxl::Result<SigningRequest> parse_signing_request(std::string_view pem) {
  const CleanErrors clean;
  if (pem.size() > kSigningRequestBytes)
    return refuse(ErrorCode::kLimitExceeded,
                  fmt::format("{} bytes; {} are accepted", pem.size(), kSigningRequestBytes));
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Request request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr));
  if (!request) return refuse(ErrorCode::kMalformed, "not a PKCS#10 request in PEM form");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) return refuse(ErrorCode::kMalformed, "its public key is unreadable");
  if (auto problem = find_key_problem(key))
    return refuse(ErrorCode::kInvalidArgument, std::move(*problem));
  if (!is_accepted_signature(X509_REQ_get_signature_nid(request.get())))
    return refuse(ErrorCode::kInvalidArgument,
                  "its signature is not RSA or ECDSA with SHA-256, SHA-384 or SHA-512");
  if (X509_REQ_verify(request.get(), key) != 1)
    return refuse(ErrorCode::kInvalidArgument, "its signature is not that of its key");
  const X509_NAME* const subject = X509_REQ_get_subject_name(request.get());
  auto common_name = check_subject(subject);
  if (!common_name) return dxl::fail(std::move(common_name).error());
  SigningRequest result{*std::move(common_name), to_der(subject, i2d_X509_NAME),
                        to_der(key, i2d_PUBKEY)};
  if (result.subject_der.empty() || result.public_key_der.empty())
    return refuse(ErrorCode::kMalformed, "cannot be encoded again");
  return result;
}

}  // namespace tiara::broker
