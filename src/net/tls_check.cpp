#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "net/certificate_check.hpp"
#include "net/tls_context.hpp"
#include "net/tls_error.hpp"
#include "net/tls_verify.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using VerificationPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using ChainPtr = std::unique_ptr<STACK_OF(X509), FreeStack>;

int no_pass_phrase(char*, int, int, void*) { return -1; }

X509Ptr read_next(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, no_pass_phrase, nullptr));
}

// Verifies as a handshake does, with the same callback, which looks for its notes at an SSL.
dxl::Result<void> verify(const TlsContext& server, X509* leaf, STACK_OF(X509) * chain,
                         CheckedCertificate& into) {
  SSL_CTX* const context = server.impl().context.get();
  VerifyFailure failure{&server.impl(), {}};
  const SslPtr ssl(SSL_new(context));
  const VerificationPtr store(X509_STORE_CTX_new());
  if (ssl == nullptr || store == nullptr || SSL_set_app_data(ssl.get(), &failure) != 1 ||
      X509_STORE_CTX_init(store.get(), SSL_CTX_get_cert_store(context), leaf, chain) != 1 ||
      X509_STORE_CTX_set_ex_data(store.get(), SSL_get_ex_data_X509_STORE_CTX_idx(), ssl.get()) !=
          1 ||
      X509_STORE_CTX_set_default(store.get(), "ssl_client") != 1)
    return dxl::fail(ErrorCode::kTls,
                     "cannot check the certificate: " + take_openssl_reason("out of memory"));
  X509_STORE_CTX_set_depth(store.get(), kMaxIntermediateCas);
  X509_STORE_CTX_set_verify_cb(store.get(), check_certificate);
  if (X509_verify_cert(store.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(store.get());
    into.is_revoked = error == X509_V_ERR_CERT_REVOKED;
    into.refusal = failure.text.empty() ? X509_verify_cert_error_string(error) : failure.text;
  }
  ERR_clear_error();
  return {};
}

// What another reason to refuse it has kept from being looked at.
bool is_listed(const TlsContext& server, const PeerCertificate& certificate) {
  const TlsContext::Impl& context = server.impl();
  return (context.is_revoked && context.is_revoked(certificate)) ||
         std::any_of(context.crls.begin(), context.crls.end(), [&](const Crl& crl) {
           return std::find(crl.issuer_serials.begin(), crl.issuer_serials.end(),
                            certificate.issuer_serial) != crl.issuer_serials.end();
         });
}

}  // namespace

dxl::Result<CheckedCertificate> check_client_certificate(const TlsContext& server,
                                                         std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const X509Ptr leaf = bio ? read_next(bio.get()) : nullptr;
  if (leaf == nullptr)
    return dxl::fail(ErrorCode::kTls,
                     "no certificate in PEM form: " + take_openssl_reason("it is empty"));
  const ChainPtr chain(sk_X509_new_null());
  while (X509Ptr next = read_next(bio.get())) {
    if (chain == nullptr || sk_X509_push(chain.get(), next.get()) <= 0) break;
    [[maybe_unused]] const X509* const owned = next.release();
  }
  ERR_clear_error();
  CheckedCertificate checked{describe_certificate(leaf.get()), {}};
  if (auto done = verify(server, leaf.get(), chain.get(), checked); !done)
    return dxl::fail(done.error());
  checked.is_revoked = checked.is_revoked || is_listed(server, checked.certificate);
  return checked;
}

}  // namespace tiara::net
