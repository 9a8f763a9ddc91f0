// Streams Enterprise sets and remembers which were acknowledged; reads them back later. What the
// crash test runs while it kills the service.
//
//   set_stream stream CONFIG LOG SEED   sets until the connection breaks, appending one line
//                                       "SHA256 LEVEL" to LOG after each acknowledgement
//   set_stream verify CONFIG LOG        exit 0 when every line of LOG is what a lookup returns
#include <openssl/evp.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dxl/client.hpp"
#include "tie/client.hpp"

namespace {

// Several at a time, so that the service commits in groups.
constexpr int kStreams = 8;

tie::Sha256 digest_of(const std::string& text) {
  tie::Sha256 digest;
  EVP_Digest(text.data(), text.size(), digest.bytes.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

// Each digest is set more than once, so that a lost overwrite shows as well as a lost record.
tie::TrustLevel level_of(int round) {
  constexpr tie::TrustLevel kLevels[] = {
      tie::TrustLevel::kKnownMalicious, tie::TrustLevel::kMightBeMalicious,
      tie::TrustLevel::kMightBeTrusted, tie::TrustLevel::kKnownTrusted};
  return kLevels[static_cast<std::size_t>(round) % std::size(kLevels)];
}

int fail(const std::string& message) {
  std::fprintf(stderr, "set_stream: %s\n", message.c_str());
  return 1;
}

// `what` of one acknowledged set, in one write: a kill of the service never tears it.
void append_line(std::FILE* log, std::mutex& mutex, const std::string& line) {
  const std::lock_guard lock(mutex);
  std::fwrite(line.data(), 1, line.size(), log);
  std::fflush(log);
}

int stream(dxl::Client& client, const std::string& log_path, const std::string& seed) {
  std::FILE* log = std::fopen(log_path.c_str(), "a");
  if (log == nullptr) return fail("cannot open " + log_path);
  std::mutex mutex;
  std::atomic<bool> broken = false;
  std::vector<std::thread> threads;
  for (int number = 0; number < kStreams; ++number) {
    threads.emplace_back([&, number] {
      tie::Client tie(client, std::chrono::seconds(5));
      for (int i = 0; !broken; ++i) {
        const tie::Sha256 digest =
            digest_of(seed + "/" + std::to_string(number) + "/" + std::to_string(i / 3));
        const tie::TrustLevel level = level_of(i);
        if (!tie.set_file_reputation(level, {.md5 = {}, .sha1 = {}, .sha256 = digest})) {
          broken = true;
        } else {
          append_line(log, mutex,
                      digest.to_hex() + " " + std::to_string(static_cast<int>(level)) + "\n");
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::fclose(log);
  return 0;
}

// One digest's lines are written in the order of its sets, by one thread; a set that was under way
// when the service died may be there without a line, so the successor level is as good.
int verify(dxl::Client& client, const std::string& log_path) {
  std::map<std::string, std::vector<int>> acknowledged;
  std::ifstream log(log_path);
  std::string hex;
  int level = 0;
  while (log >> hex >> level) acknowledged[hex].push_back(level);

  tie::Client tie(client);
  std::size_t wrong = 0;
  for (const auto& [digest_hex, levels] : acknowledged) {
    const auto digest = tie::Sha256::parse(digest_hex);
    if (!digest) return fail(log_path + ": " + digest.error().message);
    const auto answer = tie.get_file_reputation({.md5 = {}, .sha1 = {}, .sha256 = *digest});
    if (!answer) return fail(digest_hex + ": " + answer.error().message);
    const tie::Reputation* entry = answer->find(tie::Provider::kEnterprise);
    const int found = entry == nullptr ? 0 : static_cast<int>(entry->trust_level);
    bool fine = found == levels.back();
    for (int round = 0; round < 4 && !fine; ++round) {
      fine = static_cast<int>(level_of(round)) == levels.back() &&
             static_cast<int>(level_of(round + 1)) == found && levels.size() < 3;
    }
    if (!fine) {
      ++wrong;
      std::fprintf(stderr, "set_stream: %s: acknowledged %d, found %d\n", digest_hex.c_str(),
                   levels.back(), found);
    }
  }
  std::printf("%zu digests checked, %zu wrong\n", acknowledged.size(), wrong);
  return wrong == 0 && !acknowledged.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool streaming = arguments.size() == 4 && arguments[0] == "stream";
  if (!streaming && !(arguments.size() == 3 && arguments[0] == "verify")) {
    return fail("usage: stream CONFIG LOG SEED | verify CONFIG LOG");
  }
  auto config = dxl::ClientConfig::load(arguments[1]);
  if (!config) return fail(config.error().message);
  dxl::ClientOptions options;
  options.reconnect = !streaming;
  auto client = dxl::Client::create(*std::move(config), options);
  if (!client) return fail(client.error().message);
  if (auto connected = (*client)->connect(); !connected) return fail(connected.error().message);
  return streaming ? stream(**client, arguments[2], arguments[3]) : verify(**client, arguments[2]);
}
