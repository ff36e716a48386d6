#include "harness/live/lab.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness/cli/output_files.hpp"
#include "harness/live/http.hpp"
#include "harness/live/lab_files.hpp"
#include "harness/live/network_namespace.hpp"
#include "harness/live/pg.hpp"

namespace predrill::harness::live {

using Json = nlohmann::json;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* bridge_mac = "02:70:64:00:00:01";
constexpr const char* nobody_mac = "02:70:64:00:00:fe";
constexpr const char* syn_sysctl = "/proc/sys/net/ipv4/tcp_syn_linear_timeouts";  // Linux 6.5

// Waits until it is so, or the time is up.
bool wait_until(const std::function<bool()>& is_so, std::chrono::milliseconds limit) {
  const Clock::time_point end = Clock::now() + limit;
  while (!is_so()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(100ms);
  }
  return true;
}

std::string neighbour(const LabHost& host, const char* mac) {
  return "neigh replace " + host.address + " lladdr " + mac + " nud permanent dev eth0\n";
}

}  // namespace

std::string connection_text(const std::vector<std::string>& hosts, int port,
                            const std::string& database, bool read_write) {
  std::string text = "host=";
  for (std::size_t i = 0; i < hosts.size(); ++i) text += (i == 0 ? "" : ",") + hosts[i];
  text += " port=" + std::to_string(port) + " dbname=" + database +
          " user=postgres sslmode=disable gssencmode=disable application_name=predrill";
  if (read_write) text += " target_session_attrs=read-write";
  return text;
}

LabLock::LabLock(const std::string& name) {
  std::error_code ignored;
  fs::create_directories(labs_folder(), ignored);
  path_ = (labs_folder() / ("." + name + ".lock")).string();
  constexpr mode_t mode = 0600;
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode);
  struct stat mine {};
  struct stat named {};
  // The one who held it may have removed it in between.
  if (file_ >= 0 && (::flock(file_, LOCK_EX | LOCK_NB) != 0 || ::fstat(file_, &mine) != 0 ||
                     ::stat(path_.c_str(), &named) != 0 || mine.st_ino != named.st_ino)) {
    ::close(file_);
    file_ = -1;
  }
}

LabLock::~LabLock() {
  if (file_ >= 0) ::close(file_);
}

void LabLock::remove() {
  if (file_ < 0) return;
  ::unlink(path_.c_str());
  ::rmdir(labs_folder().c_str());  // if it was the last
}

std::optional<Lab> Lab::find(const std::string& name) {
  auto plan = read_plan(labs_folder() / name / "lab.json");
  if (!plan) return std::nullopt;
  return Lab(std::move(*plan));
}

std::vector<std::string> Lab::names() {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(labs_folder(), error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error)) names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void Lab::as_client(const std::function<void()>& work) const {
  std::thread([this, &work] {
    if (!enter_namespace(plan_.find("client")->network)) work();
  }).join();
}

// ---- making -------------------------------------------------------------------------------------

Problem Lab::make_files() const {
  OutputFiles files;
  for (const auto& [name, content] : plan_.files) files.add(plan_.folder / name, content);
  if (Problem problem = files.write()) return problem;
  if (plan_.user.empty()) return std::nullopt;
  const passwd* owner = ::getpwnam(plan_.user.c_str());
  if (owner == nullptr) return "there is no user " + plan_.user + ": is postgresql-15 installed?";
  const auto give = [owner](const fs::path& path) {
    return ::chown(path.c_str(), owner->pw_uid, owner->pw_gid) == 0;
  };
  bool ok = give(plan_.folder);
  for (const auto& [name, content] : plan_.files) ok = give(plan_.folder / name) && ok;
  for (const LabHost& host : plan_.hosts) {
    constexpr mode_t mode = 0700;
    const fs::path home = plan_.folder / host.name;
    ok = (::mkdir(home.c_str(), mode) == 0 || errno == EEXIST) && give(home) && ok;
  }
  if (!ok) return "cannot give the files of the lab to " + plan_.user;
  return std::nullopt;
}

