#include "harness/kinds/managed_kind.hpp"

#include <algorithm>
#include <array>

namespace predrill::harness {

using sim::Duration;
using sim::Time;

namespace {

// Where every single value of the sections was read, for messages and comparisons.
void record_values(const Node& node, const std::string& path, LoadContext& context) {
  for (const Member& member : node.members) {
    const std::string below = path + "." + member.key;
    context.record(below, member.value.place, member.key);
    if (member.value.is_map()) record_values(member.value, below, context);
  }
}

// What the requests of an application met on a path.
void measure_requests(const models::Journal& journal, std::string_view path,
                      const std::string& name, RunMeasures& run) {
  const auto found = std::ranges::find(journal.paths, path);
  if (found == journal.paths.end()) return;
  const auto index = static_cast<std::uint16_t>(found - journal.paths.begin());
  std::int64_t failed = 0;
  std::int64_t read_only = 0;
  std::int64_t timed_out = 0;  // waited for a connection in vain
  Duration last_of_them{};     // when it came, since the fault
  Duration longest{};
  for (const models::Attempt& one : journal.attempts) {
    if (one.path != index || Duration(one.finished) < run.fault) continue;
    longest = std::max(longest, Duration(one.finished - one.sent));
    if (one.outcome != models::Outcome::ok) ++failed;
    if (one.state == models::SqlState::read_only) ++read_only;
    if (one.outcome != models::Outcome::timeout || one.in_flight) continue;
    ++timed_out;
    last_of_them = std::max(last_of_them, Duration(one.sent) - run.fault);
  }
  run.values.push_back({name + ".failed", MeasureUnit::count, failed});
  run.values.push_back({name + ".read_only_25006", MeasureUnit::count, read_only});
  run.values.push_back({name + ".timed_out", MeasureUnit::count, timed_out});
  run.values.push_back({name + ".timed_out_until", MeasureUnit::time, last_of_them.count()});
  run.values.push_back({name + ".longest_wait", MeasureUnit::time, longest.count()});
}

// The age of the oldest data that a read brought back since the fault.
void measure_staleness(const models::Journal& journal, RunMeasures& run) {
  Duration stalest{};
  bool any = false;
  for (const models::Attempt& one : journal.attempts) {
    const bool counts = !one.write && one.outcome == models::Outcome::ok;
    if (!counts || Duration(one.finished) < run.fault) continue;
    any = true;
    stalest = std::max(stalest, Duration(one.finished - one.data_as_of));
  }
  if (any) run.values.push_back({"reads.stalest", MeasureUnit::time, stalest.count()});
}

}  // namespace

void read_managed_sections(Reader& root, std::string_view database, LoadContext& context,
                           DatabaseClients& clients) {
  const Value section = root.required(database);
  const Value of_clients = root.optional("clients");
  read_database_clients(of_clients, clients);
  if (section.exists()) record_values(*section.node(), std::string(database), context);
  if (of_clients.exists()) record_values(*of_clients.node(), "clients", context);
}

std::optional<MeasureUnit> managed_unit_of(std::string_view value) {
  const bool time = value == "api.available_again" || value == "reads.stalest" ||
                    value.ends_with(".longest_wait") || value.ends_with(".timed_out_until");
  if (time) return MeasureUnit::time;
  const bool known = value.ends_with(".failed") || value.ends_with(".read_only_25006") ||
                     value.ends_with(".timed_out");
  return known ? std::optional(MeasureUnit::count) : std::nullopt;
}

void measure_clients(models::Journal& journal, const DatabaseClients& clients, Time until,
                     RunOutcome& outcome) {
  RunMeasures& run = outcome.measures;
  outcome.journal = std::move(journal);
  models::Journal& moved = outcome.journal;
  moved.observed_until = (until - Time{}).count();
  for (std::size_t i = 0; i < moved.paths.size(); ++i) {
    const auto path = static_cast<std::uint16_t>(i);
    const bool pool = moved.paths[i] == ClientPaths::hikari;
    const Duration interval = pool ? clients.request_interval : clients.probe_interval;
    run.paths.push_back({moved.paths[i],
                         measure_path(moved, path, run.fault, outage_threshold(interval)),
                         count_errors(moved, path, run.fault)});
  }
  measure_requests(moved, ClientPaths::hikari, "hikari", run);
  measure_requests(moved, ClientPaths::proxy, "proxy", run);
  measure_staleness(moved, run);
}

std::int64_t changes_of_writer(const models::Journal& journal) {
  std::int64_t changes = 0;
  models::MemberId last = models::nobody;
  for (const models::Attempt& one : journal.attempts) {
    if (!one.write || one.outcome != models::Outcome::ok || one.server == models::nobody) continue;
    if (last != models::nobody && one.server != last) ++changes;
    last = one.server;
  }
  return changes;
}

Duration first_of(const std::vector<sim::Record>& records, const sim::Kind& kind) {
  const auto found = std::ranges::find(records, &kind, &sim::Record::kind);
  return found == records.end() ? sim::forever : found->at - Time{};
}

Duration api_time(const sim::Trace& trace, const std::vector<sim::Record>& records, Time fault,
                  std::span<const sim::Kind* const> kinds) {
  Duration last{};
  for (const sim::Record& record : records) {
    if (std::ranges::find(kinds, record.kind) == kinds.end()) continue;
    const auto status = static_cast<sim::EntityId>(record.values[0]);
    if (trace.entity_name(status) == "available") last = record.at - fault;
  }
  return last;
}

std::string with_origin(const SystemSpec& system, const std::string& path,
                        const std::string& text) {
  const auto origin = system.origins.find(path);
  if (origin == system.origins.end() || origin->second.line == 0) return text + " (default)";
  const std::string& file = origin->second.file;
  return text + " (" + file.substr(file.rfind('/') + 1) + ":" +
         std::to_string(origin->second.line) + ")";
}

std::string setting_of_clients(const ScenarioSpec& scenario, const DatabaseClients& clients,
                               const std::string& ttl_path, Duration ttl) {
  const SystemSpec& system = scenario.system;
  if (scenario.path == ClientPaths::hikari) {
    return with_origin(system, "clients.networkaddress.cache.ttl",
                       "networkaddress.cache.ttl " + sim::to_text(clients.jvm_dns_ttl));
  }
  if (scenario.path == ClientPaths::proxy) return "RDS Proxy's notice of the new writer";
  if (!clients.dns_cache.on) return "the client's own pace";  // it asks the zone itself
  if (clients.dns_cache.fixed > Duration{}) {
    return with_origin(system, "clients.dns_cache",
                       "dns_cache " + sim::to_text(clients.dns_cache.fixed));
  }
  return with_origin(system, ttl_path, "dns_ttl " + sim::to_text(ttl));
}

}  // namespace predrill::harness
