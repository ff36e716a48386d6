#include "harness/analytic/queueing.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/distributions/poisson.hpp>
#include <cmath>
#include <functional>
#include <limits>

namespace predrill::harness::analytic {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

// Stationary probabilities of a birth-death chain up to `last`, normalised as they grow: factorials
// would overflow.
std::vector<double> birth_death(std::size_t last, const std::function<double(std::size_t)>& birth,
                                const std::function<double(std::size_t)>& death) {
  std::vector<double> p(last + 1, 0.0);
  p[0] = 1;
  double sum = 1;
  for (std::size_t n = 1; n <= last; ++n) {
    p[n] = p[n - 1] * birth(n - 1) / death(n);
    sum += p[n];
    if (sum > 1e200) {
      for (std::size_t i = 0; i <= n; ++i) p[i] /= sum;
      sum = 1;
    }
    if (p[n] == 0) break;
  }
  for (double& one : p) one /= sum;
  return p;
}

double busy(std::size_t n, std::size_t c) {
  return static_cast<double>(std::min(n, c));
}

QueueAnswer without_end() {
  return {.wait_probability = 1,
          .waiting = infinite,
          .number = infinite,
          .wait = infinite,
          .response = infinite,
          .lost = 0,
          .throughput = 0,
          .utilisation = 1};
}

}  // namespace

double erlang_b(std::size_t c, double a) {
  double b = 1;
  for (std::size_t k = 1; k <= c; ++k) b = a * b / (static_cast<double>(k) + a * b);
  return b;
}

double erlang_c(std::size_t c, double a) {
  const double rho = a / static_cast<double>(c);
  if (rho >= 1) return 1;
  const double b = erlang_b(c, a);
  return b / (1 - rho * (1 - b));
}

QueueAnswer mmc(double lambda, double mu, std::size_t c) {
  const double a = lambda / mu;
  const auto servers = static_cast<double>(c);
  QueueAnswer q = without_end();
  q.throughput = std::min(lambda, servers * mu);
  if (a >= servers) return q;
  q.wait_probability = erlang_c(c, a);
  q.wait = q.wait_probability / (mu * (servers - a));
  q.waiting = lambda * q.wait;
  q.response = q.wait + 1 / mu;
  q.number = lambda * q.response;
  q.utilisation = a / servers;
  return q;
}

double mmc_wait_tail(double lambda, double mu, std::size_t c, double t) {
  const double a = lambda / mu;
  const auto servers = static_cast<double>(c);
  if (a >= servers) return 1;
  return erlang_c(c, a) * std::exp(-(servers - a) * mu * t);
}

double mmc_wait_quantile(double lambda, double mu, std::size_t c, double p) {
  const double a = lambda / mu;
  const auto servers = static_cast<double>(c);
  if (a >= servers) return infinite;
  const double waits = erlang_c(c, a);
  return waits > 1 - p ? std::log(waits / (1 - p)) / (mu * (servers - a)) : 0;
}

QueueAnswer mmck(double lambda, double mu, std::size_t c, std::size_t k) {
  const auto p = birth_death(
      k, [&](std::size_t) { return lambda; }, [&](std::size_t n) { return mu * busy(n, c); });
  QueueAnswer q;
  double waits = 0;
  for (std::size_t n = 0; n <= k; ++n) {
    q.number += static_cast<double>(n) * p[n];
    if (n > c) q.waiting += static_cast<double>(n - c) * p[n];
    if (n >= c && n < k) waits += p[n];
  }
  q.lost = p[k];
  q.throughput = lambda * (1 - q.lost);
  q.wait_probability = waits / (1 - q.lost);
  q.wait = q.waiting / q.throughput;
  q.response = q.number / q.throughput;
  q.utilisation = q.throughput / mu / static_cast<double>(c);
  return q;
}

QueueAnswer erlang_a(double lambda, double mu, std::size_t c, double theta) {
  // So many states that the rest is below 1e-18: deaths grow without bound.
  const std::size_t last =
      c + static_cast<std::size_t>(std::ceil((lambda + 40 * std::sqrt(lambda)) / theta)) + 200;
  const auto p = birth_death(
      last, [&](std::size_t) { return lambda; },
      [&](std::size_t n) {
        return mu * busy(n, c) + (n > c ? theta * static_cast<double>(n - c) : 0);
      });
  QueueAnswer q;
  double served = 0;
  for (std::size_t n = 0; n <= last; ++n) {
    q.number += static_cast<double>(n) * p[n];
    served += mu * busy(n, c) * p[n];
    if (n >= c) q.wait_probability += p[n];
    if (n > c) q.waiting += static_cast<double>(n - c) * p[n];
  }
  q.lost = theta * q.waiting / lambda;
  q.wait = q.waiting / lambda;
  q.response = q.number / lambda;
  q.throughput = served;
  q.utilisation = served / mu / static_cast<double>(c);
  return q;
}

QueueAnswer mmc_patience(double lambda, double mu, std::size_t c, double patience) {
  // Density of the wait that a patient customer would have: with j = P(c - 1 in system),
  // v(x) = lambda j e^(lambda min(x, D) - c mu x).
  const double capacity = static_cast<double>(c) * mu;
  const double e = lambda - capacity;
  // Integrals of e^(ex) and x e^(ex) over [0, D]; both have a limit at e = 0.
  const double d = patience;
  const double body = std::abs(e) < 1e-12 ? d : std::expm1(e * d) / e;
  const double first =
      std::abs(e) < 1e-12 ? d * d / 2 : (d * std::exp(e * d) - std::expm1(e * d) / e) / e;
  const double beyond = std::exp(e * d) / capacity;  // of v above D, without lambda j
  double below = 1;                                  // sum of p_n / p_(c-1), n < c
  double term = 1;
  for (std::size_t n = c - 1; n > 0; --n) {
    term *= static_cast<double>(n) * mu / lambda;
    below += term;
  }
  const double j = 1 / (below + lambda * (body + beyond));
  QueueAnswer q;
  q.wait_probability = lambda * j * (body + beyond);
  q.lost = lambda * j * beyond;
  q.wait = lambda * j * (first + d * beyond);
  q.waiting = lambda * q.wait;
  q.throughput = lambda * (1 - q.lost);
  q.utilisation = q.throughput / capacity;
  q.number = q.waiting + q.throughput / mu;
  q.response = q.number / lambda;
  return q;
}

