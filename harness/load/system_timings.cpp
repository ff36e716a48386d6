// The load, the probes, and how long things take that no setting fixes.
#include "harness/load/system_loader.hpp"

#include <algorithm>
#include <array>

#include "harness/load/read_distribution.hpp"
#include "harness/load/read_rate.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Distribution;

namespace {

template <class Timings>
struct Timing {
  std::string_view key;
  Distribution Timings::*member;
  Quantity quantity = Quantity::duration;
};

template <class Timings, std::size_t n>
void read_table(const Value& value, const std::array<Timing<Timings>, n>& table, Timings& timings,
                LoadContext& context) {
  if (!value.exists()) return;
  Reader reader(value);
  for (const Timing<Timings>& timing : table) {
    const Value one = reader.optional(timing.key);
    if (read_into(timings.*timing.member, one, timing.quantity)) {
      context.record(one.path(), one.place(), timing.key);
    }
  }
}

using models::DiskTimings;
using models::PatroniTimings;
using models::PostgresTimings;

constexpr std::array<Timing<PostgresTimings>, 17> postgres_timings = {{
    {"fork", &PostgresTimings::fork},
    {"authentication", &PostgresTimings::authentication},
    {"query", &PostgresTimings::query},
    {"start", &PostgresTimings::start},
    {"data_directory_sync", &PostgresTimings::data_directory_sync},
    {"replay_bytes_per_second", &PostgresTimings::replay_bytes_per_second, Quantity::bytes},
    {"promotion", &PostgresTimings::promotion},
    {"promotion_slow", &PostgresTimings::promotion_slow},
    {"archive_miss", &PostgresTimings::archive_miss},
    {"stop_sessions", &PostgresTimings::stop_sessions},
    {"shutdown_checkpoint", &PostgresTimings::shutdown_checkpoint},
    {"crash_notice", &PostgresTimings::crash_notice},
    {"walsender_delay", &PostgresTimings::walsender_delay},
    {"walreceiver_start", &PostgresTimings::walreceiver_start},
    {"segment_resend", &PostgresTimings::segment_resend},
    {"rewind", &PostgresTimings::rewind},
    {"copy_bytes_per_second", &PostgresTimings::copy_bytes_per_second, Quantity::bytes},
}};

constexpr std::array<Timing<PatroniTimings>, 17> patroni_timings = {{
    {"start", &PatroniTimings::start},
    {"first_cycle", &PatroniTimings::first_cycle},
    {"rest_answer", &PatroniTimings::rest_answer},
    {"cycle", &PatroniTimings::cycle},
    {"promote_command", &PatroniTimings::promote_command},
    {"start_command", &PatroniTimings::start_command},
    {"pid_file", &PatroniTimings::pid_file},
    {"after_start", &PatroniTimings::after_start},
    {"single_user_mode", &PatroniTimings::single_user_mode},
    {"rewind_check", &PatroniTimings::rewind_check},
    {"command", &PatroniTimings::command},
    {"rest_shutdown", &PatroniTimings::rest_shutdown},
    {"exit", &PatroniTimings::exit},
    {"thread_wake", &PatroniTimings::thread_wake},
    {"next_cycle", &PatroniTimings::next_cycle},
    {"retry_jitter", &PatroniTimings::retry_jitter},
    {"postmaster_exit", &PatroniTimings::postmaster_exit},
}};

constexpr std::array<Timing<DiskTimings>, 2> disk_timings = {{
    {"fsync", &DiskTimings::fsync},
    {"write_bytes_per_second", &DiskTimings::write_bytes_per_second, Quantity::bytes},
}};

}  // namespace

void SystemLoader::read_workload(const Value& value, SystemSpec& spec) {
  WorkloadSpec& load = spec.workload;
  // An assumption that a report can show, where nothing was said.
  load.read_time = Distribution::lognormal_percentiles(0.5, 500us, 0.99, 10ms)
                       .with_source("assumption: point reads of a cached table");
  load.write_time = Distribution::lognormal_percentiles(0.5, 1ms, 0.99, 20ms)
                        .with_source("assumption: a small update without its commit");
  load.back_off = Distribution::uniform(sim::Duration(50ms), sim::Duration(150ms))
                      .with_source("assumption: 100 ms with jitter");
  Reader reader(value);
  const auto record = [&](const Value& one) {
    if (one.exists()) context_.record(one.path(), one.place(), one.path().substr(9));
  };
  const Value rate = reader.optional("transactions_per_second");
  assign(load.transactions_per_second, rate.number(0, 1e9));
  record(rate);
  const Value share = reader.optional("read_share");
  if (const auto ratio = share.ratio()) {
    load.read_share =
        static_cast<double>(ratio->numerator) / static_cast<double>(ratio->denominator);
  }
  record(share);
  const Value wal = reader.optional("wal_rate");
  assign(load.wal_bytes_per_second, read_rate(wal));
  record(wal);
  const Value connections = reader.optional("connections");
  assign(load.connections, connections.integer(0, 1'000'000));
  record(connections);
  read_into(load.read_time, reader.optional("read_time"));
  read_into(load.write_time, reader.optional("write_time"));
  read_into(load.back_off, reader.optional("back_off"));
  assign(load.attempts, reader.optional("attempts").integer(1, 1000));
  assign(load.single_transactions, reader.optional("single_transactions").boolean());
}

