#include "net/tls_crl.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/regular_file.hpp"
#include "net/tls_error.hpp"
#include "net/tls_verify.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using dxl::fail;
using CrlPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;

constexpr int kMaxCrlsPerFile = 16;
constexpr std::size_t kMaxCrlBytes = 64 * 1024 * 1024;

X509* find_ca(X509_STORE* store, const X509_NAME* name) {
  const STACK_OF(X509_OBJECT)* const objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509* const certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (certificate != nullptr && X509_NAME_cmp(X509_get_subject_name(certificate), name) == 0)
      return certificate;
  }
  return nullptr;
}

dxl::Result<Crl> describe(X509_CRL* crl, const std::filesystem::path& file) {
  Crl result;
  result.file = file.string();
  result.issuer = name_text(X509_CRL_get_issuer(crl));
  if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl)) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(next, &parts) != 1)
      return fail(ErrorCode::kConfiguration, result.file + ": unreadable nextUpdate");
    result.next_update = std::chrono::system_clock::from_time_t(::timegm(&parts));
  }
  STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(crl);
  const int count = sk_X509_REVOKED_num(entries);
  if (count > static_cast<int>(kMaxCrlEntries))
    return fail(ErrorCode::kLimitExceeded,
                fmt::format("{}: more than {} certificates", result.file, kMaxCrlEntries));
  for (int i = 0; i < count; ++i)
    result.issuer_serials.push_back(
        issuer_serial_of(X509_CRL_get_issuer(crl),
                         X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))));
  return result;
}

// Appends what is in `file` to `found`.
dxl::Result<void> load_file(X509_STORE* store, const std::filesystem::path& file,
                            std::vector<Crl>& found) {
  ERR_clear_error();
  const auto text = base::read_regular_file(file, kMaxCrlBytes);
  if (!text) return fail(ErrorCode::kConfiguration, text.error().message);
  const BioPtr bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  int count = 0;
  while (bio != nullptr && count < kMaxCrlsPerFile) {
    const CrlPtr crl(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
    if (crl == nullptr) break;
    ++count;
    auto described = describe(crl.get(), file);
    if (!described) return fail(described.error());
    X509* const ca = find_ca(store, X509_CRL_get_issuer(crl.get()));
    if (ca == nullptr) {
      base::log(base::LogLevel::kWarning, "net", "{}: not used, no CA here is {}", file.string(),
                described->issuer);
      continue;
    }
    if (X509_CRL_verify(crl.get(), X509_get0_pubkey(ca)) != 1)
      return fail(ErrorCode::kTls,
                  fmt::format("{}: not signed by {}: {}", file.string(), described->issuer,
                              take_openssl_reason("the signature is wrong")));
    if (X509_STORE_add_crl(store, crl.get()) != 1)
      return fail(ErrorCode::kTls, file.string() + ": " + take_openssl_reason("out of memory"));
    found.push_back(*std::move(described));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (count > 0 && at_end) {
    ERR_clear_error();
    return {};
  }
  return fail(ErrorCode::kConfiguration,
              fmt::format("{}: expected 1 to {} CRLs in PEM form: {}", file.string(),
                          kMaxCrlsPerFile, take_openssl_reason("there are more")));
}

}  // namespace

dxl::Result<std::vector<Crl>> load_crls(SSL_CTX* context,
                                        const std::vector<std::filesystem::path>& files) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  std::vector<Crl> found;
  for (const std::filesystem::path& file : files)
    if (auto loaded = load_file(store, file, found); !loaded) return fail(loaded.error());
  if (!found.empty())
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return found;
}

}  // namespace tiara::net