Problem Lab::make_network() const {
  const auto add = [](const std::string& name) -> Problem {
    if (namespace_exists(name)) return std::nullopt;
    return must_run({"ip", "netns", "add", name});
  };
  if (Problem problem = add(plan_.hub)) return problem;
  for (const LabHost& host : plan_.hosts) {
    if (Problem problem = add(host.network)) return problem;
  }
  // A bridge without an address of its own takes its ports' lowest, and changes with them.
  run_command(
      {"ip", "-n", plan_.hub, "link", "add", "bridge", "address", bridge_mac, "type", "bridge"});
  if (Problem problem = must_run({"ip", "-n", plan_.hub, "link", "set", "bridge", "up"})) {
    return problem;
  }
  for (const LabHost& host : plan_.hosts) {
    // Again after an interruption: what is there already is refused, and that is well.
    run_command({"ip", "-n", host.network, "link", "add", "eth0", "address", host.mac, "type",
                 "veth", "peer", "name", host.port, "netns", plan_.hub});
    std::string lines =
        "addr replace " + host.address + "/24 dev eth0\nlink set lo up\n" + "link set eth0 up\n";
    for (const LabHost& other : plan_.hosts) {
      // Fixed neighbours: a host that is gone is silent, as it is behind a router; asking for its
      // address would give "no route to host" after 3 s.
      if (&other != &host) lines += neighbour(other, other.mac.c_str());
    }
    if (Problem problem = must_run({"ip", "-n", host.network, "-batch", "-"}, lines)) {
      return problem;
    }
    if (fs::exists(syn_sysctl)) {
      if (Problem problem = must_run({"ip", "netns", "exec", host.network, "tee", syn_sysctl},
                                     std::to_string(plan_.tcp_syn_linear_timeouts))) {
        return problem;
      }
    }
    if (Problem problem =
            must_run({"ip", "-n", plan_.hub, "link", "set", host.port, "master", "bridge", "up"})) {
      return problem;
    }
  }
  return std::nullopt;
}

Problem Lab::up(const std::function<void(const std::string&)>& tell) {
  std::error_code error;
  const fs::path plan_file = plan_.folder / "lab.json";
  if (!fs::exists(plan_file, error)) {
    if (fs::exists(plan_.folder, error) && !fs::is_empty(plan_.folder, error)) {
      return plan_.folder.string() + " exists and is not a lab";
    }
    std::vector<std::string> networks = {plan_.hub};
    for (const LabHost& host : plan_.hosts) networks.push_back(host.network);
    for (const std::string& network : networks) {
      if (namespace_exists(network)) return "there is already a network namespace " + network;
    }
    if (Problem problem = namespaces_missing()) return problem;
    OutputFiles files;
    files.add(plan_file, to_json(plan_));
    if (Problem problem = files.write()) return problem;
  }
  tell("configuration and network");
  if (!fs::exists(syn_sysctl) && plan_.tcp_syn_linear_timeouts != 0) {
    tell(
        "this kernel is older than Linux 6.5 and sends SYNs again at other times than predicted: "
        "add --set network.tcp_syn_linear_timeouts=0");
  }
  if (Problem problem = make_files()) return problem;
  if (Problem problem = make_network()) return problem;
  return start_cluster(tell);
}

Problem Lab::start_cluster(const std::function<void(const std::string&)>& tell) {
  const auto start_all = [this](HostKind kind) -> Problem {
    for (const LabHost* host : plan_.of(kind)) {
      if (running(*host)) continue;
      if (Problem problem = start(*host)) return problem;
    }
    return std::nullopt;
  };
  tell("etcd");
  if (Problem problem = start_all(HostKind::etcd)) return problem;
  const LabHost& etcd = *plan_.of(HostKind::etcd).front();
  const auto healthy = [&] {
    bool ok = false;
    as_client([&] {
      ok = http({.address = etcd.address, .port = etcd_port, .path = "/health"})
               .body.find("\"true\"") != std::string::npos;
    });
    return ok;
  };
  if (!wait_until(healthy, 20s))
    return "etcd does not become healthy; see " + plan_.log(etcd).string();
  tell("the first member");
  const LabHost& first = plan_.hosts[plan_.primary];
  if (!running(first)) {
    if (Problem problem = start(first)) return problem;
  }
  const auto leads = [this] { return !ask().leader.empty(); };
  if (!wait_until(leads, 60s)) return "no primary appears; see " + plan_.log(first).string();
  tell("the other members, HAProxy and PgBouncer");
  for (const HostKind kind : {HostKind::member, HostKind::haproxy, HostKind::pgbouncer}) {
    if (Problem problem = start_all(kind)) return problem;
  }
  const LabState last = wait_steady(90s);
  if (!last.steady()) return "the cluster is not steady: " + last.problems.front();
  return std::nullopt;
}

