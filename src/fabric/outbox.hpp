// Writes decided messages into Deliveries, and signs those the broker itself originates (DXL
// reference §5.8, §5.9).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "dxl/message_codec.hpp"
#include "fabric/router.hpp"
#include "fabric/routes.hpp"

namespace tiara::fabric {

// In `out`, targets are added first; one of these calls then makes a delivery of those from
// `first_target` on. False if there are none.
bool write_message(std::string_view topic, const dxl::MessageView& message,
                   std::size_t first_target, Deliveries& out);
bool write_bytes(std::string_view topic, std::string_view payload, std::size_t first_target,
                 Deliveries& out);

class Outbox {
 public:
  Outbox(std::string broker_id, base::Random& random)
      : broker_id_(std::move(broker_id)), random_(random) {}

  const std::string& broker_id() const { return broker_id_; }

  // Fills in a fresh message id, kept in `id`, and the source fields.
  void sign(dxl::MessageView& message, std::string& id) const;

  // To the requester alone, whatever it subscribes to; nothing if its reply topic is none.
  void respond(const Peer& requester, const dxl::MessageView& request, std::string_view payload,
               Deliveries& out) const;
  void respond_error(const Peer& requester, const dxl::MessageView& request, std::uint32_t code,
                     std::string_view text, Deliveries& out) const;
  // 0x80000001, for which the text is fixed.
  Refusal respond_no_destination(const Peer& requester, const dxl::MessageView& request,
                                 Deliveries& out) const;
  // 0x80000002, likewise.
  Refusal respond_overloaded(const Peer& requester, const dxl::MessageView& request,
                             Deliveries& out) const;

 private:
  void reply(const Peer& requester, const dxl::MessageView& request, dxl::MessageView message,
             Deliveries& out) const;

  std::string broker_id_;
  base::Random& random_;
};

}  // namespace tiara::fabric
