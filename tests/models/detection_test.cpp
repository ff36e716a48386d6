// How long a target group needs to notice a failure, and how often it notices one that is none:
// simulated against the closed forms.
//
// With x = U(0, I) until the next check, thresholds U and time-out T:
//   refused           x + (U-1) I
//   silence           x + (U-1) I + T          checks at a fixed rate
//                     x + (U-1) (I+T) + T      the next check I after the last answer
// With N checkers of which k must agree, x is the k-th smallest of N: E[x] = k I / (N+1).
// Checks that fail independently with p: E[checks until U in a row] = (p^-U - 1) / (1 - p).
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "models/target_group.hpp"
#include "sim/sample.hpp"
#include "tests/models/balancer_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

enum class Failure { refused, silent };

double half_width(const Estimate& e) {
  return (e.interval.high - e.interval.low) / 2;
}

TargetGroupConfig checks(Duration interval, Duration timeout, std::int32_t unhealthy) {
  TargetGroupConfig c = TargetGroupConfig::network_defaults();
  c.health_check_interval = interval;
  c.health_check_timeout = timeout;
  c.unhealthy_threshold_count = unhealthy;
  c.healthy_threshold_count = 3;
  return c;
}

/// Detection times of many targets that fail at one instant.
Sample detection(const TargetGroupConfig& config, Failure failure, std::size_t targets = 1500) {
  GroupWorld w(config, targets);
  w.all_healthy();
  const Duration settled = config.health_check_interval * 3;
  w.until(settled);
  for (const auto& fake : w.fakes) {
    if (failure == Failure::refused) fake->group.kill();
    if (failure == Failure::silent) fake->host.crash();
  }
  w.until(settled + 200s);
  Sample sample;
  for (std::size_t i = 0; i < targets; ++i) {
    const auto id = static_cast<TargetId>(i);
    sample.add(w.log->entered(id, TargetState::unhealthy, Time{} + settled));
  }
  return sample;
}

/// `mean` lies in the 99.9 % interval; the extremes are those of U(0, I), nearly reached.
void check_uniform(const Sample& sample, double low, double mean, double high) {
  constexpr double answer = 0.001;  // one round trip
  const double slack = (high - low) / 100;
  INFO("seen " << static_cast<double>(*sample.min()) / 1e9 << " / " << *sample.mean() / 1e9 << " / "
               << static_cast<double>(*sample.max()) / 1e9 << ", expected " << low << " / " << mean
               << " / " << high);
  CHECK(static_cast<double>(*sample.min()) / 1e9 >= low);
  CHECK(static_cast<double>(*sample.min()) / 1e9 <= low + slack);
  CHECK(static_cast<double>(*sample.max()) / 1e9 <= high + answer);
  CHECK(static_cast<double>(*sample.max()) / 1e9 >= high - slack);
  const auto estimate = sample.mean_estimate(0.999);
  REQUIRE(estimate);
  CHECK(std::abs(estimate->value / 1e9 - mean) <= half_width(*estimate) / 1e9 + answer);
}

struct Row {
  int interval, timeout, unhealthy;
  std::array<double, 3> refused, fixed_rate, fixed_delay;  // min, mean, max
};

}  // namespace

TEST_CASE("detection: refusals and silence, for both schedules", "[target-group][detection]") {
  const Row row = GENERATE(Row{10, 10, 2, {10, 15, 20}, {20, 25, 30}, {30, 35, 40}},
                           Row{10, 10, 3, {20, 25, 30}, {30, 35, 40}, {50, 55, 60}},
                           Row{30, 10, 2, {30, 45, 60}, {40, 55, 70}, {50, 65, 80}},
                           Row{30, 10, 3, {60, 75, 90}, {70, 85, 100}, {90, 105, 120}},
                           Row{5, 2, 2, {5, 7.5, 10}, {7, 9.5, 12}, {9, 11.5, 14}},
                           Row{10, 6, 2, {10, 15, 20}, {16, 21, 26}, {22, 27, 32}});
  INFO("I " << row.interval << ", T " << row.timeout << ", U " << row.unhealthy);
  TargetGroupConfig c =
      checks(std::chrono::seconds(row.interval), std::chrono::seconds(row.timeout), row.unhealthy);
  const auto is = [](const Sample& sample, const std::array<double, 3>& expected) {
    check_uniform(sample, expected[0], expected[1], expected[2]);
  };
  is(detection(c, Failure::refused), row.refused);
  is(detection(c, Failure::silent), row.fixed_rate);
  c.schedule = CheckSchedule::fixed_delay;
  is(detection(c, Failure::silent), row.fixed_delay);
}

