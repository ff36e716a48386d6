// Does a scenario meet its objectives? Met or missed only where the runs are evidence enough.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

enum class Verdict : std::uint8_t { met, missed, undecided };
std::string_view to_text(Verdict verdict);  // "met"

struct Judgement {
  Objective objective;
  Verdict verdict = Verdict::undecided;
  bool single_run = false;  // one observation: says nothing about quantiles
  double value = 0;         // the quantile observed, in the unit of the bound
  std::string reason;       // "p99 is 32.9 s [32.5, 33.0], bound 10 s"
};

/// Holds a quantile against its bound.
///
/// - One run: met or missed in this run.
/// - Otherwise met if the upper end of the quantile's 95 % interval is within the bound, missed if
///   the lower end is beyond it. Where too few runs allow no interval, a one-sided 95 % lower bound
///   beyond the objective still means missed; anything else is undecided. A wrong "met" or "missed"
///   is therefore as rare as 5 %, whatever the distribution.
/// - The quantile 1 means "never": missed by the first run beyond the bound, met if no run is and
///   that share is at most 1 % with 95 % confidence (299 runs).
/// - Censored runs count as never recovered where "met" is concerned, and with the time that they
///   did last where "missed" is.
/// - A run in which no fault struck is never evidence of "met".
///
/// An unknown measure is undecided.
Judgement judge(const Objective& objective, const Summary& summary);

/// The same for real drills, of which there are few: "never" speaks of these drills alone, as a
/// single run does, and the reason says what share of all failovers they leave open. Quantiles are
/// judged as above.
Judgement judge_drills(const Objective& objective, const Summary& summary);

/// Missed if an objective is or an unexplained violation happened; else undecided if one is or
/// there is no run with a fault; else met (also without any objective).
Verdict overall(std::span<const Judgement> judgements, const Summary& summary);

}  // namespace predrill::harness