double mdc_wait(double lambda, double d, std::size_t c) {
  const auto servers = static_cast<double>(c);
  const double rho = lambda * d / servers;
  if (rho >= 1) return infinite;
  double sum = 0;
  for (std::size_t m = 1; m < 1'000'000; ++m) {
    const double n = static_cast<double>(m) * servers;
    const boost::math::poisson_distribution<double> y(n * rho);
    // P(Y >= n) and P(Y >= n + 1).
    const double at_least = boost::math::cdf(boost::math::complement(y, n - 1));
    const double above = boost::math::cdf(boost::math::complement(y, n));
    const double term = at_least - above / rho;
    sum += term;
    if (std::abs(term) < 1e-17 * std::max(sum, 1e-300)) break;
  }
  return sum * d;
}

double mg1_wait(double lambda, double s, double cs2) {
  const double rho = lambda * s;
  return rho >= 1 ? infinite : rho * s * (1 + cs2) / (2 * (1 - rho));
}

EngsetAnswer engset(std::size_t n, std::size_t c, double a) {
  const auto congestion = [c, a](std::size_t sources) {
    const auto p = birth_death(
        std::min(c, sources), [&](std::size_t k) { return a * static_cast<double>(sources - k); },
        [](std::size_t k) { return static_cast<double>(k); });
    return sources < c ? 0.0 : p[c];
  };
  return {congestion(n), n == 0 ? 0 : congestion(n - 1)};
}

QueueAnswer repairman(std::size_t n, std::size_t c, double z, double s) {
  const auto solve = [c, z, s](std::size_t clients) {
    return birth_death(
        clients, [&](std::size_t k) { return static_cast<double>(clients - k) / z; },
        [&](std::size_t k) { return busy(k, c) / s; });
  };
  const auto p = solve(n);
  QueueAnswer q;
  for (std::size_t k = 0; k <= n; ++k) {
    q.number += static_cast<double>(k) * p[k];
    q.throughput += busy(k, c) / s * p[k];
    if (k > c) q.waiting += static_cast<double>(k - c) * p[k];
  }
  q.response = q.number / q.throughput;
  q.wait = q.waiting / q.throughput;
  q.utilisation = q.throughput * s / static_cast<double>(c);
  // An arrival sees the system without itself (Sevcik & Mitrani 1981).
  const auto others = solve(n - 1);
  for (std::size_t k = c; k < others.size(); ++k) q.wait_probability += others[k];
  return q;
}

std::vector<QueueAnswer> jackson(const std::vector<JacksonNode>& nodes) {
  const auto n = static_cast<Eigen::Index>(nodes.size());
  Eigen::MatrixXd traffic = Eigen::MatrixXd::Identity(n, n);  // I - P^T
  Eigen::VectorXd external(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const JacksonNode& node = nodes[static_cast<std::size_t>(i)];
    external(i) = node.external;
    for (std::size_t j = 0; j < node.next.size(); ++j) {
      traffic(static_cast<Eigen::Index>(j), i) -= node.next[j];
    }
  }
  const Eigen::VectorXd rates = traffic.fullPivLu().solve(external);
  std::vector<QueueAnswer> answers;
  for (Eigen::Index i = 0; i < n; ++i) {
    const JacksonNode& node = nodes[static_cast<std::size_t>(i)];
    answers.push_back(mmc(rates(i), node.mu, node.c));
    answers.back().throughput = rates(i);
  }
  return answers;
}

Drain drain_time(std::size_t n, std::size_t c, double s) {
  Drain drain;
  const auto servers = static_cast<double>(c);
  if (n > c) {
    drain.mean = static_cast<double>(n - c) / servers;
    drain.variance = static_cast<double>(n - c) / (servers * servers);
  }
  for (std::size_t k = 1; k <= std::min(n, c); ++k) {
    const auto left = static_cast<double>(k);
    drain.mean += 1 / left;
    drain.variance += 1 / (left * left);
  }
  drain.mean *= s;
  drain.variance *= s * s;
  return drain;
}

Backlog backlog(double lambda, double capacity, double outage) {
  const double customers = lambda * outage;
  return {customers, capacity > lambda ? customers / (capacity - lambda) : infinite};
}

double mmc_waiting_variance(double lambda, double mu, std::size_t c) {
  const double rho = lambda / mu / static_cast<double>(c);
  if (rho >= 1) return infinite;
  const std::size_t last = c + static_cast<std::size_t>(std::ceil(45 / -std::log(rho)));
  const auto p = birth_death(
      last, [&](std::size_t) { return lambda; }, [&](std::size_t n) { return mu * busy(n, c); });
  const auto waiting = [c](std::size_t n) { return n > c ? static_cast<double>(n - c) : 0.0; };
  double mean = 0;
  for (std::size_t n = 0; n <= last; ++n) mean += waiting(n) * p[n];
  double variance = 0;
  double above = 0;
  for (std::size_t j = last; j-- > 0;) {
    above += (waiting(j + 1) - mean) * p[j + 1];
    if (p[j] > 0) variance += 2 * above * above / (lambda * p[j]);
  }
  return variance;
}

}  // namespace predrill::harness::analytic
