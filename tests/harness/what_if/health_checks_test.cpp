// The closed forms of the health checks against the tables of the reference: detection times for
// refusals and silence, and false alarms by probability.
#include "harness/what_if/health_checks.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/load/load.hpp"
#include "harness/what_if/axes.hpp"

using namespace predrill;
using namespace predrill::harness;

namespace {

CheckForms forms_of(const std::vector<std::string>& settings) {
  Diagnostics diagnostics;
  const auto system =
      load_system(std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/systems/payment-gateway",
                  diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system.has_value());
  const auto forms = check_forms(*system);
  REQUIRE(forms.has_value());
  return *forms;
}

std::vector<std::string> checks(int interval, int timeout, int unhealthy) {
  const std::string group = "load_balancer.target_group.";
  return {group + "health_check_interval=" + std::to_string(interval) + "s",
          group + "health_check_timeout=" + std::to_string(timeout) + "s",
          group + "unhealthy_threshold_count=" + std::to_string(unhealthy)};
}

}  // namespace

TEST_CASE("health checks: detection and false alarms by formula", "[what-if]") {
  struct Row {
    int interval, timeout, unhealthy;
    std::array<double, 3> refused, silent;
    std::array<double, 3> alarms;  // days per target at 0.1, 1 and 5 %
  };
  const Row row =
      GENERATE(Row{10, 10, 2, {10, 15, 20}, {20, 25, 30}, {116, 28.1 / 24, 70.0 / 1440}},
               Row{10, 10, 3, {20, 25, 30}, {30, 35, 40}, {317 * 365.25, 117, 23.4 / 24}},
               Row{30, 10, 2, {30, 45, 60}, {40, 55, 70}, {348, 84.0 / 24, 3.5 / 24}},
               Row{30, 10, 3, {60, 75, 90}, {70, 85, 100}, {952 * 365.25, 351, 70.0 / 24}});
  const CheckForms forms = forms_of(checks(row.interval, row.timeout, row.unhealthy));
  CHECK(forms.least_refused == row.refused[0]);
  CHECK(forms.mean_refused == row.refused[1]);
  CHECK(forms.most_refused == row.refused[2]);
  CHECK(forms.least_silent == row.silent[0]);
  CHECK(forms.mean_silent == row.silent[1]);
  CHECK(forms.most_silent == row.silent[2]);
  CHECK(forms.false_alarm(0.001) / 86400 == Approx(row.alarms[0]).epsilon(0.01));
  CHECK(forms.false_alarm(0.01) / 86400 == Approx(row.alarms[1]).epsilon(0.01));
  CHECK(forms.false_alarm(0.05) / 86400 == Approx(row.alarms[2]).epsilon(0.01));
}
