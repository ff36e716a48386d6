#include "harness/report/open_metrics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string_view>

#include "models/journal.hpp"

namespace predrill::harness {

using sim::Duration;

namespace {

// Postmaster states as pg_up and pg_replication_is_replica would show them.
struct PostgresKind {
  std::string_view kind;
  std::int64_t running;
  std::int64_t replica;  // negative: as before
};
constexpr std::array<PostgresKind, 8> postgres_states = {{{"postgres.starting", 0, -1},
                                                          {"postgres.ready", 1, 0},
                                                          {"postgres.ready_read_only", 1, 1},
                                                          {"postgres.promotion_finished", 1, 0},
                                                          {"postgres.shut_down", 0, -1},
                                                          {"postgres.killed", 0, -1},
                                                          {"postgres.panic", 0, -1},
                                                          {"postgres.sessions_ended", 0, -1}}};

std::string escaped(const std::string& label) {
  std::string text;
  for (const char c : label) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

using Labels = std::vector<std::pair<std::string, std::string>>;

std::string text_of(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += (text.empty() ? "{" : ",") + name + "=\"" + escaped(value) + "\"";
  }
  return text.empty() ? text : text + "}";
}

// Writes one family after the other; samples of a series follow one another in time.
class Writer {
 public:
  Writer(std::int64_t epoch, Duration until, Duration step)
      : epoch_(epoch), until_(until), step_(step) {}

  void family(std::string_view name, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " gauge\n";
  }
  // `value` of a time since the start; nothing where the exporter would not have answered.
  void series(const Labels& labels,
              const std::function<std::optional<std::string>(Duration)>& value) {
    const std::string head = name_ + text_of(labels) + " ";
    for (Duration at{}; at <= until_; at += step_) {
      const auto now = value(at);
      if (!now) continue;
      text_ += head + *now + " " + std::to_string(epoch_ + at / std::chrono::seconds(1)) + "\n";
    }
  }
  std::string finish() { return std::move(text_) + "# EOF\n"; }

 private:
  std::int64_t epoch_;
  Duration until_, step_;
  std::string name_;
  std::string text_;
};

using Change = MetricsRecorder::Change;
using Series = MetricsRecorder::Series;
using Recorded = MetricsRecorder::Recorded;

void change(Series& series, const std::string& name, sim::Time at, std::int64_t value) {
  series[name].push_back({at - sim::Time{}, value});
}

void record_postgres(const std::string& member, std::string_view kind, const sim::Record& record,
                     Recorded& recorded) {
  for (const PostgresKind& state : postgres_states) {
    if (state.kind != kind) continue;
    change(recorded.running, member, record.at, state.running);
    if (state.replica >= 0) change(recorded.replica, member, record.at, state.replica);
  }
  if (kind == "postgres.promotion_finished") {
    change(recorded.timeline, member, record.at, record.values[0]);
    change(recorded.streaming, member, record.at, 0);
  } else if (kind == "postgres.walreceiver_started") {
    change(recorded.timeline, member, record.at, record.values[2]);
    change(recorded.streaming, member, record.at, 1);
  } else if (kind == "postgres.walreceiver_ended" || kind == "postgres.walreceiver_timeout") {
    change(recorded.streaming, member, record.at, 0);
  } else if (kind == "postgres.sync_names") {
    recorded.sync.push_back(
        {record.at - sim::Time{}, record.values[0] == 0 ? 0 : record.values[1]});
  }
}

void record_patroni(const std::string& member, std::string_view kind, sim::Time at,
                    Recorded& recorded) {
  if (kind == "patroni.started") change(recorded.patroni, member, at, 1);
  if (kind == "patroni.killed" || kind == "patroni.exited") {
    change(recorded.patroni, member, at, 0);
  }
  if (kind == "patroni.dcs_error") change(recorded.without_dcs, member, at, 1);
  if (kind == "patroni.failsafe") change(recorded.failsafe, member, at, 1);
  if (kind == "patroni.dcs_back" || kind == "patroni.started") {
    change(recorded.without_dcs, member, at, 0);
    change(recorded.failsafe, member, at, 0);
  }
}

std::optional<Change> last_change(const std::vector<Change>& changes, Duration at) {
  std::optional<Change> found;
  for (const Change& one : changes) {
    if (one.at <= at) found = one;
  }
  return found;
}

std::optional<std::int64_t> last(const std::vector<Change>& changes, Duration at) {
  const auto found = last_change(changes, at);
  return found ? std::optional(found->value) : std::nullopt;
}

std::optional<std::int64_t> of(const Series& series, const std::string& name, Duration at) {
  const auto found = series.find(name);
  return found == series.end() ? std::nullopt : last(found->second, at);
}

using Sampled = std::optional<std::string>;

Sampled flag(bool value) {
  return value ? "1" : "0";
}

// What the exporters of one member answer.
class Member {
 public:
  Member(const Recorded& recorded, const std::string& name, std::size_t index, std::int64_t epoch)
      : recorded_(recorded), name_(name), index_(index), epoch_(epoch) {}

