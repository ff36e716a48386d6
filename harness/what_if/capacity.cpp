#include "harness/what_if/capacity.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "harness/kinds/gateway_spec.hpp"
#include "harness/report/number.hpp"
#include "harness/report/text_parts.hpp"
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

// A closed form is no clock: three digits, and nothing below a microsecond.
std::string seconds_or_never(double value) {
  if (!std::isfinite(value)) return "never";
  if (value < 1e-6) return "0";
  if (value >= 60)
    return sim::to_text(sim::Duration(static_cast<std::int64_t>(value) * 1'000'000'000));
  return sim::to_text(sim::Duration(static_cast<std::int64_t>(value * 1e9)));
}

std::string probability(double value) {
  return value < 1e-6 ? "0" : number(value);
}

double one_way(const SystemSpec& system, const std::string& a, const std::string& b) {
  for (const ZoneLatency& pair : system.latencies) {
    if ((pair.a == a && pair.b == b) || (pair.a == b && pair.b == a)) return pair.one_way.mean();
  }
  return 0;
}

// Mean seconds beyond the work of a statement: all, and those of a write's commit.
double way_of(const SystemSpec& system) {
  const std::string& pooler = system.pooler->zones.front();
  return 2 * one_way(system, pooler, system.members[system.primary].zone) / 1e9;
}

double commit_of(const SystemSpec& system) {
  using models::SynchronousCommit;
  if (system.workload.synchronous_commit == SynchronousCommit::off) return 0;
  double time = system.disk.fsync.mean();
  const bool waits = system.sync && system.workload.synchronous_commit != SynchronousCommit::local;
  if (waits) {
    const std::string& zone = system.members[system.primary].zone;
    time += 2 * one_way(system, zone, system.members[*system.sync].zone);
    time += system.disk.fsync.mean();
  }
  return time / 1e9;
}

// Exactly as long as it lasts: whatever fails over ends by itself.
bool holds_everything_up(const FaultSpec& fault) {
  return fault.length &&
         (fault.kind == FaultKind::disk_stall || fault.kind == FaultKind::pgbouncer_kill);
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
  const double writes = 1 - load.read_share;
  forms.hold = (load.read_share * load.read_time.mean() + writes * load.write_time.mean()) / 1e9 +
               way_of(system) + writes * commit_of(system);
  forms.busy = forms.rate * forms.hold;
  forms.servers = static_cast<std::size_t>(std::max(1, pooler.default_pool_size));
  forms.reserve = static_cast<std::size_t>(std::max(0, pooler.reserve_pool_size));
  forms.clients = std::min<std::size_t>(
      load.connections, static_cast<std::size_t>(std::max(0, pooler.max_client_conn)));
  forms.capacity = static_cast<double>(forms.servers) / forms.hold;
  forms.queue = analytic::mmc(forms.rate, 1 / forms.hold, forms.servers);
  forms.logins =
      static_cast<double>(forms.clients) * models::PgbouncerTimings().login(pooler).mean() / 1e9;
  const double think = static_cast<double>(forms.clients) / forms.rate - forms.hold;
  if (think > 0) {
    forms.closed = analytic::repairman(forms.clients, forms.servers, think, forms.hold);
  }
  if (!scenario.faults.empty() && holds_everything_up(scenario.faults.front())) {
    const double blocked = sim::seconds(*scenario.faults.front().length);
    forms.blocks = true;
    forms.outage = analytic::backlog(forms.rate, forms.capacity, blocked);
    forms.waiting_most = forms.clients - std::min(forms.clients, forms.servers);
    forms.waiting_drain = static_cast<double>(forms.waiting_most) / forms.capacity;
    forms.with_reserve = analytic::backlog(
        forms.rate, static_cast<double>(forms.servers + forms.reserve) / forms.hold, blocked);
  }
  return forms;
}

namespace {

std::string steady_text(const StudyPlan& plan, const TextStyle& style) {
  using Align = Table::Align;
  Table table({{"configuration"},
               {"hold", Align::right},
               {"busy", Align::right},
               {"of", Align::right},
               {"at most, /s", Align::right},
               {"P(wait)", Align::right},
               {"mean wait", Align::right},
               {"response", Align::right},
               {"wait p99", Align::right},
               {"closed: P(wait)", Align::right},
               {"mean wait", Align::right},
               {"logins", Align::right}});
  for_each_configuration(plan, [&](const std::string& name, const ScenarioSpec& scenario) {
    const auto forms = pool_forms(scenario);
    if (!forms) return;
    const double p99 =
        analytic::mmc_wait_quantile(forms->rate, 1 / forms->hold, forms->servers, 0.99);
    const bool thinks = forms->closed.throughput > 0;
    table.add(
        {name, seconds_or_never(forms->hold), number(forms->busy), std::to_string(forms->servers),
         one_decimal(forms->capacity), probability(forms->queue.wait_probability),
         seconds_or_never(forms->queue.wait), seconds_or_never(forms->queue.response),
         seconds_or_never(p99), thinks ? probability(forms->closed.wait_probability) : "",
         thinks ? seconds_or_never(forms->closed.wait) : "", seconds_or_never(forms->logins)});
  });
  if (table.empty()) return "";
  return table.text(style) +
         paragraph(
             "Hold: work, commit and the way to the server and back. Busy: rate times hold. "
             "P(wait), waits, response: M/M/c. Closed: the same with the clients that there "
             "are, each thinking in between (machine repairman). Logins: time of PgBouncer's "
             "one thread until all clients have logged in again.",
             style);
}

std::string blocked_text(const StudyPlan& plan, const TextStyle& style) {
  using Align = Table::Align;
  Table table({{"after the fault"},
               {"wait in PgBouncer", Align::right},
               {"gone after", Align::right},
               {"kept by clients", Align::right},
               {"gone after", Align::right},
               {"with the reserve open", Align::right}});
  for_each_configuration(plan, [&](const std::string& name, const ScenarioSpec& scenario) {
    const auto forms = pool_forms(scenario);
    if (!forms || !forms->blocks) return;
    table.add({name, grouped(static_cast<std::int64_t>(forms->waiting_most)),
               seconds_or_never(forms->waiting_drain),
               grouped(std::llround(forms->outage.customers)),
               seconds_or_never(forms->outage.drain), seconds_or_never(forms->with_reserve.drain)});
  });
  if (table.empty()) return "";
  return "\n" + table.text(style) +
         paragraph(
             "If the fault holds everything up as long as it lasts: a client waits in "
             "PgBouncer with one transaction, so at most clients less servers wait there "
             "(waiting.max counts the probes, too), and who comes new waits behind those "
             "alone: that is why rto ends at once. What arrived meanwhile waits in the "
             "clients, if they keep and replay it (own.backlog.max, own.backlog.lasts), and "
             "is worked off by what capacity the running load leaves: fluid limit. The "
             "reserve opens once the first has waited reserve_pool_timeout, and stays.",
             style);
}

}  // namespace

std::string capacity_text(const StudyPlan& plan, const TextStyle& style) {
  return steady_text(plan, style) + blocked_text(plan, style);
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
  for_each_configuration(plan, [&](const std::string& name, const ScenarioSpec& scenario) {
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
                 probability(queue.wait_probability), seconds_or_never(queue.wait),
                 seconds_or_never(analytic::mmc_wait_quantile(rate, mu, workers, 0.99))});
    }
  });
  if (table.empty()) return "";
  return table.text(style) +
         paragraph(
             "Each target as M/M/c: c its workers, the load spread evenly over the targets "
             "that are left.",
             style);
}

}  // namespace predrill::harness
