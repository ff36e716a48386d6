// The closed form of a target's response times against the simulated queue of the capacity tests
// (tests/models/capacity_test.cpp), whose figures are those of the incident log.
#include "harness/kinds/gateway_latency.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace predrill;
using namespace predrill::harness;

namespace {

std::optional<double> milliseconds(std::int32_t workers, int targets, double p) {
  models::ServiceConfig config;
  config.workers = workers;
  config.service_time = models::ServiceConfig::logged_service_time();
  const auto latency = response_quantile(config, 1240.0 / targets, p);
  if (!latency) return std::nullopt;
  return static_cast<double>(latency->count()) / 1e6;
}

}  // namespace

TEST_CASE("gateway latency: quantiles of the worker queue with six, four and three targets",
          "[gateway]") {
  struct Row {
    std::int32_t workers;
    std::array<double, 2> six, four, three;  // p50, p99 simulated; 0: unstable
  };
  const Row row =
      GENERATE(Row{17, {45, 120}, {54, 141}, {0, 0}}, Row{18, {45, 120}, {49, 129}, {0, 0}},
               Row{20, {45, 120}, {46, 122}, {0, 0}}, Row{24, {45, 120}, {45, 120}, {48, 125}});
  const auto check = [&](int targets, const std::array<double, 2>& expected) {
    INFO(row.workers << " workers, " << targets << " targets");
    const auto p50 = milliseconds(row.workers, targets, 0.5);
    const auto p99 = milliseconds(row.workers, targets, 0.99);
    REQUIRE(p50.has_value() == (expected[0] > 0));
    if (!p50) return;
    // The form is an approximation: within 4 % of the simulation here.
    CHECK(*p50 == Approx(expected[0]).epsilon(0.04));
    CHECK(*p99 == Approx(expected[1]).epsilon(0.04));
  };
  check(6, row.six);
  check(4, row.four);
  check(3, row.three);
}
