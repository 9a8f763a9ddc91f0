// PKCS#10 requests for tests, made with OpenSSL alone.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tiara::broker {

using TestKey = std::shared_ptr<EVP_PKEY>;

inline TestKey rsa_key(unsigned bits) { return {EVP_RSA_gen(bits), EVP_PKEY_free}; }
inline TestKey ec_key(const char* curve) { return {EVP_EC_gen(curve), EVP_PKEY_free}; }
// Making RSA keys is slow.
inline const TestKey& shared_rsa_key() {
  static const TestKey key = rsa_key(2048);
  return key;
}

struct RequestRecipe {
  TestKey key = shared_rsa_key();
  std::vector<std::pair<const char*, std::string>> subject{{"CN", "reader"}};
  const EVP_MD* digest = EVP_sha256();
  bool asks_for_ca = false;                 // in its extensions
  std::function<void(X509_REQ*)> damage{};  // after signing
};

inline std::string make_request(const RequestRecipe& recipe = {}) {
  const std::shared_ptr<X509_REQ> request(X509_REQ_new(), X509_REQ_free);
  X509_NAME* const name = X509_REQ_get_subject_name(request.get());
  for (const auto& [field, value] : recipe.subject)
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.data()),
                               static_cast<int>(value.size()), -1, 0);
  X509_REQ_set_pubkey(request.get(), recipe.key.get());
  if (recipe.asks_for_ca) {
    STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints,
                                                           "critical,CA:TRUE"));
    X509_REQ_add_extensions(request.get(), extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
  X509_REQ_sign(request.get(), recipe.key.get(), recipe.digest);
  if (recipe.damage) recipe.damage(request.get());
  const std::shared_ptr<BIO> bio(BIO_new(BIO_s_mem()), BIO_free_all);
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace tiara::broker
