// What a client sends to the WebSocket port, from the HTTP request on. The first byte chooses how
// much is read and written at a time; without a request in front, one is put there. However it is
// cut, the same bytes must come out.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/memory_stream.hpp"
#include "net/test_frames.hpp"
#include "net/web_socket_stream.hpp"

namespace {

using namespace tiara::net;
using Status = IoResult::Status;

constexpr std::size_t kMaxHeld = 64 * 1024;

struct Outcome {
  Status handshake = Status::kWouldBlock, end = Status::kWouldBlock;
  std::string received;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome serve(std::string_view input, std::size_t capacity, std::size_t room) {
  MemoryStream::Wire wire;
  wire.input = input;
  wire.input_ends = true;
  wire.read_limit = capacity;
  const auto stream = make_web_socket_server_stream(std::make_unique<MemoryStream>(wire));
  Outcome outcome;
  outcome.handshake = stream->handshake().status;
  if (outcome.handshake == Status::kDone) {
    std::string buffer(capacity, '\0');
    while (true) {
      wire.room = room;
      const IoResult result = stream->read(buffer.data(), buffer.size());
      if (result.status != Status::kDone) {
        outcome.end = result.status;
        break;
      }
      outcome.received.append(buffer, 0, result.bytes);
      (void)stream->write("a packet");
      if (stream->held_bytes() > kMaxHeld) std::abort();
    }
  }
  stream->close();
  if (outcome.received.size() > input.size()) std::abort();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!input.starts_with("GET")) input.insert(0, sample_request());
  const std::size_t narrow = data[0] % 32U + 1;
  const Outcome whole = serve(input, 4096, 4096);
  if (serve(input, narrow, narrow) != whole) std::abort();
  return 0;
}
