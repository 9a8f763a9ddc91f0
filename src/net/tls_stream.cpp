#include "net/tls_stream.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "net/record_channel.hpp"
#include "net/socket.hpp"
#include "net/tls_context.hpp"
#include "net/tls_error.hpp"
#include "net/tls_trim.hpp"
#include "net/tls_verify.hpp"

namespace tiara::net {
namespace {

using Status = IoResult::Status;

constexpr std::size_t kHandshakeReadBytes = 64 * 1024;
constexpr std::size_t kLastReadBytes = 16 * 1024;
// Encrypted and sent in one piece; what the socket does not take of it is kept.
constexpr std::size_t kWriteBytes = 256 * 1024;

std::vector<PeerCertificate> verified_chain(const SSL* ssl) {
  std::vector<PeerCertificate> chain;
  const STACK_OF(X509)* const leaf_first = SSL_get0_verified_chain(ssl);
  for (int i = sk_X509_num(leaf_first) - 1; i >= 0; --i) {
    chain.push_back(describe_certificate(sk_X509_value(leaf_first, i)));
  }
  return chain;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  return ::inet_pton(AF_INET, host.c_str(), parsed.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), parsed.data()) == 1;
}

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Descriptor> descriptor, std::shared_ptr<const TlsContext> context)
      : context_(std::move(context)),
        peer_name_(peer_name_of(descriptor->fd())),
        channel_(std::move(descriptor)) {}

  bool set_up(const std::string& server_name);

  IoResult handshake() override;
  IoResult read(char* into, std::size_t capacity) override;
  IoResult write(std::string_view bytes) override;
  bool wants_write() const override { return wants_write_; }
  bool has_buffered_input() const override { return more_input_; }
  bool peer_has_left() const override { return net::peer_has_left(channel_.descriptor().fd()); }
  void wait_readable(std::function<void()> ready) override {
    channel_.descriptor().wait_readable(std::move(ready));
  }
  void wait_writable(std::function<void()> ready) override {
    channel_.descriptor().wait_writable(std::move(ready));
  }
  void move_to(Loop& loop) override { channel_.descriptor().move_to(loop); }
  std::size_t held_bytes() const override { return channel_.held_bytes(); }
  void close() override;
  const std::vector<PeerCertificate>& peer_chain() const override { return peer_chain_; }
  std::string peer_name() const override { return peer_name_; }

 private:
  bool is_server() const { return context_->impl().is_server; }
  void begin(std::size_t read_budget);
  IoResult would_block(bool wants_write);
  // What `code` of SSL_get_error means when no byte came of the call; sticks unless it is
  // kWouldBlock.
  IoResult classify(int code);
  IoResult end_with(IoResult result);
  void on_handshake_done();

  std::shared_ptr<const TlsContext> context_;
  std::string peer_name_;
  RecordChannel channel_;
  VerifyFailure verify_failure_;
  SslPtr ssl_;  // uses the two above
  std::vector<PeerCertificate> peer_chain_;
  bool established_ = false;
  bool wants_write_ = false;
  bool more_input_ = false;
  bool broken_ = false;  // OpenSSL allows no further call, not even for the end
  // Bytes of the caller's output that are encrypted but not all sent: the caller still holds them
  // and offers them again, so that one buffer bounds what a slow peer costs.
  std::size_t unreported_ = 0;
  std::optional<IoResult> end_;  // the result of every later read
};

bool TlsStream::set_up(const std::string& server_name) {
  ssl_.reset(SSL_new(context_->impl().context.get()));
  if (ssl_ == nullptr || !channel_.attach(ssl_.get())) return false;
  verify_failure_.context = &context_->impl();
  SSL_set_app_data(ssl_.get(), &verify_failure_);
  if (is_server()) {
    SSL_set_accept_state(ssl_.get());
    return true;
  }
  SSL_set_connect_state(ssl_.get());
  if (server_name.empty() || is_address(server_name)) return true;
  return SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str()) == 1;
}

void TlsStream::begin(std::size_t read_budget) {
  ERR_clear_error();
  channel_.begin(read_budget);
}

IoResult TlsStream::would_block(bool wants_write) {
  wants_write_ = wants_write;
  return {Status::kWouldBlock, 0, {}};
}

IoResult TlsStream::end_with(IoResult result) {
  end_ = result;
  return result;
}

IoResult TlsStream::classify(int code) {
  switch (code) {
    case SSL_ERROR_WANT_READ:
      return would_block(false);
    case SSL_ERROR_WANT_WRITE:
      return would_block(true);
    case SSL_ERROR_ZERO_RETURN:
      return end_with({Status::kEnd, 0, {}});
    default:
      break;
  }
  broken_ = true;
  const bool is_told_why = code == SSL_ERROR_SSL &&
                           ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (is_told_why) {
    return end_with({Status::kFailed, 0, describe_tls_failure(is_server(), verify_failure_)});
  }
  if (channel_.failed()) return end_with(channel_.failure());
  // Most clients just close the socket; an attacker who cuts a connection gains nothing by it.
  if (channel_.saw_end() && established_) return end_with({Status::kEnd, 0, {}});
  return end_with(
      {Status::kFailed,
       0,
       {dxl::ErrorCode::kTls, "the peer closed the connection during the TLS handshake", 0}});
}

