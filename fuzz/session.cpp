// The life of a client's session with a hostile broker, as a sequence. Records of one byte (what
// happens), two bytes of length, and so many bytes: of the broker's, or a topic. Whatever comes,
// the session sends whole packets only and ends each request once.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "mqtt/packet.hpp"
#include "session/session.hpp"

namespace {

using namespace tiara;

void check(bool good) {
  if (!good) std::abort();
}

class CountingRandom final : public base::Random {
 public:
  std::uint64_t next() override { return ++value_ * 0x9e3779b97f4a7c15U; }

 private:
  std::uint64_t value_ = 0;
};

class Events final : public session::SessionEvents {
 public:
  void on_ready() override {}
  void on_refused(const dxl::Error& error) override { check(!error.message.empty()); }
  void on_reply(session::RequestToken token, dxl::Result<dxl::Reply>) override {
    check(outstanding.erase(token) == 1);
  }
  void on_message(std::string_view, const dxl::MessageView& message) override {
    bytes_seen += message.payload.size();
  }
  void on_undecodable(std::string_view, const dxl::Error&) override {}
  void on_suback(std::uint16_t, bool) override {}
  void on_unsuback(std::uint16_t) override {}
  void on_pong(std::uint64_t) override {}

  std::set<session::RequestToken> outstanding;
  std::size_t bytes_seen = 0;
};

void check_packets(std::string& out) {
  std::string_view rest = out;
  while (!rest.empty()) {
    const auto frame = mqtt::next_frame(rest, mqtt::kMaxRemainingLength);
    check(frame && *frame && mqtt::decode_packet(**frame, mqtt::Version::k311));
    rest.remove_prefix((*frame)->total_bytes);
  }
  out.clear();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  Events events;
  CountingRandom random;
  session::Session session(
      {.client_id = "{me}", .keep_alive = std::chrono::seconds(60), .max_packet_bytes = 4'096},
      events, random);
  base::SteadyTime now{};
  std::string out, pending;
  session::RequestToken last = 0;
  session.start(out, now);
  while (input.size() >= 3) {
    const auto action = static_cast<unsigned char>(input[0]);
    const std::size_t length = static_cast<unsigned char>(input[1]) * std::size_t{256} +
                               static_cast<unsigned char>(input[2]);
    input.remove_prefix(3);
    const std::string_view bytes = input.substr(0, length);
    input.remove_prefix(bytes.size());
    // Filters are checked before they reach the session.
    const bool is_filter = !bytes.empty() && bytes.size() < 100 &&
                           bytes.find_first_not_of("/abc") == std::string_view::npos;
    switch (action % 8) {
      case 1:
        now += std::chrono::seconds(action);
        session.tick(now, out);
        break;
      case 2:
        session.stop();
        check(events.outstanding.empty());
        pending.clear();
        session.start(out, now);
        break;
      case 3:
        if (is_filter) session.add_subscription(bytes, out);
        break;
      case 4:
        if (is_filter) session.remove_subscription(bytes, out);
        break;
      case 5: {
        dxl::MessageView request;
        request.type = dxl::MessageType::kRequest;
        request.message_id = (action & 8U) != 0 ? "{q}" : "";
        events.outstanding.insert(++last);
        session.send_request(last, bytes, request, now + std::chrono::seconds(30), out);
        break;
      }
      case 6:
        session.ping(out);
        break;
      default: {
        pending.append(bytes);
        const std::size_t taken = session.on_bytes(pending, out, now);
        check(taken <= pending.size());
        pending.erase(0, taken);
      }
    }
    check_packets(out);
  }
  session.stop();
  check(events.outstanding.empty() && !session.ready());
  return 0;
}
