#include "net/https_server.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <exception>
#include <iterator>
#include <list>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "net/http_upgrade.hpp"
#include "net/tls_context.hpp"

// g++ 12 in C++20 mode does not compile the coroutine support of Asio 1.74.
#define BOOST_ASIO_DISABLE_CO_AWAIT
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace tiara::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using dxl::ErrorCode;

// With port 0 the second address must get the port that the kernel chose for the first.
constexpr int kPortAttempts = 8;
constexpr int kNiceness = 10;  // the broker's threads come first
constexpr std::size_t kReadBytes = 8 * 1024;
// Without descriptors left, accepting again at once would only spin.
constexpr std::chrono::milliseconds kBackOff{100};

struct Counters {
  std::atomic<std::uint64_t> connections{0}, requests{0}, refused{0};
};

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

class Session;

// What the sessions share. The server's thread only, but for the counters.
struct Shared {
  // Sessions that are there keep the one they have.
  void use(const TlsContext& tls) {
    SSL_CTX* const native = tls.impl().context.get();
    SSL_CTX_up_ref(native);  // the wrapper owns one reference
    context.emplace(native);
  }

  asio::io_context io{1};
  std::optional<asio::ssl::context> context;
  HttpsLimits limits;
  HttpsServer::Handler handler;
  Counters counters;
  std::list<std::shared_ptr<Session>> sessions;  // who has waited longest first
};

// One connection. Held by the list until it is dropped, and by its pending operations.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Place = std::list<std::shared_ptr<Session>>::iterator;

  Session(Shared& shared, tcp::socket socket)
      : shared_(shared), stream_(std::move(socket), *shared.context), timer_(shared.io) {}

  void start(Place place);
  void drop();  // at once; nothing of it runs afterwards

 private:
  tcp::socket& socket() { return stream_.next_layer(); }
  void arm(std::chrono::milliseconds delay);
  void next();
  void read();
  void answer(std::size_t head_bytes);
  HttpResponse handle(HttpRequest request);
  void refuse(const HttpResponse& response);
  void write(std::string bytes, bool keep_alive);
  void close();
  void drain();

  Shared& shared_;
  asio::ssl::stream<tcp::socket> stream_;
  asio::steady_timer timer_;
  std::optional<Place> place_;
  std::string peer_, peer_address_, local_address_;
  std::string input_, output_;
  std::array<char, kReadBytes> block_;
  bool idle_ = false;
  std::size_t drained_ = 0;
};

void Session::start(Place place) {
  place_ = place;
  ++shared_.counters.connections;
  error_code error;
  const tcp::endpoint remote = socket().remote_endpoint(error);
  const tcp::endpoint local = socket().local_endpoint(error);
  if (error) return drop();
  peer_ = to_text(remote);
  peer_address_ = remote.address().to_string();
  local_address_ = local.address().to_string();
  socket().set_option(tcp::no_delay(true), error);
  arm(shared_.limits.request_deadline);
  stream_.async_handshake(asio::ssl::stream_base::server,
                          [self = shared_from_this()](error_code failed) {
                            if (!self->place_) return;
                            if (!failed) return self->next();
                            ++self->shared_.counters.refused;
                            self->drop();
                          });
}

void Session::drop() {
  if (!place_) return;
  const auto keep = shared_from_this();
  shared_.sessions.erase(*std::exchange(place_, std::nullopt));
  --shared_.counters.connections;
  error_code ignored;
  timer_.cancel(ignored);
  socket().close(ignored);
}

void Session::arm(std::chrono::milliseconds delay) {
  timer_.expires_after(delay);
  timer_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (cancelled || !self->place_) return;
    // A timer that was armed anew may have fired already.
    if (self->timer_.expiry() > std::chrono::steady_clock::now()) return;
    if (!self->idle_) ++self->shared_.counters.refused;
    self->drop();
  });
}

// Serves what has been read, or waits for more.
void Session::next() {
  if (const auto end = find_head_end(input_)) {
    if (*end <= shared_.limits.header_bytes) return answer(*end);
  }
  if (input_.size() >= shared_.limits.header_bytes)
    return refuse(refuse_request(
        431, fmt::format("a request above {} bytes (header_bytes)", shared_.limits.header_bytes)));
  read();
}

