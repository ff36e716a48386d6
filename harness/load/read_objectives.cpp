#include "harness/load/read_objectives.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "harness/load/read_distribution.hpp"

namespace predrill::harness {

namespace {

constexpr std::array<std::pair<std::string_view, double>, 6> quantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}}};

// {"p99": "10s", "max": "30s"}
void read_times(std::string_view measure, const Value& value, std::vector<Objective>& objectives) {
  if (!value.exists()) return;
  Reader reader(value);
  for (const auto& [key, quantile] : quantiles) {
    if (const auto bound = reader.optional(key).duration()) {
      objectives.push_back({std::string(measure), quantile, sim::seconds(*bound)});
    }
  }
}

// Of a measure whose unit the kind of system knows: {"max": 413.4} or {"p99": "10s"}.
void read_bounds(const std::string& measure, const Value& value,
                 std::vector<Objective>& objectives) {
  Reader reader(value);
  for (const auto& [key, quantile] : quantiles) {
    const Value bound = reader.optional(key);
    if (!bound.exists()) continue;
    if (bound.node()->kind == NodeKind::number) {
      if (const auto number = bound.number(0)) {
        objectives.push_back({measure, quantile, *number});
      }
    } else if (const auto time = bound.duration()) {
      objectives.push_back({measure, quantile, sim::seconds(*time)});
    }
  }
}

std::optional<double> amount(const Value& value, Quantity quantity) {
  switch (quantity) {
    case Quantity::number:
      return value.number(0);
    case Quantity::duration:
      if (const auto time = value.duration()) return sim::seconds(*time);
      return std::nullopt;
    case Quantity::bytes:
      if (const auto bytes = value.bytes()) return static_cast<double>(*bytes);
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

void read_objectives(const Value& value, std::vector<Objective>& objectives) {
  if (!value.exists()) return;
  Reader reader(value);
  read_times("rto", reader.optional("rto"), objectives);
  read_times("downtime", reader.optional("downtime"), objectives);
  const Value values = reader.optional("values");
  if (values.exists()) {
    for (const auto& [name, bounds] : values.entries()) read_bounds(name, bounds, objectives);
  }
  const Value rpo = reader.optional("rpo");
  if (!rpo.exists()) return;
  Reader loss(rpo);
  constexpr std::array<std::pair<std::string_view, Quantity>, 3> amounts = {
      {{"rows", Quantity::number}, {"bytes", Quantity::bytes}, {"seconds", Quantity::duration}}};
  for (const auto& [key, quantity] : amounts) {
    const Value one = loss.optional(key);
    if (!one.exists()) continue;
    if (const auto bound = amount(one, quantity)) {
      objectives.push_back({"rpo." + std::string(key), 1.0, *bound});
    }
  }
}

}  // namespace predrill::harness
