// How does the TIE service do with ten million files? Fills a store; then measures its start, its
// memory, its size, and lookups on one thread from the payload of a request to that of the answer.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tie_lookups.hpp"
#include "tie_records.hpp"
#include "tie_sets.hpp"

namespace {

using namespace tiara::bench;
using Clock = std::chrono::steady_clock;
namespace store = tiara::store;

constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kUnknownSpan = std::uint64_t{1} << 40;
constexpr int kFailed = 1;

struct Options {
  std::filesystem::path directory;
  Filling filling;
  std::uint64_t lookups = 1'000'000;
  std::uint64_t hot = 100'000;
  std::uint64_t block_cache_mib = store::RocksOptions{}.block_cache_bytes / kMiB;
  std::uint64_t cached_digests = tiara::service::CoreOptions{}.cached_digests;
  std::uint64_t sets = 0, outstanding = 4'096;
  bool cold = false, scans = false, json = false;
};

// One line or one member of the result.
struct Row {
  std::string name, text, json;
};

int fail(std::string_view why) {
  fmt::print(stderr, "tie_bench: {}\n", why);
  return kFailed;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::uint64_t resident_mib() {
  std::ifstream pages("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  pages >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / kMiB;
}

template <class F>
void for_each_file(const std::filesystem::path& directory, F&& f) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) f(entry);
}

std::uint64_t bytes_of(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  for_each_file(directory, [&](const auto& file) { bytes += file.file_size(); });
  return bytes;
}

// Out of the machine's memory, so that a start reads from the disk.
void evict(const std::filesystem::path& directory) {
  for_each_file(directory, [](const auto& file) {
    const int descriptor = open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    close(descriptor);
  });
}

Row number(std::string name, double value, std::string_view unit, int digits) {
  return {name, fmt::format("{:<34} {:.{}f} {}", name, value, digits, unit),
          fmt::format("{:.{}f}", value, digits)};
}

Row row_of(std::string name, const Measured& m) {
  const double wall = static_cast<double>(m.lookups) / m.wall_seconds;
  const double cpu = static_cast<double>(m.lookups) / m.cpu_seconds;
  Row row;
  row.text = fmt::format(
      "{:<22} {:>9.0f}/s {:>9.0f} per CPU s  p50 {:.1f} p99 {:.1f} max {:.0f} us  cached {:.3f} "
      "known {:.3f}",
      name, wall, cpu, m.p50, m.p99, m.max, m.from_cache, m.known);
  row.json = fmt::format(
      "{{\"lookups\":{},\"perSecond\":{:.0f},\"perCpuSecond\":{:.0f},\"p50us\":{:.2f},\"p99us\":"
      "{:.2f},\"maxUs\":{:.1f},\"fromCache\":{:.4f},\"known\":{:.4f},\"unanswered\":{}}}",
      m.lookups, wall, cpu, m.p50, m.p99, m.max, m.from_cache, m.known, m.unanswered);
  row.name = std::move(name);
  return row;
}

dxl::Result<std::unique_ptr<store::ReputationStore>> open_store(const Options& options) {
  return store::open_rocks_store({.directory = store_of(options.directory),
                                  .block_cache_bytes = options.block_cache_mib * kMiB});
}

// Until the first answer.
dxl::Result<std::unique_ptr<Service>> start(const Options& options, std::string name,
                                            std::vector<Row>& rows) {
  const auto begin = Clock::now();
  auto opened = open_store(options);
  if (!opened) return dxl::fail(opened.error());
  auto service = std::make_unique<Service>(*std::move(opened), options.cached_digests);
  service->measure(options.filling, By::kAll, 1, 0, options.filling.records);
  rows.push_back(number(std::move(name), seconds_since(begin), "s", 3));
  return service;
}

void measure_lookups(const Options& options, Service& service, std::vector<Row>& rows) {
  const Filling& filling = options.filling;
  std::vector<By> ways{By::kSha256};
  if (!filling.only_sha256) ways = {By::kMd5, By::kSha1, By::kSha256, By::kAll};
  // As many as the store has, and as many again that it does not have: little is in the cache.
  for (const By by : ways) {
    const auto measured = service.measure(filling, by, options.lookups, 0, filling.records);
    rows.push_back(row_of(fmt::format("store.{}", to_string(by)), measured));
  }
  for (const By by : ways) {
    const auto measured =
        service.measure(filling, by, options.lookups, filling.records, kUnknownSpan);
    rows.push_back(row_of(fmt::format("unknown.{}", to_string(by)), measured));
  }
  rows.push_back(number("residentAfterLookupsMiB", static_cast<double>(resident_mib()), "", 0));
  for (const By by : ways) {
    const std::uint64_t hot = std::min(options.hot, filling.records);
    service.measure(filling, by, hot * 10, 0, hot);
    const auto measured = service.measure(filling, by, options.lookups, 0, hot);
    rows.push_back(row_of(fmt::format("cache.{}", to_string(by)), measured));
  }
}

void measure_scans(const Options& options, Service& service, std::vector<Row>& rows) {
  const auto add = [&](std::string name, const tiara::service::Query& query) {
    std::size_t bytes = 0;
    const double seconds = service.time_slow(query, bytes);
    rows.push_back(number(std::move(name), seconds, fmt::format("s, {} bytes", bytes), 4));
  };
  const std::uint64_t last = options.filling.records - 1;
  add("scan.searchNothing", tie::SearchFiles{.text = "no such name"});
  add("scan.searchFirst", tie::SearchFiles{.text = "file"});
  add("scan.updatesOldest",
      tiara::service::UpdatesQuery{.updates = {.since = 0, .query_limit = 1000}, .asker = {}});
  add("scan.updatesNewest",
      tiara::service::UpdatesQuery{
          .updates = {.since = change_time(last - last / 1000), .query_limit = 1000}, .asker = {}});
  add("scan.updatesTargeted",
      tiara::service::UpdatesQuery{.updates = {.since = 0, .query_limit = 1000, .targeted = true},
                                   .asker = {}});
  add("scan.overridden", tiara::service::CertQuery{
                             .certificate = {.sha1 = signer_of(options.filling)}, .counts = false});
}

void print(const Options& options, const std::vector<Row>& rows) {
  if (!options.json) {
    for (const Row& row : rows) fmt::print("{}\n", row.text);
    return;
  }
  std::string out;
  for (const Row& row : rows)
    out += fmt::format("{}\"{}\":{}", out.empty() ? "{" : ",", row.name, row.json);
  fmt::print("{}}}\n", out);
}

int run(Options& options) {
  const auto filling = read_filling(options.directory);
  if (!filling)
    return fail(
        fmt::format("{}: not filled; `tie_bench fill` does that", options.directory.string()));
  options.filling = *filling;
  std::vector<Row> rows;
  const auto bytes = static_cast<double>(bytes_of(store_of(options.directory)));
  const auto records = static_cast<double>(filling->records);
  rows.push_back(number("records", records, "", 0));
  rows.push_back(number("diskMiB", bytes / kMiB, "", 0));
  rows.push_back(number("diskBytesPerRecord", bytes / records, "", 1));
  rows.push_back(number("blockCacheMiB", static_cast<double>(options.block_cache_mib), "", 0));
  rows.push_back(number("cachedDigests", static_cast<double>(options.cached_digests), "", 0));
  if (options.cold) {
    evict(options.directory);
    const auto cold = start(options, "startColdSeconds", rows);
    if (!cold) return fail(cold.error().message);
  }
  {
    auto service = start(options, "startWarmSeconds", rows);
    if (!service) return fail(service.error().message);
    rows.push_back(number("residentAfterStartMiB", static_cast<double>(resident_mib()), "", 0));
    measure_lookups(options, **service, rows);
    if (options.scans) measure_scans(options, **service, rows);
  }
  if (options.sets != 0) {
    auto opened = open_store(options);
    if (!opened) return fail(opened.error().message);
    const Sets sets =
        time_sets(*std::move(opened), options.filling, options.sets, options.outstanding);
    if (sets.failed != 0) return fail(fmt::format("{} sets failed", sets.failed));
    rows.push_back(number("setsPerSecond", static_cast<double>(sets.done) / sets.seconds, "", 0));
  }
  print(options, rows);
  return 0;
}

int fill_if_needed(const Options& options) {
  Filling wanted = options.filling;
  if (const auto there = read_filling(options.directory)) {
    wanted.day = there->day;
    if (*there == wanted) {
      std::fputs("tie_bench: filled like this already\n", stderr);
      return 0;
    }
    return fail(fmt::format("{}: filled in another way", options.directory.string()));
  }
  wanted.day = std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count() /
               kSecondsPerDay;
  const auto filled = fill(options.directory, wanted);
  return filled ? 0 : fail(filled.error().message);
}

void add_fill(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand("fill", "Fills DIR with records that a seed gives");
  Filling& filling = options.filling;
  command->add_option("DIR", options.directory, "made if needed; kept if it is filled like this")
      ->required();
  command->add_option("--records", filling.records, "N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seed", filling.seed, "of all digests")->capture_default_str();
  command->add_flag("--only-sha256", filling.only_sha256, "instead of three digests per file");
  command->add_flag("--names", filling.names, "each file has a name");
  command->add_option("--every-change", filling.every_change,
                      "each N-th file has a change event; 0: none");
  command->add_option("--every-override", filling.every_override,
                      "each N-th file is signed by one certificate and overridden; 0: none");
}

void add_run(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand("run", "Measures a filled DIR");
  command->add_option("DIR", options.directory, "of `tie_bench fill`")->required();
  command->add_option("--lookups", options.lookups, "of each kind")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--hot", options.hot, "files that are asked for from the cache")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--block-cache", options.block_cache_mib, "MiB for blocks of the store")
      ->capture_default_str();
  command->add_option("--cached-digests", options.cached_digests, "of the service's cache")
      ->capture_default_str();
  command->add_flag("--cold", options.cold, "also a start with nothing of the store in memory");
  command->add_flag("--scans", options.scans, "also searches, updates and overridden files");
  command->add_option("--sets", options.sets, "also so many sets, synced; changes the store")
      ->capture_default_str();
  command->add_option("--outstanding", options.outstanding, "sets that wait at any time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", options.json, "one JSON object instead of a table");
}

}  // namespace

int main(int argc, char** argv) {
  umask(077);
  Options options;
  CLI::App app(
      "The TIE service and a large store, in one process and on one thread.\n"
      "Example: tie_bench fill /tmp/ten --names && taskset -c 1 tie_bench run /tmp/ten --cold");
  app.require_subcommand(1);
  add_fill(app, options);
  add_run(app, options);
  CLI11_PARSE(app, argc, argv);
  return app.got_subcommand("fill") ? fill_if_needed(options) : run(options);
}
