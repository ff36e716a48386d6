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
  /// The interval is Student's, over the replicates, and not below 0. Where no trajectory got to
  /// the end it goes from 0 to what the last level that was tried may have, its Clopper-Pearson
  /// bound times the shares before it: the uncertainty of those is left out.
  Estimate probability;
  std::vector<double> passed;  // share that passed each level, over all replicates
  std::uint64_t trajectories = 0;
};

/// One of the independent estimates.
struct SplittingReplicate {
  double probability = 0;
  std::vector<std::uint64_t> begun;   // trajectories by level
  std::vector<std::uint64_t> passed;  // of them
};

/// The mean of independent unbiased estimates with its interval.
Estimate splitting_estimate(const std::vector<double>& replicates, double confidence);
/// The same with the shares by level.
SplittingResult gather(const SplittingOptions& options,
                       const std::vector<SplittingReplicate>& replicates);

/// `start(stream)` gives a first state. `pass(state, level, stream)` goes on from a state until it
/// reaches the level (counted from 0) or can no longer: the state on arrival, or nullopt. Both take
/// their random numbers from the stream alone. `seed` and the number of the replicate decide
/// everything, so that replicates may be computed side by side.
template <class Start, class Pass>
SplittingReplicate split_once(const SplittingOptions& options, std::uint64_t seed,
                              std::size_t replicate, Start start, Pass pass) {
  using State = decltype(start(std::declval<Stream&>()));
  SplittingReplicate result;
  result.begun.assign(options.levels, 0);
  result.passed.assign(options.levels, 0);
  const std::uint64_t own_seed = mix(seed, replicate);
  Stream choice(own_seed, "splitting", "choice");
  std::vector<State> from;
  double product = 1;
  for (std::size_t level = 0; level < options.levels && product > 0; ++level) {
    std::vector<State> arrived;
    // Every state goes on equally often, up to one: which ones get one more is drawn.
    const std::size_t offset = from.empty() ? 0 : choice.below(from.size());
    for (std::size_t i = 0; i < options.effort; ++i) {
      Stream stream(mix(own_seed, level * options.effort + i), "splitting", "trajectory");
      State state = level == 0 ? start(stream) : from[(offset + i) % from.size()];
      std::optional<State> end = pass(std::move(state), level, stream);
      if (end) arrived.push_back(std::move(*end));
    }
    result.begun[level] = options.effort;
    result.passed[level] = arrived.size();
    product *= static_cast<double>(arrived.size()) / static_cast<double>(options.effort);
    from = std::move(arrived);
  }
  result.probability = product;
  return result;
}

/// All replicates, one after the other.
template <class Start, class Pass>
SplittingResult split(const SplittingOptions& options, std::uint64_t seed, Start start, Pass pass) {
  std::vector<SplittingReplicate> replicates;
  for (std::size_t r = 0; r < options.replicates; ++r) {
    replicates.push_back(split_once(options, seed, r, start, pass));
  }
  return gather(options, replicates);
}

}  // namespace predrill::sim
