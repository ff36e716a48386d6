// Queues built from the public API against their closed forms. The length of each run follows from
// the asymptotic variance v of what is measured: a time average over T has the variance v / T, and
// T is such that the 99 % interval is 2 % of the mean wide on either side.
//
// For the workload of an M/G/1 queue v = (E V^3 - E V E V^2) / (1 - rho): the function
// V^2 / (2 (1 - rho)) solves the Poisson equation of the process. The moments are Takacs'. For the
// number in an M/M/c system v is the sum for birth-death processes (Whitt: Asymptotic formulas for
// Markov processes, Operations Research 40(2), 1992).
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/time_weighted.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

constexpr Duration unit = 1ms;     // mean service time
constexpr double z99 = 2.5758293;  // 99.5 % quantile of the normal distribution
constexpr double half_width = 0.02;

double units(Duration d) {
  return static_cast<double>(d.count()) / static_cast<double>(unit.count());
}

// A time average with its run length and what may be expected of it.
struct Target {
  double mean;
  double variance;
  double run_length() const { return variance * std::pow(z99 / (half_width * mean), 2); }
};

void check(double measured, const Target& target) {
  INFO("measured " << measured << ", closed form " << target.mean << " over " << target.run_length()
                   << " mean service times");
  CHECK(std::abs(measured - target.mean) <= half_width * target.mean);
}

// Customers, a queue for a number of servers, first come first served.
class Station {
 public:
  Station(Simulation& sim, std::int64_t servers, Distribution gaps, Distribution services)
      : sim_(sim), servers_(servers), gaps_(std::move(gaps)), services_(std::move(services)) {
    sim.world().spawn(source());
  }
  void end_warm_up() {
    number_.restart(sim_.now());
    workload_area_ = workload_time_ = 0;
  }
  double mean_number() const { return *number_.totals(sim_.now()).mean(); }
  double mean_workload() const { return workload_area_ / workload_time_; }

 private:
  Task<> source() {
    for (;;) {
      const Duration gap = gaps_.sample_duration(arrivals_);
      co_await sleep_for(gap);
      sim_.world().spawn(customer());
    }
  }
  Task<> customer() {
    const Time arrived = sim_.now();
    number_.change_by(arrived, 1);
    const auto permit = co_await servers_.acquire();
    const Duration service = services_.sample_duration(works_);
    begins(arrived, service);
    co_await sleep_for(service);
    number_.change_by(sim_.now(), -1);
  }
  // The workload just after an arrival is its waiting time and its service; from there it falls at
  // the rate 1 until the next arrival. (With one server.)
  void begins(Time arrived, Duration service) {
    const double gap = units(arrived - last_arrival_);
    const double falls = std::min(gap, last_workload_);
    workload_area_ += falls * (last_workload_ - falls / 2);
    workload_time_ += gap;
    last_arrival_ = arrived;
    last_workload_ = units(sim_.now() - arrived + service);
  }

  Simulation& sim_;
  Semaphore servers_;
  Distribution gaps_;
  Distribution services_;
  Stream arrivals_ = sim_.stream("station", "arrivals");
  Stream works_ = sim_.stream("station", "services");
  SignalMeter number_{Time{}, 0};
  Time last_arrival_{};
  double last_workload_ = 0;
  double workload_area_ = 0;
  double workload_time_ = 0;
};

constexpr Duration warm_up = unit * 5000;

// Of an M/G/1 queue with mean service 1 and the next moments of the service time.
Target workload(double rho, double m2, double m3, double m4) {
  const double first = rho * m2 / (2 * (1 - rho));
  const double second = 2 * first * first + rho * m3 / (3 * (1 - rho));
  const double third = rho / (1 - rho) * (1.5 * m2 * second + m3 * first + m4 / 4);
  return {first, (third - first * second) / (1 - rho)};
}

// Of the number in an M/M/c system with mean service 1 and arrival rate a.
Target number_in_system(int c, double a) {
  std::vector<double> p{1};
  double sum = 1;
  for (int n = 1; p.back() > 1e-18 * sum || n <= c; ++n) {
    p.push_back(p.back() * a / std::min(n, c));
    sum += p.back();
  }
  double mean = 0;
  for (std::size_t n = 0; n < p.size(); ++n) mean += static_cast<double>(n) * (p[n] /= sum);
  double variance = 0;
  double above = 0;  // sum over i > j of (i - mean) p_i
  for (std::size_t j = p.size() - 1; j-- > 0;) {
    above += (static_cast<double>(j + 1) - mean) * p[j + 1];
    variance += 2 * above * above / (a * p[j]);
  }
  return {mean, variance};
}

Duration exponential_gap(double rate) {
  return Duration(static_cast<std::int64_t>(static_cast<double>(unit.count()) / rate));
}

}  // namespace

TEST_CASE("the closed forms are those of the textbooks", "[queueing]") {
  CHECK(workload(0.8, 2, 6, 24).mean == Approx(4));          // M/M/1
  CHECK(workload(0.8, 1, 1, 1).mean == Approx(2));           // M/D/1
  CHECK(number_in_system(1, 0.8).mean == Approx(4));         // M/M/1
  CHECK(number_in_system(1, 0.8).variance == Approx(1800));  // 2 rho (1 + rho) / (1 - rho)^4
  CHECK(number_in_system(5, 4).mean == Approx(4 + 4 * 0.554112554));
}

TEST_CASE("an M/M/1 queue has the workload and the number that it should", "[queueing]") {
  const Target work = workload(0.8, 2, 6, 24);
  const Target number = number_in_system(1, 0.8);
  Simulation sim({.seed = 20});
  Station station(sim, 1, Distribution::exponential(exponential_gap(0.8)),
                  Distribution::exponential(unit));
  sim.run_for(warm_up);
  station.end_warm_up();
  const double length = std::max(work.run_length(), number.run_length());
  sim.run_for(Duration(static_cast<std::int64_t>(length * 1e6)));
  check(station.mean_workload(), work);
  check(station.mean_number(), number);
  sim.shut_down();
}

TEST_CASE("an M/D/1 queue has the workload that it should", "[queueing]") {
  const Target work = workload(0.8, 1, 1, 1);
  Simulation sim({.seed = 21});
  Station station(sim, 1, Distribution::exponential(exponential_gap(0.8)),
                  Distribution::constant(unit));
  sim.run_for(warm_up);
  station.end_warm_up();
  sim.run_for(Duration(static_cast<std::int64_t>(work.run_length() * 1e6)));
  check(station.mean_workload(), work);
  sim.shut_down();
}

TEST_CASE("an M/M/c system holds the number that it should", "[queueing]") {
  const auto [c, a] = GENERATE(std::pair(2, 1.5), std::pair(5, 4.0), std::pair(40, 32.0));
  const Target number = number_in_system(c, a);
  Simulation sim({.seed = 22});
  Station station(sim, c, Distribution::exponential(exponential_gap(a)),
                  Distribution::exponential(unit));
  sim.run_for(warm_up);
  station.end_warm_up();
  sim.run_for(Duration(static_cast<std::int64_t>(number.run_length() * 1e6)));
  check(station.mean_number(), number);
  sim.shut_down();
}
