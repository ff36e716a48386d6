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
#include "harness/load/load.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/number.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text_parts.hpp"
#include "harness/what_if/axes.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

using analytic::FailureRate;
using analytic::SimulatedFailure;

constexpr std::size_t usual_runs = 300;

bool complain(const std::string& option, const std::string& problem) {
  std::fprintf(stderr, "predrill: %s: %s\n", option.c_str(), problem.c_str());
  return false;
}

// --rate node_loss=2; a fault that is given a rate of its own loses the assumed one. Rates are
// assumed for a cluster alone.
bool read_rates(const AvailabilityCommand& command, const SystemSpec& system,
                std::vector<FailureRate>& rates) {
  if (system.kind == nullptr) rates = analytic::usual_failure_rates();
  std::vector<std::string> known;
  std::string list;
  for (const ScenarioSpec& one : rehearsal_scenarios(system, {}, {})) {
    list += (known.empty() ? "" : ", ") + one.name;
    known.push_back(one.name);
  }
  bool ok = true;
  for (const std::string& text : command.rates) {
    const std::size_t equals = text.find('=');
    const std::string fault = text.substr(0, equals);
    const double value =
        equals == std::string::npos ? -1 : numeric(text.substr(equals + 1)).value_or(-1);
    if (value < 0 || std::find(known.begin(), known.end(), fault) == known.end()) {
      ok = complain("--rate",
                    "\"" + text + "\" is not FAULT=times a year; this system knows " + list);
      continue;
    }
    std::erase_if(rates, [&](const FailureRate& rate) { return rate.fault == fault; });
    rates.push_back({fault, value, "given"});
  }
  if (ok && rates.empty()) {
    ok = complain("--rate", "nothing is assumed of how often " + system.name +
                                " fails; give FAULT=times a year for some of " + list);
  }
  return ok;
}

struct Question {
  std::string name;  // "as it is", "patroni.ttl=20"
  SystemSpec system;
};

// What one of them has for an answer.
struct Answer {
  std::vector<SimulatedFailure> failures;
  std::vector<CampaignResult> campaigns;  // of each
  analytic::YearlyDowntime year;
};

Answer simulate(const SystemSpec& system, const std::vector<FailureRate>& rates,
                const CommonOptions& common, std::size_t runs, Progress& progress) {
  Answer answer;
  for (const FailureRate& rate : rates) {
    const auto scenarios = rehearsal_scenarios(system, {rate.fault}, {});
    if (scenarios.empty() || rate.per_year == 0) continue;
    std::vector<std::optional<sim::Duration>> by_run(runs);
    CampaignResult result = run_campaign(
        scenarios.front(), {.first_seed = common.seed,
                            .runs = runs,
                            .jobs = common.jobs,
                            .stop = &interrupted(),
                            .progress = [&](std::size_t, std::size_t) { progress.add(); },
                            .each =
                                [&](const RunMeasures& run) {
                                  const PathRun* path = run.find_path(scenarios.front().path);
                                  if (path != nullptr)
                                    by_run[run.seed - common.seed] = path->measures.downtime;
                                }});
    answer.failures.push_back({rate, result.all.objective_path().downtime,
                               result.all.censored() > 0, result.all.rpo_rows(),
                               std::move(by_run)});
    answer.campaigns.push_back(std::move(result));
  }
  return answer;
}

std::string seconds_cell(const sim::Estimate& e, bool lower_bound = false) {
  char text[96];
  std::snprintf(text, sizeof text, "%s%.1f [%.1f, %.1f]", lower_bound ? "≥ " : "", e.value,
                e.interval.low, e.interval.high);
  return text;
}

std::string rows_cell(const sim::Estimate& e) {
  char text[96];
  std::snprintf(text, sizeof text, "%.3g [%.3g, %.3g]", e.value, e.interval.low, e.interval.high);
  return text;
}

