// tie::Client: what the service publishes.
#include <string>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"

namespace tie {
namespace {

// One bad event is no reason to miss the next.
template <class Callback, class Decode>
dxl::Result<dxl::Subscription> listen(dxl::Client& client, std::string_view topic, Decode decode,
                                      Callback callback) {
  return client.add_event_callback(
      std::string(topic), [decode, callback = std::move(callback)](const dxl::Event& event) {
        const auto told = decode(event.payload);
        if (told) return callback(*told, event);
        tiara::base::log(tiara::base::LogLevel::kWarning, "tie", "dropped an event on {}: {}",
                         event.topic, told.error().message);
      });
}

}  // namespace

dxl::Result<dxl::Subscription> Client::add_file_reputation_change_callback(
    FileChangeCallback callback, ChangeTopic topic) {
  return listen(client_,
                topic == ChangeTopic::kBroadcast ? kTopicFileChangeBroadcast : kTopicFileChange,
                decode_file_change, std::move(callback));
}

dxl::Result<dxl::Subscription> Client::add_certificate_reputation_change_callback(
    CertificateChangeCallback callback, ChangeTopic topic) {
  return listen(client_,
                topic == ChangeTopic::kBroadcast ? kTopicCertChangeBroadcast : kTopicCertChange,
                decode_cert_change, std::move(callback));
}

dxl::Result<dxl::Subscription> Client::add_file_detection_callback(DetectionCallback callback) {
  return listen(client_, kTopicFileDetection, decode_detection, std::move(callback));
}

dxl::Result<dxl::Subscription> Client::add_file_first_instance_callback(
    FirstInstanceCallback callback) {
  return listen(client_, kTopicFileFirstInstance, decode_first_instance, std::move(callback));
}

dxl::Result<dxl::Subscription> Client::add_file_prevalence_callback(PrevalenceCallback callback) {
  return listen(client_, kTopicFilePrevalence, decode_prevalence, std::move(callback));
}

}  // namespace tie
