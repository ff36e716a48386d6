// Probabilities too small to count: multilevel splitting with fixed effort.
//
// The way to a rare event is cut into levels of an importance function (work queued, redundancy
// lost, an outage so far). From each level the same number of trajectories start, at states in
// which earlier ones arrived there; the shares that reach the next level multiply to the
// probability (Garvels 2000; L'Ecuyer, Demers & Tuffin 2007). The product is unbiased whatever the
// levels are; good levels are passed with probabilities of 0.1 to 0.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sim/interval.hpp"
#include "sim/random.hpp"

namespace predrill::sim {

struct SplittingOptions {
  std::size_t levels = 2;       // the last one is the rare event
  std::size_t effort = 500;     // trajectories from each level
  std::size_t replicates = 20;  // independent estimates: their spread gives the interval
  double confidence = usual_confidence;
};

struct SplittingResult {
  Estimate probability;        // the interval is Student's, over the replicates, and not below 0
  std::vector<double> passed;  // share that passed each level, over all replicates
  std::uint64_t trajectories = 0;
};

/// The mean of independent unbiased estimates with its interval.
Estimate splitting_estimate(const std::vector<double>& replicates, double confidence);

/// `start(stream)` gives a first state. `pass(state, level, stream)` goes on from a state until it
/// reaches the level (counted from 0) or can no longer: the state on arrival, or nullopt. Both take
/// their random numbers from the stream alone. `seed` decides everything.
template <class Start, class Pass>
SplittingResult split(const SplittingOptions& options, std::uint64_t seed, Start start, Pass pass) {
  using State = decltype(start(std::declval<Stream&>()));
  SplittingResult result;
  std::vector<std::uint64_t> passed(options.levels, 0);
  std::vector<std::uint64_t> begun(options.levels, 0);
  std::vector<double> estimates;
  for (std::size_t r = 0; r < options.replicates; ++r) {
    Stream choice(mix(seed, r), "splitting", "choice");
    std::vector<State> from;
    double product = 1;
    for (std::size_t level = 0; level < options.levels && product > 0; ++level) {
      std::vector<State> arrived;
      // Every state goes on equally often, up to one: which ones get one more is drawn.
      const std::size_t offset = from.empty() ? 0 : choice.below(from.size());
      for (std::size_t i = 0; i < options.effort; ++i) {
        const std::uint64_t key = mix(mix(seed, r), level * options.effort + i);
        Stream stream(key, "splitting", "trajectory");
        State state = level == 0 ? start(stream) : from[(offset + i) % from.size()];
        std::optional<State> end = pass(std::move(state), level, stream);
        if (end) arrived.push_back(std::move(*end));
      }
      begun[level] += options.effort;
      passed[level] += arrived.size();
      product *= static_cast<double>(arrived.size()) / static_cast<double>(options.effort);
      from = std::move(arrived);
    }
    estimates.push_back(product);
  }
  for (std::size_t level = 0; level < options.levels; ++level) {
    result.trajectories += begun[level];
    result.passed.push_back(begun[level] == 0 ? 0.0
                                              : static_cast<double>(passed[level]) /
                                                    static_cast<double>(begun[level]));
  }
  result.probability = splitting_estimate(estimates, options.confidence);
  return result;
}

}  // namespace predrill::sim