TEST_CASE("detection: the k-th of N checkers decides", "[target-group][detection]") {
  const int quorum = GENERATE(1, 2, 3);
  TargetGroupConfig c = checks(10s, 10s, 2);
  c.checkers = 3;
  c.quorum = quorum;
  const Sample sample = detection(c, Failure::refused);
  const auto estimate = sample.mean_estimate(0.999);
  REQUIRE(estimate);
  const double expected = 10 + quorum * 10.0 / 4;
  CHECK(std::abs(estimate->value / 1e9 - expected) <= half_width(*estimate) / 1e9 + 0.001);
}

namespace {

/// Checks until a false "unhealthy" when each fails with probability p. Between failures nothing
/// changes, so only the runs that follow a failure are stepped; the passed checks before it are
/// one geometric draw.
double checks_until_unhealthy(Stream& stream, double p, std::int32_t unhealthy) {
  const HealthThresholds thresholds{3, unhealthy, 1};
  CheckerOpinion opinion{CheckerOpinion::Verdict::healthy, 0, 0};
  double count = 0;
  const double log_pass = std::log1p(-p);
  for (;;) {
    count += std::floor(std::log(stream.unit()) / log_pass) + 1;  // up to a failure
    opinion.note(false, thresholds);
    while (opinion.verdict == CheckerOpinion::Verdict::healthy && opinion.failures > 0) {
      opinion.note(!stream.chance(p), thresholds);
      count += 1;
    }
    if (opinion.verdict == CheckerOpinion::Verdict::unhealthy) return count;
  }
}

}  // namespace

TEST_CASE("detection: false alarms of the thresholds", "[target-group][detection]") {
  // E[checks], times I: 116 d, 28.1 h, 70 min per target with U = 2 and I = 10; 317 y, 117 d, 23.4
  // h with U = 3; the interval 30 gives three times that.
  struct Cell {
    double p;
    std::int32_t unhealthy;
    double days;  // at I = 10
    std::int64_t episodes;
  };
  const Cell cell = GENERATE(Cell{0.001, 2, 116, 4000}, Cell{0.01, 2, 28.1 / 24, 20000},
                             Cell{0.05, 2, 70.0 / 1440, 20000}, Cell{0.001, 3, 317 * 365.25, 60},
                             Cell{0.01, 3, 117, 2000}, Cell{0.05, 3, 23.4 / 24, 20000});
  Stream stream(1, "false alarms", std::to_string(cell.p) + std::to_string(cell.unhealthy));
  Sample sample;
  for (std::int64_t i = 0; i < cell.episodes; ++i) {
    const double n = checks_until_unhealthy(stream, cell.p, cell.unhealthy);
    sample.add(static_cast<std::int64_t>(n));
  }
  const auto estimate = sample.mean_estimate(0.999);
  REQUIRE(estimate);
  const double formula = (std::pow(cell.p, -cell.unhealthy) - 1) / (1 - cell.p);
  INFO("p " << cell.p << ", U " << cell.unhealthy << ": " << estimate->value << " checks, expected "
            << formula);
  CHECK(std::abs(estimate->value - formula) <= half_width(*estimate));
  CHECK(half_width(*estimate) <= 0.6 * formula);
  for (const double interval : {10.0, 30.0}) {
    const double days = formula * interval / 86400;
    CHECK(days == Approx(cell.days * interval / 10).epsilon(0.01));
  }
}

