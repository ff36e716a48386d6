// How long it takes to have a database back, and what it then lacks: restores from backups,
// Multi-AZ failover, point-in-time recovery. Pure arithmetic over random delays; no process, no
// network.
//
// Real thing and version: WAL-G 3 on PostgreSQL 15; Amazon RDS for PostgreSQL as of 2023-06.
// Modelled: base backup limited by network or disk, delta backups, replay by one process, fetch of
//   segments with prefetch; RDS provisioning, replay since the last snapshot, lazy loading, the new
//   endpoint that applications have to follow; the phases of a Multi-AZ failover.
// Simplified (diverges from the real thing): rates are steady; a delta is unpacked at one rate.
// Ignored: capacity that a cloud does not have, encryption keys that are gone.
// Calibrated from: each distribution names its source.
#pragma once

#include <cstdint>

#include "sim/distribution.hpp"
#include "sim/random.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// One process applies WAL: measured 91 to 110 MB/s of an OLTP load on a small machine.
constexpr double redo_bytes_per_second = 100e6;

struct WalgRestoreConfig {
  double base_bytes = 112e9;  // on disk
  double compressed_bytes = 42e9;
  double net_bytes_per_second = 500e6;
  double disk_bytes_per_second = 262e6;
  bool has_delta = true;
  sim::Distribution delta;  // unpacking the deltas
  double wal_bytes_per_second = 500e3;
  sim::Distribution since_backup;  // age of the last backup, delta or full
  double extra_wal_bytes = 0;      // of a repack since that backup
  double redo_rate = redo_bytes_per_second;
  sim::Distribution per_segment;  // wal-fetch of one file
  double prefetch = 10;           // WALG_DOWNLOAD_CONCURRENCY
  sim::Distribution provision;    // pod and volume
  sim::Distribution start;        // until the server accepts connections
  sim::Distribution clients;
  static WalgRestoreConfig defaults();
};

struct WalgRestore {
  sim::Duration provision{}, base{}, delta{}, wal{}, start{}, clients{};
  sim::Duration total() const { return provision + base + delta + wal + start + clients; }
};

WalgRestore sample_restore(const WalgRestoreConfig& config, sim::Stream& stream);

struct RdsRestoreConfig {
  sim::Distribution decide;     // people: notice, decide, find the procedure
  sim::Distribution provision;  // a new instance
  double wal_bytes_per_second = 0;
  double redo_rate = redo_bytes_per_second;
  sim::Distribution snapshot_age;    // at the disaster
  sim::Distribution repoint;         // applications follow the new endpoint
  sim::Distribution log_upload_age;  // now less LatestRestorableTime
  double size_bytes = 1.4e12;
  double hydrate_bytes_per_second = 250e6;
  static RdsRestoreConfig defaults();
};

struct RdsRestore {
  sim::Duration decide{}, provision{}, replay{}, repoint{};
  sim::Duration lost{};       // age of the oldest write that is gone
  sim::Duration hydration{};  // blocks are still read from S3 on first touch meanwhile
  sim::Duration total() const { return decide + provision + replay + repoint; }
};

/// Point-in-time recovery to LatestRestorableTime.
RdsRestore sample_pitr(const RdsRestoreConfig& config, sim::Stream& stream);
/// The last snapshot alone, without replay.
RdsRestore sample_snapshot_restore(const RdsRestoreConfig& config, sim::Stream& stream);

struct RdsFailoverConfig {
  sim::Distribution detect;
  sim::Distribution attach;  // fence, attach the volume's mirror, start
  double wal_bytes_per_second = 0;
  sim::Duration checkpoint_timeout = std::chrono::minutes(5);
  double redo_rate = redo_bytes_per_second;
  sim::Distribution dns;
  static RdsFailoverConfig defaults();
};

struct RdsFailover {
  sim::Duration detect{}, attach{}, redo{}, dns{};
  sim::Duration total() const { return detect + attach + redo + dns; }
};

/// Multi-AZ instance: synchronous blocks, so no acknowledged commit is lost. The documented 60 to
/// 120 s bound the sum of detection and attaching from below.
RdsFailover sample_rds_failover(const RdsFailoverConfig& config, sim::Stream& stream);

/// Multi-AZ cluster: the reader with the least lag applies everything first; typically under 35 s.
sim::Duration sample_rds_cluster_failover(double lag_bytes, sim::Stream& stream);

}  // namespace predrill::models
