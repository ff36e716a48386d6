// What a lab consists of, decided before anything is made: it is on disk first, so that whatever
// exists can be found and removed whenever this program is killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/live/command.hpp"
#include "harness/system.hpp"

namespace predrill::harness::live {

enum class HostKind : std::uint8_t { member, etcd, haproxy, pgbouncer, client };

/// A machine of the lab: a network namespace with one address.
struct LabHost {
  HostKind kind = HostKind::member;
  std::string name;     // "lab-1"
  std::string network;  // the namespace, "predrill-lab-lab-1"
  std::string port;     // the bridge's end of its cable
  std::string address;
  std::string mac;
};

struct LabPlan {
  std::string name;
  std::string system;  // file that it was made from
  std::filesystem::path folder;
  std::string hub;  // namespace with the bridge
  std::string scope;
  std::string user;                          // whom the database runs as
  std::string database;                      // of PgBouncer
  std::string patroni = "/usr/bin/patroni";  // the program
  std::vector<LabHost> hosts;
  std::size_t primary = 0;  // member that starts first
  bool synchronous = false;
  int tcp_syn_linear_timeouts = 4;           // sysctl of every namespace, where the kernel has it
  std::map<std::string, std::string> files;  // below the folder: configuration

  const LabHost* find(const std::string& host) const;
  std::vector<const LabHost*> of(HostKind kind) const;
  /// Those that are not in the list, "lab-1,lab-2".
  std::vector<const LabHost*> members_except(const std::string& names) const;
  std::filesystem::path log(const LabHost& host) const { return folder / (host.name + ".log"); }
};

constexpr int postgres_port = 5432;
constexpr int rest_port = 8008;
constexpr int etcd_port = 2379;
constexpr int etcd_peer_port = 2380;
constexpr int haproxy_port = 5000;
constexpr int pgbouncer_port = 6432;

/// Where labs live: $PREDRILL_LAB_DIR, else /var/tmp/predrill-labs.
std::filesystem::path labs_folder();

/// The lab of a system. Problems: what a lab cannot be for this system, in sentences.
std::optional<LabPlan> plan_lab(const SystemSpec& system, const std::string& name,
                                std::vector<std::string>& problems);

/// Why the plan's Patroni is none, or not the release that the system means; empty if it is.
std::string doubt_about_patroni(const SystemSpec& system, const LabPlan& plan);

std::string to_json(const LabPlan& plan);
std::optional<LabPlan> read_plan(const std::filesystem::path& file);

}  // namespace predrill::harness::live
