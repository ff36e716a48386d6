#include "harness/audit/audit.hpp"

#include <algorithm>
#include <cctype>

#include "harness/engine/rehearsal.hpp"
#include "harness/load/fault_forms.hpp"
#include "sim/parallel.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

// One fault with its simulated runs.
struct Candidate {
  ScenarioSpec scenario;
  bool own = false;
  std::vector<RunFeatures> runs;
};

bool says_expired(const Observed& line) {
  if (line.matches == "key_expired") return true;
  if (line.matches != "leader_gone") return false;
  std::string text = line.event;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.find("expire") != std::string::npos;
}

// The phase of the HA loop is not known of a drill. Times that hang on an event stay.
void strike_at_random_phase(ScenarioSpec& scenario) {
  if (scenario.faults.size() != 1 || !scenario.faults.front().at.after.empty() ||
      scenario.faults.front().at.per_year > 0) {
    return;
  }
  scenario.faults.front().at.delay =
      sim::Distribution::uniform(0s, scenario.system.patroni.loop_wait);
}

std::vector<Candidate> candidates_of(const ScenarioSpec& scenario) {
  std::vector<Candidate> candidates;
  if (!scenario.faults.empty()) {
    Candidate own{scenario, true, {}};
    own.scenario.name = std::string(form_of(scenario.faults.front().kind).name);
    strike_at_random_phase(own.scenario);
    candidates.push_back(std::move(own));
  }
  for (ScenarioSpec& fault : audit_faults(scenario.system)) {
    candidates.push_back({std::move(fault), false, {}});
  }
  return candidates;
}

// All candidates' runs in one go, so that no processor waits for the last run of each.
bool simulate(std::vector<Candidate>& candidates, Duration window, const AuditOptions& options,
              std::size_t all_work, std::vector<std::string>& problems) {
  const std::size_t n = candidates.size() * options.runs;
  const auto show = [&](std::size_t done, std::size_t) {
    if (options.progress) options.progress(done, all_work);
  };
  auto results =
      sim::parallel_results(n,
                            [&](std::size_t i) {
                              return observe_run(candidates[i / options.runs].scenario,
                                                 options.seed + i % options.runs, window);
                            },
                            {.jobs = options.jobs, .stop = options.stop, .progress = show});
  bool complete = true;
  for (std::size_t i = 0; i < n; ++i) {
    Candidate& candidate = candidates[i / options.runs];
    if (!results[i]) {
      complete = false;
    } else if (*results[i]) {
      candidate.runs.push_back(std::move(**results[i]));
    } else {
      std::string problem = candidate.scenario.name + ": runs in which no fault struck";
      if (std::find(problems.begin(), problems.end(), problem) == problems.end()) {
        problems.push_back(std::move(problem));
      }
    }
  }
  return complete;
}

using Pool = std::vector<const RunFeatures*>;

std::vector<Pool> pools_of(const std::vector<Candidate>& candidates) {
  std::vector<Pool> pools(mechanisms);
  for (const Candidate& candidate : candidates) {
    for (const RunFeatures& run : candidate.runs) {
      const auto mechanism = mechanism_of(candidate.scenario.faults.front().kind, run);
      if (mechanism) pools[static_cast<std::size_t>(*mechanism)].push_back(&run);
    }
  }
  return pools;
}

void judge_mechanisms(AuditReport& report, const DrillRecord& record,
                      const std::vector<Pool>& pools) {
  std::vector<Likelihood> likelihoods;
  for (std::size_t m = 0; m < mechanisms; ++m) {
    if (pools[m].empty()) continue;
    MechanismResult result;
    result.mechanism = static_cast<Mechanism>(m);
    result.runs = pools[m].size();
    result.likelihood = likelihood(record, pools[m]);
    likelihoods.push_back(result.likelihood);
    report.mechanisms.push_back(std::move(result));
  }
  const std::vector<Estimate> posterior = posteriors(likelihoods);
  for (std::size_t i = 0; i < posterior.size(); ++i) report.mechanisms[i].posterior = posterior[i];
  std::stable_sort(
      report.mechanisms.begin(), report.mechanisms.end(),
      [](const auto& a, const auto& b) { return a.likelihood.value > b.likelihood.value; });
  for (MechanismResult& result : report.mechanisms) {
    result.best_over_this = ratio(report.mechanisms.front().likelihood, result.likelihood);
    result.possible = result.best_over_this.low < decisive_ratio;
  }
}

