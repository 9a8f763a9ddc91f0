#include "broker/client_request.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "broker/certificate.hpp"
#include "broker/openssl.hpp"
#include "broker/signing_request.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;

constexpr unsigned kKeyBits = 2048;

using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * stack) const {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
  }
};
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions>;

struct CleanErrors {
  ~CleanErrors() { ERR_clear_error(); }
};

Bio read_bio(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string to_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

// OpenSSL's table knows how long each part may be and of which characters.
struct Part {
  const char* option;
  int id;
  const std::string ClientSubject::*value;
  const char* accepted;
};
constexpr std::array<Part, 7> kParts{{
    {"--country", NID_countryName, &ClientSubject::country, "two letters, such as DE"},
    {"--state-or-province", NID_stateOrProvinceName, &ClientSubject::state_or_province,
     "up to 128 characters"},
    {"--locality", NID_localityName, &ClientSubject::locality, "up to 128 characters"},
    {"--organization", NID_organizationName, &ClientSubject::organization, "up to 64 characters"},
    {"--organizational-unit", NID_organizationalUnitName, &ClientSubject::organizational_unit,
     "up to 64 characters"},
    {"the common name", NID_commonName, &ClientSubject::common_name, "1 to 64 characters"},
    {"--email-address", NID_pkcs9_emailAddress, &ClientSubject::email_address,
     "up to 128 characters of ASCII"},
}};

tl::unexpected<dxl::Error> refuse(const Part& part, const std::string& value) {
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("{}: expected {}, all of them to be seen, found {}", part.option,
                               part.accepted, base::json_text(value)));
}

dxl::Result<void> set_subject(X509_REQ* request, const ClientSubject& subject) {
  X509_NAME* const name = X509_REQ_get_subject_name(request);
  for (const Part& part : kParts) {
    const std::string& value = subject.*part.value;
    if (value.empty() && part.id != NID_commonName) continue;
    if (!base::is_readable_name(value) ||
        X509_NAME_add_entry_by_NID(name, part.id, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) != 1)
      return refuse(part, value);
  }
  return {};
}

bool add_extension(STACK_OF(X509_EXTENSION) * extensions, X509V3_CTX& context, int id,
                   const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  if (extension != nullptr && sk_X509_EXTENSION_push(extensions, extension) > 0) return true;
  X509_EXTENSION_free(extension);
  return false;
}

dxl::Result<void> set_extensions(X509_REQ* request, const std::vector<std::string>& names) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, nullptr, nullptr, request, nullptr, 0);
  const Extensions extensions(sk_X509_EXTENSION_new_null());
  bool done = extensions &&
              add_extension(extensions.get(), context, NID_basic_constraints, "CA:FALSE") &&
              add_extension(extensions.get(), context, NID_key_usage,
                            "critical,digitalSignature,keyEncipherment") &&
              add_extension(extensions.get(), context, NID_ext_key_usage, "clientAuth");
  if (done && !names.empty()) {
    const auto text = alternative_names(names);
    if (!text)
      return dxl::fail(ErrorCode::kInvalidArgument,
                       "--san: expected a host name of letters, digits, '-' and '.', or an "
                       "address");
    done = add_extension(extensions.get(), context, NID_subject_alt_name, text->c_str());
  }
  if (done && X509_REQ_add_extensions(request, extensions.get()) == 1) return {};
  return dxl::fail(ErrorCode::kTls, "cannot make a certificate request");
}

dxl::Result<std::string> key_text(EVP_PKEY* key, const std::string& passphrase) {
  const Bio text(BIO_new(BIO_s_mem()));
  const bool is_encrypted = !passphrase.empty();
  if (text &&
      PEM_write_bio_PKCS8PrivateKey(text.get(), key, is_encrypted ? EVP_aes_256_cbc() : nullptr,
                                    is_encrypted ? passphrase.data() : nullptr,
                                    static_cast<int>(passphrase.size()), nullptr, nullptr) == 1)
    return to_text(text.get());
  return dxl::fail(ErrorCode::kTls, "cannot write the private key");
}

dxl::Result<std::string> request_text(X509_REQ* request) {
  const Bio text(BIO_new(BIO_s_mem()));
  if (text && PEM_write_bio_X509_REQ(text.get(), request) == 1) return to_text(text.get());
  return dxl::fail(ErrorCode::kTls, "cannot write the certificate request");
}

Request parse_request(std::string_view pem) {
  const Bio bio = read_bio(pem);
  return Request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr));
}

}  // namespace

dxl::Result<KeyAndRequest> make_client_request(const ClientSubject& subject,
                                               const std::string& passphrase) {
  const CleanErrors clean;
  const Request request(X509_REQ_new());
  if (!request) return dxl::fail(ErrorCode::kTls, "cannot make a certificate request");
  // What is wrong is said before the time for a key is spent.
  if (auto set = set_subject(request.get(), subject); !set) return dxl::fail(set.error());
  if (auto set = set_extensions(request.get(), subject.names); !set) return dxl::fail(set.error());
  const Key key(EVP_RSA_gen(kKeyBits));
  if (!key || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0)
    return dxl::fail(ErrorCode::kTls, "cannot make a key and a certificate request");
  auto private_key = key_text(key.get(), passphrase);
  if (!private_key) return dxl::fail(private_key.error());
  auto text = request_text(request.get());
  if (!text) return dxl::fail(text.error());
  return KeyAndRequest{*std::move(private_key), *std::move(text)};
}

dxl::Result<std::string> read_request(std::string_view pem) {
  const CleanErrors clean;
  const auto refuse_file = [](std::string_view why) {
    return dxl::fail(ErrorCode::kConfiguration, fmt::format("certificate request: {}", why));
  };
  if (pem.size() > kSigningRequestBytes)
    return refuse_file(fmt::format("{} bytes; {} are accepted", pem.size(), kSigningRequestBytes));
  const Request request = parse_request(pem);
  if (!request) return refuse_file("not a PKCS#10 request in PEM form");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1)
    return refuse_file("its signature is not that of its key");
  return request_text(request.get());
}

dxl::Result<void> check_request_key(std::string_view certificate_pem,
                                    std::string_view request_pem) {
  const CleanErrors clean;
  const Bio bio = read_bio(certificate_pem);
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
  const Request request = parse_request(request_pem);
  EVP_PKEY* const wanted = request ? X509_REQ_get0_pubkey(request.get()) : nullptr;
  EVP_PKEY* const got = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  if (wanted != nullptr && got != nullptr && EVP_PKEY_eq(wanted, got) == 1) return {};
  return dxl::fail(ErrorCode::kMalformed, "the certificate is for another key");
}

}  // namespace tiara::broker
