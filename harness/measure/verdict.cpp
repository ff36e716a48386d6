#include "harness/measure/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/report/number.hpp"
#include "sim/order_statistics.hpp"

namespace predrill::harness {

using sim::Sample;

namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr double never_share_max = 0.01;  // what "never" has to be shown for

// A measure as two samples that differ where runs are censored.
struct Evidence {
  Sample low;   // what is known to have happened at least
  Sample high;  // at most
  MeasureUnit unit = MeasureUnit::count;
  std::string counted = "row";  // what a count counts
  std::int64_t bound = 0;
  bool is_time() const { return unit == MeasureUnit::time; }
};

constexpr double scale_of(MeasureUnit unit) {
  return unit == MeasureUnit::time ? 1e9 : unit == MeasureUnit::thousandth ? 1e3 : 1;
}

// Those whose runs ended too early may have been anything above what was seen.
Sample at_most(const Sample& seen, const Sample& censored) {
  if (censored.empty()) return seen;
  std::vector<std::int64_t> values;
  const auto all = seen.sorted();
  const auto open = censored.sorted();
  std::set_difference(all.begin(), all.end(), open.begin(), open.end(), std::back_inserter(values));
  values.resize(all.size(), never);
  return Sample(std::move(values));
}

bool collect(const Objective& objective, const Summary& summary, Evidence& evidence) {
  const bool rto = objective.measure == "rto";
  if (rto || objective.measure == "downtime") {
    const PathSummary& path = summary.objective_path();
    evidence.unit = MeasureUnit::time;
    evidence.bound = std::llround(objective.bound * 1e9);
    evidence.low = rto ? path.rto : path.downtime;
    evidence.high = at_most(evidence.low, rto ? path.censored : path.downtime_censored);
    return true;
  }
  if (objective.measure == "rpo.seconds") {
    evidence.unit = MeasureUnit::time;
    evidence.bound = std::llround(objective.bound * 1e9);
    evidence.low = evidence.high = summary.rpo_age();
    return true;
  }
  if (objective.measure == "rpo.rows" || objective.measure == "rpo.bytes") {
    const bool rows = objective.measure == "rpo.rows";
    evidence.counted = rows ? "row" : "byte";
    evidence.bound = static_cast<std::int64_t>(std::floor(objective.bound));
    evidence.low = evidence.high = rows ? summary.rpo_rows() : summary.rpo_bytes();
    return true;
  }
  const auto found = summary.values().find(objective.measure);
  if (found == summary.values().end()) return false;
  evidence.unit = found->second.unit;
  evidence.counted = "";
  evidence.bound = std::llround(objective.bound * scale_of(evidence.unit));
  evidence.low = evidence.high = found->second.sample;
  return true;
}

std::string value_text(const Evidence& evidence, std::int64_t value) {
  if (!evidence.is_time()) return measure_text(evidence.unit, value);
  return value == never ? "never" : seconds_text(value, evidence.bound < 10'000'000'000 ? 2 : 1);
}

std::string with_noun(const Evidence& evidence, std::int64_t value) {
  const std::string text = measure_text(evidence.unit, value);
  if (evidence.counted.empty()) return text;
  return text + " " + evidence.counted + (value == 1 ? "" : "s");
}

std::string bound_text(const Evidence& evidence) {
  if (evidence.is_time())
    return evidence.bound == 0 ? "0 s" : sim::to_text(sim::Duration(evidence.bound));
  return with_noun(evidence, evidence.bound);
}

std::string with_unit(const Evidence& evidence, std::int64_t value) {
  const std::string text = value_text(evidence, value);
  if (evidence.is_time()) return value == never ? text : text + " s";
  return with_noun(evidence, value);
}

// Whether "never" is said of all runs that could be, or of those that were.
enum class Scope : std::uint8_t { all_runs, these_runs };

void judge_never(const Evidence& evidence, Scope scope, Judgement& judgement) {
  const std::int64_t runs = evidence.low.size();
  const std::int64_t beyond = runs - evidence.low.count_at_most(evidence.bound);
  const std::int64_t within = evidence.high.count_at_most(evidence.bound);
  const std::string bound = bound_text(evidence);
  const sim::Proportion share(runs - within, runs);
  const std::string share_text = percent_text(share.upper_bound().value_or(1), 1);
  if (beyond > 0) {
    judgement.verdict = Verdict::missed;
    judgement.reason = "beyond " + bound + " in " + grouped(beyond) + " of " + grouped(runs) +
                       " runs, the worst with " + with_unit(evidence, *evidence.low.max());
  } else if (within < runs) {
    judgement.reason =
        grouped(runs - within) + " of " + grouped(runs) + " runs ended before they had recovered";
  } else if (scope == Scope::these_runs) {
    judgement.verdict = Verdict::met;
    judgement.reason = "within " + bound + " in all of " + grouped(runs) + " drills; up to " +
                       share_text + " of all failovers may be beyond it (95 %)";
  } else if (*share.upper_bound() <= never_share_max) {
    judgement.verdict = Verdict::met;
    judgement.reason = "within " + bound + " in all of " + grouped(runs) + " runs; at most " +
                       share_text + " of all are not (95 %)";
  } else {
    judgement.reason = "within " + bound + " in all of " + grouped(runs) +
                       " runs, but it takes 299 to show that at most 1 % are not";
  }
}

// Runs that it takes until the p-quantile has an upper bound at all: 1 - p^n >= 95 %.
std::int64_t runs_needed(double p) {
  std::int64_t n = 1;
  while (n < 100'000 && !sim::quantile_upper_bound_rank(n, p, sim::usual_confidence)) ++n;
  return n;
}

void judge_quantile(const Evidence& evidence, double p, Judgement& judgement) {
  const std::int64_t runs = evidence.low.size();
  const std::string name = quantile_name(p);
  const std::string bound = ", bound " + bound_text(evidence);
  const auto from = evidence.low.quantile_interval(p);
  const auto to = evidence.high.quantile_interval(p);
  if (!from || !to) {
    const auto low = evidence.low.quantile_lower_bound(p);
    if (low && *low > evidence.bound) {
      judgement.verdict = Verdict::missed;
      judgement.reason = name + " is at least " + with_unit(evidence, *low) + bound;
    } else {
      judgement.reason = grouped(runs) + " runs cannot bound the " + name + "; it takes " +
                         grouped(runs_needed(p));
    }
    return;
  }
  judgement.reason = name + " is " + with_unit(evidence, *evidence.low.quantile(p)) + " [" +
                     value_text(evidence, from->low) + ", " + value_text(evidence, to->high) + "]" +
                     bound;
  if (to->high <= evidence.bound) {
    judgement.verdict = Verdict::met;
  } else if (from->low > evidence.bound) {
    judgement.verdict = Verdict::missed;
  }
}

Judgement judge(const Objective& objective, const Summary& summary, Scope scope) {
  Judgement judgement;
  judgement.objective = objective;
  Evidence evidence;
  if (!collect(objective, summary, evidence)) {
    judgement.reason = "there is no measure " + objective.measure;
    return judgement;
  }
  if (evidence.low.empty()) {
    judgement.reason = summary.without_fault() > 0 ? "no fault struck" : "no run measured it";
    return judgement;
  }
  judgement.single_run = evidence.low.size() == 1;
  const std::int64_t value = *evidence.low.quantile(objective.quantile);
  judgement.value = static_cast<double>(value) / scale_of(evidence.unit);
  if (judgement.single_run) {
    const bool within = *evidence.high.max() <= evidence.bound;
    const bool beyond = value > evidence.bound;
    judgement.verdict = within ? Verdict::met : beyond ? Verdict::missed : Verdict::undecided;
    judgement.reason = with_unit(evidence, value) + " in this run" +
                       (within || beyond ? "" : ", which ended before recovery") + ", bound " +
                       bound_text(evidence);
  } else if (objective.quantile >= 1) {
    judge_never(evidence, scope, judgement);
  } else {
    judge_quantile(evidence, objective.quantile, judgement);
  }
  if (judgement.verdict == Verdict::met && summary.without_fault() > 0) {
    judgement.verdict = Verdict::undecided;
    judgement.reason += "; but in " + grouped(summary.without_fault()) + " of " +
                        grouped(summary.runs()) + " runs no fault struck";
  }
  return judgement;
}

}  // namespace

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::met:
      return "met";
    case Verdict::missed:
      return "missed";
    case Verdict::undecided:
      break;
  }
  return "undecided";
}

Judgement judge(const Objective& objective, const Summary& summary) {
  return judge(objective, summary, Scope::all_runs);
}

Judgement judge_drills(const Objective& objective, const Summary& summary) {
  return judge(objective, summary, Scope::these_runs);
}

Verdict overall(std::span<const Judgement> judgements, const Summary& summary) {
  const auto any = [&](Verdict verdict) {
    return std::any_of(judgements.begin(), judgements.end(),
                       [&](const Judgement& j) { return j.verdict == verdict; });
  };
  if (summary.has_unexplained_violation() || any(Verdict::missed)) return Verdict::missed;
  if (any(Verdict::undecided) || summary.runs() == summary.without_fault()) {
    return Verdict::undecided;
  }
  return Verdict::met;
}

}  // namespace predrill::harness
