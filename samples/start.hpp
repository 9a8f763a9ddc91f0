// What every sample begins and ends with.
#pragma once

#include <memory>
#include <string>

#include "dxl/client.hpp"

namespace sample {

// A connected client. `config_file` says where brokers, certificate and key are.
dxl::Result<std::unique_ptr<dxl::Client>> connect(const std::string& config_file);

// The first argument of every sample.
std::string config_file(int argc, char** argv);

// Prints "Error: …" and gives the exit code.
int complain(const dxl::Error& error);

// Returns when stdin is at its end or has a line: how the samples that "wait forever" can be ended.
void wait_for_enter();

// "2026-01-31 12:00:00", local time.
std::string local_time(std::int64_t epoch_seconds);

}  // namespace sample
