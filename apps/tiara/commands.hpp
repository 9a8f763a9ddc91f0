// Each command in a file of its own. All return an exit code.
#pragma once

#include "tiara/command_line.hpp"

namespace tiara::app {

int run_up(const UpOptions& options);
int run_server(const ServerOptions& options);
int run_store(const CommonOptions& common, const StoreOptions& options);
int run_audit(const CommonOptions& common, const AuditOptions& options);
int run_provision(const ProvisionOptions& options);
int run_client(const CommonOptions& common, const ClientOptions& options);
int run_config(const CommonOptions& common, const ConfigOptions& options);
int run_config_import(const ConfigOptions& options);
int run_reload(const ReloadOptions& options);
int run_status(const StatusOptions& options);
int run_rep_get(const CommonOptions& common, const RepGetOptions& options);
int run_rep_set(const CommonOptions& common, const RepSetOptions& options);
int run_rep_external(const CommonOptions& common, const RepExternalOptions& options);
int run_cert_authority(const CommonOptions& common, const CertAuthorityOptions& options);
int run_watch(const CommonOptions& common, const WatchOptions& options);
int run_auth(const CommonOptions& common, const AuthOptions& options);

}  // namespace tiara::app
