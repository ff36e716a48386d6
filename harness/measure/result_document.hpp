// The result document: what every command that simulates or measures answers with --format json.
// Published as scenarios/schema/result.schema.json. The same runs give the same bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/measure/summary.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// One scenario, fault or grid point. What it points at outlives it.
struct ResultEntry {
  std::string scenario;
  const Summary* summary = nullptr;  // required
  std::vector<Judgement> judgements;
  Verdict verdict = Verdict::undecided;  // of all of them: overall()
  std::string setting;                   // behind the dominating stage; may be empty
  /// What --vary or --set gave this entry: path of the key, value.
  std::vector<std::pair<std::string, std::string>> varied;
  std::span<const Observed> observed;  // of an incident
  const RunMeasures* run = nullptr;    // of a single run: adds its outages and pool readings
};

struct ResultDocument {
  std::string command;  // "run", "rehearse", "what-if"
  std::string version;
  std::string system;
  std::uint64_t seed = 0;  // of the first run
  std::vector<ResultEntry> results;
  std::vector<TimelineEntry> timeline;  // single runs
};

/// The document, indented, ended by a line feed. Text that is not UTF-8 is replaced by U+FFFD.
std::string to_json(const ResultDocument& document);

}  // namespace predrill::harness
