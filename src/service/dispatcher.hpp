// What the service does with each message, on the network thread: answers hot lookups at once,
// hands everything else to the readers or the writer, and sends what comes back. No I/O of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/ports.hpp"
#include "dxl/message_codec.hpp"
#include "service/access.hpp"
#include "service/commands.hpp"
#include "service/counters.hpp"
#include "service/lookup.hpp"
#include "service/queries.hpp"
#include "service/rate_limit.hpp"
#include "service/recent_lookups.hpp"
#include "service/refusal_log.hpp"
#include "service/report_log.hpp"

namespace tiara::service {

// Where the dispatcher's decisions go. Views are valid during the call only.
class DispatcherPorts {
 public:
  virtual ~DispatcherPorts() = default;
  virtual void send(std::string_view topic, const dxl::MessageView& message) = 0;
  // False: the queue is full and nothing was taken.
  virtual bool write(Command command) = 0;
  virtual bool read(ReadTask task) = 0;
};

// A task that the readers have done.
struct ReadDone {
  ReadTask task;
  dxl::Result<std::string> answer;
};

class Dispatcher {
 public:
  // All must outlive it.
  Dispatcher(const LookupContext& context, const Access& access, const base::Clock& clock,
             DispatcherPorts& ports);

  void on_message(std::string_view topic, const dxl::MessageView& message);
  void on_read(ReadDone done);
  // One group of the writer's results: for each command its answer, then its events (L13).
  void on_written(std::vector<Completed> results);

  static std::vector<std::string> request_topics();
  static std::vector<std::string> event_topics();
  // What a message on a topic of ours does (access.hpp); nullopt: not ours. Of a set batch each
  // item is judged by its provider.
  static std::optional<Action> action_of(std::string_view topic);

 private:
  struct Topic;
  static const std::vector<Topic>& topics();

  // dispatcher.cpp
  void on_request(const Topic& topic, const dxl::MessageView& message);
  static std::string_view sharer_of(const dxl::MessageView& message);
  bool is_too_fast(const dxl::MessageView& message);
  void count_items(const dxl::MessageView& batch, std::size_t items);
  void refuse_too_fast(Action action, const dxl::MessageView& event);
  // requests.cpp: decode, authorise, hand on.
  void get_file(const dxl::MessageView& request);
  void get_certificate(const dxl::MessageView& request);
  void get_batch(const dxl::MessageView& request);
  void get_file_agents(const dxl::MessageView& request);
  void get_cert_agents(const dxl::MessageView& request);
  void get_updates(const dxl::MessageView& request);
  void get_file_info(const dxl::MessageView& request);
  void search_files(const dxl::MessageView& request);
  void explain(const dxl::MessageView& request);
  void history(const dxl::MessageView& request);
  void report_outcome(const dxl::MessageView& request);
  void set_file(const dxl::MessageView& request);
  void set_certificate(const dxl::MessageView& request);
  void set_batch(const dxl::MessageView& request);
  void take_file_metadata(const dxl::MessageView& request);
  void take_cert_metadata(const dxl::MessageView& request);
  // reports.cpp
  void take_external_report(const dxl::MessageView& event);
  void take_sandbox_report(const dxl::MessageView& event);
  void finish_report(const ReportCommand& command, const Completed& completed);
  void refuse_report(const dxl::MessageView& event, tie::ReportRefusal refusal,
                     std::string_view detail);
  void refuse_report_unavailable(std::string_view sender, std::string_view message_id,
                                 std::string_view why);

  // L11; empty: a pure read.
  std::string_view agent_of(const dxl::MessageView& request, std::string_view claimed,
                            std::optional<std::int64_t> scan_type) const;
  std::optional<std::string> refusal_of(Action action, const dxl::MessageView& message) const;
  void ask(ReadTask task, bool pending = false);
  void count(const ReadTask& task);
  void count(const tie::FileHashes& hashes, std::string_view agent,
             const std::optional<tie::Certificate>& signer);
  void count(const tie::Certificate& certificate, std::string_view agent);
  bool is_pending(const tie::FileHashes& hashes) const;
  bool is_pending(const reputation::DigestKey& digest) const;
  bool enqueue_write(Command command);
  void write_or_refuse(Command command, const ReplyAddress& reply);

  ReplyAddress reply_address(const dxl::MessageView& request) const;
  void respond(const ReplyAddress& to, std::string_view payload);
  void respond_error(const ReplyAddress& to, tie::ServiceError error, std::string_view text);
  void respond_error(const ReplyAddress& to, const dxl::Error& error);

  const LookupContext& context_;
  const Access& access_;
  const base::Clock& clock_;
  Counters& counters_;
  DispatcherPorts& ports_;
  RecentLookups recent_;
  ReportLog reports_;
  RefusalLog refusals_;
  RateLimit rates_;
  // Digests with a write on its way: lookups of them wait behind it, so that a sender sees what it
  // has set.
  absl::flat_hash_map<reputation::DigestKey, std::uint32_t> pending_;
  std::string answer_;  // reused
};

}  // namespace tiara::service