void Session::read() {
  stream_.async_read_some(asio::buffer(block_),
                          [self = shared_from_this()](error_code failed, std::size_t size) {
                            if (!self->place_) return;
                            if (failed) {
                              // An end between two requests is how every connection ends.
                              if (!self->input_.empty()) ++self->shared_.counters.refused;
                              return self->drop();
                            }
                            if (std::exchange(self->idle_, false))
                              self->arm(self->shared_.limits.request_deadline);
                            self->input_.append(self->block_.data(), size);
                            self->next();
                          });
}

void Session::answer(std::size_t head_bytes) {
  ParsedRequest parsed =
      parse_request(std::string_view(input_).substr(0, head_bytes), shared_.limits.target_bytes);
  input_.erase(0, head_bytes);
  if (parsed.refusal) return refuse(*parsed.refusal);
  const bool with_body = parsed.request.method != "HEAD";
  const HttpResponse response = handle(std::move(parsed.request));
  write(to_http(response, parsed.keep_alive, with_body), parsed.keep_alive);
}

HttpResponse Session::handle(HttpRequest request) {
  request.peer = peer_;
  request.peer_address = peer_address_;
  request.local_address = local_address_;
  ++shared_.counters.requests;
  try {
    return shared_.handler(request);
  } catch (const std::exception& error) {
    base::log(base::LogLevel::kError, "https", "a request from {} failed: {}", peer_, error.what());
  } catch (...) {
    base::log(base::LogLevel::kError, "https", "a request from {} failed", peer_);
  }
  return refuse_request(500, "internal error; see the log");
}

void Session::refuse(const HttpResponse& response) {
  ++shared_.counters.refused;
  base::log(base::LogLevel::kInfo, "https", "request of {} refused: {}", peer_, response.reason);
  write(to_http(response, false, true), false);
}

void Session::write(std::string bytes, bool keep_alive) {
  output_ = std::move(bytes);
  asio::async_write(stream_, asio::buffer(output_),
                    [self = shared_from_this(), keep_alive](error_code failed, std::size_t) {
                      if (!self->place_) return;
                      if (failed) return self->drop();
                      if (!keep_alive) return self->close();
                      auto& sessions = self->shared_.sessions;
                      sessions.splice(sessions.end(), sessions, *self->place_);
                      self->output_ = {};
                      self->idle_ = self->input_.empty();
                      self->arm(self->idle_ ? self->shared_.limits.idle_deadline
                                            : self->shared_.limits.request_deadline);
                      self->next();
                    });
}

// A socket that is closed with input unread is reset, and the peer loses our answer: so the
// sending side ends first, and what still comes is thrown away.
void Session::close() {
  idle_ = true;
  arm(shared_.limits.closing_deadline);
  stream_.async_shutdown([self = shared_from_this()](error_code failed) {
    if (!self->place_) return;
    if (!failed || failed == asio::error::eof) return self->drop();
    error_code ignored;
    self->socket().shutdown(tcp::socket::shutdown_send, ignored);
    self->drain();
  });
}

void Session::drain() {
  socket().async_read_some(asio::buffer(block_),
                           [self = shared_from_this()](error_code failed, std::size_t size) {
                             if (!self->place_) return;
                             self->drained_ += size;
                             if (failed || self->drained_ > self->shared_.limits.header_bytes * 8)
                               return self->drop();
                             self->drain();
                           });
}

dxl::Error listen_failure(const std::string& address, std::uint16_t port, const error_code& why) {
  return {ErrorCode::kConnect,
          fmt::format("cannot listen on {}:{}: {}", address, port, why.message()), 0};
}

dxl::Result<tcp::acceptor> open_acceptor(asio::io_context& io, const std::string& address,
                                         std::uint16_t port) {
  error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  tcp::acceptor acceptor(io);
  const tcp::endpoint endpoint(parsed, port);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  // `::` next to `0.0.0.0` on one port.
  if (!error && parsed.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return dxl::fail(listen_failure(address, port, error));
  return acceptor;
}

}  // namespace

struct HttpsServer::Impl {
  struct Door {
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  dxl::Result<void> listen(const HttpsOptions& options);
  dxl::Result<void> listen_once(const HttpsOptions& options);
  void accept(Door& door);
  void admit(tcp::socket socket);
  void run();

