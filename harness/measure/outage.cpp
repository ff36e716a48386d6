#include "harness/measure/outage.hpp"

#include <algorithm>

namespace predrill::harness {

using sim::Duration;

namespace {

// Instants of successful answers on the path, ascending.
std::vector<Duration> successes(const models::Journal& journal, std::uint16_t path) {
  std::vector<Duration> at;
  for (const models::Attempt& attempt : journal.attempts) {
    if (attempt.path == path && attempt.outcome == models::Outcome::ok) {
      at.emplace_back(attempt.finished);
    }
  }
  std::sort(at.begin(), at.end());
  return at;
}

std::vector<Outage> outages_of(const std::vector<Duration>& success, Duration fault, Duration until,
                               Duration threshold) {
  std::vector<Outage> outages;
  Duration last = std::min(fault, until);  // nothing is known before the first success
  for (const Duration at : success) {
    if (at - last > threshold && at > fault) outages.push_back({last, at, false});
    last = at;
  }
  if (until - last > threshold) outages.push_back({last, until, true});
  return outages;
}

}  // namespace

PathMeasures measure_path(const models::Journal& journal, std::uint16_t path, Duration fault,
                          Duration threshold, Duration recovery_gap) {
  PathMeasures measures;
  const Duration until{journal.observed_until};
  measures.outages = outages_of(successes(journal, path), fault, until, threshold);

  Duration recovered = fault;
  for (const Outage& outage : measures.outages) {
    measures.downtime += outage.end - std::max(outage.begin, fault);
    if (measures.rto != Duration{} && outage.begin - recovered > recovery_gap) continue;
    measures.rto = outage.end - fault;
    measures.censored = outage.open;
    recovered = outage.end;
  }
  for (const models::Attempt& attempt : journal.attempts) {
    if (attempt.path != path || Duration(attempt.finished) < fault) continue;
    ++measures.attempts;
    if (attempt.outcome != models::Outcome::ok) {
      ++measures.failures;
      if (attempt.write && attempt.in_flight) ++measures.unknown;
    } else if (!attempt.write) {
      measures.staleness_max =
          std::max(measures.staleness_max, Duration(attempt.finished - attempt.data_as_of));
    }
  }
  return measures;
}

PathMeasures measure_ledger(const models::Ledger& ledger, Duration fault, Duration until,
                            Duration threshold, Duration recovery_gap) {
  models::Journal journal;
  journal.paths = {"database"};
  journal.observed_until = until.count();
  const auto succeed = [&](sim::Time at) {
    const Duration since_start = at - sim::Time{};
    if (since_start > until) return;
    models::Attempt attempt;
    attempt.sent = attempt.finished = since_start.count();
    journal.attempts.push_back(attempt);
  };
  for (const models::AcknowledgedWrite& write : ledger.writes()) succeed(write.at);
  for (const models::AcknowledgedFlow& flow : ledger.flows()) {
    if (flow.rows_per_kilosecond == 0 || flow.from > sim::Time(until)) continue;
    // Points close enough that a flow has no outage within, unless its rows are that far apart.
    const Duration between = Duration(std::chrono::seconds(1000)) / flow.rows_per_kilosecond;
    const Duration step = std::max({threshold / 2, between, Duration(1)});
    const sim::Time end = std::min(flow.to, sim::Time(until));
    for (sim::Time at = flow.from; at < end; at += step) succeed(at);
    succeed(end);
  }
  PathMeasures measures = measure_path(journal, 0, fault, threshold, recovery_gap);
  measures.attempts = 0;
  return measures;
}

}  // namespace predrill::harness
