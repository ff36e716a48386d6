// A system under rehearsal as plain data: what system.json and the files it references say, with
// every default filled in. The importers write it, the engine builds a world from it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/input/diagnostics.hpp"
#include "models/etcd.hpp"
#include "models/haproxy_config.hpp"
#include "models/patroni_config.hpp"
#include "models/pgbouncer_config.hpp"
#include "models/postgres.hpp"
#include "sim/distribution.hpp"
#include "sim/network.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

/// Where a value was read, for messages that blame or praise it: "manifest.yaml:97 ttl".
struct Origin {
  std::string file;
  int line = 0;  // 0 = a default, or set on the command line
  std::string key;
};

struct ZoneLatency {
  std::string a;
  std::string b;
  sim::Distribution one_way;
};

struct MemberSpec {
  std::string name;  // "user-profile-db-0"
  std::string node;
  std::string zone;
  std::string address;  // as other files name it; may be empty
  models::PatroniTags tags;
};

struct DcsSpec {
  enum class Kind : std::uint8_t { etcd, kubernetes };
  Kind kind = Kind::etcd;
  models::EtcdConfig etcd;
  std::vector<std::pair<std::string, std::string>> members;  // etcd: name, zone
  std::size_t leader = 0;
  std::size_t api_servers = 1;  // kubernetes
};

/// How the poolers (and clients that use the master service) find the primary.
struct ServiceSpec {
  enum class Kind : std::uint8_t {
    endpoints,   // ClusterIP whose Endpoints Patroni writes together with the leader key, or, with
                 // etcd, spilo's callback at the promotion
    pod_labels,  // ClusterIP that selects the role label, which the same two write
    dns,         // a name whose record follows the primary (headless or external DNS)
    none         // members are named one by one
  };
  Kind kind = Kind::pod_labels;
  std::string name;  // "user-profile-db.user-profile-prod.svc.cluster.local"
  /// dns: of the record; CoreDNS' own for headless services.
  sim::Duration ttl = std::chrono::seconds(5);
};

/// Whom a database of PgBouncer's names in `host=`.
struct PoolerDatabase {
  enum class Target : std::uint8_t { service, haproxy, members };
  Target target = Target::service;
  std::vector<std::string> hosts;         // as written
  std::vector<models::MemberId> members;  // where the target is members, in the order of `hosts`
  Place place;
};

struct PoolerSpec {
  models::PgbouncerConfig config;         // `host` of its databases is left to the engine
  std::vector<PoolerDatabase> databases;  // one for each of config.databases
  std::vector<std::string> zones;         // one instance each
};

struct HaproxySpec {
  models::HaproxyConfig config;
  std::vector<std::string> zones;  // one instance each
};

/// Transactions of the applications.
struct WorkloadSpec {
  double transactions_per_second = 0;
  double read_share = 0;            // of the transactions
  double wal_bytes_per_second = 0;  // of all writes together
  std::uint32_t connections = 0;    // client connections that carry it
  sim::Distribution read_time;      // service time on an idle server
  sim::Distribution write_time;
  models::SynchronousCommit synchronous_commit = models::SynchronousCommit::on;
  std::uint32_t attempts = 3;  // the clients' own retries
  sim::Distribution back_off;  // between attempts
  /// Each transaction is simulated, or the load is a rate without events (probers only).
  bool single_transactions = false;
};

struct ProbeSpec {
  sim::Duration interval = std::chrono::milliseconds(200);
  sim::Duration timeout = std::chrono::seconds(2);
  std::string zone;  // of the client
  /// Between questions on PgBouncer's console, 0: none. Each is a turn of its loop.
  sim::Duration show_pools{};
  /// Paths that are asked; each costs simulation time.
  bool pgbouncer = true, haproxy = true, direct = true, read = true;
  bool asks(std::string_view path) const {
    return path == "pgbouncer" ? pgbouncer
           : path == "haproxy" ? haproxy
           : path == "direct"  ? direct
           : path == "read"    ? read
                               : true;
  }
};

/// Kubernetes as far as a database pod needs it.
struct KubernetesSpec {
  bool present = false;
  sim::Duration termination_grace_period = std::chrono::minutes(5);
  sim::Duration grace_floor = std::chrono::seconds(2);  // kubelet's minimum
  sim::Distribution sigterm_delay;     // API call until SIGTERM reaches the process
  sim::Distribution kill_delay;        // end of the grace period until SIGKILL
  sim::Distribution sandbox_teardown;  // death of the containers until the pod's network is gone
  sim::Distribution pod_recreation;    // pod object gone until its containers run
  sim::Distribution entrypoint;        // container runs until Patroni starts in it
  sim::Distribution
      role_callback;  // promote signal until spilo's callback has its PATCH on the wire
  sim::Distribution volume_attach;  // on another node
  sim::Distribution node_boot;      // power on until kubelet starts pods
};

/// An objective: a quantile of a measure stays within a bound.
struct Objective {
  std::string
      measure;  // "rto", "downtime", "rpo.seconds" (seconds); "rpo.rows", "rpo.bytes"; values
  double quantile = 0.99;
  double bound = 0;
};

class SystemKind;

/// What the own sections of a system say that is no Patroni cluster; each kind derives its own.
struct KindSpec {
  virtual ~KindSpec() = default;

 protected:
  KindSpec() = default;
  KindSpec(const KindSpec&) = default;
  KindSpec& operator=(const KindSpec&) = default;
};

struct SystemSpec {
  std::string name;
  std::string file;  // of system.json
  /// Of a system that is no Patroni cluster (harness/kinds); both null for a cluster. What follows
  /// describes a cluster, except objectives and origins.
  const SystemKind* kind = nullptr;
  std::shared_ptr<const KindSpec> of_kind;
  std::vector<ZoneLatency> latencies;
  sim::SynRetries syn_retries;
  std::vector<MemberSpec> members;
  bool one_machine = false;         // the hosts are namespaces of one kernel
  std::size_t primary = 0;          // index of the member that leads when a run starts
  std::optional<std::size_t> sync;  // index of the synchronous standby then; Patroni's choice
  models::PatroniConfig patroni;    // of every member; tags and numbers come from `members`
  models::PostgresConfig postgres;  // likewise
  models::PostgresTimings postgres_timings;
  models::PatroniTimings patroni_timings;
  models::DiskTimings disk;
  DcsSpec dcs;
  ServiceSpec service;
  std::optional<PoolerSpec> pooler;
  std::optional<HaproxySpec> haproxy;
  WorkloadSpec workload;
  ProbeSpec probe;
  KubernetesSpec kubernetes;
  std::vector<Objective> objectives;  // of the system as a whole, for rehearsals
  /// Origin by path ("patroni.ttl", "pgbouncer.server_login_retry"): the file and line of a value.
  std::map<std::string, Origin> origins;

  /// The path that is judged where none is named: how most clients come.
  std::string_view usual_path() const {
    return pooler ? "pgbouncer" : haproxy ? "haproxy" : "direct";
  }
};

}  // namespace predrill::harness
