#include "harness/load/patroni_yml.hpp"

#include <algorithm>

namespace predrill::harness {

namespace {

// Patroni writes these into the command line of the postmaster and takes them from the dynamic
// configuration alone, so that all members agree (patroni/postgresql/config.py: CMDLINE_OPTIONS).
constexpr std::array<std::string_view, 7> dynamic_only = {"max_connections",
                                                          "max_locks_per_transaction",
                                                          "max_worker_processes",
                                                          "max_prepared_transactions",
                                                          "wal_level",
                                                          "track_commit_timestamp",
                                                          "hot_standby"};

constexpr std::array<std::string_view, 16> local_keys = {
    "restapi", "log",  "ctl",    "citus",     "name",      "namespace",  "scope",     "etcd",
    "etcd3",   "raft", "consul", "exhibitor", "zookeeper", "kubernetes", "bootstrap", "postgresql"};

constexpr std::array<std::string_view, 22> irrelevant_postgresql = {"listen",
                                                                    "connect_address",
                                                                    "proxy_address",
                                                                    "data_dir",
                                                                    "config_dir",
                                                                    "bin_dir",
                                                                    "bin_name",
                                                                    "pgpass",
                                                                    "authentication",
                                                                    "pg_hba",
                                                                    "pg_ident",
                                                                    "custom_conf",
                                                                    "krbsrvname",
                                                                    "pg_ctl_timeout",
                                                                    "use_unix_socket",
                                                                    "use_unix_socket_repl",
                                                                    "basebackup",
                                                                    "create_replica_methods",
                                                                    "create_replica_method",
                                                                    "name",
                                                                    "config_directory",
                                                                    "before_stop"};

constexpr std::array<std::string_view, 4> unmodelled_postgresql = {"callbacks", "pre_promote",
                                                                   "recovery_conf", "rewind"};

// The "postgresql" section: parameters go to PostgreSQL, the rest stays with Patroni.
void take_postgresql(const Node& section, bool local, PatroniYml& out, LoadContext& context) {
  for (const Member& member : section.members) {
    if (member.key == "parameters" && member.value.is_map()) {
      for (const Member& parameter : member.value.members) {
        if (local && std::find(dynamic_only.begin(), dynamic_only.end(), parameter.key) !=
                         dynamic_only.end()) {
          context.diagnostics.warning(
              parameter.place, "postgresql.parameters." + parameter.key,
              "Patroni ignores it in the local configuration",
              "set it in the dynamic configuration (bootstrap.dcs, patronictl edit-config)");
          continue;
        }
        Node one = empty_map(member.value.place);
        one.members.push_back(parameter);
        merge_into(out.postgresql, one);
      }
    } else if (member.key == "recovery_conf" && member.value.is_map()) {
      if (const Node* command = member.value.find("restore_command")) {
        Node one = empty_map(member.value.place);
        one.members.push_back({"restore_command", command->place, *command});
        merge_into(out.postgresql, one);
      }
    } else if (std::find(irrelevant_postgresql.begin(), irrelevant_postgresql.end(), member.key) !=
               irrelevant_postgresql.end()) {
      continue;
    } else if (std::find(unmodelled_postgresql.begin(), unmodelled_postgresql.end(), member.key) !=
               unmodelled_postgresql.end()) {
      context.diagnostics.warning(member.place, "postgresql." + member.key, "not modelled",
                                  "it has no effect on the run");
    } else {
      out.patroni.members.push_back(member);
    }
  }
}

void take_settings(const Node& settings, bool local, PatroniYml& out, LoadContext& context) {
  for (const Member& member : settings.members) {
    if (member.key == "postgresql" && member.value.is_map()) {
      take_postgresql(member.value, local, out, context);
      continue;
    }
    Node one = empty_map(settings.place);
    one.members.push_back(member);
    merge_into(out.patroni, one);
  }
}

}  // namespace

PatroniYml read_patroni_yml(const Document& document, LoadContext& context) {
  const Node& root = document.root();
  PatroniYml out{empty_map(root.place), empty_map(root.place), nullptr, std::nullopt};
  if (!root.is_map()) {
    context.diagnostics.error(root.place, "", "a map of Patroni's settings should stand here");
    return out;
  }
  const bool is_dynamic = root.find("scope") == nullptr && root.find("bootstrap") == nullptr &&
                          root.find("restapi") == nullptr;
  if (is_dynamic) {
    take_settings(root, false, out, context);
    return out;
  }
  if (const Node* bootstrap = root.find("bootstrap"); bootstrap != nullptr && bootstrap->is_map()) {
    const Node* dcs = bootstrap->find("dcs");
    if (dcs != nullptr && dcs->is_map()) take_settings(*dcs, false, out, context);
  }
  out.tags = root.find("tags");
  for (const Member& member : root.members) {
    if (member.key == "postgresql" && member.value.is_map()) {
      take_postgresql(member.value, true, out, context);
    } else if (member.key == "etcd" || member.key == "etcd3") {
      out.dcs = DcsSpec::Kind::etcd;
      context.record("dcs.kind", member.place, member.key);
    } else if (member.key == "kubernetes") {
      out.dcs = DcsSpec::Kind::kubernetes;
      context.record("dcs.kind", member.place, member.key);
    } else if (member.key == "consul" || member.key == "zookeeper" || member.key == "exhibitor" ||
               member.key == "raft") {
      context.diagnostics.error(member.place, member.key, "this DCS is not modelled",
                                "etcd, etcd3 and kubernetes are");
    } else if (member.key == "tags" ||
               std::find(local_keys.begin(), local_keys.end(), member.key) != local_keys.end()) {
      continue;
    } else {
      Node one = empty_map(root.place);
      one.members.push_back(member);
      merge_into(out.patroni, one);
    }
  }
  return out;
}

}  // namespace predrill::harness
