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

}  // namespace

void MetricsRecorder::change(Series& series, const std::string& member, sim::Time at,
                             std::int64_t value) {
  series[member].push_back({at - sim::Time{}, value});
}

void MetricsRecorder::on_record(const sim::Trace& trace, const sim::Record& record) {
  const std::string& entity = trace.entity_name(record.entity);
  const std::string_view kind = record.kind->name;
  constexpr std::string_view postgres = "postgres/";
  for (const PostgresKind& state : postgres_states) {
    if (state.kind != kind || !entity.starts_with(postgres)) continue;
    const std::string member = entity.substr(postgres.size());
    change(running_, member, record.at, state.running);
    if (state.replica >= 0) change(replica_, member, record.at, state.replica);
  }
  if (kind == "patroni.started") change(patroni_, entity, record.at, 1);
  if (kind == "patroni.killed" || kind == "patroni.exited") {
    change(patroni_, entity, record.at, 0);
  }
  if (kind == "dcs.leader_key_created") unlocked_.push_back({record.at - sim::Time{}, 0});
  if (kind == "dcs.leader_key_expired" || kind == "dcs.leader_key_deleted") {
    unlocked_.push_back({record.at - sim::Time{}, 1});
  }
}

std::string MetricsRecorder::text(const ScenarioSpec& scenario, const RunOutcome& outcome,
                                  std::int64_t epoch, Duration step) const {
  const auto last = [](const std::vector<Change>& changes, Duration at) {
    std::optional<std::int64_t> value;
    for (const Change& one : changes) {
      if (one.at <= at) value = one.value;
    }
    return value;
  };
  const auto of = [&](const Series& series, const std::string& member, Duration at) {
    const auto found = series.find(member);
    return found == series.end() ? std::nullopt : last(found->second, at);
  };
  const auto flag = [](bool value) { return std::optional<std::string>(value ? "1" : "0"); };
  const SystemSpec& system = scenario.system;
  Writer out(epoch, outcome.measures.fault + scenario.run_for, step);

  struct Gauge {
    std::string_view name, help;
    bool of_patroni;  // else of postgres_exporter
    std::function<std::optional<std::string>(const std::string&, Duration)> value;
  };
  const auto running = [&](const std::string& m, Duration at) { return of(running_, m, at) == 1; };
  const auto leads = [&](const std::string& m, Duration at) {
    return running(m, at) && of(replica_, m, at) == 0;
  };
  const std::array<Gauge, 6> gauges = {{
      {"patroni_postgres_running", "Value is 1 if Postgres is running, 0 otherwise.", true,
       [&](const std::string& m, Duration at) { return flag(running(m, at)); }},
      {"patroni_primary", "Value is 1 if this node is the leader, 0 otherwise.", true,
       [&](const std::string& m, Duration at) { return flag(leads(m, at)); }},
      {"patroni_replica", "Value is 1 if this node is a replica, 0 otherwise.", true,
       [&](const std::string& m, Duration at) {
         return flag(running(m, at) && of(replica_, m, at) == 1);
       }},
      {"patroni_cluster_unlocked", "Value is 1 if the cluster is unlocked, 0 if locked.", true,
       [&](const std::string&, Duration at) { return flag(last(unlocked_, at).value_or(1) == 1); }},
      {"pg_up", "Whether the last scrape of metrics from PostgreSQL was able to connect.", false,
       [&](const std::string& m, Duration at) { return flag(running(m, at)); }},
      {"pg_replication_is_replica", "Indicates if the server is a replica", false,
       [&](const std::string& m, Duration at) {
         return running(m, at) ? flag(of(replica_, m, at) == 1) : std::nullopt;
       }},
  }};
  for (const Gauge& gauge : gauges) {
    out.family(gauge.name, gauge.help);
    for (const MemberSpec& member : system.members) {
      Labels labels = {{"instance", member.name},
                       {"job", gauge.of_patroni ? "patroni" : "postgres"}};
      if (gauge.of_patroni) {
        labels.emplace_back("name", member.name);
        labels.emplace_back("scope", system.name);
      }
      out.series(labels, [&](Duration at) -> std::optional<std::string> {
        // Patroni that does not live answers nothing.
        if (gauge.of_patroni && of(patroni_, member.name, at) != 1) return std::nullopt;
        return gauge.value(member.name, at);
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
  const std::vector<PoolReading>& pool = outcome.measures.pool;
  for (const PoolGauge& gauge : pool_gauges) {
    if (pool.empty()) break;
    out.family(gauge.name, gauge.help);
    const std::string database = system.pooler && !system.pooler->config.databases.empty()
                                     ? system.pooler->config.databases.front().name
                                     : "postgres";
    out.series({{"database", database}, {"instance", "pgbouncer-0"}, {"job", "pgbouncer"}},
               [&](Duration at) -> std::optional<std::string> {
                 const PoolReading* reading = nullptr;
                 for (const PoolReading& one : pool) {
                   if (outcome.measures.fault + one.at <= at) reading = &one;
                 }
                 if (reading == nullptr) return std::nullopt;
                 return std::to_string(reading->*gauge.member);
               });
  }

  const models::Journal& journal = outcome.journal;
  if (!journal.paths.empty()) {
    out.family("probe_success", "Displays whether or not the probe was a success");
  }
  for (std::size_t path = 0; path < journal.paths.size(); ++path) {
    out.series({{"instance", journal.paths[path]}, {"job", "blackbox"}},
               [&](Duration at) -> std::optional<std::string> {
                 std::optional<std::string> value;
                 for (const models::Attempt& attempt : journal.attempts) {
                   if (attempt.path != path || attempt.finished > at.count()) continue;
                   value = attempt.outcome == models::Outcome::ok ? "1" : "0";
                 }
                 return value;
               });
  }
  return out.finish();
}

}  // namespace predrill::harness