void print_year(const analytic::YearlyDowntime& year, const TextStyle& style) {
  Table table({{"failure"},
               {"a year", Table::Align::right},
               {"outage, s", Table::Align::right},
               {"downtime a year, s", Table::Align::right},
               {"share", Table::Align::right},
               {"rows lost a year", Table::Align::right}});
  for (const auto& part : year.parts) {
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.3g", part.per_year);
    const bool known = part.outage.has_value();
    table.add({part.name, rate, known ? seconds_cell(*part.outage, part.censored) : "",
               seconds_cell(part.seconds, part.censored),
               percent_text(year.seconds.value > 0 ? part.seconds.value / year.seconds.value : 0),
               !part.rows              ? ""
               : part.rows->value == 0 ? "0"
                                       : rows_cell(*part.rows)});
  }
  table.add({"all", "", "", seconds_cell(year.seconds), "100 %", ""});
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

struct Asked {
  analytic::ErrorBudget budget;
  analytic::Redundancy redundancy;
  analytic::RedundancyAnswer lost;
  sim::Interval<double> exceeded;
};

YearEntry year_of(const Question& question, const Answer& answer, const Asked& asked) {
  YearEntry entry;
  entry.change = question.name;
  entry.seconds = answer.year.seconds;
  entry.budget_used = analytic::budget_use(asked.budget, answer.year.seconds);
  for (std::size_t i = 0; i < answer.year.parts.size(); ++i) {
    const auto& part = answer.year.parts[i];
    const std::string source = i < answer.failures.size() ? answer.failures[i].rate.source : "";
    entry.failures.push_back(
        {part.name, part.per_year, source, part.outage, part.seconds, part.rows, part.censored});
  }
  return entry;
}

std::string document_of(const std::vector<Question>& questions, const std::vector<Answer>& answers,
                        const Asked& asked, const AvailabilityCommand& command, std::size_t runs) {
  ResultDocument document;
  document.command = "availability";
  document.version = PREDRILL_VERSION;
  document.system = questions.front().system.name;
  document.seed = command.common.seed;
  document.reproduce = reproduction("availability", command.system, command.common, runs);
  for (const auto& [option, words] :
       {std::pair("--rate", &command.rates), std::pair("--with", &command.with)}) {
    for (const std::string& word : *words) {
      document.reproduce += std::string(" ") + option + " " + shell_word(word);
    }
  }
  document.reproduce += " --slo " + shell_word(command.slo) + " --window " +
                        shell_word(command.window) + " --repair " + shell_word(command.repair);
  AvailabilityPart part;
  part.slo = asked.budget.availability;
  part.window = asked.budget.window;
  part.budget = asked.budget.seconds();
  part.exceeded = asked.exceeded;
  part.members = asked.redundancy.members;
  part.losses_per_year = asked.redundancy.losses_per_year;
  part.repair = asked.redundancy.repair;
  part.years_to_loss = asked.lost.years_to_loss;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const Answer& answer = answers[q];
    part.years.push_back(year_of(questions[q], answer, asked));
    if (q > 0) {
      part.years.back().saved =
          analytic::saved(answers.front().failures, answer.failures, asked.lost);
    }
    for (std::size_t i = 0; i < answer.failures.size(); ++i) {
      ResultEntry entry;
      entry.scenario = answer.failures[i].rate.fault;
      entry.summary = &answer.campaigns[i].all;
      entry.verdict = overall({}, *entry.summary);
      const std::size_t equals = questions[q].name.find('=');
      if (q > 0) {
        entry.varied = {
            {questions[q].name.substr(0, equals), questions[q].name.substr(equals + 1)}};
      }
      document.results.push_back(std::move(entry));
    }
  }
  part.met = part.years.front().budget_used <= 1;
  document.availability = std::move(part);
  return to_json(document);
}

