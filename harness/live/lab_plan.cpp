#include "harness/live/lab_plan.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/live/lab_files.hpp"
#include "harness/load/patroni_settings.hpp"

namespace predrill::harness::live {

using Json = nlohmann::ordered_json;

namespace {

constexpr int first_member = 11;
constexpr int first_etcd = 21;
constexpr int haproxy_number = 31;
constexpr int pgbouncer_number = 41;
constexpr int client_number = 51;

LabHost host_of(const LabPlan& plan, HostKind kind, const std::string& name, int number) {
  LabHost host;
  host.kind = kind;
  host.name = name;
  host.network = "predrill-" + plan.name + "-" + name;
  host.port = "p" + std::to_string(number);
  host.address = "10.78.0." + std::to_string(number);
  char mac[32];
  std::snprintf(mac, sizeof mac, "02:70:64:00:00:%02x", static_cast<unsigned>(number));
  host.mac = mac;
  return host;
}

bool is_plain(const std::string& name) {
  constexpr std::size_t longest = 24;
  return !name.empty() && name.size() <= longest &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

}  // namespace

const LabHost* LabPlan::find(const std::string& host) const {
  for (const LabHost& one : hosts) {
    if (one.name == host) return &one;
  }
  return nullptr;
}

std::vector<const LabHost*> LabPlan::of(HostKind kind) const {
  std::vector<const LabHost*> found;
  for (const LabHost& host : hosts) {
    if (host.kind == kind) found.push_back(&host);
  }
  return found;
}

std::vector<const LabHost*> LabPlan::members_except(const std::string& names) const {
  std::vector<const LabHost*> members = of(HostKind::member);
  std::erase_if(members, [&names](const LabHost* member) {
    return ("," + names + ",").find("," + member->name + ",") != std::string::npos;
  });
  return members;
}

std::filesystem::path labs_folder() {
  const char* set = std::getenv("PREDRILL_LAB_DIR");
  return set != nullptr && *set != '\0' ? set : "/var/tmp/predrill-labs";
}

std::optional<LabPlan> plan_lab(const SystemSpec& system, const std::string& name,
                                std::vector<std::string>& problems) {
  if (!is_plain(name)) {
    problems.push_back("a lab's name has 1 to 24 of a-z, 0-9 and -; found \"" + name + "\"");
  }
  if (system.kind != nullptr) {
    problems.push_back("a lab is a Patroni cluster; this system is of another kind");
    return std::nullopt;
  }
  if (system.dcs.kind != DcsSpec::Kind::etcd || system.dcs.members.empty()) {
    problems.push_back("a lab's DCS is etcd: say \"dcs\": {\"kind\": \"etcd\"} to try it with one");
  }
  constexpr std::size_t members_max = 9;
  if (system.members.empty() || system.members.size() > members_max) {
    problems.push_back("a lab has 1 to 9 members");
  }
  LabPlan plan;
  plan.name = name;
  plan.system = system.file;
  plan.folder = labs_folder() / name;
  plan.hub = "predrill-" + name + "-hub";
  plan.scope = system.name;
  plan.primary = system.primary;
  plan.synchronous = system.patroni.synchronous_mode;
  plan.tcp_syn_linear_timeouts = system.syn_retries.linear;
  plan.user = ::geteuid() == 0 ? "postgres" : "";
  int number = first_member;
  for (const MemberSpec& member : system.members) {
    plan.hosts.push_back(host_of(plan, HostKind::member, member.name, number++));
  }
  number = first_etcd;
  for (const auto& [member, zone] : system.dcs.members) {
    plan.hosts.push_back(host_of(plan, HostKind::etcd, member, number++));
  }
  // A lab has no Kubernetes: HAProxy on Patroni's REST interface stands for the service.
  if (system.haproxy || system.pooler) {
    plan.hosts.push_back(host_of(plan, HostKind::haproxy, "haproxy", haproxy_number));
  }
  if (system.pooler) {
    plan.hosts.push_back(host_of(plan, HostKind::pgbouncer, "pgbouncer", pgbouncer_number));
  }
  plan.hosts.push_back(host_of(plan, HostKind::client, "client", client_number));
  for (const LabHost& host : plan.hosts) {
    if (!is_plain(host.name)) problems.push_back("a host of a lab cannot be called " + host.name);
    if (plan.find(host.name) != &host) {
      problems.push_back("two hosts of the lab would be called " + host.name);
    }
  }
  if (!problems.empty()) return std::nullopt;
  render_files(system, plan);
  return plan;
}

// "patroni 3.0.2"
std::string doubt_about_patroni(const SystemSpec& system, const LabPlan& plan) {
  const CommandResult said = run_command({plan.patroni, "--version"}, "", std::chrono::seconds(10));
  std::string version = said.output.substr(0, said.output.find('\n'));
  version = version.substr(version.find_last_of(' ') + 1);
  const auto found = patroni_version(version);
  if (said.status == -1) return "there is no program " + plan.patroni;
  if (!said.ok() || version.empty()) return plan.patroni + " --version does not answer";
  if (!found) return plan.patroni + " is Patroni " + version + ", which is not modelled";
  if (*found == system.patroni.version) return "";
  return plan.patroni + " is Patroni " + version + ", the system means " +
         std::string(models::to_text(system.patroni.version)) +
         ": add --set patroni.version=" + version;
}

std::string to_json(const LabPlan& plan) {
  Json json;
  json["format"] = "predrill.lab/1";
  json["name"] = plan.name;
  json["system"] = plan.system;
  json["folder"] = plan.folder.string();
  json["hub"] = plan.hub;
  json["scope"] = plan.scope;
  json["user"] = plan.user;
  json["database"] = plan.database;
  json["patroni"] = plan.patroni;
  json["primary"] = plan.primary;
  json["synchronous"] = plan.synchronous;
  json["tcp_syn_linear_timeouts"] = plan.tcp_syn_linear_timeouts;
  for (const LabHost& host : plan.hosts) {
    json["hosts"].push_back({{"kind", static_cast<int>(host.kind)},
                             {"name", host.name},
                             {"network", host.network},
                             {"port", host.port},
                             {"address", host.address},
                             {"mac", host.mac}});
  }
  json["files"] = plan.files;
  return json.dump(1) + "\n";
}

std::optional<LabPlan> read_plan(const std::filesystem::path& file) {
  std::ifstream stream(file);
  const Json json = Json::parse(stream, nullptr, false);
  if (!json.is_object() || json.value("format", "") != "predrill.lab/1") return std::nullopt;
  try {
    LabPlan plan;
    plan.name = json.at("name");
    plan.system = json.at("system");
    plan.folder = json.at("folder").get<std::string>();
    plan.hub = json.at("hub");
    plan.scope = json.at("scope");
    plan.user = json.at("user");
    plan.database = json.at("database");
    plan.patroni = json.value("patroni", plan.patroni);
    plan.primary = json.at("primary");
    plan.synchronous = json.at("synchronous");
    plan.tcp_syn_linear_timeouts =
        json.value("tcp_syn_linear_timeouts", plan.tcp_syn_linear_timeouts);
    for (const Json& one : json.at("hosts")) {
      plan.hosts.push_back({static_cast<HostKind>(one.at("kind").get<int>()), one.at("name"),
                            one.at("network"), one.at("port"), one.at("address"), one.at("mac")});
    }
    plan.files = json.at("files").get<std::map<std::string, std::string>>();
    return plan;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace predrill::harness::live
