// Global sensitivity: which of several inputs moves an output, over their whole ranges at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sim/interval.hpp"

namespace predrill::harness {

/// The output at points of the unit cube, in their order; called once per batch, so that the points
/// may be computed side by side.
using Response = std::function<std::vector<double>(const std::vector<std::vector<double>>& points)>;

/// Elementary effects of one input (Morris 1991, Campolongo et al. 2007): changes of the output per
/// change of the input by its whole range.
struct ElementaryEffects {
  sim::Estimate mean;      // mu: with its sign; effects that cancel do so here
  sim::Estimate mean_abs;  // mu*: how much it moves the output at all
  double deviation = 0;    // sigma: large beside mu*: not linear, or it depends on other inputs
};
/// `trajectories` random paths, each of inputs + 1 points on a grid of four levels.
std::vector<ElementaryEffects> morris(std::size_t inputs, std::size_t trajectories,
                                      std::uint64_t seed, const Response& response);

/// Shares of the output's variance (Sobol 1993): of the input alone, and with all that it does
/// together with others.
struct SobolIndices {
  sim::Estimate first;
  sim::Estimate total;
};
/// `replicates` independent random shifts of a Sobol sequence of `points` points (a power of two)
/// in twice as many dimensions as there are inputs; first order by Saltelli et al. 2010, total by
/// Jansen 1999. The spread of the replicates gives the intervals. Costs replicates * points *
/// (inputs + 2) evaluations. All zero if the output does not vary.
std::vector<SobolIndices> sobol(std::size_t inputs, std::size_t points, std::size_t replicates,
                                std::uint64_t seed, const Response& response);

}  // namespace predrill::harness
