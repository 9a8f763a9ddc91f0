#include "net/web_socket_handshake.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tiara::net {
namespace {

using Status = IoResult::Status;

constexpr std::size_t kReadBytes = 2048;
constexpr char kMqttConnect = 0x10;

// A method or "HTTP/1.1"; whoever sends something else waits for an answer that we cannot give.
bool may_be_http(char first) { return first >= 'A' && first <= 'Z'; }

}  // namespace

WebSocketHandshake WebSocketHandshake::server() { return {}; }

WebSocketHandshake WebSocketHandshake::client(const std::string& host, const std::string& path) {
  WebSocketHandshake made;
  made.key_ = make_upgrade_key();
  made.unsent_ = make_upgrade_request(host, path, made.key_);
  return made;
}

IoResult WebSocketHandshake::step(Stream& inner) {
  wants_write_ = false;
  while (true) {
    if (!unsent_.empty()) {
      if (auto stop = send(inner)) return *stop;
    }
    if (verdict_) return *verdict_;
    if (auto stop = receive_head(inner)) return *stop;
    take_head();
  }
}

std::optional<IoResult> WebSocketHandshake::send(Stream& inner) {
  while (!unsent_.empty()) {
    IoResult result = inner.write(unsent_);
    if (result.status == Status::kWouldBlock) wants_write_ = inner.wants_write();
    if (result.status != Status::kDone) return result;
    unsent_.erase(0, std::min(result.bytes, unsent_.size()));
  }
  std::string().swap(unsent_);
  return std::nullopt;
}

std::optional<IoResult> WebSocketHandshake::receive_head(Stream& inner) {
  std::array<char, kReadBytes> buffer;
  IoResult result = inner.read(buffer.data(), buffer.size());
  switch (result.status) {
    case Status::kDone:
      received_.append(buffer.data(), result.bytes);
      return std::nullopt;
    case Status::kWouldBlock:
      wants_write_ = inner.wants_write();
      return result;
    case Status::kEnd:
      end_with({dxl::ErrorCode::kConnect,
                "the peer closed the connection during the WebSocket upgrade"});
      return verdict_;
    case Status::kFailed:
      verdict_ = result;
      return result;
  }
  return result;
}

void WebSocketHandshake::take_head() {
  if (!received_.empty() && !may_be_http(received_.front())) {
    end_with(
        {dxl::ErrorCode::kMalformed, received_.front() == kMqttConnect
                                         ? "the peer speaks MQTT without WebSockets on this port"
                                         : "the peer does not speak HTTP on this WebSocket port"});
    return;
  }
  const auto head_bytes = find_head_end(received_);
  if (head_bytes.value_or(received_.size()) > kUpgradeBytes) {
    UpgradeAnswer answer = answer_too_large();
    if (key_.empty()) unsent_ = std::move(answer.http);
    end_with(std::move(*answer.refusal));
  } else if (head_bytes) {
    on_head(std::string_view(received_).substr(0, *head_bytes));
    received_.erase(0, *head_bytes);
    if (received_.empty()) std::string().swap(received_);
  }
}

void WebSocketHandshake::on_head(std::string_view head) {
  if (!key_.empty()) {
    auto checked = check_upgrade_response(head, key_);
    if (!checked) return end_with(std::move(checked.error()));
  } else {
    UpgradeAnswer answer = answer_upgrade(head);
    unsent_ = std::move(answer.http);
    if (answer.refusal) return end_with(std::move(*answer.refusal));
  }
  verdict_ = IoResult{Status::kDone, 0, {}};
}

void WebSocketHandshake::end_with(dxl::Error error) {
  verdict_ = IoResult{Status::kFailed, 0, std::move(error)};
}

}  // namespace tiara::net
