#include "harness/load/zalando_manifest.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view spilo = "spilo 3.3-p1, scripts/configure_spilo.py";
constexpr std::string_view operator_config = "postgres-operator 1.12.2, pkg/util/config/config.go";

// Keys of spec.patroni in the custom resource definition of 1.12; the API server drops any other
// key of a manifest before the operator sees it (structural schema, pruning).
constexpr std::array<std::string_view, 11> patroni_keys = {"failsafe_mode",
                                                           "initdb",
                                                           "loop_wait",
                                                           "maximum_lag_on_failover",
                                                           "pg_hba",
                                                           "retry_timeout",
                                                           "slots",
                                                           "synchronous_mode",
                                                           "synchronous_mode_strict",
                                                           "synchronous_node_count",
                                                           "ttl"};

constexpr std::array<std::string_view, 52> spec_keys = {"additionalVolumes",
                                                        "allowedSourceRanges",
                                                        "clone",
                                                        "databases",
                                                        "dockerImage",
                                                        "enableLogicalBackup",
                                                        "enableMasterLoadBalancer",
                                                        "enableMasterNodePort",
                                                        "enableMasterPoolerLoadBalancer",
                                                        "enableMasterPoolerNodePort",
                                                        "enableReplicaConnectionPooler",
                                                        "enableReplicaLoadBalancer",
                                                        "enableReplicaNodePort",
                                                        "enableReplicaPoolerLoadBalancer",
                                                        "enableReplicaPoolerNodePort",
                                                        "enableShmVolume",
                                                        "env",
                                                        "initContainers",
                                                        "init_containers",
                                                        "logicalBackupRetention",
                                                        "logicalBackupSchedule",
                                                        "maintenanceWindows",
                                                        "masterServiceAnnotations",
                                                        "nodeAffinity",
                                                        "podAnnotations",
                                                        "podPriorityClassName",
                                                        "pod_priority_class_name",
                                                        "preparedDatabases",
                                                        "replicaLoadBalancer",
                                                        "replicaServiceAnnotations",
                                                        "schedulerName",
                                                        "serviceAnnotations",
                                                        "shmVolume",
                                                        "sidecars",
                                                        "spiloFSGroup",
                                                        "spiloRunAsGroup",
                                                        "spiloRunAsUser",
                                                        "standby",
                                                        "streams",
                                                        "teamId",
                                                        "tls",
                                                        "tolerations",
                                                        "topologySpreadConstraints",
                                                        "useLoadBalancer",
                                                        "users",
                                                        "usersIgnoringSecretRotation",
                                                        "usersWithInPlaceSecretRotation",
                                                        "usersWithSecretRotation",
                                                        "postgresql",
                                                        "patroni",
                                                        "connectionPooler",
                                                        "enableConnectionPooler"};

constexpr std::array<std::string_view, 5> text_of_metadata = {
    "annotations", "labels", "resourceVersion", "uid", "creationTimestamp"};

Node patroni_settings(const Node& section, LoadContext& context) {
  Node out = empty_map(section.place);
  for (const Member& member : section.members) {
    if (std::find(patroni_keys.begin(), patroni_keys.end(), member.key) != patroni_keys.end()) {
      out.members.push_back(member);
      continue;
    }
    context.diagnostics.warning(member.place, "spec.patroni." + member.key,
                                "unknown to the operator: Kubernetes drops it from the resource",
                                did_you_mean(member.key, patroni_keys));
  }
  return out;
}

}  // namespace