  bool running(Duration at) const { return of(recorded_.running, name_, at) == 1; }
  bool in_recovery(Duration at) const { return of(recorded_.replica, name_, at) == 1; }
  bool has_patroni(Duration at) const { return of(recorded_.patroni, name_, at) == 1; }
  bool unlocked(Duration at) const { return last(recorded_.unlocked, at).value_or(1) == 1; }
  bool failsafe(Duration at) const { return of(recorded_.failsafe, name_, at) == 1; }
  bool streaming(Duration at) const {
    return running(at) && in_recovery(at) && of(recorded_.streaming, name_, at) == 1;
  }
  bool synchronous(Duration at) const {
    const auto members = static_cast<std::uint64_t>(last(recorded_.sync, at).value_or(0));
    return running(at) && in_recovery(at) && (members >> index_ & 1U) != 0;
  }
  // 0 where PostgreSQL does not run.
  std::int64_t timeline(Duration at) const {
    return running(at) ? of(recorded_.timeline, name_, at).value_or(1) : 0;
  }
  // In Unix seconds, at most a cycle too late.
  std::int64_t dcs_last_seen(Duration at) const {
    const auto found = recorded_.without_dcs.find(name_);
    const auto change =
        found == recorded_.without_dcs.end() ? std::nullopt : last_change(found->second, at);
    const Duration seen = change && change->value == 1 ? change->at : at;
    return epoch_ + seen / std::chrono::seconds(1);
  }

