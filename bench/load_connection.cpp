#include "load_connection.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t kReadBlock = 256 * 1024;
constexpr int kSetupSeconds = 20;

std::string tls_reason() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return text;
}

}  // namespace

void die(const std::string& message) {
  std::fprintf(stderr, "mqtt_load: %s\n", message.c_str());
  std::exit(1);
}

SSL_CTX* make_tls(const TlsFiles& files) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    die("certificates: " + tls_reason());
  }
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Connection::Connection(const std::string& host, std::uint16_t port, SSL_CTX* tls) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) die(host + ": not an IPv4 address");
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval limit{.tv_sec = kSetupSeconds, .tv_usec = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("connect: " + std::string(std::strerror(errno)));
  }
  if (tls == nullptr) return;
  ssl_ = SSL_new(tls);
  SSL_set_fd(ssl_, descriptor_);
  if (SSL_connect(ssl_) != 1) die("TLS handshake: " + tls_reason());
}

Connection::~Connection() {
  SSL_free(ssl_);
  close(descriptor_);
}

long Connection::receive(char* into, std::size_t capacity) {
  if (ssl_ == nullptr) return recv(descriptor_, into, capacity, 0);
  std::size_t bytes = 0;
  if (SSL_read_ex(ssl_, into, capacity, &bytes) == 1) return static_cast<long>(bytes);
  const int error = SSL_get_error(ssl_, 0);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (error == SSL_ERROR_SSL) die("TLS: " + tls_reason());
  errno = EAGAIN;
  return -1;
}

long Connection::send(std::string_view bytes) {
  if (ssl_ == nullptr) return ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) == 1) {
    return static_cast<long>(written);
  }
  if (SSL_get_error(ssl_, 0) == SSL_ERROR_SSL) die("TLS: " + tls_reason());
  errno = EAGAIN;
  return -1;
}

std::string Connection::exchange(std::uint8_t type) {
  while (!flush()) {
  }
  for (;;) {
    Packet packet;
    while (next(packet)) {
      if (packet.type != type) continue;
      std::string body(packet.body);
      consumed();
      return body;
    }
    consumed();
    char block[4096];
    const long bytes = receive(block, sizeof block);
    if (bytes <= 0) die("the broker did not answer packet type " + std::to_string(type));
    input_.append(block, static_cast<std::size_t>(bytes));
  }
}

void Connection::set_non_blocking() {
  fcntl(descriptor_, F_SETFL, fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
}

void Connection::read_available() {
  static std::vector<char> block(kReadBlock);
  for (;;) {
    const long bytes = receive(block.data(), block.size());
    if (bytes == 0) die("the broker closed a connection");
    if (bytes < 0) {
      if (errno == EAGAIN) return;
      die("read: " + std::string(std::strerror(errno)));
    }
    input_.append(block.data(), static_cast<std::size_t>(bytes));
    // A short recv has drained a plain socket. TLS hands out one record at a time and holds back
    // what the descriptor will not announce, so it is read until it says so.
    if (ssl_ == nullptr && static_cast<std::size_t>(bytes) < block.size()) return;
  }
}

bool Connection::next(Packet& packet) {
  const std::string_view rest = std::string_view(input_).substr(parsed_);
  std::size_t length = 0;
  std::size_t position = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (position >= rest.size()) return false;
    const auto digit = static_cast<std::uint8_t>(rest[position++]);
    length |= static_cast<std::size_t>(digit & 0x7F) << shift;
    if (digit < 0x80) break;
    if (shift == 21) die("malformed length from the broker");
  }
  if (rest.size() - position < length) return false;
  packet.type = static_cast<std::uint8_t>(static_cast<std::uint8_t>(rest[0]) >> 4);
  packet.body = rest.substr(position, length);
  parsed_ += position + length;
  return true;
}

void Connection::consumed() {
  input_.erase(0, parsed_);
  parsed_ = 0;
}

bool Connection::flush() {
  while (written_ < output_.size()) {
    const long bytes = send(std::string_view(output_).substr(written_));
    if (bytes < 0) {
      if (errno == EAGAIN) return false;
      die("write: " + std::string(std::strerror(errno)));
    }
    written_ += static_cast<std::size_t>(bytes);
  }
  output_.clear();
  written_ = 0;
  return true;
}

}  // namespace bench
