#include "harness/analytic/markov.hpp"

#include <Eigen/Dense>
#include <limits>
#include <unsupported/Eigen/MatrixFunctions>

namespace predrill::harness::analytic {

namespace {

using Eigen::Index;

Eigen::MatrixXd generator_of(const MarkovChain& chain) {
  const auto n = static_cast<Index>(chain.states());
  Eigen::MatrixXd q(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      q(i, j) = i == j ? 0 : chain.rate(static_cast<std::size_t>(i), static_cast<std::size_t>(j));
    }
    q(i, i) = -q.row(i).sum();
  }
  return q;
}

}  // namespace

std::vector<double> MarkovChain::steady_state() const {
  const auto n = static_cast<Index>(states_);
  Eigen::MatrixXd equations = generator_of(*this).transpose();
  equations.row(n - 1).setOnes();  // one balance equation follows from the others
  Eigen::VectorXd right = Eigen::VectorXd::Zero(n);
  right(n - 1) = 1;
  const Eigen::VectorXd p = equations.fullPivLu().solve(right);
  return {p.data(), p.data() + n};
}

std::vector<double> MarkovChain::at(double time, const std::vector<double>& initial) const {
  const auto n = static_cast<Index>(states_);
  const Eigen::MatrixXd scaled = generator_of(*this) * time;
  const Eigen::MatrixXd moved = scaled.exp();
  const Eigen::Map<const Eigen::RowVectorXd> start(initial.data(), n);
  const Eigen::RowVectorXd p = start * moved;
  return {p.data(), p.data() + n};
}

std::vector<double> MarkovChain::mean_time_to(const std::vector<bool>& marked) const {
  // States from which a marked one can be reached at all.
  std::vector<bool> reaches = marked;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < states_; ++i) {
      for (std::size_t j = 0; j < states_ && !reaches[i]; ++j) {
        if (rate(i, j) > 0 && reaches[j]) reaches[i] = changed = true;
      }
    }
  }
  // From a state that may slip into one without return the mean is infinite as well.
  std::vector<bool> certain = reaches;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < states_; ++i) {
      for (std::size_t j = 0; j < states_ && certain[i] && !marked[i]; ++j) {
        if (rate(i, j) > 0 && !certain[j]) {
          certain[i] = false;
          changed = true;
        }
      }
    }
  }
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < states_; ++i) {
    if (certain[i] && !marked[i]) open.push_back(i);
  }
  const auto n = static_cast<Index>(open.size());
  const Eigen::MatrixXd q = generator_of(*this);
  Eigen::MatrixXd inner(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      inner(i, j) = q(static_cast<Index>(open[static_cast<std::size_t>(i)]),
                      static_cast<Index>(open[static_cast<std::size_t>(j)]));
    }
  }
  std::vector<double> times(states_, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < states_; ++i) {
    if (marked[i]) times[i] = 0;
  }
  if (n == 0) return times;
  const Eigen::VectorXd t = inner.fullPivLu().solve(-Eigen::VectorXd::Ones(n));
  for (Index i = 0; i < n; ++i) times[open[static_cast<std::size_t>(i)]] = t(i);
  return times;
}

}  // namespace predrill::harness::analytic
