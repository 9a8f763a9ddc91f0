// The requests of every topic: decode, decide who is asking, hand on. Refusals of whole topics have
// been made before (Dispatcher::on_request).
#include <utility>

#include "service/dispatcher.hpp"
#include "tie/codec.hpp"

namespace tiara::service {
namespace {

using reputation::DigestKey;

Action action_for(const tie::BatchSetItem& item) {
  return item.provider == tie::Provider::kExternal ? Action::kReportExternal
                                                   : Action::kSetEnterprise;
}

}  // namespace

void Dispatcher::get_file(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  const auto lookup = tie::decode_get_file_reputation(request.payload);
  if (!lookup) return respond_error(reply, lookup.error());
  counters_.lookups.fetch_add(1, std::memory_order_relaxed);
  const std::string_view agent = agent_of(request, lookup->agent_guid, lookup->scan_type);
  const bool counts = !agent.empty();
  if (is_pending(lookup->hashes)) {
    return write_or_refuse(LookupCommand{.reply = ReplyTo(reply),
                                         .hashes = lookup->hashes,
                                         .agent = std::string(agent),
                                         .signer = lookup->signer},
                           reply);
  }
  if (const auto cached = find_cached(context_, lookup->hashes)) {
    counters_.cache_hits.fetch_add(1, std::memory_order_relaxed);
    answer_.clear();
    append_cached(context_, *cached, clock_.epoch_seconds(), counts, answer_);
    respond(reply, answer_);
    return count(lookup->hashes, agent, lookup->signer);
  }
  ask({.reply = ReplyTo(reply),
       .query = FileQuery{.hashes = lookup->hashes, .counts = counts},
       .agent = std::string(agent),
       .signer = lookup->signer});
}

void Dispatcher::get_certificate(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  const auto lookup = tie::decode_get_cert_reputation(request.payload);
  if (!lookup) return respond_error(reply, lookup.error());
  counters_.cert_lookups.fetch_add(1, std::memory_order_relaxed);
  const std::string_view agent = agent_of(request, lookup->agent_guid, lookup->scan_type);
  ask({.reply = ReplyTo(reply),
       .query = CertQuery{.certificate = lookup->certificate, .counts = !agent.empty()},
       .agent = std::string(agent)},
      is_pending(DigestKey::of_certificate(lookup->certificate.sha1)));
}

void Dispatcher::get_batch(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto batch = tie::decode_batch_get(request.payload);
  if (!batch) return respond_error(reply, batch.error());
  count_items(request, batch->items.size());
  const std::string_view agent = agent_of(request, {}, batch->scan_type);
  bool pending = false;
  for (const tie::BatchGetItem& item : batch->items) {
    if (item.file) {
      counters_.lookups.fetch_add(1, std::memory_order_relaxed);
      pending = pending || is_pending(*item.file);
    } else if (item.certificate) {
      counters_.cert_lookups.fetch_add(1, std::memory_order_relaxed);
      pending = pending || is_pending(DigestKey::of_certificate(item.certificate->sha1));
    }
  }
  ask({.reply = ReplyTo(reply),
       .query = BatchQuery{.batch = std::move(*batch), .counts = !agent.empty()},
       .agent = std::string(agent)},
      pending);
}

void Dispatcher::get_file_agents(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto query = tie::decode_get_file_agents(request.payload);
  if (!query) return respond_error(reply, query.error());
  ask({.reply = ReplyTo(reply), .query = std::move(*query)});
}

void Dispatcher::get_cert_agents(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto query = tie::decode_get_cert_agents(request.payload);
  if (!query) return respond_error(reply, query.error());
  ask({.reply = ReplyTo(reply), .query = std::move(*query)});
}

void Dispatcher::get_updates(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto query = tie::decode_get_updates(request.payload);
  if (!query) return respond_error(reply, query.error());
  // Every change that was taken in before the question is in the answer: a client rolls by it.
  ask({.reply = ReplyTo(reply),
       .query = UpdatesQuery{.updates = std::move(*query),
                             .asker = std::string(request.source_client_id)}},
      !pending_.empty());
}

void Dispatcher::get_file_info(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto files = tie::decode_get_file_info(request.payload);
  if (!files) return respond_error(reply, files.error());
  ask({.reply = ReplyTo(reply), .query = InfoQuery{.files = std::move(*files)}});
}

void Dispatcher::search_files(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto query = tie::decode_search_files(request.payload);
  if (!query) return respond_error(reply, query.error());
  ask({.reply = ReplyTo(reply), .query = std::move(*query)});
}

void Dispatcher::explain(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto query = tie::decode_explain(request.payload);
  if (!query) return respond_error(reply, query.error());
  const bool pending = query->file
                           ? is_pending(*query->file)
                           : is_pending(DigestKey::of_certificate(query->certificate->sha1));
  ask({.reply = ReplyTo(reply), .query = std::move(*query)}, pending);
}

void Dispatcher::history(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto query = tie::decode_history(request.payload);
  if (!query) return respond_error(reply, query.error());
  const bool pending = query->file
                           ? is_pending(*query->file)
                           : is_pending(DigestKey::of_certificate(query->certificate->sha1));
  ask({.reply = ReplyTo(reply), .query = std::move(*query)}, pending);
}

void Dispatcher::set_file(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto set = tie::decode_set_file_reputation(request.payload);
  if (!set) return respond_error(reply, set.error());
  write_or_refuse(SetCommand{.reply = ReplyTo(reply),
                             .set = std::move(*set),
                             .actor = access_.describe(sender_of(request))},
                  reply);
}

void Dispatcher::set_certificate(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto set = tie::decode_set_cert_reputation(request.payload);
  if (!set) return respond_error(reply, set.error());
  write_or_refuse(CertSetCommand{.reply = ReplyTo(reply),
                                 .set = std::move(*set),
                                 .actor = access_.describe(sender_of(request))},
                  reply);
}

void Dispatcher::set_batch(const dxl::MessageView& request) {
  const ReplyAddress reply = reply_address(request);
  auto items = tie::decode_batch_set(request.payload);
  if (!items) return respond_error(reply, items.error());
  count_items(request, items->size());
  for (tie::BatchSetItem& item : *items) {
    if (item.error) continue;
    std::optional<std::string> refusal = refusal_of(action_for(item), request);
    if (!refusal && item.provider == tie::Provider::kExternal) {
      const LiveSettings::Snapshot settings = context_.settings.get();
      if (!settings->external_enabled) refusal = "disabled: external.enabled is false";
      if (settings->external_require_filename && item.filename.empty())
        refusal = "filename: external.require_filename is true";
    }
    if (refusal) {
      item.error = {.code = tie::ServiceError::kNotAuthorised, .message = *refusal};
      refusals_.add(Refused::kRequest, "unauthorized", request.source_client_id, *refusal);
    }
  }
  write_or_refuse(BatchSetCommand{.reply = ReplyTo(reply),
                                  .items = std::move(*items),
                                  .actor = access_.describe(sender_of(request))},
                  reply);
}

// Topics 8 and 9 are never answered (L17): what is wrong is counted.
void Dispatcher::take_file_metadata(const dxl::MessageView& request) {
  auto metadata = tie::decode_file_metadata(request.payload);
  if (!metadata) {
    counters_.errors[metadata.error().peer_code].fetch_add(1);
    return;
  }
  if (metadata->agent_guid.empty()) metadata->agent_guid = request.source_client_id;
  enqueue_write(MetadataCommand{.message_id = std::string(request.message_id),
                                .sender = std::string(request.source_client_id),
                                .metadata = std::move(*metadata)});
}

void Dispatcher::take_cert_metadata(const dxl::MessageView& request) {
  auto metadata = tie::decode_cert_metadata(request.payload);
  if (!metadata) {
    counters_.errors[metadata.error().peer_code].fetch_add(1);
    return;
  }
  enqueue_write(CertMetadataCommand{.message_id = std::string(request.message_id),
                                    .sender = std::string(request.source_client_id),
                                    .metadata = std::move(*metadata)});
}

}  // namespace tiara::service
