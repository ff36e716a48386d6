// The result document: what every command that simulates or measures answers with --format json.
// Published as scenarios/schema/result.schema.json. The same runs give the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/measure/summary.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/scenario.hpp"
#include "models/journal.hpp"

namespace predrill::harness {

struct GateFinding;

/// A measure of a study: the value, and its difference to the current configuration.
struct MeasureEntry {
  std::string name;  // "rto.p99"
  std::string unit;  // "s", "1/year", or empty for counts
  std::optional<double> value;
  std::optional<sim::Interval<double>> interval;  // 95 %
  std::optional<double> difference;
  std::optional<sim::Interval<double>> difference_interval;  // 95 %, paired
};

/// One scenario, fault or grid point. What it points at outlives it.
struct ResultEntry {
  std::string scenario;
  const Summary* summary = nullptr;  // required
  std::vector<Judgement> judgements;
  Verdict verdict = Verdict::undecided;  // of all of them: overall()
  std::string setting;                   // behind the dominating stage; may be empty
  /// What --vary or --set gave this entry: path of the key, value.
  std::vector<std::pair<std::string, std::string>> varied;
  std::span<const Observed> observed;    // of an incident
  const RunMeasures* run = nullptr;      // of a single run: adds its outages and pool readings
  const models::Journal* journal{};      // likewise: adds attempts by second
  std::vector<MeasureEntry> measures{};  // of a study
  const GateFinding* gate = nullptr;     // how it compares with its baseline
};

struct ElasticityEntry {
  std::string path;
  sim::Estimate whole;                  // of the mean RTO
  std::vector<sim::Estimate> by_stage;  // in the order of stage_names
};

/// What one setting does to a measure over its whole range.
struct SensitivityEntry {
  std::string path;
  std::vector<std::pair<std::string, sim::Estimate>> indices;  // "first", "total"; "mu", "mu_star"
};

/// What a study says beyond its points.
struct WhatIfPart {
  /// Points that Patroni would not run as written.
  std::vector<std::vector<std::pair<std::string, std::string>>> left_out;
  std::vector<ElasticityEntry> elasticities;
  std::vector<std::string> disturbances;           // behind the false failovers
  std::optional<std::vector<std::size_t>> pareto;  // indices of results
  std::optional<std::size_t> smallest_change;
  std::string sensitivity_of{};  // the measure
  std::vector<SensitivityEntry> sensitivity{};
};

/// One kind of failure within a year.
struct YearlyFailure {
  std::string fault;
  double per_year = 0;
  std::string source;                   // of the rate; empty: computed
  std::optional<sim::Estimate> outage;  // seconds; of one failure
  sim::Estimate seconds;                // a year
  std::optional<sim::Estimate> rows;    // acknowledged ones that it loses, a year
  bool lower_bound = false;             // some outages had not ended
};

struct YearEntry {
  std::string change;  // "as it is", "patroni.ttl=20"
  sim::Estimate seconds;
  double budget_used = 0;              // share of the error budget, on average
  std::optional<sim::Estimate> saved;  // seconds a year against "as it is", paired
  std::vector<YearlyFailure> failures;
};

/// What `availability` says beyond the campaigns of its failures.
struct AvailabilityPart {
  double slo = 0;
  sim::Duration window{};
  double budget = 0;                 // seconds
  sim::Interval<double> exceeded{};  // probability that a window uses more than all of it
  bool met = false;                  // as it is, the budget suffices on average
  std::size_t members = 0;           // 0: the rest says nothing
  double losses_per_year = 0;        // of each member
  sim::Duration repair{};
  double years_to_loss = 0;  // of all members at once
  std::vector<YearEntry> years;
};

/// Acknowledged rows that are lost, by the number of faults of the scenario.
struct LossPart {
  struct Case {
    std::uint64_t faults = 0;
    double weight = 0;  // how likely so many are
    sim::Estimate probability;
    std::vector<double> passed;  // by copies lost, then rows lost
  };
  std::uint64_t events = 0;
  double events_of_counting = 0;  // for the same interval; 0: not known
  double none_found = 0;          // what cases without a loss may have at most
  double faults_per_year = 0;     // 0: they have moments of their own; no per_year
  sim::Estimate per_year;
  std::vector<Case> cases;
};

/// How likely something is that no campaign would meet; by splitting, so there are no results.
struct RarePart {
  std::string path;        // of an outage
  sim::Duration length{};  // of it, from the fault
  sim::Estimate probability;
  std::vector<double> passed;  // by level: share of those that passed the one before
  std::uint64_t runs = 0;
  std::optional<LossPart> loss{};  // instead of path, length and passed
};

struct ResultDocument {
  std::string command;  // "run", "rehearse", "gate", "what-if"
  std::string version;
  std::string system;
  std::uint64_t seed = 0;  // of the first run
  std::vector<ResultEntry> results;
  std::vector<TimelineEntry> timeline;  // single runs
  std::optional<WhatIfPart> what_if{};
  std::optional<AvailabilityPart> availability{};
  std::optional<RarePart> rare{};
  std::string reproduce{};  // the command that gives this document again; may be empty
};

/// The document, indented, ended by a line feed. Text that is not UTF-8 is replaced by U+FFFD.
std::string to_json(const ResultDocument& document);

}  // namespace predrill::harness
