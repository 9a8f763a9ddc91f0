// What does the client library do per second? Lookups one by one, many in one call, and from the
// cache while levels change all the time. Uses the installed interface only; bench/sdk starts the
// service and puts an original client beside it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tie/caching_client.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFailed = 1;

struct Options {
  std::string config;
  int files = 1'000;
  double seconds = 3;
  int threads = 1;
  bool storm = false;
};

tie::FileHashes file(int number) {
  tie::FileHashes hashes;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = static_cast<std::uint8_t>(number >> (8 * i));
    if (i == 0) hashes.md5.emplace(), hashes.sha1.emplace(), hashes.sha256.emplace();
    hashes.md5->bytes[i] = hashes.sha1->bytes[i] = hashes.sha256->bytes[i] = byte;
    hashes.md5->bytes[15 - i] = hashes.sha1->bytes[19 - i] = hashes.sha256->bytes[31 - i] = byte;
  }
  return hashes;
}

std::vector<tie::FileHashes> all_files(int count) {
  std::vector<tie::FileHashes> files;
  for (int i = 0; i < count; ++i) files.push_back(file(i));
  return files;
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "sdk_bench: {}\n", what);
  std::exit(kFailed);
}

std::unique_ptr<dxl::Client> connect(const std::string& config) {
  auto loaded = dxl::ClientConfig::load(config);
  if (!loaded) fail(loaded.error().message);
  auto client = dxl::Client::create(std::move(*loaded));
  if (!client) fail(client.error().message);
  if (const auto connected = (*client)->connect(); !connected) fail(connected.error().message);
  return std::move(*client);
}

// One after the other, as a script does.
void run_single(const Options& options) {
  const auto client = connect(options.config);
  tie::Client tie(*client);
  std::vector<double> times;
  const auto begin = Clock::now();
  for (int i = 0; since(begin) < options.seconds; ++i) {
    const auto before = Clock::now();
    if (const auto answer = tie.get_file_reputation(file(i % options.files)); !answer) {
      fail(answer.error().message);
    }
    times.push_back(since(before) * 1e6);
  }
  const double seconds = since(begin);
  std::sort(times.begin(), times.end());
  fmt::print("{{\"lookupsPerSecond\":{:.0f},\"p50us\":{:.0f},\"p99us\":{:.0f}}}\n",
             static_cast<double>(times.size()) / seconds, times[times.size() / 2],
             times[times.size() * 99 / 100]);
}

// All files in each call.
void run_batch(const Options& options) {
  const auto client = connect(options.config);
  tie::Client tie(*client);
  const auto files = all_files(options.files);
  std::size_t asked = 0;
  const auto begin = Clock::now();
  while (since(begin) < options.seconds) {
    for (const auto& answer : tie.get_file_reputations(files)) {
      if (!answer) fail(answer.error().message);
    }
    asked += files.size();
  }
  fmt::print("{{\"lookupsPerSecond\":{:.0f}}}\n", static_cast<double>(asked) / since(begin));
}

// What the storm sets, in turn.
constexpr std::array kLevels{tie::TrustLevel::kKnownMalicious, tie::TrustLevel::kMightBeMalicious,
                             tie::TrustLevel::kMightBeTrusted, tie::TrustLevel::kKnownTrusted};
constexpr int kStormFiles = 16;

// Sets levels as fast as the service takes them; returns the last of each file.
std::vector<tie::TrustLevel> storm(const Options& options, const std::atomic<bool>& stop,
                                   std::uint64_t& changes) {
  const auto client = connect(options.config);
  tie::Client tie(*client);
  std::vector<tie::TrustLevel> last(kStormFiles);
  for (std::size_t i = 0; !stop; ++i) {
    const std::size_t which = i % kStormFiles;
    last[which] = kLevels[i / kStormFiles % kLevels.size()];
    if (const auto set = tie.set_file_reputation(last[which], file(static_cast<int>(which)));
        !set) {
      fail(set.error().message);
    }
    ++changes;
  }
  return last;
}

void run_cached(const Options& options) {
  const auto client = connect(options.config);
  auto cache = tie::CachingClient::create(tie::Client(*client));
  if (!cache) fail(cache.error().message);
  const auto files = all_files(options.files);
  for (const auto& answer : (*cache)->get_file_reputations(files)) {
    if (!answer) fail(answer.error().message);
  }
  std::atomic<bool> stop{false};
  std::uint64_t changes = 0;
  std::vector<tie::TrustLevel> last;
  std::optional<std::thread> storming;
  if (options.storm) storming.emplace([&] { last = storm(options, stop, changes); });
  std::atomic<std::uint64_t> lookups{0};
  std::vector<std::thread> readers;
  const auto begin = Clock::now();
  for (int reader = 0; reader < options.threads; ++reader) {
    readers.emplace_back([&, reader] {
      std::uint64_t mine = 0;
      for (std::size_t i = static_cast<std::size_t>(reader); !stop; i = (i + 1) % files.size()) {
        if (!(*cache)->get_file_reputation(files[i])) fail("a lookup failed");
        ++mine;
      }
      lookups += mine;
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stop = true;
  for (std::thread& reader : readers) reader.join();
  const double seconds = since(begin);
  if (storming) storming->join();
  // Events may be on their way still: the service sends them behind the answer to a set.
  int wrong = 0;
  std::this_thread::sleep_for(std::chrono::seconds(storming ? 1 : 0));
  for (std::size_t i = 0; i < last.size(); ++i) {
    const auto answer = (*cache)->get_file_reputation(files[i]);
    if (!answer || (*answer)->find(tie::Provider::kEnterprise)->trust_level != last[i]) ++wrong;
  }
  const auto stats = (*cache)->stats();
  fmt::print(
      "{{\"lookupsPerSecondAndThread\":{:.0f},\"hits\":{},\"misses\":{},\"changes\":{},"
      "\"notKept\":{},\"wrongInTheEnd\":{}}}\n",
      static_cast<double>(lookups) / seconds / options.threads, stats.hits, stats.misses, changes,
      stats.not_kept, wrong);
  if (wrong != 0) fail("the cache is wrong");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The client library, measured against the service that its configuration names.\n"
      "Example: sdk_bench batch admin/dxlclient.config --files 10000");
  Options options;
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, void (*run)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->add_option("CONFIG", options.config, "dxlclient.config")->required();
    sub->add_option("--files", options.files, "different ones")->check(CLI::PositiveNumber);
    sub->add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
    sub->callback([run, &options] { run(options); });
    return sub;
  };
  add("single", "Lookups one after the other", run_single);
  add("batch", "Lookups of all files in one call", run_batch);
  CLI::App* cached = add("cached", "Lookups from the cache", run_cached);
  cached->add_option("--threads", options.threads)->check(CLI::PositiveNumber);
  cached->add_flag("--storm", options.storm, "Set levels meanwhile; checks the cache in the end");
  CLI11_PARSE(app, argc, argv);
  return 0;
}
