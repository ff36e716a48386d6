// A run as the journal of a Chaos Toolkit experiment (chaostoolkit-lib 1.x, "Journal" of its open
// specification), for tools that read and render those.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "harness/engine/run.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// `epoch`: the simulated time 0 in Unix seconds. The experiment in it is the one that the scenario
/// was read from; else it names the faults as actions and the objectives as probes. "deviated" says
/// that an objective was missed.
std::string chaos_journal(const ScenarioSpec& scenario, const RunOutcome& outcome,
                          std::span<const Judgement> judgements, Verdict verdict,
                          std::int64_t epoch, const std::string& version);

/// Unix time as "2026-01-01T00:00:00.250000", in UTC.
std::string utc_text(std::int64_t microseconds);

}  // namespace predrill::harness