 private:
  const Recorded& recorded_;
  const std::string& name_;
  std::size_t index_;
  std::int64_t epoch_;
};

struct MemberGauge {
  std::string_view name, help;
  bool of_patroni;  // else of postgres_exporter
  Sampled (*value)(const Member& member, Duration at);
};

// Names and help of patroni/api.py do_GET_metrics (3.3) and postgres_exporter 0.15.
constexpr std::array<MemberGauge, 13> member_gauges = {{
    {"patroni_postgres_running", "Value is 1 if Postgres is running, 0 otherwise.", true,
     [](const Member& m, Duration at) { return flag(m.running(at)); }},
    {"patroni_primary", "Value is 1 if this node is the leader, 0 otherwise.", true,
     [](const Member& m, Duration at) { return flag(m.running(at) && !m.in_recovery(at)); }},
    {"patroni_replica", "Value is 1 if this node is a replica, 0 otherwise.", true,
     [](const Member& m, Duration at) { return flag(m.running(at) && m.in_recovery(at)); }},
    {"patroni_sync_standby", "Value is 1 if this node is a sync standby replica, 0 otherwise.",
     true, [](const Member& m, Duration at) { return flag(m.synchronous(at)); }},
    {"patroni_postgres_streaming", "Value is 1 if Postgres is streaming, 0 otherwise.", true,
     [](const Member& m, Duration at) { return flag(m.streaming(at)); }},
    {"patroni_postgres_timeline", "Postgres timeline of this node (if running), 0 otherwise.", true,
     [](const Member& m, Duration at) { return Sampled(std::to_string(m.timeline(at))); }},
    {"patroni_cluster_unlocked", "Value is 1 if the cluster is unlocked, 0 if locked.", true,
     [](const Member& m, Duration at) { return flag(m.unlocked(at)); }},
    {"patroni_failsafe_mode_is_active", "Value is 1 if failsafe mode is active, 0 if inactive.",
     true, [](const Member& m, Duration at) { return flag(m.failsafe(at)); }},
    {"patroni_dcs_last_seen",
     "Epoch timestamp when DCS was last contacted successfully by Patroni.", true,
     [](const Member& m, Duration at) { return Sampled(std::to_string(m.dcs_last_seen(at))); }},
    {"patroni_is_paused", "Value is 1 if auto failover is disabled, 0 otherwise.", true,
     [](const Member&, Duration) { return flag(false); }},
    {"patroni_pending_restart", "Value is 1 if the node needs a restart, 0 otherwise.", true,
     [](const Member&, Duration) { return flag(false); }},
    {"pg_up", "Whether the last scrape of metrics from PostgreSQL was able to connect.", false,
     [](const Member& m, Duration at) { return flag(m.running(at)); }},
    {"pg_replication_is_replica", "Indicates if the server is a replica", false,
     [](const Member& m, Duration at) {
       return m.running(at) ? flag(m.in_recovery(at)) : std::nullopt;
     }},
}};

void write_members(Writer& out, const SystemSpec& system, const Recorded& recorded,
                   std::int64_t epoch) {
  for (const MemberGauge& gauge : member_gauges) {
    out.family(gauge.name, gauge.help);
    for (std::size_t i = 0; i < system.members.size(); ++i) {
      const std::string& name = system.members[i].name;
      const Member member(recorded, name, i, epoch);
      Labels labels = {{"instance", name}, {"job", gauge.of_patroni ? "patroni" : "postgres"}};
      if (gauge.of_patroni) {
        labels.emplace_back("name", name);
        labels.emplace_back("scope", system.name);
      }
      out.series(labels, [&](Duration at) -> Sampled {
        // Patroni that does not live answers nothing.
        if (gauge.of_patroni && !member.has_patroni(at)) return std::nullopt;
        return gauge.value(member, at);
      });
    }
  }
  out.family(
      "pg_settings_max_connections",
      "Server Parameter: max_connections. Sets the maximum number of concurrent connections.");
  for (std::size_t i = 0; i < system.members.size(); ++i) {
    const Member member(recorded, system.members[i].name, i, epoch);
    out.series({{"instance", system.members[i].name}, {"job", "postgres"}}, [&](Duration at) {
      const Sampled value(std::to_string(system.postgres.max_connections));
      return member.running(at) ? value : std::nullopt;
    });
  }
}

struct PoolGauge {
  std::string_view name, help;
  std::uint32_t PoolReading::*member;
};
constexpr std::array<PoolGauge, 4> pool_gauges = {{
    {"pgbouncer_pools_client_active_connections",
     "Client connections linked to server connection and able to process queries",
     &PoolReading::cl_active},
    {"pgbouncer_pools_client_waiting_connections", "Client connections waiting on a server",
     &PoolReading::cl_waiting},
    {"pgbouncer_pools_server_active_connections", "Server connections linked to a client",
     &PoolReading::sv_active},
    {"pgbouncer_pools_server_idle_connections", "Server connections idle and ready for a client",
     &PoolReading::sv_idle},
}};

void write_pool(Writer& out, const SystemSpec& system, const RunMeasures& run) {
  if (run.pool.empty() || !system.pooler) return;
  const models::PgbouncerConfig& config = system.pooler->config;
  const std::string database =
      config.databases.empty() ? "postgres" : config.databases.front().name;
  const Labels labels = {{"database", database}, {"instance", "pgbouncer-0"}, {"job", "pgbouncer"}};
  for (const PoolGauge& gauge : pool_gauges) {
    out.family(gauge.name, gauge.help);
    out.series(labels, [&](Duration at) -> Sampled {
      const PoolReading* reading = nullptr;
      for (const PoolReading& one : run.pool) {
        if (run.fault + one.at <= at) reading = &one;
      }
      if (reading == nullptr) return std::nullopt;
      return std::to_string(reading->*gauge.member);
    });
  }
  const std::int32_t own =
      config.databases.empty() ? models::unset : config.databases.front().pool_size;
  const std::int32_t size = own == models::unset ? config.default_pool_size : own;
  out.family("pgbouncer_databases_pool_size", "Maximum number of server connections");
  out.series(labels, [&](Duration) { return Sampled(std::to_string(size)); });
  out.family("pgbouncer_config_max_client_connections",
             "Config maximum number of client connections");
  out.series({{"instance", "pgbouncer-0"}, {"job", "pgbouncer"}},
             [&](Duration) { return Sampled(std::to_string(config.max_client_conn)); });
}

// HAProxy's own exporter: a series for each state, 1 for the one that holds.
void write_haproxy(Writer& out, const Recorded& recorded) {
  if (recorded.haproxy.empty()) return;
  out.family("haproxy_server_status", "Current status of the service, per state label value.");
  for (const auto& [proxy, servers] : recorded.haproxy) {
    for (const auto& [server, changes] : servers) {
      for (const bool up : {false, true}) {
        out.series({{"instance", "haproxy"},
                    {"job", "haproxy"},
                    {"proxy", proxy},
                    {"server", server},
                    {"state", up ? "UP" : "DOWN"}},
                   [&](Duration at) {
                     // A server is UP until its first check has failed.
                     return flag((last(changes, at).value_or(1) == 1) == up);
                   });
      }
    }
  }
}

void write_probes(Writer& out, const models::Journal& journal) {
  if (journal.paths.empty()) return;
  out.family("probe_success", "Displays whether or not the probe was a success");
  for (std::size_t path = 0; path < journal.paths.size(); ++path) {
    out.series({{"instance", journal.paths[path]}, {"job", "blackbox"}}, [&](Duration at) {
      Sampled value;
      for (const models::Attempt& attempt : journal.attempts) {
        if (attempt.path != path || attempt.finished > at.count()) continue;
        value = attempt.outcome == models::Outcome::ok ? "1" : "0";
      }
      return value;
    });
  }
}

}  // namespace

void MetricsRecorder::on_record(const sim::Trace& trace, const sim::Record& record) {
  const std::string& entity = trace.entity_name(record.entity);
  const std::string_view kind = record.kind->name;
  constexpr std::string_view postgres = "postgres/";
  if (entity.starts_with(postgres)) {
    record_postgres(entity.substr(postgres.size()), kind, record, recorded_);
  }
  record_patroni(entity, kind, record.at, recorded_);
  if (kind == "dcs.leader_key_created") recorded_.unlocked.push_back({record.at - sim::Time{}, 0});
  if (kind == "dcs.leader_key_expired" || kind == "dcs.leader_key_deleted") {
    recorded_.unlocked.push_back({record.at - sim::Time{}, 1});
  }
  if (kind == "haproxy.server_up" || kind == "haproxy.server_down") {
    const auto name = [&](std::size_t i) {
      return trace.entity_name(static_cast<sim::EntityId>(record.values[i]));
    };
    change(recorded_.haproxy[name(0)], name(1), record.at, kind == "haproxy.server_up" ? 1 : 0);
  }
}

std::string MetricsRecorder::text(const ScenarioSpec& scenario, const RunOutcome& outcome,
                                  std::int64_t epoch, Duration step) const {
  Writer out(epoch, outcome.measures.fault + scenario.run_for, step);
  write_members(out, scenario.system, recorded_, epoch);
  write_pool(out, scenario.system, outcome.measures);
  write_haproxy(out, recorded_);
  write_probes(out, outcome.journal);
  return out.finish();
}

}  // namespace predrill::harness
