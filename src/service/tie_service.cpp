#include "service/tie_service.hpp"

#include "service/front_end.hpp"
#include "tie/codec.hpp"

namespace tiara::service {

struct TieService::Impl {
  std::unique_ptr<ServiceCore> core;
  std::vector<std::unique_ptr<FrontEnd>> front_ends;

  // Requests stop first, then everything that was taken in is done and answered.
  void stop() {
    for (auto& front_end : front_ends) front_end->unregister();
    // Readers first: what they finish may still have to be counted by the writer.
    core->stop_readers();
    for (auto& front_end : front_ends) front_end->settle();
    core->stop_writer();
    for (auto& front_end : front_ends) front_end->settle();
    for (auto& front_end : front_ends) front_end->stop();
  }
};

dxl::Result<std::unique_ptr<TieService>> TieService::start(
    TieServiceOptions options, std::unique_ptr<store::ReputationStore> store,
    sdk::Connector connector, base::Clock& clock) {
  std::vector<sdk::Connector> connectors;
  connectors.push_back(std::move(connector));
  return start(std::move(options), std::move(store), std::move(connectors), 1, clock);
}

dxl::Result<std::unique_ptr<TieService>> TieService::start(
    TieServiceOptions options, std::unique_ptr<store::ReputationStore> store,
    std::vector<sdk::Connector> connectors, std::size_t addresses, base::Clock& clock) {
  base::SystemRandom random;
  auto impl = std::make_unique<Impl>();
  impl->core = std::make_unique<ServiceCore>(std::move(options), std::move(store), clock);
  for (sdk::Connector& connector : connectors) {
    impl->front_ends.push_back(std::make_unique<FrontEnd>(
        *impl->core,
        sdk::LinkOptions{
            .client_id = base::make_braced_uuid(random), .name = "tie", .addresses = addresses},
        std::move(connector), base::make_braced_uuid(random)));
  }
  impl->core->start();
  for (auto& front_end : impl->front_ends) front_end->start();
  return std::unique_ptr<TieService>(new TieService(std::move(impl)));
}

TieService::TieService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TieService::~TieService() { impl_->stop(); }

TieServiceStatus TieService::status() const {
  const Counters& counters = impl_->core->counters();
  TieServiceStatus status;
  status.lookups = counters.lookups;
  status.cert_lookups = counters.cert_lookups;
  status.cache_hits = counters.cache_hits;
  status.queries = counters.queries;
  status.sets = counters.sets;
  status.batch_sets = counters.batch_sets;
  status.metadata = counters.metadata;
  status.change_events = counters.change_events;
  status.purged = counters.purged;
  status.uncounted_lookups = counters.uncounted_lookups;
  status.digest_conflicts = counters.digest_conflicts;
  status.reports["accepted"] = counters.reports_accepted;
  status.reports["unchanged"] = counters.reports_unchanged;
  status.reports["unavailable"] = counters.reports_unavailable;
  for (std::size_t i = 0; i < Counters::kRefusals; ++i) {
    const auto name = tie::to_string(static_cast<tie::ReportRefusal>(i));
    status.reports["refused." + std::string(name)] = counters.reports_refused[i];
  }
  status.sandbox_reports["accepted"] = counters.sandbox_reports;
  status.sandbox_reports["refused"] = counters.sandbox_refused;
  status.events["change"] = counters.change_events;
  status.events["first_instance"] = counters.first_instance_events;
  status.events["prevalence"] = counters.prevalence_events;
  status.events["detection"] = counters.detection_events;
  for (std::uint32_t code = 1; code < Counters::kServiceErrors; ++code)
    status.errors[code] = counters.errors[code];
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    const VerdictName name = verdict_name(i);
    if (counters.verdicts[i] != 0)
      status.verdicts[{name.source, name.verdict}] = counters.verdicts[i];
  }
  status.answer_times = counters.answer_times.snapshot();
  status.commit_times = counters.commit_times.snapshot();
  status.read_times = counters.read_times.snapshot();
  status.waiting_writes = impl_->core->waiting_writes();
  status.waiting_reads = impl_->core->waiting_reads();
  status.enterprise_size = impl_->core->context().enterprise_size();
  status.audit = impl_->core->store().audit_head();
  status.store_id = impl_->core->store().id();
  status.ready = counters.store_works;
  for (const auto& front_end : impl_->front_ends) {
    status.ready = status.ready && front_end->ready();
    for (OtherService& other : front_end->other_services())
      status.other_services.push_back(std::move(other));
  }
  return status;
}

void TieService::set_settings(const reputation::Settings& settings) {
  impl_->core->set_settings(settings);
}

dxl::Result<void> TieService::wait_ready(std::chrono::milliseconds timeout) {
  for (auto& front_end : impl_->front_ends)
    if (auto ready = front_end->wait_ready(timeout); !ready) return ready;
  return {};
}

dxl::Result<void> TieService::back_up(const std::filesystem::path& directory) {
  return impl_->core->store().back_up(directory);
}

}  // namespace tiara::service
