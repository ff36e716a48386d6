#include "models/restore.hpp"

#include <algorithm>

#include "models/wal_archive.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;

namespace {

Duration seconds_of(double value) {
  return Duration(static_cast<std::int64_t>(std::max(value, 0.0) * 1e9));
}

}  // namespace

WalgRestoreConfig WalgRestoreConfig::defaults() {
  WalgRestoreConfig c;
  c.delta = Distribution::uniform(20s, 60s).with_source("model: a delta of 2 GB");
  c.since_backup = Distribution::uniform(0s, 6h).with_source("a delta each six hours");
  c.per_segment =
      Distribution::uniform(50ms, 100ms).with_source("model: start of one wal-fetch process");
  c.provision = Distribution::uniform(30s, 60s).with_source("model: pod and volume");
  c.start = Distribution::uniform(5s, 10s).with_source("model: end of recovery, first checkpoint");
  c.clients = Distribution::constant(Duration(5s)).with_source("model: pooler reconnects");
  return c;
}

WalgRestore sample_restore(const WalgRestoreConfig& config, sim::Stream& stream) {
  WalgRestore r;
  r.provision = config.provision.sample_duration(stream);
  const double net = config.compressed_bytes / config.net_bytes_per_second;
  const double disk = config.base_bytes / config.disk_bytes_per_second;
  r.base = seconds_of(std::max(net, disk));
  const Duration delta = config.delta.sample_duration(stream);
  if (config.has_delta) r.delta = delta;
  const Duration age = config.since_backup.sample_duration(stream);
  const double wal = config.wal_bytes_per_second * sim::seconds(age) + config.extra_wal_bytes;
  const double segments = wal / static_cast<double>(wal_segment_bytes);
  const Duration per_segment = config.per_segment.sample_duration(stream);
  const double fetch = segments * sim::seconds(per_segment) / config.prefetch;
  r.wal = seconds_of(std::max(wal / config.redo_rate, fetch));
  r.start = config.start.sample_duration(stream);
  r.clients = config.clients.sample_duration(stream);
  return r;
}

RdsRestoreConfig RdsRestoreConfig::defaults() {
  RdsRestoreConfig c;
  c.decide = Distribution::lognormal_percentiles(0.5, Duration(4min), 0.95, Duration(15min))
                 .with_source("model: people notice, decide and find the procedure");
  c.provision = Distribution::uniform(600s, 900s)
                    .with_source("operations handbook of PRJ-SDE-001: RDS 10 to 15 minutes");
  c.wal_bytes_per_second = 2.4e9 / 3600;
  c.snapshot_age = Distribution::uniform(0s, 24h).with_source("daily automated backup");
  c.repoint = Distribution::uniform(60s, 300s).with_source(
      "model: configuration and restart of the applications");
  c.log_upload_age =
      Distribution::uniform(0s, 300s).with_source("RDS user guide: logs each 5 minutes");
  return c;
}

RdsRestore sample_pitr(const RdsRestoreConfig& config, sim::Stream& stream) {
  RdsRestore r = sample_snapshot_restore(config, stream);
  r.replay = seconds_of(sim::seconds(r.lost) * config.wal_bytes_per_second / config.redo_rate);
  r.lost = config.log_upload_age.sample_duration(stream);
  return r;
}

RdsRestore sample_snapshot_restore(const RdsRestoreConfig& config, sim::Stream& stream) {
  RdsRestore r;
  r.decide = config.decide.sample_duration(stream);
  r.provision = config.provision.sample_duration(stream);
  r.lost = config.snapshot_age.sample_duration(stream);
  r.repoint = config.repoint.sample_duration(stream);
  r.hydration = seconds_of(config.size_bytes / config.hydrate_bytes_per_second);
  return r;
}

RdsFailoverConfig RdsFailoverConfig::defaults() {
  RdsFailoverConfig c;
  c.detect = Distribution::uniform(10s, 30s).with_source("model: no published figure");
  c.attach = Distribution::uniform(20s, 60s).with_source("model: no published figure");
  c.wal_bytes_per_second = 2.4e9 / 3600;
  c.dns = Distribution::uniform(0s, 5s).with_source("RDS user guide: zone TTL 5 s");
  return c;
}

RdsFailover sample_rds_failover(const RdsFailoverConfig& config, sim::Stream& stream) {
  constexpr Duration documented_least = 60s;
  constexpr Duration documented_most = 120s;
  constexpr double intervals = 1.9;  // of checkpoints that redo may reach back
  RdsFailover f;
  f.detect = config.detect.sample_duration(stream);
  f.attach = config.attach.sample_duration(stream);
  const double reach = stream.unit() * intervals * sim::seconds(config.checkpoint_timeout);
  f.redo = seconds_of(reach * config.wal_bytes_per_second / config.redo_rate);
  f.dns = config.dns.sample_duration(stream);
  const Duration sum = f.total();
  if (sum < documented_least) f.attach += documented_least - sum;
  // Long redo may exceed the typical range; the rest does not.
  const Duration without_redo = f.detect + f.attach + f.dns;
  if (without_redo > documented_most) f.attach -= without_redo - documented_most;
  return f;
}

Duration sample_rds_cluster_failover(double lag_bytes, sim::Stream& stream) {
  static const Distribution base =
      Distribution::uniform(15s, 35s).with_source("RDS user guide: typically under 35 s");
  return base.sample_duration(stream) + seconds_of(lag_bytes / redo_bytes_per_second);
}

}  // namespace predrill::models