  Shared shared;
  std::list<Door> doors;
  std::uint16_t port = 0;
  std::string skipped;  // why there is no listener on ::1
  std::thread thread;
};

dxl::Result<void> HttpsServer::Impl::listen_once(const HttpsOptions& options) {
  doors.clear();
  std::uint16_t wanted = options.port;
  for (const std::string& address : options.listen_addresses) {
    auto acceptor = open_acceptor(shared.io, address, wanted);
    if (acceptor) {
      error_code ignored;
      wanted = acceptor->local_endpoint(ignored).port();
      doors.push_back({*std::move(acceptor), asio::steady_timer(shared.io)});
    } else if (address == "::1" && !doors.empty()) {
      skipped = acceptor.error().message;
    } else {
      return dxl::fail(std::move(acceptor).error());
    }
  }
  if (doors.empty())
    return dxl::fail(ErrorCode::kInvalidArgument, "listen_addresses: no address to listen on");
  port = wanted;
  return {};
}

dxl::Result<void> HttpsServer::Impl::listen(const HttpsOptions& options) {
  for (int attempt = 1;; ++attempt) {
    auto opened = listen_once(options);
    const bool complete = opened && doors.size() == options.listen_addresses.size();
    if (!complete && options.port == 0 && attempt < kPortAttempts) continue;
    if (opened && !complete)
      base::log(base::LogLevel::kWarning, "https", "not listening on ::1: {}", skipped);
    return opened;
  }
}

void HttpsServer::Impl::accept(Door& door) {
  door.acceptor.async_accept([this, &door](error_code failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted) return;
    if (!failed) admit(std::move(socket));
    if (!failed || failed == asio::error::connection_aborted) return accept(door);
    base::log(base::LogLevel::kWarning, "https", "cannot accept: {}", failed.message());
    door.pause.expires_after(kBackOff);
    door.pause.async_wait([this, &door](error_code cancelled) {
      if (!cancelled) accept(door);
    });
  });
}

void HttpsServer::Impl::admit(tcp::socket socket) {
  if (shared.sessions.size() >= shared.limits.connections) {
    ++shared.counters.refused;
    shared.sessions.front()->drop();
  }
  auto session = std::make_shared<Session>(shared, std::move(socket));
  shared.sessions.push_back(session);
  session->start(std::prev(shared.sessions.end()));
}

void HttpsServer::Impl::run() {
  // Of this thread alone, on Linux. Not being allowed to is no harm.
  [[maybe_unused]] const int old = ::nice(kNiceness);
  while (!shared.io.stopped()) {
    try {
      shared.io.run();
    } catch (const std::exception& error) {  // out of memory in one session must not end all
      base::log(base::LogLevel::kError, "https", "{}", error.what());
    }
  }
}

dxl::Result<std::unique_ptr<HttpsServer>> HttpsServer::start(HttpsOptions options,
                                                             Handler handler) {
  auto tls = TlsContext::make_https_server(options.certificate, options.private_key);
  if (!tls) return dxl::fail(std::move(tls).error());
  auto impl = std::make_unique<Impl>();
  Shared& shared = impl->shared;
  shared.use(**tls);
  shared.limits = options.limits;
  shared.handler = std::move(handler);
  if (auto listening = impl->listen(options); !listening)
    return dxl::fail(std::move(listening).error());
  for (Impl::Door& door : impl->doors) impl->accept(door);
  impl->thread = std::thread([running = impl.get()] { running->run(); });
  return std::unique_ptr<HttpsServer>(new HttpsServer(std::move(impl)));
}

HttpsServer::HttpsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpsServer::~HttpsServer() {
  impl_->shared.io.stop();
  impl_->thread.join();
  auto& sessions = impl_->shared.sessions;
  while (!sessions.empty()) sessions.front()->drop();
}

dxl::Result<void> HttpsServer::set_certificate(const std::filesystem::path& certificate,
                                               const std::filesystem::path& private_key) {
  auto tls = TlsContext::make_https_server(certificate, private_key);
  if (!tls) return dxl::fail(std::move(tls).error());
  asio::post(impl_->shared.io,
             [&shared = impl_->shared, tls = *std::move(tls)] { shared.use(*tls); });
  return {};
}

std::uint16_t HttpsServer::port() const { return impl_->port; }

HttpsStatus HttpsServer::status() const {
  const Counters& counters = impl_->shared.counters;
  return {counters.connections, counters.requests, counters.refused};
}

}  // namespace tiara::net
