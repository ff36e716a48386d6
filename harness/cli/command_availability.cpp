#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "harness/analytic/availability.hpp"
#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/load/load.hpp"
#include "harness/report/number.hpp"
#include "harness/report/progress.hpp"
#include "harness/what_if/axes.hpp"

namespace predrill::harness {

namespace {

using analytic::FailureRate;
using analytic::SimulatedFailure;

constexpr std::size_t usual_runs = 300;

bool complain(const std::string& option, const std::string& problem) {
  std::fprintf(stderr, "predrill: %s: %s\n", option.c_str(), problem.c_str());
  return false;
}

// --rate node_loss=2; a fault that is given a rate of its own loses the assumed one.
bool read_rates(const AvailabilityCommand& command, std::vector<FailureRate>& rates) {
  rates = analytic::usual_failure_rates();
  bool ok = true;
  for (const std::string& text : command.rates) {
    const std::size_t equals = text.find('=');
    const std::string fault = text.substr(0, equals);
    const double value =
        equals == std::string::npos ? -1 : numeric(text.substr(equals + 1)).value_or(-1);
    const auto catalogue = fault_forms();
    const bool known = std::any_of(catalogue.begin(), catalogue.end(),
                                   [&](const FaultForm& one) { return one.name == fault; });
    if (!known || value < 0) {
      ok = complain("--rate",
                    "\"" + text + "\" is not FAULT=times a year; see predrill list faults");
      continue;
    }
    std::erase_if(rates, [&](const FailureRate& rate) { return rate.fault == fault; });
    rates.push_back({fault, value, "given"});
  }
  return ok;
}

struct Question {
  std::string name;  // "as it is", "patroni.ttl=20"
  SystemSpec system;
};

std::vector<SimulatedFailure> simulate(const SystemSpec& system,
                                       const std::vector<FailureRate>& rates,
                                       const CommonOptions& common, std::size_t runs,
                                       Progress& progress) {
  std::vector<SimulatedFailure> failures;
  for (const FailureRate& rate : rates) {
    const auto scenarios = rehearsal_scenarios(system, {rate.fault}, {});
    if (scenarios.empty() || rate.per_year == 0) continue;
    const CampaignResult result = run_campaign(
        scenarios.front(), {.first_seed = common.seed,
                            .runs = runs,
                            .jobs = common.jobs,
                            .stop = &interrupted(),
                            .progress = [&](std::size_t, std::size_t) { progress.add(); }});
    failures.push_back({rate, result.all.objective_path().downtime, result.all.censored() > 0});
  }
  return failures;
}

std::string seconds_cell(const sim::Estimate& e, bool lower_bound = false) {
  char text[96];
  std::snprintf(text, sizeof text, "%s%.1f [%.1f, %.1f]", lower_bound ? "≥ " : "", e.value,
                e.interval.low, e.interval.high);
  return text;
}

void print_year(const analytic::YearlyDowntime& year, const TextStyle& style) {
  Table table({{"failure"},
               {"a year", Table::Align::right},
               {"outage, s", Table::Align::right},
               {"downtime a year, s", Table::Align::right},
               {"share", Table::Align::right}});
  for (const auto& part : year.parts) {
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.3g", part.per_year);
    const bool known = part.outage.has_value();
    table.add({part.name, rate, known ? seconds_cell(*part.outage, part.censored) : "",
               seconds_cell(part.seconds, part.censored),
               percent_text(year.seconds.value > 0 ? part.seconds.value / year.seconds.value : 0)});
  }
  table.add({"all", "", "", seconds_cell(year.seconds), "100 %"});
  std::fputs(table.text(style).c_str(), stdout);
}

void print_rates(const std::vector<SimulatedFailure>& failures, const TextStyle& style) {
  std::fputs(("\n" + coloured("Rates", Colour::bold, style) +
              "   (--rate FAULT=times a year replaces one)\n")
                 .c_str(),
             stdout);
  for (const SimulatedFailure& failure : failures) {
    std::printf("  %-16s %-6.3g %s\n", failure.rate.fault.c_str(), failure.rate.per_year,
                failure.rate.source.c_str());
  }
}

}  // namespace

int command_availability(const AvailabilityCommand& command) {
  std::vector<FailureRate> rates;
  bool ok = read_rates(command, rates);
  const auto slo = numeric(command.slo);
  if (!slo || *slo <= 0 || *slo >= 1) ok = complain("--slo", "write a share, as in 99.9%");
  const auto window = sim::parse_duration(command.window);
  if (!window || *window <= sim::Duration{}) ok = complain("--window", "write a time, as in 30d");
  const auto repair = sim::parse_duration(command.repair);
  if (!repair || *repair <= sim::Duration{}) ok = complain("--repair", "write a time, as in 4h");
  if (!ok) return exit_usage;
  std::vector<Question> questions;
  std::vector<std::string> names = {"as it is"};
  names.insert(names.end(), command.with.begin(), command.with.end());
  for (const std::string& name : names) {
    std::vector<std::string> settings = command.common.settings;
    if (!questions.empty()) settings.push_back(name);
    Diagnostics diagnostics;
    auto system = load_system(command.system, diagnostics, settings);
    if (!report(diagnostics) || !system || !can_simulate(*system)) return exit_usage;
    questions.push_back({name, std::move(*system)});
  }
  const std::size_t runs = command.common.runs == 0 ? usual_runs : command.common.runs;
  const double member_losses = [&] {
    double sum = 0;
    for (const FailureRate& rate : rates) sum += rate.fault == "node_loss" ? rate.per_year : 0;
    return sum;
  }();
  const analytic::Redundancy redundancy{questions.front().system.members.size(), member_losses,
                                        *repair};
  const analytic::RedundancyAnswer lost = analytic::solve(redundancy);
  std::vector<std::vector<SimulatedFailure>> failures;
  std::vector<analytic::YearlyDowntime> years;
  {
    Progress progress("availability",
                      static_cast<std::int64_t>(questions.size() * rates.size() * runs));
    for (const Question& question : questions) {
      failures.push_back(simulate(question.system, rates, command.common, runs, progress));
      years.push_back(analytic::yearly_downtime(failures.back(), lost));
    }
  }
  if (interrupted()) {
    std::fprintf(stderr, "predrill: interrupted; part of a year says nothing\n");
    return exit_interrupted;
  }
  const TextStyle style = style_of_output();
  const analytic::ErrorBudget budget{*slo, *window};
  const auto over =
      analytic::budget_exceeded(budget, failures.front(), command.common.seed).wilson();
  const double use = analytic::budget_use(budget, years.front().seconds);
  std::printf("%s: expected downtime a year, %zu simulated failures of each kind\n\n",
              questions.front().system.name.c_str(), runs);
  print_year(years.front(), style);
  std::printf(
      "\nObjective %s over %s: a budget of %.1f min, of which %.1f %% is used on average; "
      "a window\nuses more than all of it with a probability of %.2f %% to %.2f %%.\n",
      command.slo.c_str(), command.window.c_str(), budget.seconds() / 60, 100 * use,
      100 * over->low, 100 * over->high);
  std::printf(
      "All %zu members are lost at once every %.3g years (Markov chain: each is lost %.3g "
      "times a year, back after %s).\n",
      redundancy.members, lost.years_to_loss, redundancy.losses_per_year,
      sim::to_text(*repair).c_str());
  if (questions.size() > 1) {
    std::fputs(("\n" + coloured("What each change is worth", Colour::bold, style) + "\n").c_str(),
               stdout);
    Table table({{"change"},
                 {"downtime a year, s", Table::Align::right},
                 {"saved, s", Table::Align::right},
                 {"budget used", Table::Align::right}});
    for (std::size_t i = 1; i < questions.size(); ++i) {
      char saved[32];
      std::snprintf(saved, sizeof saved, "%.1f", years[0].seconds.value - years[i].seconds.value);
      table.add({questions[i].name, seconds_cell(years[i].seconds), saved,
                 percent_text(analytic::budget_use(budget, years[i].seconds), 1)});
    }
    std::fputs(table.text(style).c_str(), stdout);
  }
  print_rates(failures.front(), style);
  return use <= 1 ? exit_met : exit_missed;
}

}  // namespace predrill::harness