std::optional<ZalandoManifest> find_zalando_manifest(const Document& document,
                                                     LoadContext& context) {
  const Place whole = {document.parts.front().place.file, 0, 0};
  ZalandoManifest out;
  out.root = document.find_kind("postgresql");
  if (out.root == nullptr) {
    context.diagnostics.error(whole, "", "there is no resource of kind postgresql in this file");
    return std::nullopt;
  }
  constexpr std::string_view api = "acid.zalan.do/v1";
  const Node* version = out.root->find("apiVersion");
  if (version == nullptr || version->text != api) {
    context.diagnostics.error(version == nullptr ? out.root->place : version->place, "apiVersion",
                              "the apiVersion of a postgresql resource is " + std::string(api));
  }
  if (const Node* metadata = out.root->find("metadata")) {
    Reader reader(node_value(*metadata, "metadata", context.diagnostics), {"Kubernetes", {}});
    for (const std::string_view key : text_of_metadata) reader.ignore(key);
    out.name = reader.optional("name").text().value_or("");
    out.kubernetes_namespace = reader.optional("namespace").text().value_or("default");
  }
  out.spec = out.root->find("spec");
  if (out.spec == nullptr || !out.spec->is_map()) {
    context.diagnostics.error(out.root->place, "spec", "a map should stand here");
    return std::nullopt;
  }
  out.patroni = empty_map(out.spec->place);
  out.postgresql = empty_map(out.spec->place);
  if (const Node* patroni = out.spec->find("patroni"); patroni != nullptr && patroni->is_map()) {
    out.patroni = patroni_settings(*patroni, context);
  }
  if (const Node* postgresql = out.spec->find("postgresql")) {
    Reader reader(node_value(*postgresql, "spec.postgresql", context.diagnostics),
                  {"the operator", {}});
    const Value number = reader.optional("version");
    if (number.exists()) {
      out.postgresql.members.push_back({"version", number.place(), *number.node()});
    }
    const Value parameters = reader.optional("parameters");
    if (parameters.exists()) {
      parameters.entries();  // reports anything but a map
      merge_into(out.postgresql, *parameters.node());
    }
  }
  return out;
}

void apply_spilo_defaults(SystemSpec& spec, LoadContext& context) {
  // spilo starts Patroni again through runit (runit/patroni/finish); a template sets the rest.
  spec.patroni.maximum_lag_on_failover = std::uint64_t{32} << 20;
  spec.patroni.use_pg_rewind = true;
  spec.patroni.supervisor.restarts = true;
  spec.kubernetes.present = true;
  spec.kubernetes.termination_grace_period = 5min;
  context.record_default("patroni.maximum_lag_on_failover", spilo, "maximum_lag_on_failover");
  context.record_default("patroni.use_pg_rewind", spilo, "use_pg_rewind");
  context.record_default("patroni.supervisor", "spilo 3.3-p1, runit/patroni/finish", "runit");
  context.record_default("kubernetes.termination_grace_period", operator_config,
                         "pod_terminate_grace_period");
}

