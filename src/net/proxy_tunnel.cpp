#include "net/proxy_tunnel.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/http_connect.hpp"
#include "net/http_upgrade.hpp"
#include "net/socket.hpp"

namespace tiara::net {
namespace {

using dxl::ErrorCode;
using Status = IoResult::Status;

constexpr std::size_t kReadBytes = 2048;

}  // namespace

ProxyTunnel::ProxyTunnel(std::unique_ptr<Descriptor> descriptor, std::string request,
                         std::function<void(dxl::Result<std::unique_ptr<Descriptor>>)> done)
    : descriptor_(std::move(descriptor)), unsent_(std::move(request)), done_(std::move(done)) {
  descriptor_->wait_writable([this] { send_request(); });
}

void ProxyTunnel::send_request() {
  while (!unsent_.empty()) {
    IoResult result = send(descriptor_->fd(), unsent_);
    if (result.status == Status::kWouldBlock) {
      return descriptor_->wait_writable([this] { send_request(); });
    }
    if (result.status != Status::kDone) return finish(dxl::fail(std::move(result.error)));
    unsent_.erase(0, result.bytes);
  }
  receive_answer();
}

void ProxyTunnel::receive_answer() {
  std::array<char, kReadBytes> buffer;
  while (!find_head_end(received_) && received_.size() <= kProxyAnswerBytes) {
    IoResult result = receive(descriptor_->fd(), buffer.data(), buffer.size());
    if (result.status == Status::kWouldBlock) {
      return descriptor_->wait_readable([this] { receive_answer(); });
    }
    if (result.status == Status::kEnd) {
      return finish(dxl::fail(ErrorCode::kConnect, "the proxy closed the connection"));
    }
    if (result.status == Status::kFailed) return finish(dxl::fail(std::move(result.error)));
    received_.append(buffer.data(), result.bytes);
  }
  take_answer();
}

void ProxyTunnel::take_answer() {
  const auto head_bytes = find_head_end(received_);
  if (head_bytes.value_or(received_.size()) > kProxyAnswerBytes) {
    return finish(dxl::fail(ErrorCode::kMalformed, "the proxy's answer to CONNECT is too long"));
  }
  const auto checked = check_connect_response(std::string_view(received_).substr(0, *head_bytes));
  if (!checked) return finish(dxl::fail(checked.error()));
  // TLS begins with our words: whatever is there already is not the target's.
  if (received_.size() > *head_bytes) {
    return finish(
        dxl::fail(ErrorCode::kMalformed, "the proxy sent something behind its answer to CONNECT"));
  }
  finish(std::move(descriptor_));
}

void ProxyTunnel::finish(dxl::Result<std::unique_ptr<Descriptor>> result) {
  const auto done = std::exchange(done_, nullptr);
  done(std::move(result));  // last: it may destroy this
}

}  // namespace tiara::net
