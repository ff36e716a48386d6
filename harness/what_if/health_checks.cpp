#include "harness/what_if/health_checks.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "harness/kinds/gateway_spec.hpp"
#include "harness/report/text_parts.hpp"
#include "harness/what_if/study_text.hpp"

namespace predrill::harness {

namespace {

std::string range_text(double least, double mean, double most) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4g / %.4g / %.4g", least, mean, most);
  return text;
}

// "4.7 h", "117 d", "317 years": these span nine orders of magnitude.
std::string long_time(double seconds) {
  struct Unit {
    double length;
    const char* name;
  };
  constexpr std::array<Unit, 4> units = {
      {{365.25 * 86400, "years"}, {86400, "d"}, {3600, "h"}, {60, "min"}}};
  char text[48];
  for (const Unit& unit : units) {
    if (seconds < 2 * unit.length) continue;
    std::snprintf(text, sizeof text, "%.3g %s", seconds / unit.length, unit.name);
    return text;
  }
  std::snprintf(text, sizeof text, "%.3g s", seconds);
  return text;
}

}  // namespace

double CheckForms::false_alarm(double p) const {
  return interval * (std::pow(p, -unhealthy_threshold) - 1) / (1 - p);
}

std::optional<CheckForms> check_forms(const SystemSpec& system) {
  const auto* spec = dynamic_cast<const GatewaySpec*>(system.of_kind.get());
  if (spec == nullptr || spec->target_group.checkers != 1) return std::nullopt;
  const models::TargetGroupConfig& group = spec->target_group;
  CheckForms forms;
  forms.targets = spec->served_workload().replicas;
  forms.interval = sim::seconds(group.health_check_interval);
  forms.unhealthy_threshold = group.unhealthy_threshold_count;
  const double timeout = sim::seconds(group.health_check_timeout);
  const double more = forms.unhealthy_threshold - 1;
  const bool fixed_rate = group.schedule == models::CheckSchedule::fixed_rate;
  forms.least_refused = more * forms.interval;
  forms.least_silent = more * (forms.interval + (fixed_rate ? 0 : timeout)) + timeout;
  forms.mean_refused = forms.least_refused + forms.interval / 2;
  forms.mean_silent = forms.least_silent + forms.interval / 2;
  forms.most_refused = forms.least_refused + forms.interval;
  forms.most_silent = forms.least_silent + forms.interval;
  return forms;
}

std::string check_forms_text(const StudyPlan& plan, const TextStyle& style) {
  using Align = Table::Align;
  Table table({{"configuration"},
               {"found, refused [s]", Align::right},
               {"found, silent [s]", Align::right},
               {"false alarm at 0.1 %", Align::right},
               {"1 %", Align::right},
               {"5 %", Align::right},
               {"rarer at 1 %", Align::right},
               {"5 %", Align::right}});
  const auto now = check_forms(plan.current.system);
  if (!now) return "";
  const auto factor = [&](const CheckForms& forms, double p) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3gx", forms.false_alarm(p) / now->false_alarm(p));
    return std::string(text);
  };
  for_each_configuration(plan, [&](const std::string& name, const ScenarioSpec& scenario) {
    const auto forms = check_forms(scenario.system);
    if (!forms) return;
    table.add({name, range_text(forms->least_refused, forms->mean_refused, forms->most_refused),
               range_text(forms->least_silent, forms->mean_silent, forms->most_silent),
               long_time(forms->false_alarm(0.001) / forms->targets),
               long_time(forms->false_alarm(0.01) / forms->targets),
               long_time(forms->false_alarm(0.05) / forms->targets), factor(*forms, 0.01),
               factor(*forms, 0.05)});
  });
  return table.text(style) +
         paragraph(
             "Found: least / mean / most time until a target that fails is unhealthy. False "
             "alarm: mean time between two of all " +
                 std::to_string(now->targets) +
                 " targets, if each check fails by chance with this probability; rarer: "
                 "against now.",
             style);
}

}  // namespace predrill::harness
