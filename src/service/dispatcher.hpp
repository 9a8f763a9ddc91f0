// What the service does with each message, on the network thread: answers hot lookups at once,
// hands everything else to the read pool or the writer, and sends what comes back. No I/O of its
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/ports.hpp"
#include "dxl/message_codec.hpp"
#include "service/commands.hpp"
#include "service/counters.hpp"
#include "service/lookup.hpp"
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
  virtual bool read(LookupCommand command) = 0;
};

// A lookup that the read pool has answered.
struct ReadDone {
  LookupCommand command;
  dxl::Result<std::string> answer;
};

class Dispatcher {
 public:
  // All must outlive it.
  // `is_administrator`: TieServiceOptions.
  Dispatcher(const LookupContext& context, const base::Clock& clock, Counters& counters,
             DispatcherPorts& ports, std::function<bool(std::string_view)> is_administrator);

  void on_message(std::string_view topic, const dxl::MessageView& message);
  void on_read(ReadDone done);
  // One group of the writer's results: for each command its answer, then its events (L13).
  void on_written(std::vector<Completed> results);

  static const std::vector<std::string>& request_topics();

 private:
  void get_reputation(const dxl::MessageView& request);
  void set_reputation(const dxl::MessageView& request);
  void report(const dxl::MessageView& event);
  void report_outcome(const dxl::MessageView& request);

  bool answer_from_cache(const tie::FileHashes& hashes, const ReplyAddress& reply, bool counts);
  void count(const tie::FileHashes& hashes, std::string_view agent);
  bool is_pending(const tie::FileHashes& hashes) const;
  bool enqueue_write(Command command);
  void finish_report(const ReportCommand& command, const Completed& completed);
  void refuse_report(const dxl::MessageView& event, tie::ReportRefusal refusal,
                     std::string_view detail);
  void refuse_report_unavailable(std::string_view sender, std::string_view message_id,
                                 std::string_view why);

  void respond(const ReplyAddress& to, std::string_view payload);
  void respond_error(const ReplyAddress& to, tie::ServiceError error, std::string_view text);

  const LookupContext& context_;
  const base::Clock& clock_;
  Counters& counters_;
  DispatcherPorts& ports_;
  std::function<bool(std::string_view)> is_administrator_;
  AnswerTemplate unknown_;
  RecentLookups recent_;
  ReportLog reports_;
  RefusalLog refusals_;
  // Digests with a write on its way: lookups of them wait behind it, so that a sender sees what it
  // has set.
  absl::flat_hash_map<reputation::DigestKey, std::uint32_t> pending_;
  std::string answer_;  // reused
};

}  // namespace tiara::service
