// The router's state and the steps of its pipeline: router.cpp takes messages in,
// router_requests.cpp finds services for them, router_built_in.cpp answers the topics that are the
// broker's own, router_changes.cpp applies changes and router_events.cpp announces them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_map.hpp"
#include "dxl/json.hpp"
#include "fabric/outbox.hpp"
#include "fabric/registry_json.hpp"
#include "fabric/router.hpp"
#include "fabric/routes.hpp"
#include "fabric/service_registry.hpp"
#include "fabric/topic_registry.hpp"

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
  Refusal refuse_send(const Peer& sender, std::string_view topic, std::string_view payload,
                      Deliveries& out);
  // What is no DXL message, or none we can read whole.
  Refusal take_undecoded(const Route& route, TopicKind kind, std::string_view topic,
                         std::string_view payload, const dxl::Error& error, Deliveries& out);
  Refusal publish(ConnectionId from, std::string_view topic, std::string_view payload,
                  Deliveries& out, std::optional<Change>& change);
  // A service that says it does not exist is believed about itself alone (§8.4.3).
  void find_disowned(const Peer& sender, const dxl::MessageView& error,
                     std::optional<Change>& change) const;

  // What a revocation event asks for; what is wrong with it goes into `detail`.
  void take_revocations(const dxl::MessageView& message, std::optional<Change>& change);

  // The service's connection if it can get what `route` carries.
  const Peer* find_host(const Service& service, const Route& route) const;
  const Service* look_up(const Route& route, std::string_view topic, std::string_view service_id);
  // `request`, addressed to the service.
  void send_to_service(const Service& service, const Peer& host, std::string_view topic,
                       dxl::MessageView request, Deliveries& out) const;
  bool is_overloaded(ConnectionId connection) const;
  Refusal deliver_request(const Peer& sender, const Route& route, std::string_view topic,
                          const dxl::MessageView& request, Deliveries& out);
  Refusal route_request(const Peer& sender, const Route& route, std::string_view topic,
                        const dxl::MessageView& request, Deliveries& out);
  // Requests to the services that want this event as one (§5.4.5).
  void request_for_event(const Peer& sender, std::string_view topic, const dxl::MessageView& event,
                         Deliveries& out);

  // A message on a topic the broker answers itself.
  Refusal serve(const Peer& sender, TopicKind kind, const dxl::MessageView& request,
                Deliveries& out, std::optional<Change>& change);
  Refusal bad_builtin(const dxl::Error& error);
  Refusal answer(const Peer& sender, const dxl::MessageView& request, std::string_view payload,
                 Deliveries& out);
  Refusal register_service(const Peer& sender, const dxl::MessageView& request,
                           std::optional<Change>& change);
  Refusal unregister_service(const Peer& sender, const dxl::MessageView& request,
                             std::optional<Change>& change);
  Refusal query_services(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal query_broker(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal query_topics(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal count_subscriptions(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal report_health(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal find_client(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  Refusal query_authorization(const Peer& sender, const dxl::MessageView& request, Deliveries& out);
  // Nothing if the list would be too long.
  std::optional<std::string> services_json(const ServiceQuery& query);

  Outcome apply(const ClientConnected& change);
  Outcome apply(const ClientDisconnected& change);
  Outcome apply(const Subscribed& change);
  Outcome apply(const Unsubscribed& change);
  bool exceeds_share(const Service& service) const;
  Outcome apply(const ServiceRegistered& change);
  Outcome apply(const ServiceUnregistered& change);
  Outcome apply(const ServiceDisowned& change);
  Outcome apply(const ServicesExpired& change);
  Outcome apply(const AuthorizationReplaced& change);
  Outcome apply(const CertificatesRevoked& change);
  Outcome apply(const RevocationsReplaced& change);
  bool is_revoked(const Identity& identity) const;
  Outcome find_revoked() const;
  // Of our own service: as the last ServiceIdentityReplaced has it.
  void bring_up_to_date(Identity& identity) const;
  Outcome apply(const ServiceIdentityReplaced& change);
  Outcome apply(const OptionsReplaced& change);

  Refusal announce(const Change& change, const Outcome& outcome, Deliveries& out);
  void answer_registration(const ServiceRegistered& change, const Outcome& outcome,
                           Deliveries& out);
  void answer_unregistration(const ServiceUnregistered& change, const Outcome& outcome,
                             Deliveries& out);
  // From the broker itself. `make_payload` is asked only if somebody listens.
  template <class MakePayload>
  void publish_event(std::string_view topic, MakePayload&& make_payload, Deliveries& out,
                     std::span<const std::string_view> fields = {});
  void announce_topic(const Outcome::TopicChange& topic, Deliveries& out);

  RouterOptions options;  // OptionsReplaced changes some
  base::Clock& clock;
  Outbox outbox;
  Routes routes;
  ServiceRegistry registry;
  TopicRegistry topics;
  RevocationList revocations;
  std::optional<ServiceIdentityReplaced> service_identity;
  dxl::JsonDocument json;
  std::string detail;
  std::vector<std::string_view> other_fields;  // scratch
  base::BorrowedTextSet destinations;          // scratch
  std::string request_topic, reply_topic;      // scratch
};

}  // namespace tiara::fabric