TEST_CASE("detection: false alarms of a whole group whose SYNs are lost",
          "[target-group][detection]") {
  // A check of 10 s sends SYNs after 0, 1, 2, 3, 4, 5 and 7 s: q^7 fail if q of them are lost.
  const double p = 0.05;
  const double q = std::pow(p, 1.0 / 7);
  const std::int32_t unhealthy = GENERATE(2, 3);
  GroupWorld w(checks(10s, 10s, unhealthy), unhealthy == 2 ? 40 : 200, 1, true, 11);
  HostSet targets;
  for (const auto& fake : w.fakes) targets.push_back(&fake->host);
  w.sim.network().lose({w.nodes[0]}, targets, q, Direction::forward);
  w.all_healthy();
  const double seconds_watched = 86400;
  w.until(24h);
  std::int64_t alarms = 0;
  Sample outages;
  std::vector<Time> down(w.fakes.size(), time_max);
  Duration unavailable{};
  for (const auto& e : w.log->entries) {
    if (e.to == TargetState::unhealthy) {
      ++alarms;
      down[e.target] = e.at;
    } else if (e.to == TargetState::healthy) {
      outages.add(e.at - down[e.target]);
      unavailable += e.at - down[e.target];
    }
  }
  // Episodes are renewals: healthy for E[N] checks, then down for the outage.
  const double watched = seconds_watched * static_cast<double>(w.fakes.size());
  const double healthy = watched - seconds(unavailable);
  const double rate = static_cast<double>(alarms) / healthy;
  const double expected = (1 - p) / (std::pow(p, -unhealthy) - 1) / 10;
  const double deviation = std::sqrt(static_cast<double>(alarms)) / healthy;
  INFO("one alarm per " << 1 / rate << " s, expected " << 1 / expected << ", " << alarms);
  // While a target is down the run of failures that brought it there has already been counted, so
  // E[N] runs from its recovery: U - 1 checks of slack in E[N] matter below 1 %.
  CHECK(std::abs(rate - expected) <= 3.3 * deviation);
  // Three passed checks in a row take I ((1-p)^-3 - 1) / p, counted from the failed check, whose
  // time-out T has passed when the state changes; a passed check may need any but its first
  // SYN.
  const double pass = 1 - p;
  double late = 0;
  double lost = 1;
  for (const double sent_after : {0, 1, 2, 3, 4, 5, 7}) {
    late += (1 - q) / pass * lost * sent_after;
    lost *= q;
  }
  const double length = 10 * (std::pow(pass, -3) - 1) / p - 10 + late;
  const auto estimate = outages.mean_estimate(0.999);
  REQUIRE(estimate);
  INFO("outage " << estimate->value / 1e9 << " s, expected " << length);
  CHECK(std::abs(estimate->value / 1e9 - length) <= half_width(*estimate) / 1e9 + 0.001);
}

TEST_CASE("detection: a burst of silence shorter than (U-1) I raises no alarm",
          "[target-group][detection]") {
  // A refusing burst of length b: never below (U-1) I, always above U I, else in proportion.
  const int burst = GENERATE(9, 13, 17, 21);
  GroupWorld w(checks(10s, 10s, 2), 1500);
  w.all_healthy();
  w.until(30s);
  for (const auto& fake : w.fakes) fake->group.kill();
  w.until(30s + std::chrono::seconds(burst));
  for (const auto& fake : w.fakes) fake->start();
  w.until(60s);
  double alarms = 0;
  for (const auto& e : w.log->entries) alarms += e.to == TargetState::unhealthy ? 1 : 0;
  const double share = alarms / 1500;
  const double expected = std::clamp((burst - 10) / 10.0, 0.0, 1.0);
  INFO(share << ", expected " << expected);
  CHECK(std::abs(share - expected) <= 3.3 * std::sqrt(expected * (1 - expected) / 1500));
}

TEST_CASE("detection: PLAT-4903, three failed checks instead of two", "[target-group][detection]") {
  // The same targets die at the same instant, asked at the same instants: each is found exactly one
  // interval later. What it buys: false alarms rarer by the factor (p^-3 - 1) / (p^-2 - 1).
  std::array<Sample, 2> found;
  for (const std::size_t i : {0U, 1U}) {
    found[i] = detection(checks(10s, 10s, static_cast<std::int32_t>(2 + i)), Failure::silent, 600);
  }
  const auto two = found[0].sorted();
  const auto three = found[1].sorted();
  REQUIRE(two.size() == three.size());
  for (std::size_t i = 0; i < two.size(); ++i) CHECK(three[i] - two[i] == 10'000'000'000);
  for (const double p : {0.01, 0.05}) {
    std::array<double, 2> mean{};
    for (const std::size_t i : {0U, 1U}) {
      Stream stream(7, "PLAT-4903", std::to_string(p) + std::to_string(i));
      Sample sample;
      for (int n = 0; n < 4000; ++n) {
        const auto unhealthy = static_cast<std::int32_t>(2 + i);
        sample.add(static_cast<std::int64_t>(checks_until_unhealthy(stream, p, unhealthy)));
      }
      mean[i] = *sample.mean();
    }
    const double factor = (std::pow(p, -3) - 1) / (std::pow(p, -2) - 1);
    INFO("p " << p << ": rarer by " << mean[1] / mean[0] << ", expected " << factor);
    CHECK(mean[1] / mean[0] == Approx(factor).epsilon(0.1));
  }
}