Problem Lab::down() {
  for (const LabHost& host : plan_.hosts) {
    if (namespace_exists(host.network) && !empty_namespace(host.network)) {
      return "processes in " + host.network + " do not end";
    }
  }
  std::vector<std::string> networks = {plan_.hub};
  for (const LabHost& host : plan_.hosts) networks.push_back(host.network);
  for (const std::string& network : networks) {
    if (!namespace_exists(network)) continue;
    if (Problem problem = must_run({"ip", "netns", "del", network})) return problem;
  }
  // The plan goes last: whatever is left could still be found.
  std::error_code error;
  for (fs::directory_iterator entry(plan_.folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename() != "lab.json") fs::remove_all(entry->path(), error);
    if (error) return "cannot remove " + entry->path().string() + ": " + error.message();
  }
  fs::remove_all(plan_.folder, error);
  if (error) return "cannot remove " + plan_.folder.string() + ": " + error.message();
  return std::nullopt;
}

// ---- looking ------------------------------------------------------------------------------------

LabState Lab::ask() const {
  LabState state;
  as_client([&] {
    for (const LabHost* member : plan_.of(HostKind::member)) {
      const HttpReply reply =
          http({.address = member->address, .port = rest_port, .path = "/cluster", .timeout = 1s});
      const Json json = Json::parse(reply.body, nullptr, false);
      if (!json.is_object() || !json.contains("members")) continue;
      for (const Json& one : json["members"]) {
        state.members.push_back({one.value("name", ""), one.value("role", ""),
                                 one.value("state", ""), one.value("timeline", 0)});
        if (state.members.back().role == "leader") state.leader = state.members.back().name;
        if (state.members.back().role == "sync_standby") state.sync = state.members.back().name;
      }
      return;
    }
  });
  return state;
}

LabState Lab::state() const {
  LabState state = ask();
  std::vector<std::string>& problems = state.problems;
  for (const LabHost& host : plan_.hosts) {
    if (!namespace_exists(host.network)) {
      problems.push_back("the namespace " + host.network + " is missing");
    } else if (!cable_in(host)) {
      problems.push_back("the cable of " + host.name + " is out");
    } else if (host.kind != HostKind::client && !running(host)) {
      problems.push_back(host.name + " does not run");
    }
  }
  if (!problems.empty()) return state;
  if (state.members.size() != plan_.of(HostKind::member).size()) {
    problems.push_back("Patroni knows " + std::to_string(state.members.size()) + " members");
  }
  if (state.leader.empty()) problems.push_back("there is no leader");
  for (const MemberState& member : state.members) {
    if (member.state != "running" && member.state != "streaming") {
      problems.push_back(member.name + " is " + member.state);
    }
    if (member.timeline != state.members.front().timeline) {
      problems.push_back(member.name + " is on another timeline");
    }
  }
  if (plan_.synchronous && state.sync.empty()) problems.push_back("no standby is synchronous");
  if (!problems.empty()) return state;
  as_client([&] {
    const std::string text =
        connection_text({plan_.find(state.leader)->address}, postgres_port, "postgres", false);
    const auto streaming =
        ask_one(text, "select count(*) from pg_stat_replication where state = 'streaming'", 2s);
    const std::size_t wanted = plan_.of(HostKind::member).size() - 1;
    if (!streaming || *streaming != std::to_string(wanted)) {
      problems.push_back(streaming.value_or("no") + " of " + std::to_string(wanted) +
                         " standbys stream");
    }
    const std::string blocked = write_through_every_path();
    if (!blocked.empty()) problems.push_back(blocked);
  });
  return state;
}

// Each path leads to a server that takes writes; empty if so.
std::string Lab::write_through_every_path() const {
  for (const char* router : {"haproxy", "pgbouncer"}) {
    const LabHost* host = plan_.find(router);
    if (host == nullptr) continue;
    const bool pooler = host->kind == HostKind::pgbouncer;
    const auto recovery =
        ask_one(connection_text({host->address}, pooler ? pgbouncer_port : haproxy_port,
                                pooler ? plan_.database : "postgres", false),
                "select pg_is_in_recovery()", 2s);
    if (!recovery) return host->name + " leads nowhere";
    if (*recovery != "f") return host->name + " leads to a standby";
  }
  return "";
}

