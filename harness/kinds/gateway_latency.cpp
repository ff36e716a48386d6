#include "harness/kinds/gateway_latency.hpp"

#include <array>
#include <cstddef>

#include "harness/analytic/queueing.hpp"
#include "sim/portable_math.hpp"

namespace predrill::harness {

using sim::Distribution;
using sim::Duration;

namespace {

constexpr std::size_t steps = 200;  // of equal probability, over the service time

struct ServiceTimes {
  explicit ServiceTimes(const Distribution& distribution) {
    for (std::size_t i = 0; i < steps; ++i) {
      times[i] = distribution.quantile((static_cast<double>(i) + 0.5) / steps);
      mean += times[i] / steps;
    }
    for (const double time : times) variation += (time - mean) * (time - mean) / steps;
    variation /= mean * mean;
  }
  std::array<double, steps> times{};  // nanoseconds
  double mean = 0;
  double variation = 0;  // squared coefficient of variation
};

}  // namespace

std::optional<Duration> response_quantile(const models::ServiceConfig& process, double tps,
                                          double p) {
  const ServiceTimes service(process.service_time);
  const auto workers = static_cast<std::size_t>(process.workers);
  const double mean = process.service_time.mean();
  const double rate = tps / 1e9;  // per nanosecond
  if (tps <= 0 || rate * mean >= process.workers) return std::nullopt;
  const double waits = analytic::erlang_c(workers, rate * mean);
  // Of those that wait: 1 / (workers / mean - rate) for exponential service.
  const double mean_wait =
      1 / (static_cast<double>(workers) / mean - rate) * (1 + service.variation) / 2;
  // P(response <= x), over the service times. The last step of a lognormal is long: bisect beyond.
  const auto share_below = [&](double x) {
    double below = (1 - waits) * process.service_time.cdf(x);
    for (const double time : service.times) {
      if (time < x) below += waits * (1 - sim::portable::exp((time - x) / mean_wait)) / steps;
    }
    return below;
  };
  double low = 0;
  double high = process.service_time.quantile(0.9999) + 40 * mean_wait;
  for (int i = 0; i < 48; ++i) {
    const double middle = (low + high) / 2;
    (share_below(middle) < p ? low : high) = middle;
  }
  return Duration(static_cast<std::int64_t>(high));
}

}  // namespace predrill::harness
