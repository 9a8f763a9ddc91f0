// Writing `dxlclient.config` back: what does not change stays byte for byte, with comments, order
// and keys of others (DXL reference §3.5).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "dxl/client_config.hpp"
#include "dxl/result.hpp"

#pragma GCC visibility push(default)
namespace dxl {

// The text of one file. Not thread-safe.
//
//     auto file = dxl::ClientConfigFile::load("dxlclient.config");
//     auto config = file->config();
//     config->brokers.push_back({.host = "broker.example.com"});
//     file->update(*config);
//     file->save("dxlclient.config");
class ClientConfigFile {
 public:
  // kConfiguration with file and line when it cannot be read. Unlike ClientConfig::load, an
  // incomplete file is fine: update() may complete it.
  static Result<ClientConfigFile> load(const std::filesystem::path& file);
  // `name` appears in messages; relative paths of [Certs] are taken from its directory.
  static Result<ClientConfigFile> parse(std::string text, std::string_view name);
  // What provisioning starts with: the sections of the original, without values.
  static ClientConfigFile make_empty(std::string_view name = "dxlclient.config");

  // As ClientConfig::load: certificate paths resolved.
  Result<ClientConfig> config() const;
  const std::string& text() const { return text_; }

  // Makes the file say what `config` says. A line that says it already stays as it is written, a
  // relative path included; a broker that is gone takes the comment right above it with it; a
  // missing key or section is added where the original's files have it. `warnings` is ignored.
  // kInvalidArgument, and nothing changed, if the format cannot express a value (a line break, a
  // host with `;`); kConfiguration if a section stands in the file twice.
  Result<void> update(const ClientConfig& config);

  // Atomically, mode 0600: the proxy's password may be in it. kStorage leaves the old file.
  Result<void> save(const std::filesystem::path& file) const;

 private:
  ClientConfigFile(std::string text, std::string name)
      : text_(std::move(text)), name_(std::move(name)) {}

  std::string text_;
  std::string name_;
};

}  // namespace dxl
#pragma GCC visibility pop
