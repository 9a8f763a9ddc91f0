// Questions of tie::Client to services: a topic and a payload out, the answer's payload or an Error
// back.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "dxl/client.hpp"
#include "dxl/result.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::sdk {

using Payload = dxl::Result<std::string>;

// Blocks for the answer. A refusal by the peer is an Error: kPeer, or kNotAuthorised.
Payload ask(dxl::Client& client, std::string_view topic, std::string payload,
            std::chrono::milliseconds timeout);
// The same for what may be asked twice: an instance that died leaves a registration behind, and the
// first request removes it (TIE reference §1.1). Both within `timeout`.
Payload ask_to_read(dxl::Client& client, std::string_view topic, const std::string& payload,
                    std::chrono::milliseconds timeout);
// `done` runs exactly once: on the network thread, or at once on this one.
void start_to_ask(dxl::Client& client, std::string_view topic, std::string payload,
                  std::chrono::milliseconds timeout, std::function<void(Payload)> done);
// As ask_to_read(); `done` runs on the pool.
void read_later(dxl::Client& client, std::string_view topic, std::string payload,
                std::chrono::milliseconds timeout, std::function<void(Payload)> done);
// `done(why)` runs on the pool: what was asked can never be meant.
void fail_later(dxl::Client& client, const dxl::Error& why, std::function<void(dxl::Error)> done);
// A request that nobody answers (§3.8): handed to the network thread.
dxl::Result<void> tell(dxl::Client& client, std::string_view topic, std::string payload);

// Nobody has the topic.
bool is_unrouted(const dxl::Error& error);
// What a moment later may be answered: a service under load refuses a while.
bool is_passing(const dxl::Error& error);
// The service refuses to do more for now (7, 8), or so much waits that nothing was sent.
bool is_busy(const dxl::Error& error);

// What `decode` makes of the answer; a mistake in it names the topic.
template <class Decode>
auto read_answer(std::string_view topic, const Payload& answer, Decode decode)
    -> decltype(decode(std::string_view())) {
  if (!answer) return dxl::fail(answer.error());
  auto decoded = decode(std::string_view(*answer));
  if (!decoded)
    return dxl::fail(decoded.error().code,
                     "answer on " + std::string(topic) + ": " + decoded.error().message);
  return decoded;
}

// What can never be meant, told before anything is sent.
dxl::Result<void> check_hashes(const tie::FileHashes& hashes);
dxl::Result<void> check_level(tie::TrustLevel level);
dxl::Result<void> check_limit(std::string_view name, std::int64_t limit, std::int64_t most);

}  // namespace tiara::sdk