LabState Lab::wait_steady(std::chrono::seconds limit) const {
  const Clock::time_point end = Clock::now() + limit;
  for (;;) {
    LabState now = state();
    if (now.steady() || Clock::now() > end) return now;
    std::this_thread::sleep_for(500ms);
  }
}

void Lab::mend_replication(const LabState& state) {
  const LabHost* leader = plan_.find(state.leader);
  if (leader == nullptr) return;
  as_client([&] {
    const auto streaming =
        ask_one(connection_text({leader->address}, postgres_port, "postgres", false),
                "select coalesce(string_agg(application_name, ','), '') from pg_stat_replication "
                "where state = 'streaming'",
                2s);
    if (!streaming) return;
    for (const LabHost* member : plan_.members_except(state.leader + "," + *streaming)) {
      http({.method = "POST",
            .address = member->address,
            .port = rest_port,
            .path = "/reinitialize",
            .body = R"({"force": true})",
            .timeout = 10s});
    }
    if (!plan_.synchronous || !state.sync.empty()) return;
    Json sync;
    sync["key"] = base64("/service/" + plan_.scope + "/sync");
    http({.method = "POST",
          .address = plan_.of(HostKind::etcd).front()->address,
          .port = etcd_port,
          .path = "/v3/kv/deleterange",
          .body = sync.dump()});
  });
}

// ---- disturbing ---------------------------------------------------------------------------------

Problem Lab::cable(const LabHost& host, bool in) {
  return must_run({"ip", "-n", plan_.hub, "link", "set", host.port, in ? "up" : "down"});
}

bool Lab::cable_in(const LabHost& host) const {
  const CommandResult shown = run_command({"ip", "-n", plan_.hub, "-o", "link", "show", host.port});
  return shown.ok() && shown.output.find(",UP") != std::string::npos;
}

Problem Lab::cut(const LabHost& from, const std::vector<const LabHost*>& others, bool off) {
  std::string batch;
  for (const LabHost* to : others) {
    if (to != &from) batch += neighbour(*to, off ? nobody_mac : to->mac.c_str());
  }
  return must_run({"ip", "-n", from.network, "-batch", "-"}, batch);
}

bool Lab::is_cut(const LabHost& from, const LabHost& to) const {
  const CommandResult shown = run_command({"ip", "-n", from.network, "neigh", "show", to.address});
  return shown.output.find(nobody_mac) != std::string::npos;
}

Problem Lab::start(const LabHost& host) {
  return start_daemon(daemon_of(plan_, host));
}

ProcessId Lab::main_process(const LabHost& host) const {
  const Daemon daemon = daemon_of(plan_, host);
  for (const ProcessId process : processes_in(host.network)) {
    if (runs(command_line(process), daemon)) return process;
  }
  return 0;
}

bool Lab::running(const LabHost& host) const {
  return main_process(host) != 0;
}

ProcessId Lab::postmaster(const LabHost& host) const {
  std::ifstream file(plan_.folder / host.name / "data" / "postmaster.pid");
  ProcessId process = 0;
  file >> process;
  const std::vector<ProcessId> inside = processes_in(host.network);
  return std::find(inside.begin(), inside.end(), process) != inside.end() ? process : 0;
}

Problem Lab::heal() {
  std::string lines;
  for (const LabHost& host : plan_.hosts) {
    if (!namespace_exists(host.network)) return "the namespace " + host.network + " is missing";
    signal_all(host.network, SIGCONT);
    if (Problem problem = cable(host, true)) return problem;
    lines.clear();
    for (const LabHost& other : plan_.hosts) {
      if (&other != &host) lines += neighbour(other, other.mac.c_str());
    }
    if (Problem problem = must_run({"ip", "-n", host.network, "-batch", "-"}, lines)) {
      return problem;
    }
    run_command({"tc", "-n", host.network, "qdisc", "del", "dev", "eth0", "root"});
    if (host.kind == HostKind::client || running(host)) continue;
    if (Problem problem = start(host)) return problem;
  }
  return std::nullopt;
}

}  // namespace predrill::harness::live