IoResult TlsStream::handshake() {
  if (end_) return *end_;
  begin(kHandshakeReadBytes);
  const int done = established_ ? 1 : SSL_do_handshake(ssl_.get());
  const int code = SSL_get_error(ssl_.get(), done);
  IoResult result{Status::kDone, 0, {}};
  if (done != 1) result = classify(code);
  channel_.finish();  // also behind a failure: the alert tells the peer why
  if (result.status == Status::kFailed || result.status == Status::kEnd) return result;
  if (channel_.failed()) return end_with(channel_.failure());
  if (done == 1 && !established_) on_handshake_done();
  if (channel_.has_unsent()) return would_block(true);
  return result;
}

void TlsStream::on_handshake_done() {
  established_ = true;
  peer_chain_ = verified_chain(ssl_.get());
  forget_certificates(ssl_.get());
  more_input_ = channel_.has_kept_input() || SSL_has_pending(ssl_.get()) == 1;
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl_.get());
  if (is_server() && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa && !peer_chain_.empty() &&
      context_->impl().note_legacy_client(peer_chain_.back().sha1)) {
    base::log(base::LogLevel::kWarning, "net",
              "client {} ({}) uses legacy cipher {}, without forward secrecy; TLS 1.3 needs no "
              "tls.legacy_python_ciphers",
              peer_name_, peer_chain_.back().subject, SSL_CIPHER_get_name(cipher));
  }
}

IoResult TlsStream::read(char* into, std::size_t capacity) {
  more_input_ = false;
  if (end_) return *end_;
  begin(capacity);
  std::size_t total = 0;
  IoResult result{Status::kDone, 0, {}};
  while (total < capacity) {
    std::size_t count = 0;
    const int done = SSL_read_ex(ssl_.get(), into + total, capacity - total, &count);
    total += count;
    if (done == 1) continue;
    result = classify(SSL_get_error(ssl_.get(), done));
    break;
  }
  channel_.finish();
  // The descriptor announces neither what OpenSSL holds, nor the end it has told us of already.
  more_input_ = end_.has_value() || total == capacity || channel_.reached_budget();
  if (total == 0) {
    if (result.status == Status::kWouldBlock) return result;
    return end_ ? *end_ : result;
  }
  return {Status::kDone, total, {}};
}

IoResult TlsStream::write(std::string_view bytes) {
  if (broken_) return *end_;
  begin(0);
  std::size_t done = std::exchange(unreported_, 0);
  bytes = bytes.substr(0, kWriteBytes);
  IoResult result{Status::kDone, 0, {}};
  if (done == 0 && !channel_.has_unsent()) {
    while (done < bytes.size()) {
      std::size_t count = 0;
      const int written =
          SSL_write_ex(ssl_.get(), bytes.data() + done, bytes.size() - done, &count);
      if (written != 1) {
        result = classify(SSL_get_error(ssl_.get(), written));
        break;
      }
      done += count;
    }
  }
  channel_.finish();
  if (channel_.failed()) {
    // The reset may have overtaken an alert that says why; it lies in the socket still.
    std::array<char, kLastReadBytes> unused;
    const IoResult why = read(unused.data(), unused.size());
    if (why.status == Status::kFailed) return why;
    return channel_.failure();
  }
  if (result.status == Status::kFailed || result.status == Status::kEnd) return result;
  if (channel_.has_unsent()) {
    unreported_ = done;
    return would_block(true);
  }
  if (done == 0) return result;
  return {Status::kDone, done, {}};
}

void TlsStream::close() {
  if (channel_.descriptor().fd() < 0) return;
  // OpenSSL refuses a shutdown in the middle of a handshake.
  if (established_ && !broken_ && !channel_.failed()) {
    begin(0);
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    channel_.finish();
  }
  close_gently(channel_.descriptor());
  channel_.drop_buffers();
}

}  // namespace

dxl::Result<std::unique_ptr<Stream>> make_tls_stream(std::unique_ptr<Descriptor> descriptor,
                                                     std::shared_ptr<const TlsContext> context,
                                                     const std::string& server_name) {
  auto stream = std::make_unique<TlsStream>(std::move(descriptor), std::move(context));
  if (!stream->set_up(server_name)) {
    return dxl::fail(dxl::ErrorCode::kTls,
                     "cannot set up a TLS connection: " + take_openssl_reason("out of memory"));
  }
  return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace tiara::net