ZalandoCluster read_zalando_cluster(const ZalandoManifest& manifest, SystemSpec& spec,
                                    LoadContext& context) {
  ZalandoCluster out;
  Reader reader(node_value(*manifest.spec, "spec", context.diagnostics),
                {"the operator's postgresql resource", {}});
  for (const std::string_view key : spec_keys) reader.ignore(key);
  const Value instances = reader.required("numberOfInstances");
  out.instances = instances.integer(0, models::members_max);
  out.instances_place = instances.place();
  context.record("cluster.instances", instances.place(), "numberOfInstances");

  const Value resources = reader.optional("resources");
  if (resources.exists()) {
    Reader both(resources, {"Kubernetes", {}});
    both.ignore("requests");
    const Value limits = both.optional("limits");
    if (limits.exists()) {
      Reader limit(limits, {"Kubernetes", {}});
      limit.ignore("hugepages-2Mi");
      limit.ignore("hugepages-1Gi");
      const Value cpu = limit.optional("cpu");
      if (const auto thousandths = cpu.kubernetes_thousandths()) {
        spec.postgres.cores = static_cast<std::int32_t>(
            std::max<std::uint64_t>(1, std::min<std::uint64_t>(*thousandths / 1000, 1 << 16)));
        context.record("postgresql.cores", cpu.place(), "resources.limits.cpu");
      }
      const Value memory = limit.optional("memory");
      if (const auto bytes = memory.kubernetes_bytes()) {
        // spilo, configure_spilo.py: a fifth of the memory, a connection per 30 MB.
        const std::uint64_t megabytes = *bytes >> 20;
        spec.postgres.shared_buffers = std::max<std::uint64_t>(megabytes / 5, 1) << 20;
        spec.postgres.max_connections = static_cast<std::int32_t>(
            std::min<std::uint64_t>(std::max<std::uint64_t>(100, megabytes / 30), 1000));
        context.record_default("postgresql.shared_buffers", spilo, "memory / 5");
        context.record_default("postgresql.max_connections", spilo, "memory / 30 MB");
      }
    }
  }

  const Value volume = reader.required("volume");
  if (volume.exists()) {
    constexpr std::array<std::string_view, 5> known = {"isSubPathExpr", "selector", "subPath",
                                                       "storageClass", "iops"};
    Reader disk(volume, {"the operator", known});
    for (const std::string_view key : known) disk.ignore(key);
    disk.required("size").kubernetes_bytes();
    const Value throughput = disk.optional("throughput");
    if (const auto mebibytes = throughput.integer(1, 1'000'000)) {
      spec.disk.write_bytes_per_second =
          sim::Distribution::constant(static_cast<double>(*mebibytes << 20))
              .with_source("volume.throughput of the manifest, MiB/s");
      context.record("disk.write_bytes_per_second", throughput.place(), "volume.throughput");
    }
  }

  const Node* enabled = manifest.spec->find("enableConnectionPooler");
  const Node* pooler = manifest.spec->find("connectionPooler");
  const bool wanted = enabled != nullptr
                          ? node_value(*enabled, "spec.enableConnectionPooler", context.diagnostics)
                                .boolean()
                                .value_or(false)
                          : pooler != nullptr;
  if (!wanted) return out;
  // pkg/cluster/connection_pooler.go; at least two pods (constants.ConnectionPoolerMinInstances).
  std::int64_t pods = 2;
  std::int64_t connections = 60;
  models::PoolMode mode = models::PoolMode::transaction;
  const Node none = empty_map(manifest.spec->place);
  Reader settings(
      node_value(pooler == nullptr ? none : *pooler, "spec.connectionPooler", context.diagnostics),
      {"the operator", {}});
  for (const std::string_view key : {"schema", "user", "dockerImage", "resources"}) {
    settings.ignore(key);
  }
  const Value number = settings.optional("numberOfInstances");
  assign(pods, number.integer(1, 1000));
  if (pods < 2) {
    number.warning("the operator raises it to 2");
    pods = 2;
  }
  assign(connections, settings.optional("maxDBConnections").integer(1, 100'000));
  constexpr std::array<std::pair<std::string_view, models::PoolMode>, 2> modes = {
      {{"session", models::PoolMode::session}, {"transaction", models::PoolMode::transaction}}};
  assign(mode, settings.optional("mode").choice("a pool mode of the operator", modes));
  out.pooler_instances = pods;
  out.pooler.pool_mode = mode;
  out.pooler.max_client_conn = 10'000;
  out.pooler.max_db_connections = static_cast<std::int32_t>(connections / pods);
  out.pooler.default_pool_size = out.pooler.max_db_connections / 2;
  out.pooler.min_pool_size = out.pooler.default_pool_size / 2;
  out.pooler.reserve_pool_size = out.pooler.min_pool_size;
  for (const std::string_view key : {"max_client_conn", "max_db_connections", "default_pool_size",
                                     "min_pool_size", "reserve_pool_size", "pool_mode"}) {
    context.record_default("pgbouncer." + std::string(key),
                           "postgres-operator 1.12.2, pkg/cluster/connection_pooler.go", key);
  }
  return out;
}

}  // namespace predrill::harness
