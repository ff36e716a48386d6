#include "harness/measure/outage.hpp"

#include <algorithm>

namespace predrill::harness {

using namespace std::chrono_literals;
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

std::optional<PathMeasures> measure_flows(std::vector<models::AcknowledgedFlow> flows,
                                          sim::Time fault, sim::Time until) {
  if (flows.empty()) return std::nullopt;
  std::sort(flows.begin(), flows.end(),
            [](const auto& a, const auto& b) { return a.from < b.from; });
  constexpr Duration shortest = 100ms;
  PathMeasures measures;
  sim::Time covered = fault;
  const auto gap = [&](sim::Time from, sim::Time to, bool open) {
    measures.outages.push_back({from - sim::Time{}, to - sim::Time{}, open});
    measures.downtime += to - from;
    measures.rto = to - fault;
    measures.censored = open;
  };
  for (const models::AcknowledgedFlow& flow : flows) {
    if (flow.from >= until) break;
    if (flow.to <= covered) continue;
    if (flow.from > covered + shortest) gap(covered, flow.from, false);
    covered = flow.to;
  }
  if (until > covered + shortest) gap(covered, until, true);
  return measures;
}

}  // namespace predrill::harness
