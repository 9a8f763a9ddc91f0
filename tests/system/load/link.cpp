#include "link.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace load {
namespace {

std::string tls_reason() {
  char reason[256] = "the peer closed the connection";
  if (const unsigned long code = ERR_get_error(); code != 0)
    ERR_error_string_n(code, reason, sizeof reason);
  return reason;
}

}  // namespace

ssl_ctx_st* make_tls(const Target& target) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context, target.ca.c_str(), nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, target.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, target.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    std::fprintf(stderr, "crowd: certificates: %s\n", tls_reason().c_str());
    std::exit(2);
  }
  // Thousands of links in one process: buffers only while they are in use.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return context;
}

Link::Link(const Target& target, ssl_ctx_st* tls) : tls_(tls) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (inet_pton(AF_INET, target.host.c_str(), &address.sin_addr) != 1) {
    fail(target.host + ": not an IPv4 address");
  } else if (descriptor_ < 0) {
    fail(std::string("socket: ") + std::strerror(errno));
  } else {
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS)
      fail(std::string("connect: ") + std::strerror(errno));
  }
}

Link::~Link() {
  SSL_free(ssl_);
  if (descriptor_ >= 0) close(descriptor_);
}

void Link::fail(std::string reason) {
  state_ = State::kFailed;
  wants_write_ = false;
  failure_ = std::move(reason);
}

bool Link::connected() {
  pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  if (poll(&ready, 1, 0) == 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(std::string("connect: ") + std::strerror(error)), false;
  ssl_ = SSL_new(tls_);
  SSL_set_fd(ssl_, descriptor_);
  SSL_set_connect_state(ssl_);
  state_ = State::kHandshaking;
  return true;
}

bool Link::went(int result, const char* what) {
  if (result == 1) return true;
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_WRITE) wants_write_ = true;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return false;
  const int number = errno;
  fail(std::string(what) + ": " +
       (error == SSL_ERROR_SYSCALL && number != 0 ? std::strerror(number) : tls_reason()));
  return false;
}

void Link::advance() {
  input_.erase(0, std::exchange(consumed_, 0));
  if (state_ == State::kFailed || (state_ == State::kConnecting && !connected())) return;
  wants_write_ = false;
  errno = 0;
  ERR_clear_error();
  if (state_ == State::kHandshaking) {
    if (!went(SSL_do_handshake(ssl_), "TLS handshake")) return;
    state_ = State::kOpen;
  }
  read();
  if (state_ == State::kOpen) write();
}

void Link::read() {
  char block[16 * 1024];
  std::size_t bytes = 0;
  while (went(SSL_read_ex(ssl_, block, sizeof block, &bytes), "read")) input_.append(block, bytes);
}

void Link::write() {
  std::size_t bytes = 0;
  while (!output_.empty() &&
         went(SSL_write_ex(ssl_, output_.data(), output_.size(), &bytes), "write"))
    output_.erase(0, bytes);
}

std::optional<Packet> Link::next() {
  const auto packet = first_packet(std::string_view(input_).substr(consumed_));
  if (packet) consumed_ += packet->total_bytes;
  return packet;
}

std::optional<std::string> Link::await(std::uint8_t type, int seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (state_ != State::kFailed && Clock::now() < end) {
    advance();
    while (const auto packet = next())
      if (packet->type == type) return std::string(packet->body);
    const int events = POLLIN | (wants_write_ ? POLLOUT : 0);
    pollfd ready{.fd = descriptor_, .events = static_cast<short>(events), .revents = 0};
    poll(&ready, 1, 100);
  }
  return std::nullopt;
}

}  // namespace load
