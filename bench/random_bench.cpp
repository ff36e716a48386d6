// What a random number costs, beside the standard library's own.
#include <benchmark/benchmark.h>

#include <chrono>
#include <random>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/random.hpp"

namespace {

using namespace predrill::sim;
using namespace std::chrono_literals;

void stream_next(benchmark::State& state) {
  Stream stream(1, "bench", "next");
  for (auto _ : state) benchmark::DoNotOptimize(stream.next());
}
BENCHMARK(stream_next);

void stream_at(benchmark::State& state) {
  const Stream stream(1, "bench", "at");
  std::uint64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(stream.at(index++));
}
BENCHMARK(stream_at);

void stream_next_of_1000(benchmark::State& state) {  // in an order that no predictor learns
  std::vector<Stream> streams;
  for (int i = 0; i < 1000; ++i) streams.emplace_back(1, "bench", std::to_string(i));
  std::uint64_t pick = 0;
  for (auto _ : state) {
    pick = pick * 6364136223846793005u + 1442695040888963407u;
    benchmark::DoNotOptimize(streams[(pick >> 32) % 1000].next());
  }
}
BENCHMARK(stream_next_of_1000);

void std_mt19937_64(benchmark::State& state) {
  std::mt19937_64 engine(1);
  for (auto _ : state) benchmark::DoNotOptimize(engine());
}
BENCHMARK(std_mt19937_64);

void sample(benchmark::State& state, const Distribution& distribution) {
  Stream stream(1, "bench", "sample");
  for (auto _ : state) benchmark::DoNotOptimize(distribution.sample_duration(stream));
}
BENCHMARK_CAPTURE(sample, constant, Distribution::constant(10ms));
BENCHMARK_CAPTURE(sample, uniform, Distribution::uniform(10ms, 20ms));
BENCHMARK_CAPTURE(sample, exponential, Distribution::exponential(10ms));
BENCHMARK_CAPTURE(sample, normal, Distribution::normal(10ms, 2ms));
BENCHMARK_CAPTURE(sample, lognormal, Distribution::lognormal_percentiles(0.5, 12ms, 0.99, 80ms));
BENCHMARK_CAPTURE(sample, weibull, Distribution::weibull(1.7, 10ms));
BENCHMARK_CAPTURE(sample, gamma, Distribution::gamma(2.5, 10ms));
BENCHMARK_CAPTURE(sample, quantiles,
                  Distribution::quantiles({{0, 1ms}, {0.5, 10ms}, {0.99, 80ms}, {1, 100ms}}));
BENCHMARK_CAPTURE(sample, truncated_lognormal,
                  Distribution::lognormal_percentiles(0.5, 12ms, 0.99, 80ms).truncated(5ms, 1s));

template <class Peer>
void std_sample(benchmark::State& state, Peer peer) {
  std::mt19937_64 engine(1);
  for (auto _ : state) benchmark::DoNotOptimize(peer(engine));
}
BENCHMARK_CAPTURE(std_sample, exponential, std::exponential_distribution<>(1e-7));
BENCHMARK_CAPTURE(std_sample, normal, std::normal_distribution<>(1e7, 2e6));
BENCHMARK_CAPTURE(std_sample, lognormal, std::lognormal_distribution<>(16.3, 0.8));
BENCHMARK_CAPTURE(std_sample, weibull, std::weibull_distribution<>(1.7, 1e7));
BENCHMARK_CAPTURE(std_sample, gamma, std::gamma_distribution<>(2.5, 1e7));

}  // namespace
