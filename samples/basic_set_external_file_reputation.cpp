// Gives a file an External reputation, unless another provider has a verdict on it already.
//
//   basic_set_external_file_reputation [CONFIG [FILE]]     CONFIG defaults to dxlclient.config
//
// Without FILE, the file is a new one whose content is the current time, so nobody knows it. The
// client's certificate must be in the group "TIE Server Set External Reputation"; otherwise the
// broker drops the event.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "dxl/client.hpp"
#include "tie/client.hpp"

struct File {
  tie::FileHashes hashes;
  tie::FileType type;
  std::string name;
};

dxl::Result<File> describe(const std::filesystem::path& path) {
  auto hashes = tie::hash_file(path.string());
  if (!hashes) return dxl::fail(hashes.error());
  std::string head(4096, '\0');
  std::ifstream content(path, std::ios::binary);
  content.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(content.gcount()));
  const std::string name = path.filename().string();
  return File{*hashes, tie::detect_file_type(head, name), name};
}

dxl::Result<File> make_unknown() {
  const auto now = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  const auto path = std::filesystem::temp_directory_path() / ("dxl-sample-" + now);
  std::ofstream(path) << now;
  auto hashes = tie::hash_file(path.string());
  std::filesystem::remove(path);
  if (!hashes) return dxl::fail(hashes.error());
  return File{*hashes, tie::FileType::kPeexe, "random.exe"};
}

// A verdict of anybody but External itself: External counts only where there is none.
bool is_verdict_of_another(const tie::Reputation& reputation) {
  return reputation.provider != tie::Provider::kExternal &&
         tie::is_definitive(reputation.trust_level);
}

dxl::Result<std::string> set_external(const std::string& config_file,
                                      const dxl::Result<File>& file) {
  if (!file) return dxl::fail(file.error());
  auto config = dxl::ClientConfig::load(config_file);
  if (!config) return dxl::fail(config.error());
  auto client = dxl::Client::create(std::move(*config));
  if (!client) return dxl::fail(client.error());
  if (const auto connected = (*client)->connect(); !connected) return dxl::fail(connected.error());

  tie::Client tie_client(**client);
  const auto known = tie_client.get_file_reputation(file->hashes);
  if (!known) return dxl::fail(known.error());
  if (std::any_of(known->entries.begin(), known->entries.end(), is_verdict_of_another)) {
    return "Abort: There is a reputation from another provider for the file, "
           "External Reputation is not necessary.";
  }
  const auto sent = tie_client.set_external_file_reputation(tie::TrustLevel::kMightBeTrusted,
                                                            file->hashes, file->type, file->name,
                                                            "External Reputation set via OpenDXL");
  if (!sent) return dxl::fail(sent.error());
  return "Event Sent";
}

int main(int argc, char** argv) {
  const auto outcome = set_external(argc > 1 ? argv[1] : "dxlclient.config",
                                    argc > 2 ? describe(argv[2]) : make_unknown());
  std::cout << (outcome ? *outcome : "Error: " + outcome.error().message) << '\n';
  return outcome ? 0 : 1;
}