std::string years_text(double years) {
  char text[48];
  if (years >= 1e6) {
    std::snprintf(text, sizeof text, "%.3g million years", years / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.3g years", years);
  }
  return text;
}

std::string budget_text(const Asked& asked, const AvailabilityCommand& command,
                        const analytic::YearlyDowntime& now) {
  char text[512];
  std::snprintf(text, sizeof text,
                "Objective %s over %s: a budget of %.1f min, of which %.1f %% is used on average. ",
                command.slo.c_str(), command.window.c_str(), asked.budget.seconds() / 60,
                100 * analytic::budget_use(asked.budget, now.seconds));
  std::string all = text;
  if (asked.exceeded.high < 1e-4) {
    all += "Less than one window in 10,000 uses more than all of it. ";
  } else {
    std::snprintf(text, sizeof text, "A share of %.2f %% to %.2f %% of windows uses more. ",
                  100 * asked.exceeded.low, 100 * asked.exceeded.high);
    all += text;
  }
  if (asked.redundancy.members == 0) return all;
  std::snprintf(text, sizeof text,
                "All %zu members are lost at once every %s (Markov chain: each is lost %.3g times "
                "a year, back after %s).",
                asked.redundancy.members, years_text(asked.lost.years_to_loss).c_str(),
                asked.redundancy.losses_per_year, sim::to_text(asked.redundancy.repair).c_str());
  return all + text;
}

void print_text(const std::vector<Question>& questions, const std::vector<Answer>& answers,
                const Asked& asked, const AvailabilityCommand& command, std::size_t runs) {
  const TextStyle style = style_of_output();
  std::printf("%s: expected downtime a year, %zu simulated failures of each kind\n\n",
              questions.front().system.name.c_str(), runs);
  const analytic::YearlyDowntime& now = answers.front().year;
  print_year(now, style);
  std::fputs(("\n" + paragraph(budget_text(asked, command, now), style)).c_str(), stdout);
  if (questions.size() > 1) {
    std::fputs(("\n" + coloured("What each change is worth", Colour::bold, style) + "\n").c_str(),
               stdout);
    Table table({{"change"},
                 {"downtime a year, s", Table::Align::right},
                 {"saved, s", Table::Align::right},
                 {"budget used", Table::Align::right}});
    for (std::size_t i = 1; i < questions.size(); ++i) {
      const sim::Estimate& seconds = answers[i].year.seconds;
      const sim::Estimate saved =
          analytic::saved(answers.front().failures, answers[i].failures, asked.lost);
      table.add({questions[i].name, seconds_cell(seconds), seconds_cell(saved),
                 percent_text(analytic::budget_use(asked.budget, seconds), 1)});
    }
    std::fputs(table.text(style).c_str(), stdout);
    std::fputs("Saved: paired run by run, 95 % interval; below zero: it costs.\n", stdout);
  }
  print_rates(answers.front().failures, style);
}

}  // namespace

int command_availability(const AvailabilityCommand& command) {
  bool ok = true;
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
  std::vector<FailureRate> rates;
  if (!read_rates(command, questions.front().system, rates)) return exit_usage;
  const std::size_t runs = command.common.runs == 0 ? usual_runs : command.common.runs;
  const double member_losses = [&] {
    double sum = 0;
    for (const FailureRate& rate : rates) sum += rate.fault == "node_loss" ? rate.per_year : 0;
    return sum;
  }();
  Asked asked{
      {*slo, *window}, {questions.front().system.members.size(), member_losses, *repair}, {}, {}};
  if (asked.redundancy.members > 0) asked.lost = analytic::solve(asked.redundancy);
  std::vector<Answer> answers;
  {
    Progress progress("availability",
                      static_cast<std::int64_t>(questions.size() * rates.size() * runs));
    for (const Question& question : questions) {
      answers.push_back(simulate(question.system, rates, command.common, runs, progress));
      answers.back().year = analytic::yearly_downtime(answers.back().failures, asked.lost);
    }
  }
  if (interrupted()) {
    std::fprintf(stderr, "predrill: interrupted; part of a year says nothing\n");
    return exit_interrupted;
  }
  asked.exceeded =
      analytic::budget_exceeded(asked.budget, answers.front().failures, command.common.seed)
          .wilson()
          .value_or(sim::Interval<double>{0, 1});
  if (command.common.json()) {
    std::fputs(document_of(questions, answers, asked, command, runs).c_str(), stdout);
  } else {
    print_text(questions, answers, asked, command, runs);
  }
  return analytic::budget_use(asked.budget, answers.front().year.seconds) <= 1 ? exit_met
                                                                               : exit_missed;
}

}  // namespace predrill::harness
