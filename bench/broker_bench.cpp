// What does the broker carry when nothing but its data path runs? Starts one with an open policy,
// plain or TLS, in a process of its own; bench/run aims mqtt_load at it. Ends when stdin does.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "broker/broker.hpp"
#include "broker/keystore.hpp"
#include "fabric/authorization.hpp"
#include "net/tls.hpp"

namespace {

int failed(const dxl::Error& error) {
  std::fprintf(stderr, "broker_bench: %s\n", error.message.c_str());
  return 1;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// Keys in `directory`: ca-client.crt, broker.crt and broker.key for any broker, brokercerts.crt,
// client.crt and client.key for mqtt_load.
dxl::Result<std::shared_ptr<const tiara::net::TlsContext>> make_tls(const std::string& directory) {
  auto keystore = tiara::broker::Keystore::create_or_open(directory, "bench");
  if (!keystore) return dxl::fail(keystore.error());
  auto client = keystore->issue_client("bench");
  if (!client) return dxl::fail(client.error());
  write(directory + "/client.crt", client->certificate_pem);
  write(directory + "/client.key", client->private_key_pem);
  return tiara::net::TlsContext::make_server({.certificate = keystore->broker_certificate(),
                                              .private_key = keystore->broker_key(),
                                              .ca_bundle = keystore->client_ca()});
}

}  // namespace

int main(int argc, char** argv) {
  std::string keys;
  CLI::App app("The broker alone; prints \"ready PORT\"");
  app.add_option("--tls", keys, "directory for keys, made if needed; without it plain TCP");
  CLI11_PARSE(app, argc, argv);

  tiara::broker::BrokerOptions options;
  options.broker_id = "bench";
  options.listen_addresses = {"127.0.0.1"};
  options.port = 0;
  if (!keys.empty()) {
    auto tls = make_tls(keys);
    if (!tls) return failed(tls.error());
    options.tls = *tls;
  }
  auto broker = tiara::broker::Broker::start(
      std::move(options),
      tiara::fabric::Authorization({.members = {}, .rules = {}, .service_side = false}));
  if (!broker) return failed(broker.error());
  std::printf("ready %u\n", static_cast<unsigned>((*broker)->port()));
  std::fflush(stdout);
  std::string ignored;
  while (std::getline(std::cin, ignored)) {
  }
  return 0;
}