void judge_faults(AuditReport& report, const DrillRecord& record,
                  const std::vector<Candidate>& candidates) {
  for (const Candidate& candidate : candidates) {
    if (candidate.runs.empty()) continue;
    Pool pool;
    FaultResult result;
    result.name = candidate.scenario.name;
    result.own = candidate.own;
    result.runs = candidate.runs.size();
    for (const RunFeatures& run : candidate.runs) {
      pool.push_back(&run);
      result.released += run.key_released ? 1 : 0;
    }
    result.likelihood = likelihood(record, pool);
    report.faults.push_back(std::move(result));
  }
  std::stable_sort(report.faults.begin(), report.faults.end(), [](const auto& a, const auto& b) {
    return a.likelihood.value > b.likelihood.value;
  });
  for (FaultResult& result : report.faults) {
    result.best_over_this = ratio(report.faults.front().likelihood, result.likelihood);
  }
}

void judge_lines(AuditReport& report, const DrillRecord& record, const std::vector<Pool>& pools) {
  for (const Reading& reading : record.readings) {
    LineResult line{reading, {}};
    for (const Pool& pool : pools) {
      sim::Proportion agreeing;
      for (const RunFeatures* run : pool) agreeing.add(agrees(reading, *run));
      line.agreeing.push_back(agreeing);
    }
    report.readings.push_back(std::move(line));
  }
}

// What the drill is said to have tested. False: no such fault or mechanism.
bool find_claim(AuditReport& report, const ScenarioSpec& scenario, const DrillRecord& record,
                const std::string& wanted) {
  if (!wanted.empty()) {
    for (std::size_t m = 0; m < mechanisms; ++m) {
      const MechanismInfo& mechanism = info(static_cast<Mechanism>(m));
      if (mechanism.name == wanted) report.claimed = mechanism.mechanism;
    }
    for (const FaultForm& fault : fault_forms()) {
      if (fault.name != wanted) continue;
      RunFeatures released;
      released.key_released = true;
      report.claimed = mechanism_of(fault.kind, released);
    }
    if (!report.claimed) {
      std::string known;
      for (std::size_t m = 0; m < mechanisms; ++m) {
        known += (m > 0 ? ", " : "") + std::string(info(static_cast<Mechanism>(m)).name);
      }
      report.problems.push_back("--claim: \"" + wanted +
                                "\" is no fault that an audit knows, nor " + known);
      return false;
    }
    report.claim = std::string(info(*report.claimed).title);
    report.claimed_by = "--claim " + wanted;
    return true;
  }
  for (std::size_t i = 0; i < record.readings.size(); ++i) {
    const Observed& line = scenario.observed[record.readings[i].line];
    if (!says_expired(line)) continue;
    report.expiry_line = i;
    report.claimed = Mechanism::crash_expiry;
    report.claim = std::string(info(Mechanism::crash_expiry).title);
    report.claimed_by = "at " + sim::to_text(*line.at) + " the record says: " + line.event;
    return true;
  }
  if (scenario.faults.empty()) {
    report.problems.emplace_back("the scenario has no fault, so nothing is claimed; use --claim");
    return false;
  }
  report.claim =
      std::string(form_of(scenario.faults.front().kind).name) + ", as the scenario has it";
  return true;
}

const Likelihood* claimed_likelihood(const AuditReport& report) {
  if (report.claimed) {
    for (const MechanismResult& result : report.mechanisms) {
      if (result.mechanism == *report.claimed) return &result.likelihood;
    }
    return nullptr;
  }
  for (const FaultResult& result : report.faults) {
    if (result.own) return &result.likelihood;
  }
  return nullptr;
}

// The mechanisms that the claim allows: one, or all that the scenario's own fault can take.
std::vector<bool> claimed_mechanisms(const AuditReport& report,
                                     const std::vector<Candidate>& candidates) {
  std::vector<bool> claimed(mechanisms, false);
  if (report.claimed) {
    claimed[static_cast<std::size_t>(*report.claimed)] = true;
    return claimed;
  }
  for (const Candidate& candidate : candidates) {
    if (!candidate.own) continue;
    for (const RunFeatures& run : candidate.runs) {
      const auto mechanism = mechanism_of(candidate.scenario.faults.front().kind, run);
      if (mechanism) claimed[static_cast<std::size_t>(*mechanism)] = true;
    }
  }
  return claimed;
}

std::string ratio_text(double ratio) {
  if (ratio >= 1e6) return "more than a million";
  return std::to_string(static_cast<long long>(ratio));
}

