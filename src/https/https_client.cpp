#include "https/https_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/printable.hpp"

namespace tiara::https {
namespace {

using dxl::ErrorCode;
using Clock = std::chrono::steady_clock;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Handle = std::unique_ptr<CURL, Deleter<curl_easy_cleanup>>;
using Url = std::unique_ptr<CURLU, Deleter<curl_url_cleanup>>;
using Text = std::unique_ptr<char, Deleter<curl_free>>;

// Once in the life of the program.
bool initialise() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

struct Origin {
  std::string scheme, host, port;
  friend bool operator==(const Origin&, const Origin&) = default;
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  return Text(text).get();
}

// `location` as seen from `address`, absolute; nothing when it is no URL, or has a user in it. The
// library's own answer to this question has the password in it.
std::optional<std::string> resolve(const std::string& address, const std::string& location) {
  const Url url(curl_url());
  char* whole = nullptr;
  if (!url || curl_url_set(url.get(), CURLUPART_URL, address.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(),
                   CURLU_DISALLOW_USER | CURLU_URLENCODE) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_URL, &whole, 0) != CURLUE_OK)
    return std::nullopt;
  return std::string(Text(whole).get());
}

// Nothing for what is no URL.
std::optional<Origin> find_origin(const std::string& address) {
  const Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, address.c_str(), 0) != CURLUE_OK)
    return std::nullopt;
  Origin origin{part_of(url.get(), CURLUPART_SCHEME), part_of(url.get(), CURLUPART_HOST),
                part_of(url.get(), CURLUPART_PORT)};
  for (char& c : origin.host)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return origin;
}

// What of it may be shown: parameters are long, and `next` repeats them.
std::string_view without_query(std::string_view address) {
  return address.substr(0, address.find('?'));
}

// "HTTP/1.1 401 wrong user name or password": what a user wants to read.
std::string_view reason_in(std::string_view status_line) {
  const std::size_t first = status_line.find(' ');
  const std::size_t second =
      first == std::string_view::npos ? first : status_line.find(' ', first + 1);
  return second == std::string_view::npos ? "" : status_line.substr(second + 1);
}

// Collects one answer within the limits.
struct Receiver {
  HttpsAnswer answer;
  std::string location;
  std::size_t head_bytes = 0;
  bool is_too_large = false;

  void read_head_line(std::string_view line) {
    constexpr std::string_view kLocation = "location:";
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
      answer.reason = reason_in(line);
    } else if (line.size() > kLocation.size() &&
               curl_strnequal(line.data(), kLocation.data(), kLocation.size())) {
      line.remove_prefix(kLocation.size());
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
      location = line;
    }
  }
};

std::size_t on_head(char* data, std::size_t size, std::size_t count, void* to) {
  auto& receiver = *static_cast<Receiver*>(to);
  receiver.head_bytes += size * count;
  receiver.is_too_large = receiver.is_too_large || receiver.head_bytes > kMostHeadBytes;
  if (receiver.is_too_large) return 0;
  receiver.read_head_line({data, size * count});
  return size * count;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& receiver = *static_cast<Receiver*>(to);
  const bool fits = size * count <= kMostAnswerBytes - receiver.answer.body.size();
  receiver.is_too_large = receiver.is_too_large || !fits;
  if (!fits) return 0;
  receiver.answer.body.append(data, size * count);
  return size * count;
}

ErrorCode code_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::kTimedOut;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
      return ErrorCode::kTls;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
      return ErrorCode::kMalformed;
    default:
      return ErrorCode::kConnect;
  }
}

}  // namespace

struct HttpsClient::Impl {
  HttpsClientOptions options;
  Handle handle;
  Origin origin;
  std::string authority;  // "host:8443", "[::1]:8443"
  std::string location;   // of the last answer
  std::array<char, CURL_ERROR_SIZE> reason{};

  template <class T>
  bool set(CURLoption option, T value) {
    return curl_easy_setopt(handle.get(), option, value) == CURLE_OK;
  }
  bool prepare();
  bool trust();
  std::string encoded(const std::string& text) const;
  void step(const std::string& line) const {
    if (options.on_step) options.on_step(line);
  }
  dxl::Result<HttpsAnswer> ask(const std::string& address, Clock::time_point deadline);
  tl::unexpected<dxl::Error> failure(CURLcode code, const Receiver& receiver) const;
  dxl::Result<std::string> next_address(const std::string& address) const;
};

// The CAs given are the only ones then: neither the system's file nor its directory counts.
bool HttpsClient::Impl::trust() {
  if (!options.verify) return set(CURLOPT_SSL_VERIFYPEER, 0L) && set(CURLOPT_SSL_VERIFYHOST, 0L);
  if (!set(CURLOPT_SSL_VERIFYPEER, 1L) || !set(CURLOPT_SSL_VERIFYHOST, 2L)) return false;
  if (options.trusted_pem.empty()) return true;
  curl_blob blob{options.trusted_pem.data(), options.trusted_pem.size(), CURL_BLOB_NOCOPY};
  return set(CURLOPT_CAINFO, static_cast<char*>(nullptr)) &&
         set(CURLOPT_CAPATH, static_cast<char*>(nullptr)) && set(CURLOPT_CAINFO_BLOB, &blob);
}

