// Continuous-time Markov chains of failure and repair.
#pragma once

#include <cstddef>
#include <vector>

namespace predrill::harness::analytic {

class MarkovChain {
 public:
  explicit MarkovChain(std::size_t states) : states_(states), rates_(states * states, 0.0) {}

  std::size_t states() const { return states_; }
  /// Adds to the rate of going from one state to another, per unit of time.
  void add_rate(std::size_t from, std::size_t to, double rate) {
    rates_[from * states_ + to] += rate;
  }
  double rate(std::size_t from, std::size_t to) const { return rates_[from * states_ + to]; }

  /// Share of time in each state in the long run. The chain must have one recurrent class.
  std::vector<double> steady_state() const;
  /// Probability of each state at a time, from a distribution at 0; by the matrix exponential.
  std::vector<double> at(double time, const std::vector<double>& initial) const;
  /// Mean time from each state until one of the marked states is reached; zero for those. Infinite
  /// where none can be reached.
  std::vector<double> mean_time_to(const std::vector<bool>& marked) const;

 private:
  std::size_t states_;
  std::vector<double> rates_;
};

}  // namespace predrill::harness::analytic
