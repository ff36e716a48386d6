#include "harness/what_if/capacity.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "harness/kinds/gateway_spec.hpp"
#include "harness/report/number.hpp"
#include "harness/report/text.hpp"
#include "harness/what_if/study_text.hpp"

namespace predrill::harness {

namespace {

std::string number(double value) {
  if (!std::isfinite(value)) return "∞";
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string one_decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string seconds_or_never(double value) {
  if (!std::isfinite(value)) return "never";
  return sim::to_text(sim::Duration(static_cast<std::int64_t>(value * 1e9)));
}

}  // namespace

std::optional<PoolForms> pool_forms(const ScenarioSpec& scenario) {
  const SystemSpec& system = scenario.system;
  const WorkloadSpec& load = system.workload;
  if (!system.pooler || !load.single_transactions || load.transactions_per_second <= 0 ||
      load.connections == 0) {
    return std::nullopt;
  }
  const models::PgbouncerConfig& pooler = system.pooler->config;
  PoolForms forms;
  forms.rate = load.transactions_per_second;
  forms.hold =
      (load.read_share * load.read_time.mean() + (1 - load.read_share) * load.write_time.mean()) /
      1e9;
  forms.busy = forms.rate * forms.hold;
  forms.servers = static_cast<std::size_t>(std::max(1, pooler.default_pool_size));
  forms.reserve = static_cast<std::size_t>(std::max(0, pooler.reserve_pool_size));
  forms.clients = load.connections;
  forms.capacity = static_cast<double>(forms.servers) / forms.hold;
  forms.queue = analytic::mmc(forms.rate, 1 / forms.hold, forms.servers);
  const double think = static_cast<double>(forms.clients) / forms.rate - forms.hold;
  if (think > 0) {
    forms.closed = analytic::repairman(forms.clients, forms.servers, think, forms.hold);
  }
  if (!scenario.faults.empty() && scenario.faults.front().length) {
    const double blocked = sim::seconds(*scenario.faults.front().length);
    forms.has_outage = true;
    forms.outage = analytic::backlog(forms.rate, forms.capacity, blocked);
    forms.waiting_most = forms.clients - std::min(forms.clients, forms.servers);
    forms.waiting_drain = static_cast<double>(forms.waiting_most) / forms.capacity;
    forms.with_reserve = analytic::backlog(
        forms.rate, static_cast<double>(forms.servers + forms.reserve) / forms.hold, blocked);
  }
  return forms;
}

std::string capacity_text(const StudyPlan& plan, const TextStyle& style) {
  using Align = Table::Align;
  Table table({{"configuration"},
               {"busy", Align::right},
               {"of", Align::right},
               {"at most, /s", Align::right},
               {"P(wait)", Align::right},
               {"mean wait", Align::right},
               {"wait p99", Align::right},
               {"closed: P(wait)", Align::right},
               {"mean wait", Align::right},
               {"in PgBouncer", Align::right},
               {"gone after", Align::right},
               {"in the clients", Align::right},
               {"gone after", Align::right},
               {"with reserve", Align::right}});
  const auto add = [&](const std::string& name, const ScenarioSpec& scenario) {
    const auto forms = pool_forms(scenario);
    if (!forms) return;
    const double p99 =
        analytic::mmc_wait_quantile(forms->rate, 1 / forms->hold, forms->servers, 0.99);
    const bool thinks = forms->closed.throughput > 0;
    table.add({name, number(forms->busy), std::to_string(forms->servers),
               one_decimal(forms->capacity), number(forms->queue.wait_probability),
               seconds_or_never(forms->queue.wait), seconds_or_never(p99),
               thinks ? number(forms->closed.wait_probability) : "",
               thinks ? seconds_or_never(forms->closed.wait) : "",
               forms->has_outage ? grouped(static_cast<std::int64_t>(forms->waiting_most)) : "",
               forms->has_outage ? seconds_or_never(forms->waiting_drain) : "",
               forms->has_outage ? grouped(std::llround(forms->outage.customers)) : "",
               forms->has_outage ? seconds_or_never(forms->outage.drain) : "",
               forms->has_outage ? seconds_or_never(forms->with_reserve.drain) : ""});
  };
  add("now", plan.current);
  for (const StudyPoint& point : plan.points) add(point_text(point.grid.values), point.scenario);
  if (table.empty()) return "";
  std::string out = table.text(style);
  for (const std::string& line :
       wrap("busy: rate times hold time. P(wait), waits: M/M/c; closed: the same with the clients "
            "that there are, each thinking in between (machine repairman). After a fault that "
            "blocks everything: each client waits in PgBouncer with one transaction, so at most "
            "clients less servers wait there, and who comes new waits behind those alone: that is "
            "why a prober finds the service back at once. What arrived meanwhile waits in the "
            "clients, if they keep and replay it (own.backlog.max, own.backlog.lasts), and is "
            "worked off by what capacity the running load leaves: fluid limit.",
            style.width)) {
    out += line + "\n";
  }
  return out;
}

std::string target_text(const StudyPlan& plan, const TextStyle& style) {
  using Align = Table::Align;
  Table table({{"configuration"},
               {"targets left", Align::right},
               {"each, /s", Align::right},
               {"utilisation", Align::right},
               {"P(wait)", Align::right},
               {"mean wait", Align::right},
               {"wait p99", Align::right}});
  const auto add = [&](const std::string& name, const ScenarioSpec& scenario) {
    const auto* spec = dynamic_cast<const GatewaySpec*>(scenario.system.of_kind.get());
    if (spec == nullptr || spec->load.requests_per_second <= 0) return;
    const double mu = 1e9 / spec->process.service_time.mean();
    const auto workers = static_cast<std::size_t>(spec->process.workers);
    const std::size_t all = static_cast<std::size_t>(spec->served_workload().replicas);
    for (std::size_t lost = 0; lost < std::min<std::size_t>(all, 4); ++lost) {
      const double rate = spec->load.requests_per_second / static_cast<double>(all - lost);
      const auto queue = analytic::mmc(rate, mu, workers);
      table.add({lost == 0 ? name : "", std::to_string(all - lost) + " of " + std::to_string(all),
                 one_decimal(rate), percent_text(rate / (mu * static_cast<double>(workers)), 1),
                 number(queue.wait_probability), seconds_or_never(queue.wait),
                 seconds_or_never(analytic::mmc_wait_quantile(rate, mu, workers, 0.99))});
    }
  };
  add("now", plan.current);
  for (const StudyPoint& point : plan.points) add(point_text(point.grid.values), point.scenario);
  if (table.empty()) return "";
  return table.text(style) +
         "Each target as M/M/c: c its workers, the load spread evenly over the targets that are "
         "left.\n";
}

}  // namespace predrill::harness