bool HttpsClient::Impl::prepare() {
  return trust() && set(CURLOPT_ERRORBUFFER, reason.data()) && set(CURLOPT_NOSIGNAL, 1L) &&
         set(CURLOPT_PROTOCOLS_STR, "https") && set(CURLOPT_PROXY, "") &&
         set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED}) &&
         set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1}) &&
         set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2}) &&
         set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC)) &&
         set(CURLOPT_USERNAME, options.user.c_str()) &&
         set(CURLOPT_PASSWORD, options.password.c_str()) &&
         set(CURLOPT_COOKIEFILE, "") &&  // keeps cookies, in memory
         set(CURLOPT_USERAGENT, "tiara") && set(CURLOPT_HEADERFUNCTION, on_head) &&
         set(CURLOPT_WRITEFUNCTION, on_body);
}

std::string HttpsClient::Impl::encoded(const std::string& text) const {
  const Text escaped(curl_easy_escape(handle.get(), text.data(), static_cast<int>(text.size())));
  return escaped ? escaped.get() : std::string();
}

tl::unexpected<dxl::Error> HttpsClient::Impl::failure(CURLcode code,
                                                      const Receiver& receiver) const {
  if (receiver.is_too_large)
    return dxl::fail(ErrorCode::kLimitExceeded,
                     fmt::format("{}: the answer is too large; up to {} KiB are taken, {} KiB of "
                                 "them before its text",
                                 authority, kMostAnswerBytes / 1024, kMostHeadBytes / 1024));
  if (code == CURLE_OPERATION_TIMEDOUT)
    return dxl::fail(ErrorCode::kTimedOut,
                     fmt::format("{}: no complete answer in {:g} s", authority,
                                 std::chrono::duration<double>(options.timeout).count()));
  const std::string why =
      base::printable(reason[0] == '\0' ? curl_easy_strerror(code) : reason.data());
  return dxl::fail(code_of(code), fmt::format("{}: {}", authority, why));
}

dxl::Result<HttpsAnswer> HttpsClient::Impl::ask(const std::string& address,
                                                Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  Receiver receiver;
  reason[0] = '\0';
  if (left <= 0) return failure(CURLE_OPERATION_TIMEDOUT, receiver);
  if (!set(CURLOPT_URL, address.c_str()) || !set(CURLOPT_TIMEOUT_MS, static_cast<long>(left)) ||
      !set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(left)) ||
      !set(CURLOPT_HEADERDATA, static_cast<void*>(&receiver)) ||
      !set(CURLOPT_WRITEDATA, static_cast<void*>(&receiver)))
    return dxl::fail(ErrorCode::kInvalidArgument,
                     fmt::format("{}: not an address", base::printable(authority)));
  step(fmt::format("GET {}", base::printable(without_query(address))));
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) {
    auto failed = failure(code, receiver);
    step(failed.value().message);
    return failed;
  }
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  receiver.answer.status = static_cast<int>(status);
  location = std::move(receiver.location);
  step(fmt::format("{} {}, {} bytes", status, base::printable(receiver.answer.reason),
                   receiver.answer.body.size()));
  return std::move(receiver.answer);
}

// Where the answer from `address` points. User name and password go there as well, so it must be
// the server they are for.
dxl::Result<std::string> HttpsClient::Impl::next_address(const std::string& address) const {
  if (location.empty())
    return dxl::fail(ErrorCode::kPeer,
                     fmt::format("{}: answered with a redirect that leads nowhere", authority));
  auto next = resolve(address, location);
  if (next && find_origin(*next) == origin) return *std::move(next);
  return dxl::fail(ErrorCode::kPeer,
                   fmt::format("{}: redirects to {}, another server; not followed, because it "
                               "would get the password",
                               authority, base::printable(without_query(location))));
}

HttpsClient::HttpsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsClient::~HttpsClient() = default;

dxl::Result<std::unique_ptr<HttpsClient>> HttpsClient::make(HttpsClientOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  const bool is_ipv6 = impl->options.host.find(':') != std::string::npos;
  impl->authority = fmt::format(fmt::runtime(is_ipv6 ? "[{}]:{}" : "{}:{}"), impl->options.host,
                                impl->options.port);
  const auto origin = find_origin("https://" + impl->authority + "/");
  if (!origin)
    return dxl::fail(ErrorCode::kInvalidArgument, fmt::format("{}: not a host name or an address",
                                                              base::printable(impl->options.host)));
  impl->origin = *origin;
  impl->handle.reset(initialise() ? curl_easy_init() : nullptr);
  if (!impl->handle || !impl->prepare())
    return dxl::fail(ErrorCode::kTls, "the HTTPS library on this machine cannot do what is needed");
  return std::unique_ptr<HttpsClient>(new HttpsClient(std::move(impl)));
}

dxl::Result<HttpsAnswer> HttpsClient::get(
    const std::string& path, const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string address = "https://" + impl_->authority + path;
  char separator = '?';
  for (const auto& [key, value] : parameters) {
    address += separator + impl_->encoded(key) + '=' + impl_->encoded(value);
    separator = '&';
  }
  const auto deadline = Clock::now() + impl_->options.timeout;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    auto answer = impl_->ask(address, deadline);
    if (!answer || answer->status < 300 || answer->status >= 400) return answer;
    auto next = impl_->next_address(address);
    if (!next) return dxl::fail(std::move(next).error());
    address = *std::move(next);
  }
  return dxl::fail(ErrorCode::kPeer,
                   fmt::format("{}: more than {} redirects", impl_->authority, kMostRedirects));
}

}  // namespace tiara::https
