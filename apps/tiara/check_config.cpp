#include "tiara/check_config.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/printable.hpp"
#include "broker/admin_access.hpp"
#include "broker/authority.hpp"
#include "broker/credential_files.hpp"
#include "broker/topicauth_file.hpp"
#include "tiara/credentials.hpp"
#include "tiara/exit_code.hpp"
#include "tiara/state.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

class Check {
 public:
  explicit Check(const broker::StatePaths& paths) : paths_(paths) {}

  dxl::Result<std::vector<std::string>> run(const SettingSources& sources) {
    auto loaded = load_state_settings(paths_.config, sources);
    note(loaded);
    note(broker::check_credentials());
    // From the first start on, these belong to the state.
    if (broker::is_there(paths_.broker_id)) {
      look_at_policies();
      look_at_password();
      if (loaded) look_at_keystore(*std::move(loaded));
    }
    if (!problems_.empty()) return dxl::fail(ErrorCode::kConfiguration, problems_);
    return std::move(warnings_);
  }

 private:
  template <class T>
  bool note(const dxl::Result<T>& result) {
    if (!result) problems_ += (problems_.empty() ? "" : "\n") + result.error().message;
    return result.has_value();
  }

  void look_at_policies() {
    auto policies = broker::load_policies(paths_);
    if (note(policies)) warnings_ = std::move(policies->warnings);
  }

  void look_at_password() {
    if (const auto handed_over = broker::find_credential("admin.token"))
      note(broker::read_admin_password(*handed_over));
    else if (broker::is_there(paths_.admin_token))  // otherwise the next start makes one
      note(broker::create_or_read_admin_password(paths_.admin_token));
  }

  void look_at_keystore(LoadedSettings loaded) {
    auto id = read_broker_id(paths_.broker_id);
    auto keystore = broker::Keystore::open(paths_.keystore);
    if (!note(id) || !note(keystore)) return;
    const State state{paths_, std::move(loaded.settings), std::move(loaded.values), *std::move(id),
                      *std::move(keystore)};
    if (!note(broker::check_keystore(paths_.keystore))) return;
    const auto service = paths_.service / "service.crt";
    if (broker::is_there(service))  // otherwise the next start makes one
      if (auto checked = check_service(state); !checked)
        note(dxl::Result<void>(dxl::fail(unusable(checked.error(), service))));
    auto revocations = broker::Revocations::open(paths_.revocations, paths_.keystore_lock);
    if (!note(revocations)) return;
    const auto tls = load_tls(state, *std::move(revocations));
    if (!note(tls)) return;
    for (std::string& warning : expiry_warnings(find_expiries(state, *tls->fabric)))
      warnings_.push_back(std::move(warning));
  }

  const broker::StatePaths& paths_;
  std::string problems_;
  std::vector<std::string> warnings_;
};

}  // namespace

dxl::Result<std::vector<std::string>> check_config(const broker::StatePaths& paths,
                                                   const SettingSources& sources) {
  if (auto checked = check_is_no_server(paths); !checked) return dxl::fail(checked.error());
  return Check(paths).run(sources);
}

int print_check(const broker::StatePaths& paths, const SettingSources& sources) {
  const auto warnings = check_config(paths, sources);
  if (!warnings) return report(warnings.error());
  for (const std::string& warning : *warnings)
    fmt::print(stderr, "tiara: warning: {}\n", base::printable(warning));
  fmt::print("ok\n");
  return kExitOk;
}

}  // namespace tiara::app
