#include "harness/live/compare.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "harness/cli/terminal.hpp"
#include "harness/engine/campaign.hpp"
#include "harness/engine/world.hpp"
#include "harness/load/load.hpp"
#include "sim/random.hpp"
#include "sim/tests_of_fit.hpp"

namespace predrill::harness::live {

namespace {

using namespace std::chrono_literals;
using sim::Sample;

// Which simulation stands for a drill: who led and who was synchronous decides what clients see.
struct Situation {
  std::string primary;
  std::string sync;
  friend auto operator<=>(const Situation&, const Situation&) = default;
};

struct Pairing {
  std::vector<std::int64_t> measured;
  std::vector<double> pit;
  std::vector<std::int64_t> predicted;  // of all situations, as often as their drills
  std::int64_t inside_50 = 0, inside_90 = 0;
  std::vector<Sample> of_drill;  // what was predicted for each
};

// The share of the predictions below a value, ties counting one half.
double rank_of(const Sample& predicted, std::int64_t value) {
  const auto sorted = predicted.sorted();
  const auto low = std::lower_bound(sorted.begin(), sorted.end(), value);
  const auto high = std::upper_bound(low, sorted.end(), value);
  const double below = static_cast<double>(low - sorted.begin());
  const double equal = static_cast<double>(high - low);
  return sorted.empty() ? 0.5 : (below + equal / 2) / static_cast<double>(sorted.size());
}

void pair_up(const Sample& predicted, std::int64_t value, Pairing& to) {
  if (predicted.empty()) return;
  to.measured.push_back(value);
  to.of_drill.push_back(predicted);
  to.pit.push_back(rank_of(predicted, value));
  if (prediction_interval(predicted, 0.5).has(value)) ++to.inside_50;
  if (prediction_interval(predicted, 0.9).has(value)) ++to.inside_90;
  const auto sorted = predicted.sorted();
  to.predicted.insert(to.predicted.end(), sorted.begin(), sorted.end());
}

std::vector<double> as_doubles(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

Comparison summed_up(const std::string& what, const Pairing& pairing) {
  Comparison c;
  c.what = what;
  c.drills = static_cast<std::int64_t>(pairing.measured.size());
  if (c.drills == 0) return c;
  const Sample measured(pairing.measured);
  const Sample predicted(pairing.predicted);
  c.measured_median = *measured.quantile(0.5);
  c.predicted_median = *predicted.quantile(0.5);
  c.predicted_p5 = *predicted.quantile(0.05);
  c.predicted_p95 = *predicted.quantile(0.95);
  c.inside_50 = static_cast<double>(pairing.inside_50) / static_cast<double>(c.drills);
  c.inside_90 = static_cast<double>(pairing.inside_90) / static_cast<double>(c.drills);
  const std::vector<double> a = as_doubles(pairing.measured);
  // Simulated values in the number in which they were drawn, not as often as they were used.
  const std::vector<double> b = predicted.sorted_as_doubles();
  if (const auto test = sim::kolmogorov_smirnov(a, b)) c.kolmogorov_smirnov = test->p_value;
  const std::array<std::span<const double>, 2> both = {a, b};
  if (const auto test = sim::anderson_darling(both)) c.anderson_darling = test->p_value;
  for (const double value : pairing.pit) {
    const auto bin = static_cast<std::size_t>(value * static_cast<double>(pit_bins));
    ++c.pit[std::min(bin, pit_bins - 1)];
  }
  return c;
}

double attainable(const Pairing& pairing, const std::string& what, std::size_t replicates) {
  sim::Stream draws(1, "compare", what);
  std::size_t holding = 0;
  for (std::size_t i = 0; i < replicates; ++i) {
    Pairing drawn;
    for (const Sample& predicted : pairing.of_drill) {
      const auto values = predicted.sorted();
      pair_up(predicted, values[draws.below(values.size())], drawn);
    }
    if (fidelity(summed_up(what, drawn)).holds()) ++holding;
  }
  return static_cast<double>(holding) / static_cast<double>(replicates);
}

// Of measurement before the fault, as in a run.
constexpr sim::Duration before_fault = 5s;

ScenarioSpec scenario_at_once(ScenarioSpec scenario) {
  scenario.faults[0].at.delay = sim::Distribution::constant(before_fault);
  return scenario;
}

// Until the fault will strike at this phase of the primary's loop: a primary that is left alone
// ends a cycle every loop_wait. With clients, as in a drill: their writes make cycles longer.
void wait_for_phase(World& world, sim::Duration phase) {
  if (world.leader() == models::nobody) return;
  const models::Patroni& patroni = world.member(world.leader()).patroni;
  const sim::Duration period = patroni.config().loop_wait;
  world.start_clients();
  world.sim().run_for(period);
  const sim::Duration then = world.sim().now() + before_fault - patroni.last_cycle();
  world.sim().run_for((phase % period + period - then % period) % period);
}

// A record's scenario: as it was given, or below the folder of scenarios.
std::filesystem::path scenario_file(const std::string& name) {
  std::error_code error;
  if (std::filesystem::exists(name, error)) return name;
  const std::size_t at = name.find("scenarios/");
  if (at == std::string::npos) return name;
  const std::filesystem::path folder = find_scenario_folder();
  return folder / name.substr(at + std::string("scenarios/").size());
}

using Cells =
    std::map<std::pair<std::string, std::vector<std::string>>, std::vector<const DrillRecord*>>;

class CellCompare {
 public:
  CellCompare(const std::vector<const DrillRecord*>& records, const CompareOptions& options)
      : records_(records), options_(options) {}

  Cell run() {
    const DrillRecord& first = *records_.front();
    cell_.scenario = first.scenario;
    cell_.settings = first.settings;
    cell_.fault = first.fault;
    cell_.path = first.path;
    Diagnostics diagnostics;
    std::vector<std::string> settings = first.settings;
    settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
    const auto scenario = load_scenario(scenario_file(first.scenario), settings, diagnostics);
    if (!scenario) {
      cell_.problem = diagnostics.text();
      for (std::size_t i = 0; i < records_.size(); ++i) options_.progress();
      return cell_;
    }
    std::map<Situation, std::vector<const DrillRecord*>> situations;
    for (const DrillRecord* record : records_) {
      if (record->valid()) {
        situations[{record->primary, record->sync}].push_back(record);
        ++cell_.drills;
      } else {
        ++cell_.without_proof;
        options_.progress();
      }
    }
    for (const auto& [situation, drills] : situations) simulate(*scenario, situation, drills);
    for (const auto& [what, pairing] : rto_) {
      cell_.rto.push_back(summed_up(what, pairing));
      if (options_.replicates == 0 || pairing.measured.empty()) continue;
      cell_.rto.back().attainable = attainable(pairing, what, options_.replicates);
    }
    for (std::size_t i = 0; i < stages; ++i) {
      cell_.stages.push_back(summed_up(std::string(stage_names[i]), stages_[i]));
    }
    return cell_;
  }

 private:
  void simulate(ScenarioSpec scenario, const Situation& situation,
                const std::vector<const DrillRecord*>& drills) {
    SystemSpec& system = scenario.system;
    system.sync.reset();
    for (std::size_t i = 0; i < system.members.size(); ++i) {
      if (system.members[i].name == situation.primary) system.primary = i;
      if (system.members[i].name == situation.sync) system.sync = i;
    }
    options_.adjust(system);
    std::vector<const DrillRecord*> at_any_phase;
    for (const DrillRecord* drill : drills) {
      if (drill->phase) {
        // The phase was known before the fault: it is no part of what is predicted.
        pair_up_all(scenario_at_once(scenario), {drill}, drill->phase);
      } else {
        at_any_phase.push_back(drill);
      }
    }
    if (!at_any_phase.empty()) pair_up_all(scenario, at_any_phase, std::nullopt);
  }

  void pair_up_all(const ScenarioSpec& scenario, const std::vector<const DrillRecord*>& drills,
                   const std::optional<sim::Duration> phase) {
    CampaignOptions how;
    // Other seeds for each drill: the same ones would say the same of each.
    how.first_seed = next_seed_;
    next_seed_ += options_.runs;
    how.runs = options_.runs;
    how.jobs = options_.jobs;
    how.stop = options_.stop;
    if (phase) how.settled = [phase](World& world) { wait_for_phase(world, *phase); };
    const CampaignResult result = run_campaign(scenario, how);
    const Summary& all = result.all;
    cell_.predicted_lost_rows_max =
        std::max(cell_.predicted_lost_rows_max, all.rpo_rows().max().value_or(0));
    for (const DrillRecord* drill : drills) {
      const RunMeasures& run = drill->measures;
      cell_.lost_rows_max = std::max(cell_.lost_rows_max, static_cast<std::int64_t>(run.loss.rows));
      for (const PathRun& path : run.paths) {
        const auto found = all.paths().find(path.name);
        // The members' own read paths have other names after each failover.
        if (found == all.paths().end() || path.name.starts_with("read:")) continue;
        pair_up(found->second.rto, path.measures.rto.count(), rto_[path.name]);
      }
      for (std::size_t i = 0; i < stages; ++i) {
        pair_up(all.stage_samples()[i], run.stages_of_path[i].count(), stages_[i]);
      }
      options_.progress();
    }
  }

  const std::vector<const DrillRecord*>& records_;
  const CompareOptions& options_;
  std::uint64_t next_seed_ = options_.seed;
  Cell cell_;
  std::map<std::string, Pairing> rto_;
  std::array<Pairing, stages> stages_;
};

}  // namespace

// A value like n predictions falls into each of the n + 1 gaps between them equally often, so the
// ranks are those of n + 1: the quantiles of 200 predictions have 89.6 % between 5 and 95 %.
PredictionInterval prediction_interval(const Sample& predicted, double share) {
  const auto sorted = predicted.sorted();
  const double gaps = static_cast<double>(sorted.size() + 1);
  const double left_out = (1 - share) / 2 * gaps;
  constexpr double rounding = 1e-9;
  const auto from = static_cast<std::size_t>(std::max(1.0, std::floor(left_out + rounding)));
  const auto until = static_cast<std::size_t>(std::ceil(gaps - left_out - rounding));
  return {sorted[from - 1], sorted[std::min(sorted.size(), until) - 1]};
}

std::string Cell::name() const {
  std::string text = std::filesystem::path(scenario).stem().string();
  for (const std::string& setting : settings) text += " " + setting;
  return text;
}

Fidelity fidelity(const Comparison& c) {
  constexpr std::int64_t half_second = 500'000'000;
  Fidelity f;
  const std::int64_t allowed = std::max(half_second, std::abs(c.measured_median) / 10);
  f.median = std::abs(c.bias()) <= allowed;
  f.coverage = c.inside_90 >= 0.8;
  f.distribution = !c.kolmogorov_smirnov || *c.kolmogorov_smirnov >= 0.01;
  return f;
}

std::vector<Cell> compare(const std::vector<DrillRecord>& records, const CompareOptions& options) {
  Cells cells;
  for (const DrillRecord& record : records) {
    cells[{record.scenario, record.settings}].push_back(&record);
  }
  std::vector<Cell> compared;
  for (const auto& [key, of_cell] : cells) {
    if (options.stop != nullptr && options.stop->load()) break;
    compared.push_back(CellCompare(of_cell, options).run());
  }
  return compared;
}

}  // namespace predrill::harness::live
