// Prints what must be the same whatever the compiler, its options, the processor and the number of
// threads: one line per subject, "name fingerprint". tests/determinism/run compares the output of
// many builds of this program, so that a line names the subject that went wrong.
//
// usage: predrill_determinism THREADS
//
// A new subject is a function that returns a fingerprint, and a line in `subjects`.
#include <array>
#include <bit>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <sstream>
#include <thread>
#include <vector>

#include "sim/event_set.hpp"
#include "sim/portable_math.hpp"
#include "sim/proportion.hpp"
#include "sim/random.hpp"
#include "sim/sample.hpp"
#include "sim/tally.hpp"
#include "sim/tests_of_fit.hpp"
#include "sim/trace_sinks.hpp"
#include "tests/determinism/every_feature.hpp"

namespace {

using namespace predrill::sim;
namespace every_feature = predrill::every_feature;

struct Fingerprint {
  std::uint64_t value = 0;
  void add(std::uint64_t more) { value = mix(value, more); }
  void add(double more) { add(std::bit_cast<std::uint64_t>(more)); }
};

std::uint64_t streams() {
  Fingerprint fingerprint;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Stream stream(seed, "postgres/1", "promotion");
    for (int i = 0; i < 1000; ++i) {
      fingerprint.add(stream.next());
      fingerprint.add(stream.unit());
      fingerprint.add(stream.below(1000));
      fingerprint.add(stream.child("child").next());
    }
  }
  return fingerprint.value;
}

std::uint64_t elementary_functions() {
  Fingerprint fingerprint;
  Stream stream(1, "determinism", "arguments");
  for (int i = 0; i < 200'000; ++i) {
    const double u = stream.unit();
    const double x = (u - 0.5) * 1400;
    fingerprint.add(portable::log(u));
    fingerprint.add(portable::log1p(u - 0.5));
    fingerprint.add(portable::exp(x));
    fingerprint.add(portable::expm1(u - 0.5));
    fingerprint.add(portable::pow(u * 100, x / 100));
    fingerprint.add(portable::log_gamma(u * 200));
    fingerprint.add(portable::normal_quantile(u));
  }
  return fingerprint.value;
}

std::uint64_t event_set() {
  Fingerprint fingerprint;
  Stream stream(2, "determinism", "events");
  EventSet events;
  std::uint64_t order = 0;
  const auto push = [&](std::int64_t now, std::uint64_t span) {
    events.push({now + static_cast<std::int64_t>(stream.below(span)), order++});
  };
  for (int i = 0; i < 20'000; ++i) push(0, 1'000'000'000);
  for (int i = 0; i < 400'000; ++i) {
    const EventKey key = events.pop();
    fingerprint.add(static_cast<std::uint64_t>(key.at));
    fingerprint.add(key.order);
    push(key.at, i % 3 == 0 ? 10 : 1'000'000'000);
  }
  return fingerprint.value;
}

/// Estimators go through Boost.Math and so through libm: the rounding of sim/probability.hpp has to
/// hide that.
std::uint64_t estimators() {
  Fingerprint fingerprint;
  Stream stream(3, "determinism", "estimators");
  const auto add_estimate = [&](const Estimate& estimate) {
    fingerprint.add(estimate.value);
    fingerprint.add(estimate.interval.low);
    fingerprint.add(estimate.interval.high);
  };
  for (int round = 2; round < 120; ++round) {
    Sample sample;
    Tally tally;
    Proportion proportion;
    std::vector<double> values;
    for (int i = 0; i < round * 10; ++i) {
      values.push_back(-portable::log(stream.unit() + 0x1p-60));
      tally.add(values.back());
      sample.add(static_cast<std::int64_t>(values.back() * 1e9));
      proportion.add(values.back() < 0.1);
    }
    add_estimate(*sample.mean_estimate());
    add_estimate(*tally.mean_estimate());
    for (const double p : {0.5, 0.95, 0.99}) {
      const auto interval = sample.quantile_interval(p).value_or(Interval<std::int64_t>{});
      fingerprint.add(static_cast<std::uint64_t>(interval.low));
      fingerprint.add(static_cast<std::uint64_t>(interval.high));
    }
    for (const auto& interval : {*proportion.wilson(), *proportion.clopper_pearson()}) {
      fingerprint.add(interval.low);
      fingerprint.add(interval.high);
    }
    const std::span<const double> all(values);
    const auto half = all.size() / 2;
    fingerprint.add(kolmogorov_smirnov(all.first(half), all.subspan(half))->p_value);
    fingerprint.add(mann_whitney(all.first(half), all.subspan(half))->p_value);
  }
  return fingerprint.value;
}

/// Every feature of the kernel, and what the sinks write about it.
std::uint64_t kernel() {
  Fingerprint fingerprint;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Simulation sim({.seed = seed});
    std::ostringstream text;
    std::ostringstream lines;
    std::ostringstream tracks;
    TextTimeline timeline(text);
    JsonLines json(lines);
    PerfettoTrace perfetto(tracks);
    sim.trace().attach(timeline);
    sim.trace().attach(json);
    sim.trace().attach(perfetto);
    every_feature::World world(sim);
    world.run(seed == 3 ? Duration(std::chrono::seconds(5)) : forever);
    fingerprint.add(sim.fingerprint());
    fingerprint.add(sim.events_executed());
    for (const auto* out : {&text, &lines, &tracks}) fingerprint.add(stable_hash(out->str()));
  }
  return fingerprint.value;
}

std::uint64_t kernel_with_shuffled_ties() {
  Fingerprint fingerprint;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    fingerprint.add(every_feature::fingerprint({.seed = seed, .shuffle_ties = true}));
  }
  return fingerprint.value;
}

struct Subject {
  const char* name;
  std::uint64_t (*fingerprint)();
};

constexpr std::array<Subject, 6> subjects = {{
    {"streams", streams},
    {"elementary functions", elementary_functions},
    {"event set", event_set},
    {"estimators", estimators},
    {"kernel", kernel},
    {"kernel with shuffled ties", kernel_with_shuffled_ties},
}};

}  // namespace

int main(int argc, char** argv) {
  const auto threads = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (threads < 1 || threads > subjects.size()) {
    std::fprintf(stderr, "usage: predrill_determinism THREADS (1 to %zu)\n", subjects.size());
    return 2;
  }
  // Thread t takes the subjects t, t + threads, ...; they share nothing.
  std::array<std::uint64_t, subjects.size()> results{};
  std::vector<std::jthread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&results, t, threads] {
      for (auto i = t; i < subjects.size(); i += threads) results[i] = subjects[i].fingerprint();
    });
  }
  workers.clear();
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    std::printf("%s %016" PRIx64 "\n", subjects[i].name, results[i]);
  }
}