void SystemLoader::read_probe(const Value& value, SystemSpec& spec) {
  Reader reader(value);
  if (!zones_.empty()) spec.probe.zone = zones_.front();
  assign(spec.probe.interval, reader.optional("interval").duration(sim::Duration(1ms)));
  assign(spec.probe.timeout, reader.optional("timeout").duration(sim::Duration(1ms)));
  assign(spec.probe.zone, zone(reader.optional("zone")));
  assign(spec.probe.show_pools, reader.optional("show_pools").duration());
  const Value paths = reader.optional("paths");
  if (!paths.exists()) return;
  spec.probe.pgbouncer = spec.probe.haproxy = spec.probe.direct = spec.probe.read = false;
  const auto ask = [&spec](const Value& path) {
    constexpr std::array<std::pair<std::string_view, bool ProbeSpec::*>, 4> names = {
        {{"pgbouncer", &ProbeSpec::pgbouncer},
         {"haproxy", &ProbeSpec::haproxy},
         {"direct", &ProbeSpec::direct},
         {"read", &ProbeSpec::read}}};
    if (const auto found = path.choice("a path of clients", names)) spec.probe.** found = true;
  };
  if (paths.node()->kind != NodeKind::list) return ask(paths);
  for (const Value& path : paths.items()) ask(path);
}

void SystemLoader::read_kubernetes(const Value& value, SystemSpec& spec) {
  KubernetesSpec& kubernetes = spec.kubernetes;
  kubernetes.sigterm_delay =
      Distribution::uniform(sim::Duration(50ms), sim::Duration(150ms))
          .with_source("estimate: watch, kubelet and CRI call, about 0.1 s in all");
  kubernetes.kill_delay = Distribution::uniform(sim::Duration(0ms), sim::Duration(200ms))
                              .with_source("estimate: containerd's SIGKILL after the deadline");
  kubernetes.sandbox_teardown =
      Distribution::uniform(sim::Duration(100ms), sim::Duration(500ms))
          .with_source("assumption: StopPodSandbox, the CNI's DEL: some tenths of a second");
  kubernetes.entrypoint =
      Distribution::uniform(sim::Duration(1s), sim::Duration(4s))
          .with_source(
              "estimate: spilo's launch.sh and configure_spilo.py, which asks the metadata "
              "service with a time-out of 2 s, then runit");
  kubernetes.role_callback =
      Distribution::uniform(sim::Duration(200ms), sim::Duration(600ms))
          .with_source(
              "estimate: start of Python; spilo's on_role_change.sh runs callback_role.py "
              "first and waits for the end of recovery after it");
  kubernetes.pod_recreation =
      Distribution::uniform(sim::Duration(3s), sim::Duration(45s))
          .with_source("assumption up to the 40 s of the drill log of 2025-10-09");
  kubernetes.volume_attach = Distribution::uniform(sim::Duration(10s), sim::Duration(60s))
                                 .with_source("assumption: detach and attach of a cloud volume");
  kubernetes.node_boot =
      Distribution::uniform(sim::Duration(68s), sim::Duration(138s))
          .with_source("log of 2025-09-14: 8 + 22 + 38 s by stages, 138 s in all");
  if (!value.exists()) return;
  Reader reader(value);
  assign(kubernetes.present, reader.optional("present").boolean());
  const auto time = [&](std::string_view key, sim::Duration& to) {
    const Value one = reader.optional(key);
    if (assign(to, one.duration())) context_.record(one.path(), one.place(), key);
  };
  time("termination_grace_period", kubernetes.termination_grace_period);
  time("grace_floor", kubernetes.grace_floor);
  const auto delay = [&](std::string_view key, Distribution& to) {
    const Value one = reader.optional(key);
    if (read_into(to, one)) context_.record(one.path(), one.place(), key);
  };
  delay("sigterm_delay", kubernetes.sigterm_delay);
  delay("kill_delay", kubernetes.kill_delay);
  delay("sandbox_teardown", kubernetes.sandbox_teardown);
  delay("pod_recreation", kubernetes.pod_recreation);
  delay("entrypoint", kubernetes.entrypoint);
  delay("role_callback", kubernetes.role_callback);
  delay("volume_attach", kubernetes.volume_attach);
  delay("node_boot", kubernetes.node_boot);
}

void SystemLoader::read_timings(const Value& value, SystemSpec& spec) {
  if (!value.exists()) return;
  Reader reader(value);
  read_table(reader.optional("postgresql"), postgres_timings, spec.postgres_timings, context_);
  read_table(reader.optional("patroni"), patroni_timings, spec.patroni_timings, context_);
  read_table(reader.optional("disk"), disk_timings, spec.disk, context_);
}

}  // namespace predrill::harness
