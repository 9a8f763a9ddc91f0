#include "service/other_services.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "dxl/json.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

constexpr std::string_view kRegistryQuery = "/mcafee/service/dxl/svcregistry/query";
constexpr std::chrono::seconds kEvery{60};
constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kMostOthers = 100;

bool serves_lookups(const dxl::JsonValue& service) {
  const auto channels = service.find("requestChannels");
  bool serves = false;
  if (channels && channels->is_array()) {
    channels->for_each_element([&](const dxl::JsonValue& channel) {
      serves = channel.string() == tie::kTopicFileReputation;
      return !serves;
    });
  }
  return serves;
}

std::string text_of(const std::optional<dxl::JsonValue>& value) {
  return value ? std::string(value->string().value_or("")) : std::string();
}

}  // namespace

dxl::Result<std::vector<OtherService>> find_other_services(std::string_view registry_answer,
                                                           std::string_view own_id,
                                                           std::string_view own_store) {
  dxl::JsonDocument document({.payload_bytes = 16 * 1024 * 1024});
  const auto answer = document.parse(registry_answer);
  if (!answer) return dxl::fail(answer.error());
  std::vector<OtherService> others;
  const auto services = answer->is_object() ? answer->find("services") : std::nullopt;
  if (!services || !services->is_object()) return others;
  services->for_each_member([&](std::string_view id, const dxl::JsonValue& service) {
    if (id == own_id || !service.is_object() || !serves_lookups(service)) return true;
    OtherService other{.service_id = std::string(id),
                       .type = text_of(service.find("serviceType")),
                       .store_id = {}};
    if (const auto metadata = service.find("metaData"); metadata && metadata->is_object())
      other.store_id = text_of(metadata->find(kStoreIdKey));
    if (other.store_id != own_store) others.push_back(std::move(other));
    return others.size() < kMostOthers;
  });
  std::ranges::sort(others, {}, &OtherService::service_id);
  return others;
}

OtherServices::OtherServices(sdk::Link& link, std::string own_id, std::string own_store,
                             std::function<void(const std::vector<OtherService>&)> found)
    : link_(link),
      own_id_(std::move(own_id)),
      own_store_(std::move(own_store)),
      found_(std::move(found)) {}

void OtherServices::ask() {
  timer_ = link_.loop().schedule(kEvery, [this] { ask(); });
  dxl::MessageView request;
  request.type = dxl::MessageType::kRequest;
  request.payload = "{}";
  const std::weak_ptr<bool> alive = alive_;
  link_.request(kRegistryQuery, request, kPatience,
                [this, alive](const dxl::Result<dxl::Reply>& reply) {
                  if (alive.expired() || !reply) return;
                  const auto* answer = std::get_if<dxl::Response>(&*reply);
                  if (answer == nullptr) return;
                  auto others = find_other_services(answer->payload, own_id_, own_store_);
                  if (!others || *others == last_) return;
                  last_ = std::move(*others);
                  found_(last_);
                });
}

}  // namespace tiara::service