void decide(AuditReport& report, const std::vector<Candidate>& candidates) {
  const Likelihood* claimed = claimed_likelihood(report);
  if (claimed == nullptr || report.mechanisms.empty()) {
    report.reason = "the claimed mechanism could not be simulated";
    return;
  }
  const MechanismResult& best = report.mechanisms.front();
  report.best_over_claim = ratio(best.likelihood, *claimed);
  if (report.best_over_claim.low >= decisive_ratio) {
    report.verdict = AuditVerdict::incompatible;
    report.reason = std::string(info(best.mechanism).title) + " makes this record " +
                    ratio_text(report.best_over_claim.value) +
                    " times as probable as what it claims";
    return;
  }
  if (report.best_over_claim.value >= decisive_ratio) {
    report.reason = "the claim is improbable, but too few runs say so; use more --runs";
    return;
  }
  const std::vector<bool> allowed = claimed_mechanisms(report, candidates);
  for (const MechanismResult& other : report.mechanisms) {
    if (!other.possible || allowed[static_cast<std::size_t>(other.mechanism)]) continue;
    report.reason =
        "cannot distinguish the claim from: " + std::string(info(other.mechanism).title) +
        " (within " + ratio_text(decisive_ratio) + ":1)";
    return;
  }
  report.verdict = AuditVerdict::compatible;
  report.reason = "no other mechanism comes within " + ratio_text(decisive_ratio) + ":1";
}

// A record in which half of the lines fit no run of the best mechanism has no mechanism.
bool nothing_fits(const AuditReport& report) {
  if (report.mechanisms.empty()) return true;
  const auto best = static_cast<std::size_t>(report.mechanisms.front().mechanism);
  const auto impossible = std::count_if(
      report.readings.begin(), report.readings.end(),
      [best](const LineResult& line) { return line.agreeing[best].successes() == 0; });
  return 2 * static_cast<std::size_t>(impossible) > report.readings.size();
}

}  // namespace

bool LineResult::impossible() const {
  return std::all_of(agreeing.begin(), agreeing.end(),
                     [](const sim::Proportion& p) { return p.successes() == 0; });
}

KeyCount count_key_losses(const SystemSpec& system, Duration claimed, const AuditOptions& options) {
  // Patroni: up to 2 s while synchronous standbys are reassigned.
  constexpr Duration longest_overrun = 2s;
  ScenarioSpec scenario = rehearsal_scenarios(system, {"node_loss"}, {}).front();
  // The lease knows nothing of clients and their way to the primary.
  scenario.system.pooler.reset();
  scenario.system.haproxy.reset();
  scenario.system.service.kind = ServiceSpec::Kind::none;
  scenario.system.workload.single_transactions = false;
  models::PatroniConfig patroni = system.patroni;
  models::adjust(patroni);
  KeyCount count;
  count.bound = patroni.ttl - patroni.loop_wait;
  count.threshold = count.bound - longest_overrun;
  const Duration window = patroni.ttl + patroni.loop_wait + 5s;
  const auto runs = sim::parallel_results(
      options.crash_runs,
      [&](std::size_t i) { return observe_key_loss(scenario, options.seed + i, window); },
      {.jobs = options.jobs, .stop = options.stop, .progress = options.progress});
  for (const auto& run : runs) {
    if (!run || !*run) continue;
    count.before_threshold.add(**run < count.threshold);
    count.by_claim.add(**run <= claimed);
    count.earliest = std::min(count.earliest, **run);
  }
  return count;
}

AuditReport run_audit(const ScenarioSpec& scenario, const AuditOptions& options) {
  AuditReport report;
  const DrillRecord record = record_of(scenario);
  report.lines = scenario.observed.size();
  if (!find_claim(report, scenario, record, options.claim)) return report;
  std::vector<Candidate> candidates = candidates_of(scenario);
  const std::size_t crash_runs = report.expiry_line ? options.crash_runs : 0;
  const std::size_t fault_runs = candidates.size() * options.runs;
  const std::size_t all_work = fault_runs + crash_runs;
  report.stopped = !simulate(candidates, record.window, options, all_work, report.problems);
  const std::vector<Pool> pools = pools_of(candidates);
  judge_mechanisms(report, record, pools);
  judge_faults(report, record, candidates);
  judge_lines(report, record, pools);
  if (record.readings.empty()) {
    report.reason = "the record has no line with a time and a milestone";
  } else if (nothing_fits(report)) {
    report.reason = "most lines of the record fit no simulated mechanism";
  } else {
    decide(report, candidates);
  }
  if (crash_runs > 0 && !report.stopped) {
    const Reading& reading = record.readings[*report.expiry_line];
    AuditOptions counting = options;
    counting.progress = [&](std::size_t done, std::size_t) {
      if (options.progress) options.progress(fault_runs + done, all_work);
    };
    report.key = count_key_losses(
        scenario.system, *reading.at + reading.precision + slack(reading.precision), counting);
    report.stopped = report.key->before_threshold.trials() < static_cast<std::int64_t>(crash_runs);
  }
  if (report.stopped) report.verdict = AuditVerdict::undecided;
  return report;
}

}  // namespace predrill::harness
