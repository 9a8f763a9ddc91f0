// What does an idle TLS client cost the broker, and how many handshakes a second does it take?
// Looks at a broker in another process, by its pid: resident memory before and after N clients have
// connected and subscribed to their reply topic, and the time and processor time that took. Works
// against any MQTT broker; bench/idle starts ours.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../tests/system/load/packets.hpp"
#include "load_connection.hpp"

namespace {

using bench::Connection;
using load::kConnack, load::kSuback;
using Clock = std::chrono::steady_clock;

// For what the broker frees after the last answer.
constexpr std::chrono::milliseconds kSettling{500};

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  int pid = 0;
  std::size_t clients = 5000, parallel = 8;
  bench::TlsFiles tls;
};

struct Usage {
  double resident_kib = 0, cpu_seconds = 0;
};

Usage usage_of(int pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  Usage usage;
  std::size_t pages = 0;
  std::ifstream(directory + "/statm") >> pages >> pages;  // the second number
  usage.resident_kib =
      static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
  // Fields 14 and 15, counted behind the name, which may hold anything but a closing bracket.
  std::string stat;
  std::getline(std::ifstream(directory + "/stat"), stat);
  const std::size_t name_end = stat.rfind(')');
  if (pages == 0 || name_end == std::string::npos) bench::die("no process " + std::to_string(pid));
  double user = 0, system = 0;
  std::sscanf(stat.c_str() + name_end + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lf %lf",
              &user, &system);
  usage.cpu_seconds = (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return usage;
}

std::unique_ptr<Connection> open_client(const Options& options, ssl_ctx_st* tls,
                                        std::size_t number) {
  const std::string id = load::make_id(6, number);
  auto client = std::make_unique<Connection>(options.host, options.port, tls);
  client->output() = load::connect_packet(id);
  if (client->exchange(kConnack)[1] != 0) bench::die("the broker refused the connection");
  client->output() = load::subscribe_packet("/mcafee/client/" + id);
  client->exchange(kSuback);
  return client;
}

std::vector<std::unique_ptr<Connection>> open_clients(const Options& options) {
  ssl_ctx_st* const tls = options.tls.used() ? bench::make_tls(options.tls) : nullptr;
  std::vector<std::unique_ptr<Connection>> clients(options.clients);
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < options.parallel; ++i) {
    threads.emplace_back([&] {
      for (std::size_t n = next++; n < clients.size(); n = next++) {
        clients[n] = open_client(options, tls, n);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return clients;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Idle clients on an MQTT broker; prints KiB of resident memory for each, handshakes per "
      "second, and the broker's processor time for one in milliseconds");
  app.add_option("--host", options.host, "IPv4 address");
  app.add_option("--port", options.port)->required();
  app.add_option("--pid", options.pid, "of the broker")->required();
  app.add_option("--clients", options.clients, "N")->check(CLI::PositiveNumber);
  app.add_option("--parallel", options.parallel, "clients that connect at the same time");
  CLI::Option* ca = app.add_option("--ca", options.tls.ca, "PEM; with it TLS is used");
  app.add_option("--cert", options.tls.certificate)->needs(ca);
  app.add_option("--key", options.tls.key)->needs(ca);
  CLI11_PARSE(app, argc, argv);

  const Usage before = usage_of(options.pid);
  const auto begin = Clock::now();
  const auto clients = open_clients(options);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::this_thread::sleep_for(kSettling);
  const Usage after = usage_of(options.pid);
  const auto count = static_cast<double>(options.clients);
  std::printf("%.1f %.0f %.2f\n", (after.resident_kib - before.resident_kib) / count,
              count / seconds, (after.cpu_seconds - before.cpu_seconds) * 1000 / count);
  return 0;
}
