// The table of metrics, in parts: name, meaning, and how the values come out of a snapshot.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/histogram.hpp"
#include "tiara/metrics.hpp"

namespace tiara::app {

// One line: what follows the metric's name, and the value.
struct Sample {
  std::string suffix;  // "_bucket{le=\"0.1\"}", "{reason=\"tls\"}" or nothing
  double value = 0;
};
using Samples = std::vector<Sample>;

struct Metric {
  std::string_view name, type, label, help;  // `label` empty: none; several: "a, b"
  Samples (*collect)(const MetricsSnapshot& snapshot);
};

Samples one(std::uint64_t value);
// {name="value"}
std::string label_text(std::string_view name, std::string_view value);

// The buckets of a histogram, its sum and its count.
Samples times(const base::Histogram::Snapshot& taken);

std::span<const Metric> tie_metrics();  // none of them without a TIE service

}  // namespace tiara::app
