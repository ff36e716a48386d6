// Closed forms of queues: a second opinion beside the simulation.
//
// lambda is the arrival rate, mu the service rate of one server, c the number of servers, a =
// lambda / mu the offered load. Times are in the unit of 1 / mu. A queue without a steady state
// (lambda >= c mu where nobody leaves) has infinite waits.
#pragma once

#include <cstddef>
#include <vector>

namespace predrill::harness::analytic {

struct QueueAnswer {
  double wait_probability = 0;  // an arrival that is let in has to wait
  double waiting = 0;           // Lq: mean number that waits
  double number = 0;            // L: mean number in the system
  double wait = 0;              // Wq: mean wait of those let in
  double response = 0;          // W: wait and service
  double lost = 0;              // share of arrivals that is turned away or gives up
  double throughput = 0;        // completed per unit of time
  double utilisation = 0;       // of one server
};

/// Lost calls, no waiting room; by the stable recursion. Holds for any service time (insensitive).
double erlang_b(std::size_t c, double a);
/// Probability of waiting of M/M/c; 1 for a >= c.
double erlang_c(std::size_t c, double a);

QueueAnswer mmc(double lambda, double mu, std::size_t c);
/// P(wait > t) of M/M/c, first come first served.
double mmc_wait_tail(double lambda, double mu, std::size_t c, double t);
double mmc_wait_quantile(double lambda, double mu, std::size_t c, double p);

/// At most `k` customers in the system; the others are turned away.
QueueAnswer mmck(double lambda, double mu, std::size_t c, std::size_t k);

/// M/M/c+M: a waiting customer gives up at rate theta > 0 (Palm's Erlang A).
QueueAnswer erlang_a(double lambda, double mu, std::size_t c, double theta);
/// M/M/c+D: a customer that has waited `patience` gives up (Baccelli & Hebuterne 1981): what
/// query_wait_timeout does. `wait` is that of all, served or not.
QueueAnswer mmc_patience(double lambda, double mu, std::size_t c, double patience);

/// M/D/c with service time d, mean wait (Crommelin 1932); infinite for lambda d >= c.
double mdc_wait(double lambda, double d, std::size_t c);
/// M/G/1: mean wait with service mean s and squared coefficient of variation cs2
/// (Pollaczek-Khinchine).
double mg1_wait(double lambda, double s, double cs2);

/// n sources, c servers, no waiting; a is the load that one idle source offers.
struct EngsetAnswer {
  double time_congestion = 0;  // share of time in which all servers are busy
  double call_congestion = 0;  // share of calls that are turned away
};
EngsetAnswer engset(std::size_t n, std::size_t c, double a);

/// M/M/c//N: n clients, each thinks for z on average, then needs a server for s: the machine
/// repairman, and a pool of c server connections with n clients.
QueueAnswer repairman(std::size_t n, std::size_t c, double z, double s);

/// A node of an open Jackson network.
struct JacksonNode {
  double external = 0;  // arrivals from outside
  double mu = 1;
  std::size_t c = 1;
  std::vector<double> next;  // probability of going to each node afterwards; the rest leaves
};
/// The answers node by node; `throughput` is the total arrival rate of the node.
std::vector<QueueAnswer> jackson(const std::vector<JacksonNode>& nodes);

/// n jobs at once, c servers, exponential service of mean s: time until the last one is done.
struct Drain {
  double mean = 0;
  double variance = 0;
};
Drain drain_time(std::size_t n, std::size_t c, double s);

/// Fluid limit of an outage: backlog, and how long the queue takes to empty at the given capacity.
/// Infinite where the capacity does not exceed the arrivals.
struct Backlog {
  double customers = 0;
  double drain = 0;
};
Backlog backlog(double lambda, double capacity, double outage);

/// Asymptotic variance v of the time average of the number waiting in a birth-death queue: the
/// average over T has the variance v / T (Whitt 1992). `birth` by state, deaths min(n, c) mu.
double mmc_waiting_variance(double lambda, double mu, std::size_t c);

}  // namespace predrill::harness::analytic
