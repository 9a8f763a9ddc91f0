#include "sdk/tie_ask.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "sdk/client_impl.hpp"
#include "tie/service_error.hpp"

namespace tiara::sdk {
namespace {

using dxl::ErrorCode;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// How long the request table remembers what nobody will answer; it only says when an entry goes.
constexpr milliseconds kToldTimeout{5'000};

bool has_code(const dxl::Error& error, tie::ServiceError code) {
  return error.code == ErrorCode::kPeer && error.peer_code == static_cast<std::uint32_t>(code);
}

dxl::Error to_error(const dxl::ErrorResponse& refusal) {
  const bool not_authorised =
      refusal.error_code == dxl::kNotAuthorisedToSend ||
      refusal.error_code == static_cast<std::uint32_t>(tie::ServiceError::kNotAuthorised);
  dxl::Error error{not_authorised ? ErrorCode::kNotAuthorised : ErrorCode::kPeer,
                   refusal.error_message, refusal.error_code};
  if (error.message.empty())
    error.message = fmt::format("service error {} without a text", refusal.error_code);
  return error;
}

Payload to_payload(dxl::Result<dxl::Reply> reply) {
  if (!reply) return dxl::fail(std::move(reply.error()));
  if (const auto* refusal = std::get_if<dxl::ErrorResponse>(&*reply))
    return dxl::fail(to_error(*refusal));
  return std::move(std::get<dxl::Response>(*reply).payload);
}

dxl::Request make_request(std::string_view topic, std::string payload) {
  dxl::Request request;
  request.topic = topic;
  request.payload = std::move(payload);
  return request;
}

milliseconds left_until(Clock::time_point deadline) {
  return std::max(milliseconds(0),
                  std::chrono::duration_cast<milliseconds>(deadline - Clock::now()));
}

}  // namespace

Payload ask(dxl::Client& client, std::string_view topic, std::string payload,
            milliseconds timeout) {
  return to_payload(client.request(make_request(topic, std::move(payload)), timeout));
}

Payload ask_to_read(dxl::Client& client, std::string_view topic, const std::string& payload,
                    milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  auto answer = ask(client, topic, payload, timeout);
  if (!answer && is_unrouted(answer.error()))
    answer = ask(client, topic, payload, left_until(deadline));
  return answer;
}

void start_to_ask(dxl::Client& client, std::string_view topic, std::string payload,
                  milliseconds timeout, std::function<void(Payload)> done) {
  client.impl().begin_request(make_request(topic, std::move(payload)), timeout,
                              [done = std::move(done)](dxl::Result<dxl::Reply> reply) {
                                done(to_payload(std::move(reply)));
                              });
}

void read_later(dxl::Client& client, std::string_view topic, std::string payload,
                milliseconds timeout, std::function<void(Payload)> done) {
  const auto deadline = Clock::now() + timeout;
  dxl::Request request = make_request(topic, payload);
  client.async_request(std::move(request), timeout,
                       [&client, topic = std::string(topic), payload = std::move(payload), deadline,
                        done = std::move(done)](dxl::Result<dxl::Reply> reply) {
                         Payload answer = to_payload(std::move(reply));
                         if (answer || !is_unrouted(answer.error())) return done(std::move(answer));
                         client.async_request(make_request(topic, payload), left_until(deadline),
                                              [done](dxl::Result<dxl::Reply> again) {
                                                done(to_payload(std::move(again)));
                                              });
                       });
}

void fail_later(dxl::Client& client, const dxl::Error& why, std::function<void(dxl::Error)> done) {
  CallbackPool& pool = client.impl().pool;
  pool.expect();
  pool.post([why, done = std::move(done)] { done(why); });
}

dxl::Result<void> tell(dxl::Client& client, std::string_view topic, std::string payload) {
  dxl::Client::Impl& impl = client.impl();
  if (const auto able = impl.check_send(topic, payload.size()); !able) return able;
  // As a request, because that is what these messages are; an answer finds nobody.
  impl.begin_request(make_request(topic, std::move(payload)), kToldTimeout, [](const auto&) {});
  return {};
}

bool is_unrouted(const dxl::Error& error) {
  return error.code == ErrorCode::kPeer && error.peer_code == dxl::kServiceUnavailable;
}

bool is_busy(const dxl::Error& error) {
  return error.code == ErrorCode::kUnavailable ||
         has_code(error, tie::ServiceError::kTooManyRequests) ||
         has_code(error, tie::ServiceError::kUnavailable) ||
         (error.code == ErrorCode::kPeer && error.peer_code == dxl::kServiceOverloaded);
}

bool is_passing(const dxl::Error& error) {
  return error.code == ErrorCode::kTimedOut || is_busy(error);
}

dxl::Result<void> check_hashes(const tie::FileHashes& hashes) {
  if (!hashes.empty()) return {};
  return dxl::fail(ErrorCode::kInvalidArgument, "File hashes were not specified");
}

dxl::Result<void> check_level(tie::TrustLevel level) {
  if (tie::is_known(level)) return {};
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("TrustLevel was not a valid entry: {} is none of 0, 1, 15, 30, 50, "
                               "70, 85, 99, 100",
                               static_cast<std::int32_t>(level)));
}

dxl::Result<void> check_limit(std::string_view name, std::int64_t limit, std::int64_t most) {
  if (limit >= 1 && limit <= most) return {};
  return dxl::fail(ErrorCode::kInvalidArgument,
                   fmt::format("{}: {} is not within 1 to {}", name, limit, most));
}

}  // namespace tiara::sdk
