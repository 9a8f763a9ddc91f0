// The router's state and the steps of its pipeline; router.cpp moves messages, router_built_in.cpp
// answers the topics that are the broker's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dxl/json.hpp"
#include "fabric/outbox.hpp"
#include "fabric/router.hpp"
#include "fabric/routes.hpp"
#include "fabric/service_registry.hpp"
#include "fabric/text_map.hpp"

namespace tiara::fabric {

struct Router::Impl {
  Impl(RouterOptions given, Authorization authorization, base::Clock& a_clock,
       base::Random& random);

  // Puts the true sender in and makes it version 3; the view borrows from `sender` and
  // `other_fields`.
  void stamp(const Peer& sender, dxl::MessageView& message);
  bool is_addressed_here(const dxl::MessageView& message) const;
  // The targets of `route` that rules 1 and 2 of §5.3 leave.
  void select(const Route& route, const dxl::MessageView& message,
              std::vector<ConnectionId>& targets);
  bool deliver(const Route& route, std::string_view topic, dxl::MessageView message,
               Deliveries& out);
  static void deliver_opaque(const Route& route, std::string_view topic, std::string_view payload,
                             Deliveries& out);
  // The service's connection if it can get what `route` carries.
  const Peer* find_host(const Service& service, const Route& route) const;
  const Service* look_up(const Route& route, std::string_view topic, std::string_view service_id);
  Refusal deliver_request(const Peer& sender, const Route& route, std::string_view topic,
                          const dxl::MessageView& request, Deliveries& out);
  Refusal route_request(const Peer& sender, const Route& route, std::string_view topic,
                        dxl::MessageView request, Deliveries& out);
  // A service that says it does not exist is believed about itself alone (§8.4.3).
  void clean_registry(const Peer& sender, const dxl::MessageView& error, Deliveries& out);
  // From the broker itself.
  void publish_event(std::string_view topic, std::string_view payload, Deliveries& out);
  void announce_removal(const Service& service, Deliveries& out);
  Refusal refuse_send(const Peer& sender, std::string_view topic, std::string_view payload,
                      Deliveries& out);
  Refusal publish(ConnectionId from, std::string_view topic, std::string_view payload,
                  Deliveries& out);

  // A message on a topic the broker answers itself.
  Refusal serve(const Peer& sender, TopicKind kind, const dxl::MessageView& request,
                Deliveries& out);
  Refusal bad_builtin(const dxl::Error& error);
  Refusal register_service(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  // Answered with an empty response whatever comes of it.
  Refusal unregister_service(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal query_services(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal query_authorization(const Peer& sender, const dxl::MessageView& request, Deliveries& out);

  base::Clock& clock;
  Outbox outbox;
  std::function<bool(ConnectionId)> is_overloaded;
  Routes routes;
  ServiceRegistry registry;
  dxl::JsonDocument json;
  std::string detail;
  std::vector<std::string_view> other_fields;  // scratch
  BorrowedTextSet destinations;                // scratch
};

}  // namespace tiara::fabric
