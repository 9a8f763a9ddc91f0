#include "net/tls_context.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include <fmt/format.h>

#include "base/regular_file.hpp"
#include "net/tls_crl.hpp"
#include "net/tls_error.hpp"
#include "net/tls_verify.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using dxl::fail;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

// TLS 1.2 only; the suites of TLS 1.3 are OpenSSL's default. Forward secrecy first: with server
// preference, the last one is chosen by nobody who can do better. Level 2 (112 bits: RSA 2048,
// SHA-256) does not exclude static RSA key exchange.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:@SECLEVEL=2";
constexpr const char* kCiphersWithLegacy =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:AES128-SHA256:!aNULL:!eNULL:@SECLEVEL=2";
// A client takes what the broker prefers; old brokers offer static RSA as well.
constexpr const char* kClientCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AES:!aNULL:"
    "!eNULL:@SECLEVEL=2";

// No finite fields: peers that have shown no certificate yet could make us reckon with 8192 bits.
constexpr const char* kGroups = "X25519:P-256:P-384:P-521";

constexpr std::size_t kMaxPemBytes = 16 * 1024 * 1024;
constexpr int kMaxNamedCas = 4;  // in a message
constexpr std::size_t kMaxLegacyClients = 10'000;

// Never ask on the terminal for the pass phrase of a key.
int no_pass_phrase(char*, int, int, void*) { return -1; }

dxl::Error file_error(const char* what, const std::filesystem::path& path) {
  return {ErrorCode::kTls,
          fmt::format("{} {}: {}", what, path.string(), take_openssl_reason("cannot be read")), 0};
}

// OpenSSL's own readers of files would wait for a named pipe.
dxl::Result<std::string> read_pem(const char* what, const std::filesystem::path& path) {
  auto text = base::read_regular_file(path, kMaxPemBytes);
  if (!text)
    return fail(ErrorCode::kConfiguration, fmt::format("{} {}", what, text.error().message));
  return text;
}

BioPtr memory_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Each certificate of the text in turn. False when there is none, one is damaged or `take` fails.
template <class Take>
bool for_each_certificate(const std::string& text, Take take) {
  const BioPtr bio = memory_of(text);
  bool has_any = false;
  while (const X509Ptr certificate{
      PEM_read_bio_X509_AUX(bio.get(), nullptr, no_pass_phrase, nullptr)}) {
    if (!take(certificate.get())) return false;
    has_any = true;
  }
  if (!has_any || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return false;
  ERR_clear_error();
  return true;
}

// The certificate, then the chain that is sent with it.
bool use_chain(SSL_CTX* context, const std::string& text) {
  bool is_first = true;
  return for_each_certificate(text, [&](X509* certificate) {
    return (std::exchange(is_first, false) ? SSL_CTX_use_certificate(context, certificate)
                                           : SSL_CTX_add1_chain_cert(context, certificate)) == 1;
  });
}

bool use_key(SSL_CTX* context, std::string& text) {
  const BioPtr bio = memory_of(text);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  OPENSSL_cleanse(text.data(), text.size());
  return key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

bool trust(SSL_CTX* context, const std::string& text) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  return for_each_certificate(text,
                              [store](X509* ca) { return X509_STORE_add_cert(store, ca) == 1; });
}

dxl::Result<void> load_files(SSL_CTX* context, const TlsContext::Files& files, bool verifies_peer) {
  const auto certificate = read_pem("certificate", files.certificate);
  if (!certificate) return fail(certificate.error());
  if (!use_chain(context, *certificate)) return fail(file_error("certificate", files.certificate));
  auto key = read_pem("private key", files.private_key);
  if (!key) return fail(key.error());
  if (!use_key(context, *key)) return fail(file_error("private key", files.private_key));
  if (SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kTls,
                fmt::format("private key {} does not belong to certificate {}",
                            files.private_key.string(), files.certificate.string()));
  }
  if (!verifies_peer) return {};
  const auto bundle = read_pem("CA bundle", files.ca_bundle);
  if (!bundle) return fail(bundle.error());
  if (!trust(context, *bundle)) return fail(file_error("CA bundle", files.ca_bundle));
  return {};
}

dxl::Result<SslContextPtr> make_context(const SSL_METHOD* method, const char* ciphers,
                                        const TlsContext::Files& files, bool verifies_peer = true) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(method));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), ciphers) != 1 ||
      SSL_CTX_set1_groups_list(context.get(), kGroups) != 1) {
    return fail(ErrorCode::kTls, "cannot set up TLS: " + take_openssl_reason("out of memory"));
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify_depth(context.get(), kMaxIntermediateCas);
  SSL_CTX_set_default_passwd_cb(context.get(), no_pass_phrase);
  if (auto loaded = load_files(context.get(), files, verifies_peer); !loaded)
    return fail(loaded.error());
  return context;
}

// "CN=a or CN=b", the first few.
std::string ca_names(const SSL_CTX* context) {
  const STACK_OF(X509_OBJECT)* const objects =
      X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
  std::string names;
  int count = 0;
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    const X509* const ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (ca == nullptr) continue;
    if (++count > kMaxNamedCas) return names + " and others";
    names += (count > 1 ? " or " : "") + subject_of(ca);
  }
  return names;
}

}  // namespace

bool TlsContext::Impl::note_legacy_client(const std::string& sha1) const {
  const std::lock_guard lock(legacy_mutex_);
  if (legacy_clients_.size() >= kMaxLegacyClients) return false;
  return legacy_clients_.insert(sha1).second;
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

const std::vector<Crl>& TlsContext::crls() const { return impl_->crls; }

dxl::Result<std::shared_ptr<const TlsContext>> TlsContext::make_server(
    const Files& files, const TlsServerOptions& options) {
  auto context = make_context(TLS_server_method(),
                              options.legacy_python_ciphers ? kCiphersWithLegacy : kCiphers, files);
  if (!context) return fail(std::move(context.error()));
  auto crls = load_crls(context->get(), options.crls);
  if (!crls) return fail(std::move(crls.error()));
  // No list of acceptable CAs is sent, as by the original broker (DXL reference §1.2).
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     check_certificate);
  auto impl = std::make_unique<Impl>();
  impl->accepted_cas = ca_names(context->get());
  impl->context = std::move(*context);
  impl->is_server = true;
  impl->is_revoked = options.is_revoked;
  impl->crls = std::move(*crls);
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

dxl::Result<std::shared_ptr<const TlsContext>> TlsContext::make_https_server(
    const std::filesystem::path& certificate, const std::filesystem::path& private_key) {
  auto context = make_context(TLS_server_method(), kCiphers, {certificate, private_key, {}}, false);
  if (!context) return fail(std::move(context.error()));
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(*context);
  impl->is_server = true;
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

dxl::Result<std::shared_ptr<const TlsContext>> TlsContext::make_client(const Files& files) {
  auto context = make_context(TLS_client_method(), kClientCiphers, files);
  if (!context) return fail(std::move(context.error()));
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, check_certificate);
  auto impl = std::make_unique<Impl>();
  impl->accepted_cas = ca_names(context->get());
  impl->context = std::move(*context);
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

}  // namespace tiara::net
