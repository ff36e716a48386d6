// How long requests take at one target of a service, by the closed form of its queue of workers.
#pragma once

#include <optional>

#include "models/service_process.hpp"

namespace predrill::harness {

/// Quantile of the response time (wait and service) at so many requests per second, all workers
/// taking from one queue. The wait of M/G/c: Erlang C's probability, and an exponential length
/// whose mean is that of M/M/c times (1 + cs^2) / 2 (Lee & Longton 1959; tails by Whitt 1993).
/// nullopt where there is no steady state, because the workers are too few.
std::optional<sim::Duration> response_quantile(const models::ServiceConfig& process, double tps,
                                               double p);

}  // namespace predrill::harness
