// Opens a tunnel through an HTTP proxy on a connected socket, before TLS begins on it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dxl/result.hpp"
#include "net/descriptor.hpp"

namespace tiara::net {

// Its owner keeps the deadline; destroying it gives up and closes the socket. Loop's thread only.
class ProxyTunnel {
 public:
  // Sends `request` (http_connect.hpp), reads the answer. `done` once, in a later turn: the socket,
  // through which the target speaks from now on, or why not. It may destroy the tunnel.
  ProxyTunnel(std::unique_ptr<Descriptor> descriptor, std::string request,
              std::function<void(dxl::Result<std::unique_ptr<Descriptor>>)> done);

 private:
  void send_request();
  void receive_answer();
  void take_answer();
  void finish(dxl::Result<std::unique_ptr<Descriptor>> result);

  std::unique_ptr<Descriptor> descriptor_;
  std::string unsent_;
  std::string received_;
  std::function<void(dxl::Result<std::unique_ptr<Descriptor>>)> done_;
};

}  // namespace tiara::net
