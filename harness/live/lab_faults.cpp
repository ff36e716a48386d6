#include "harness/live/lab_faults.hpp"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/live/http.hpp"
#include "harness/live/network_namespace.hpp"
#include "harness/load/fault_forms.hpp"

namespace predrill::harness::live {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using Role = Target::Role;

namespace {

// As in the simulator: from the death of the containers until the pod's network is gone.
constexpr auto sandbox_teardown = 300ms;

// The letter of proc(5): T is stopped.
char state_of(ProcessId process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t end = text.rfind(')');
  return end == std::string::npos || end + 2 >= text.size() ? '-' : text[end + 2];
}

std::string milliseconds_text(sim::Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + "ms";
}

// The member that leads etcd now; nullptr if none says so.
const LabHost* etcd_leader(const Lab& lab) {
  const LabHost* leader = nullptr;
  lab.as_client([&] {
    for (const LabHost* etcd : lab.plan().of(HostKind::etcd)) {
      const HttpReply reply = http({.method = "POST",
                                    .address = etcd->address,
                                    .port = etcd_port,
                                    .path = "/v3/maintenance/status",
                                    .body = "{}",
                                    .timeout = 1s});
      const Json json = Json::parse(reply.body, nullptr, false);
      if (!json.is_object() || !json.contains("header")) continue;
      if (json["header"].value("member_id", "") == json.value("leader", "-")) leader = etcd;
    }
  });
  return leader;
}

// netem takes a module of the kernel; asked in a namespace of the lab.
Problem netem_missing(const Lab& lab) {
  const LabHost& client = *lab.plan().find("client");
  const std::vector<std::string> add = {"tc", "-n",   client.network, "qdisc", "add", "dev",
                                        "lo", "root", "netem",        "delay", "1ms"};
  if (Problem problem = must_run(add)) {
    return "this kernel has no netem (module sch_netem): " + *problem;
  }
  return must_run({"tc", "-n", client.network, "qdisc", "del", "dev", "lo", "root"});
}

}  // namespace

Problem cannot_inject(const FaultSpec& fault, const Lab& lab) {
  if (!fault.at.after.empty()) return "a lab's faults strike at a time, not after an event";
  if (fault.at.per_year > 0) return "a lab's faults strike at a time, not at a rate";
  switch (fault.kind) {
    case FaultKind::clock_jump:
      return "the processes of a lab share this machine's clock: a jump would hit everything on it";
    case FaultKind::latency:
    case FaultKind::packet_loss:
    case FaultKind::dcs_slow:
      return netem_missing(lab);
    case FaultKind::dcs_no_space:
      return "a lab's etcd has no quota that could be reached quickly";
    case FaultKind::disk_stall:
    case FaultKind::disk_full:
      return "a lab's members share this machine's file system; filling it would hit everything";
    case FaultKind::read_only:
      return "a lab's Patroni owns the server's settings: change them with patronictl edit-config";
    case FaultKind::lag:
      return "a lab does not limit the bandwidth of replication";
    case FaultKind::containerd_deadlock:
      return "a lab has no kubelets";
    case FaultKind::az_loss:
      return "all hosts of a lab are on one machine; take node_loss";
    default:
      return std::nullopt;
  }
}

LabFault::LabFault(Lab& lab, const FaultSpec& fault, const LabState& before)
    : lab_(lab), fault_(fault), before_(before), on_(hosts_of(fault.on)) {}

std::vector<const LabHost*> LabFault::hosts_of(const Target& target) const {
  const LabPlan& plan = lab_.plan();
  std::vector<const LabHost*> standbys;
  for (const LabHost* member : plan.of(HostKind::member)) {
    if (member->name != before_.leader) standbys.push_back(member);
  }
  const auto first = [](std::vector<const LabHost*> hosts) {
    if (hosts.size() > 1) hosts.resize(1);
    return hosts;
  };
  switch (target.role) {
    case Role::named: {
      const LabHost* host = plan.find(target.name);
      return host == nullptr ? std::vector<const LabHost*>{} : std::vector{host};
    }
    case Role::primary:
      return {plan.find(before_.leader)};
    case Role::sync_standby:
      return before_.sync.empty() ? first(standbys) : std::vector{plan.find(before_.sync)};
    case Role::async_standby:
      if (standbys.size() > 1) {
        std::erase_if(standbys, [this](const LabHost* h) { return h->name == before_.sync; });
      }
      return first(standbys);
    case Role::any_standby:
      return first(standbys);
    case Role::all_standbys:
      return standbys;
    case Role::dcs:
      return plan.of(HostKind::etcd);
    case Role::dcs_leader: {
      const LabHost* leader = etcd_leader(lab_);
      return leader == nullptr ? std::vector<const LabHost*>{} : std::vector{leader};
    }
    case Role::pooler:
      return plan.of(HostKind::pgbouncer);
    case Role::haproxy:
      return plan.of(HostKind::haproxy);
    case Role::clients:
      return plan.of(HostKind::client);
    case Role::zone:
    case Role::everyone_else:
      break;
  }
  std::vector<const LabHost*> others;
  for (const LabHost& host : plan.hosts) {
    if (std::find(on_.begin(), on_.end(), &host) == on_.end()) others.push_back(&host);
  }
  return others;
}

void LabFault::remember(const LabHost& host, ProcessId process) {
  victims_.push_back({&host, process, start_ticks(process)});
}

// Nothing is flushed or told: the cable first, then every process.
Problem LabFault::lose(const LabHost& host) {
  for (const ProcessId process : processes_in(host.network)) remember(host, process);
  if (Problem problem = lab_.cable(host, false)) return problem;
  signal_all(host.network, SIGKILL);
  return std::nullopt;
}

Problem LabFault::kill_one(const LabHost& host, ProcessId process, int signal) {
  if (process == 0) return "the process to end on " + host.name + " does not run";
  remember(host, process);
  if (::kill(process, signal) != 0) return "cannot signal process " + std::to_string(process);
  return std::nullopt;
}

// A stopped machine acknowledges nothing: for the scope host, its cable is out as well.
Problem LabFault::freeze(const LabHost& host, bool stop) {
  const int signal = stop ? SIGSTOP : SIGCONT;
  using Scope = FaultSpec::Scope;
  const bool cable = fault_.scope == Scope::host;
  if (cable && stop) {
    if (Problem problem = lab_.cable(host, false)) return problem;
  }
  if (stop) {
    const ProcessId patroni = lab_.main_process(host);
    for (const ProcessId process : processes_in(host.network)) {
      const Scope other = process == patroni ? Scope::postgres : Scope::patroni;
      if (fault_.scope == other) continue;
      if (Problem problem = kill_one(host, process, signal)) return problem;
    }
    return std::nullopt;
  }
  // A machine that goes on has its network: who sent before it had would try again 1 s later.
  if (cable) {
    if (Problem problem = lab_.cable(host, true)) return problem;
  }
  signal_all(host.network, SIGCONT);
  return std::nullopt;
}

Problem LabFault::cut_off(bool off) {
  const bool named = fault_.from && fault_.from->role != Role::everyone_else;
  const std::vector<const LabHost*> others =
      named ? hosts_of(*fault_.from) : hosts_of({.role = Role::everyone_else, .name = {}});
  // All that a host sends at once: where no answer can leave, the partition is whole within the few
  // milliseconds of one command.
  for (const LabHost* from : on_) {
    if (Problem problem = lab_.cut(*from, others, off)) return problem;
  }
  for (const LabHost* from : others) {
    if (fault_.one_way) break;
    if (Problem problem = lab_.cut(*from, on_, off)) return problem;
  }
  if (off && !on_.empty() && !others.empty() && lab_.is_cut(*on_[0], *others.back())) {
    proof_ = "packets from " + on_[0]->name + " to " + others.back()->name + " go to nobody";
  }
  return std::nullopt;
}

// Latency and loss of everything that the hosts send.
Problem LabFault::shape(bool on) {
  for (const LabHost* host : on_) {
    std::vector<std::string> argv = {"tc",  "-n",   host->network, "qdisc", on ? "add" : "del",
                                     "dev", "eth0", "root"};
    if (on && fault_.kind == FaultKind::packet_loss) {
      argv.insert(argv.end(), {"netem", "loss", std::to_string(fault_.probability * 100) + "%"});
    } else if (on) {
      const auto middle = fault_.extra.duration_from_draw(UINT64_MAX / 2);
      argv.insert(argv.end(), {"netem", "delay", milliseconds_text(middle)});
    }
    if (Problem problem = must_run(argv)) return problem;
  }
  if (on) proof_ = "tc shapes what " + std::to_string(on_.size()) + " hosts send";
  return std::nullopt;
}

Problem LabFault::kill_etcd() {
  std::vector<const LabHost*> hosts = lab_.plan().of(HostKind::etcd);
  if (fault_.kind == FaultKind::dcs_leader_kill) {
    const LabHost* leader = etcd_leader(lab_);
    if (leader == nullptr) return "no member of etcd says that it leads";
    hosts = {leader};
  } else {
    hosts.resize(hosts.size() / 2 + hosts.size() % 2);
  }
  on_ = hosts;
  for (const LabHost* host : hosts) {
    if (Problem problem = kill_one(*host, lab_.main_process(*host), SIGKILL)) return problem;
  }
  return std::nullopt;
}

Problem LabFault::switchover() {
  const LabHost* leader = lab_.plan().find(before_.leader);
  Json body;
  body["leader"] = before_.leader;
  if (!fault_.candidate.empty()) body["candidate"] = fault_.candidate;
  HttpReply reply;
  lab_.as_client([&] {
    // The answer comes when it is over; the drill goes on meanwhile.
    reply = http({.method = "POST",
                  .address = leader->address,
                  .port = rest_port,
                  .path = "/switchover",
                  .body = body.dump(),
                  .timeout = 60s});
  });
  if (!reply.ok()) return "Patroni refuses: " + std::to_string(reply.status) + " " + reply.body;
  proof_ = "Patroni: " + reply.body;
  return std::nullopt;
}

Problem LabFault::inject() {
  if (on_.empty()) return "there is nothing that the fault could strike";
  const auto each = [this](auto work) -> Problem {
    for (const LabHost* host : on_) {
      if (Problem problem = work(*host)) return problem;
    }
    return std::nullopt;
  };
  switch (fault_.kind) {
    case FaultKind::node_loss:
    case FaultKind::node_reboot:
    case FaultKind::standby_loss:
      return each([this](const LabHost& host) { return lose(host); });
    case FaultKind::postmaster_kill:
      return each(
          [this](const LabHost& host) { return kill_one(host, lab_.postmaster(host), SIGKILL); });
    case FaultKind::patroni_kill:
    case FaultKind::patroni_dead:
    case FaultKind::pgbouncer_kill:
      return each(
          [this](const LabHost& host) { return kill_one(host, lab_.main_process(host), SIGKILL); });
    case FaultKind::pod_delete: {
      const auto asked = fault_.grace_period < sim::Duration{} ? 5min : fault_.grace_period;
      kill_at_ = Clock::now() + std::max<sim::Duration>(asked, 2s);
      [[fallthrough]];
    }
    case FaultKind::patroni_stop:
      return each(
          [this](const LabHost& host) { return kill_one(host, lab_.main_process(host), SIGTERM); });
    case FaultKind::freeze:
      return each([this](const LabHost& host) { return freeze(host, true); });
    case FaultKind::partition:
      return cut_off(true);
    case FaultKind::latency:
    case FaultKind::packet_loss:
    case FaultKind::dcs_slow:
      return shape(true);
    case FaultKind::dcs_leader_kill:
    case FaultKind::dcs_quorum_loss:
      return kill_etcd();
    case FaultKind::switchover:
      return switchover();
    case FaultKind::backend_crash:
      return each([this](const LabHost& host) -> Problem {
        const ProcessId master = lab_.postmaster(host);
        for (const ProcessId process : processes_in(host.network)) {
          if (command_line(process).find("postgres: ") == std::string::npos) continue;
          if (command_line(process).find("checkpointer") == std::string::npos) continue;
          if (process != master) return kill_one(host, process, SIGKILL);
        }
        return "no server process to crash on " + host.name;
      });
    default:
      return cannot_inject(fault_, lab_).value_or("not possible in a lab");
  }
}

Problem LabFault::step() {
  const Clock::time_point now = Clock::now();
  if (kill_at_ != Clock::time_point::max()) {
    const bool empty = std::all_of(on_.begin(), on_.end(), [](const LabHost* host) {
      return processes_in(host->network).empty();
    });
    if (empty || now >= kill_at_) {
      for (const LabHost* host : on_) signal_all(host->network, SIGKILL);
      kill_at_ = Clock::time_point::max();
      unplug_at_ = now + sandbox_teardown;
    }
  }
  if (now < unplug_at_) return std::nullopt;
  unplug_at_ = Clock::time_point::max();
  for (const LabHost* host : on_) {
    if (Problem problem = lab_.cable(*host, false)) return problem;
  }
  return std::nullopt;
}

std::optional<std::string> LabFault::proof() const {
  if (proof_ || victims_.empty()) return proof_;
  const bool stopped = fault_.kind == FaultKind::freeze;
  for (const Victim& victim : victims_) {
    const bool same = start_ticks(victim.process) == victim.ticks;
    const char state = state_of(victim.process);
    if (stopped ? !same || state != 'T' : same && state != 'Z' && state != 'X') {
      return std::nullopt;
    }
  }
  return std::to_string(victims_.size()) +
         (stopped ? " processes stand still" : " processes ended") + " on " +
         victims_[0].host->name + (victims_.back().host != victims_[0].host ? " and others" : "");
}

Problem LabFault::undo() {
  switch (fault_.kind) {
    case FaultKind::freeze:
      for (const LabHost* host : on_) {
        if (Problem problem = freeze(*host, false)) return problem;
      }
      return std::nullopt;
    case FaultKind::partition:
      return cut_off(false);
    case FaultKind::latency:
    case FaultKind::packet_loss:
    case FaultKind::dcs_slow:
      return shape(false);
    default:
      for (const LabHost* host : on_) {
        if (Problem problem = lab_.cable(*host, true)) return problem;
        if (lab_.running(*host)) continue;
        if (Problem problem = lab_.start(*host)) return problem;
      }
      return std::nullopt;
  }
}

std::vector<std::string> steps_of(const FaultSpec& fault, const Lab& lab, const LabState& state) {
  const std::string whom = fault.on.role == Role::primary ? state.leader : fault.on.name;
  const LabHost* host = lab.plan().find(whom);
  std::vector<std::string> steps = {std::string(form_of(fault.kind).does) +
                                    (whom.empty() ? "" : ", now on " + whom)};
  if (host != nullptr) {
    steps.push_back("namespace " + host->network + ", " +
                    std::to_string(processes_in(host->network).size()) + " processes");
  }
  return steps;
}

}  // namespace predrill::harness::live
