// Capacity of the payment gateway's pods with six, four and three targets: quantiles of an M/G/c
// queue with the log's service times, and what its "p99 from 120 to 140 ms, p50 unchanged, no
// queue" can and cannot have been.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "sim/sample.hpp"
#include "tests/models/service_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

constexpr double requests_per_second = 1240;

ServiceConfig workers(std::int32_t count) {
  ServiceConfig c;
  c.workers = count;
  c.service_time = ServiceConfig::logged_service_time();
  return c;
}

/// One pod that takes its share of all requests when so many targets serve.
ServiceWorldOptions one_of(int targets, const ServiceConfig& service, std::uint64_t seed) {
  ServiceWorldOptions options;
  options.seed = seed;
  options.zones = 1;
  options.per_machine = 1;
  options.service = service;
  options.clients = ServiceClientsConfig::open_loop(1, 60, 50);
  const double gap = 1e9 * targets / requests_per_second;
  options.clients.between_requests =
      Distribution::exponential(Duration(static_cast<std::int64_t>(gap)));
  options.clients.request_timeout = 10min;
  return options;
}

struct Measured {
  Estimate p50_ms;
  Estimate p99_ms;
  double waited = 0;       // share of requests that found no worker free
  double utilisation = 0;  // of the workers
};

double half_width(const Estimate& e) {
  return (e.interval.high - e.interval.low) / 2;
}

/// Independent runs; each quantile with Student's interval over the runs.
Measured measure(int targets, const ServiceConfig& service, int runs = 10) {
  Sample p50;
  Sample p99;
  Measured out;
  for (int run = 1; run <= runs; ++run) {
    ServiceWorld<> w(one_of(targets, service, static_cast<std::uint64_t>(run)));
    w.until(60s);
    w.restart_stats();
    w.run_for(300s);
    p50.add(*w.clients->stats().response.quantile(0.5));
    p99.add(*w.clients->stats().response.quantile(0.99));
    const ServiceStats stats = w.processes[0]->stats();
    out.waited += static_cast<double>(stats.waited) / static_cast<double>(stats.received) / runs;
    out.utilisation += seconds(stats.worker_time) / 300 / service.workers / runs;
  }
  const auto in_ms = [](const Sample& sample) {
    Estimate e = *sample.mean_estimate(0.99);
    return Estimate{e.value / 1e6, {e.interval.low / 1e6, e.interval.high / 1e6}};
  };
  out.p50_ms = in_ms(p50);
  out.p99_ms = in_ms(p99);
  return out;
}

/// The expected figure is rounded to milliseconds; a histogram's quantile is good to 1/256.
void check_quantile(const Estimate& seen, double expected_ms) {
  INFO(seen.value << " +- " << half_width(seen) << " ms, expected " << expected_ms);
  CHECK(std::abs(seen.value - expected_ms) <= half_width(seen) + 0.5 + expected_ms / 256);
}

/// One request in twenty also needs the pod's only database connection, for 36 ms in the mean.
ServiceConfig with_database_pool() {
  ServiceConfig c = workers(32);
  c.service_time =
      Distribution::lognormal_percentiles(0.5, Duration(44500us), 0.99, Duration(98ms));
  c.pooled_permille = 50;
  c.pool_size = 1;
  c.pool_time = Distribution::lognormal_percentiles(0.5, Duration(34500us), 0.99, Duration(69ms));
  return c;
}

}  // namespace

TEST_CASE("capacity: quantiles of the worker queue with six, four and three targets",
          "[capacity]") {
  struct Row {
    std::int32_t workers;
    std::array<double, 2> six, four, three;  // p50, p99; 0: unstable
  };
  const Row row =
      GENERATE(Row{17, {45, 120}, {54, 141}, {0, 0}}, Row{18, {45, 120}, {49, 129}, {0, 0}},
               Row{20, {45, 120}, {46, 122}, {0, 0}}, Row{24, {45, 120}, {45, 120}, {48, 125}});
  const ServiceConfig service = workers(row.workers);
  const double mean = service.service_time.mean() / 1e9;
  CHECK(mean == Approx(0.0492).epsilon(0.001));
  const auto check = [&](int targets, const std::array<double, 2>& expected) {
    INFO(row.workers << " workers, " << targets << " targets");
    const Measured seen = measure(targets, service);
    check_quantile(seen.p50_ms, expected[0]);
    check_quantile(seen.p99_ms, expected[1]);
    CHECK(seen.utilisation ==
          Approx(requests_per_second / targets * mean / row.workers).epsilon(0.01));
  };
  check(6, row.six);
  check(4, row.four);
  if (row.three[0] > 0) {
    check(3, row.three);
    return;
  }
  // 413 requests/s are more than it can serve: the queue grows by the difference.
  ServiceWorld<> w(one_of(3, service, 1));
  w.until(1200s);
  const double growth = requests_per_second / 3 - row.workers / mean;
  const double waiting = static_cast<double>(w.processes[0]->waiting());
  const double deviation = std::sqrt(2 * requests_per_second / 3 * 1200);
  INFO(waiting << " wait, expected " << growth * 1200);
  CHECK(std::abs(waiting - growth * 1200) <= 4 * deviation);
}

TEST_CASE("capacity: no number of workers gives the log's latencies with four targets",
          "[capacity]") {
  // p99 from 120 to 140 ms with p50 at 45 ms and no queue: where one queue raises p99 to 140, more
  // than half of the requests wait and p50 rises to 54.
  int fits = 0;
  for (std::int32_t count = 16; count <= 24; ++count) {
    const Measured seen = measure(4, workers(count), 5);
    INFO(count << " workers: " << seen.p50_ms.value << " / " << seen.p99_ms.value << " ms, waited "
               << seen.waited);
    const bool p50 = std::abs(seen.p50_ms.value - 45) <= 1;
    const bool p99 = std::abs(seen.p99_ms.value - 140) <= 7;
    fits += p50 && p99 ? 1 : 0;
    if (count == 17) {
      CHECK(p99);
      CHECK(seen.p50_ms.value > 52);
      CHECK(seen.waited > 0.5);
    }
  }
  CHECK(fits == 0);
}

TEST_CASE("capacity: a second, hotter resource gives them", "[capacity]") {
  const ServiceConfig service = with_database_pool();
  const Measured six = measure(6, service);
  const Measured four = measure(4, service);
  INFO("six targets " << six.p50_ms.value << " / " << six.p99_ms.value << ", four "
                      << four.p50_ms.value << " / " << four.p99_ms.value);
  CHECK(six.p50_ms.value == Approx(45).margin(1));
  CHECK(four.p50_ms.value == Approx(six.p50_ms.value).margin(0.5));
  CHECK(six.p99_ms.value == Approx(120).margin(4));
  CHECK(four.p99_ms.value == Approx(140).margin(4));
  CHECK(four.waited < 0.001);  // "Connection Queue: 0"
  // What the log's 140 ms does not tell: with three targets the pool is 74 % busy.
  const Measured three = measure(3, service);
  CHECK(three.p99_ms.value > 165);
}
