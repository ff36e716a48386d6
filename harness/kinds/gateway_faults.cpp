#include "harness/kinds/gateway_faults.hpp"

#include <algorithm>
#include <array>

namespace predrill::harness {

using namespace std::chrono_literals;
using models::CriFault;
using models::PodId;
using sim::Distribution;
using sim::Duration;
using sim::Task;

namespace {

constexpr std::array<std::string_view, 4> cri_modes = {"list_hang", "inspect_hang", "full_hang",
                                                       "crash"};
constexpr std::array<std::string_view, 4> paths = {"none", "conntrack_full", "cni_loss",
                                                   "cpu_starvation"};
constexpr std::array<ArgumentForm, 4> deadlock_arguments = {{
    {"mode", ArgumentType::word, "how CRI fails", false, cri_modes},
    {"stuck", ArgumentType::count, "containers whose inspection hangs"},
    {"dataplane_impact", ArgumentType::word, "what else fails on the node", false, paths},
    {"dataplane_delay", ArgumentType::distribution, "from the lock to that"},
}};
constexpr std::array<ArgumentForm, 1> kubelet_arguments = {
    {{"restarts", ArgumentType::flag, "systemd starts it again (default true)"}}};
constexpr std::array<ArgumentForm, 1> reboot_arguments = {
    {{"forced", ArgumentType::flag, "without stopping anything first"}}};
constexpr std::array<ArgumentForm, 1> path_arguments = {
    {{"impact", ArgumentType::word, "what fails", true, paths}}};

constexpr std::array<ArgumentForm, 1> check_arguments = {
    {{"share", ArgumentType::share, "of the checks that fail", true}}};

constexpr std::array<FaultType, 10> faults = {{
    {"containerd_deadlock", "containerd locks up on a node",
     "CRI calls hang or fail; the data path fails only if dataplane_impact says so",
     deadlock_arguments},
    {"node_power_loss", "a node loses power", "silence; with for it is switched on again", {}},
    {"kubelet_crash", "the kubelet of a node dies", "containers live on", kubelet_arguments},
    {"node_restart", "a node is rebooted", "pods start again in place", reboot_arguments},
    {"data_path", "the data path to pods fails", "Kubernetes sees nothing of it", path_arguments},
    {"process_kill",
     "the process in a pod is killed",
     "connections are refused until it restarts",
     {}},
    {"zone_loss",
     "an availability zone is lost",
     "its nodes and the load balancer's node there",
     {}},
    {"targets_unhealthy", "no target answers health checks", "all fail at once: fail-open",
     path_arguments},
    {"checks_failing", "health checks fail at random",
     "each check is lost with this probability; the service works: false alarms", check_arguments},
    {"rollout", "a rolling update of the service", "every pod is replaced by its strategy", {}},
}};

bool strikes_nodes(std::string_view fault) {
  return fault == "containerd_deadlock" || fault == "node_power_loss" || fault == "kubelet_crash" ||
         fault == "node_restart";
}

DataPath path_of(const std::string* name) {
  if (name == nullptr || *name == "none") return DataPath::works;
  if (*name == "conntrack_full") return DataPath::no_new_connections;
  if (*name == "cni_loss") return DataPath::packets_lost;
  return DataPath::starved;
}

CriFault cri_fault(const std::string* name) {
  if (name == nullptr) return CriFault::list_hang;
  const auto found = std::find(cri_modes.begin(), cri_modes.end(), *name);
  return static_cast<CriFault>(found - cri_modes.begin() + 1);
}

Task<> path_fails_later(GatewayWorld& world, const std::size_t node, const DataPath path,
                        const Duration delay) {
  co_await sim::sleep_for(delay);
  world.set_data_path(node, path);
}

Task<> end_later(GatewayWorld& world, const FaultSpec fault, const Duration length);

void lock_containerd(GatewayWorld& world, const FaultSpec& fault, std::size_t node) {
  const CriFault mode = cri_fault(fault.argument<std::string>("mode"));
  std::vector<PodId> stuck;
  if (mode == CriFault::inspect_hang) {
    const auto* count = fault.argument<std::int64_t>("stuck");
    const auto wanted = static_cast<std::size_t>(count == nullptr ? 2 : *count);
    for (const PodId pod : world.api().pods_on(static_cast<models::NodeId>(node))) {
      if (stuck.size() < wanted) stuck.push_back(pod);
    }
  }
  world.kubelet(node).strike(mode, std::move(stuck));
  const DataPath path = path_of(fault.argument<std::string>("dataplane_impact"));
  if (path == DataPath::works) return;
  sim::Stream delays = world.sim().stream("faults", "dataplane");
  const auto* delay = fault.argument<Distribution>("dataplane_delay");
  world.sim().world().spawn(path_fails_later(
      world, node, path, delay == nullptr ? Duration{} : delay->sample_duration(delays)));
}

std::vector<PodId> pods_named(GatewayWorld& world, const std::vector<std::string>& names) {
  std::vector<PodId> pods;
  for (const PodId pod : world.api().pods_of(world.served())) {
    const std::string& name = world.api().pod(pod).name;
    const bool all = std::find(names.begin(), names.end(), "all_pods") != names.end();
    if (all || std::find(names.begin(), names.end(), name) != names.end()) pods.push_back(pod);
  }
  return pods;
}

// Pods by name, or those of a node.
void fail_path(GatewayWorld& world, const FaultSpec& fault, DataPath path) {
  for (const std::string& name : fault.targets) {
    const std::size_t node = world.spec().find_node(name);
    if (node < world.nodes()) world.set_data_path(node, path);
  }
  for (const PodId pod : pods_named(world, fault.targets)) world.set_data_path_of(pod, path);
}

void strike_node(GatewayWorld& world, const FaultSpec& fault, std::size_t node) {
  world.set_affected(node);
  if (fault.name == "containerd_deadlock") {
    lock_containerd(world, fault, node);
  } else if (fault.name == "node_power_loss") {
    world.kubelet(node).power_off();
  } else if (fault.name == "kubelet_crash") {
    const bool* restarts = fault.argument<bool>("restarts");
    world.kubelet(node).crash(restarts == nullptr || *restarts);
  } else {
    const bool* forced = fault.argument<bool>("forced");
    world.kubelet(node).reboot(forced != nullptr && *forced);
  }
}

void end_fault(GatewayWorld& world, const FaultSpec& fault) {
  for (const std::string& name : fault.targets) {
    const std::size_t node = world.spec().find_node(name);
    if (fault.name == "zone_loss") world.restore_zone(name);
    if (node >= world.nodes()) continue;
    if (fault.name == "containerd_deadlock") {
      world.kubelet(node).containerd().restart_process();
      world.set_data_path(node, DataPath::works);
    } else if (fault.name == "node_power_loss") {
      world.kubelet(node).power_on();
    } else if (fault.name == "kubelet_crash" && !world.kubelet(node).alive() &&
               world.kubelet(node).host().up()) {
      world.kubelet(node).start(false);
    }
  }
  if (fault.name == "data_path" || fault.name == "targets_unhealthy") {
    fail_path(world, fault, DataPath::works);
  }
  if (fault.name == "checks_failing") world.set_check_loss(0);
}

Task<> end_later(GatewayWorld& world, const FaultSpec fault, const Duration length) {
  co_await sim::sleep_for(length);
  end_fault(world, fault);
}

FaultSpec usual(std::string_view name, const std::vector<std::string>& targets) {
  FaultSpec fault;
  fault.name = name;
  fault.at.delay = Distribution::uniform(Duration(30s), Duration(40s));
  fault.targets = targets;
  return fault;
}

}  // namespace

std::span<const FaultType> gateway_faults() {
  return faults;
}

std::vector<std::string> gateway_targets(const GatewaySpec& spec, const FaultType& fault) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  const bool of_pods = fault.name == "data_path" || fault.name == "process_kill" ||
                       fault.name == "targets_unhealthy";
  if (fault.name == "zone_loss") {
    if (!spec.nodes.empty()) add(spec.nodes[spec.busiest_node()].zone);
    for (const std::string& zone : spec.zones) add(zone);
  }
  if (fault.name == "targets_unhealthy" || fault.name == "checks_failing") add("all_pods");
  if (strikes_nodes(fault.name) || fault.name == "data_path") {
    if (!spec.nodes.empty()) add(spec.nodes[spec.busiest_node()].name);
    for (const GatewayNode& node : spec.nodes) add(node.name);
  }
  if (of_pods) {
    for (const GatewayPod& pod : spec.pods) {
      if (pod.workload == spec.served) add(pod.name);
    }
    add("all_pods");
  }
  if (fault.name == "rollout") add(spec.served_workload().name);
  return names;
}

std::vector<FaultSpec> gateway_usual_faults(const GatewaySpec& spec) {
  std::vector<FaultSpec> all;
  for (const FaultType& type : faults) {
    const std::vector<std::string> targets = gateway_targets(spec, type);
    if (targets.empty()) continue;
    FaultSpec fault = usual(type.name, {targets.front()});
    if (type.name == "zone_loss" && spec.zones.size() < 2) continue;
    if (type.name == "data_path" || type.name == "targets_unhealthy") {
      fault.arguments.emplace("impact", std::string("cni_loss"));
      fault.length = 5min;
    }
    if (type.name == "checks_failing") {
      fault.arguments.emplace("share", 0.05);
      fault.length = 10min;
    }
    if (type.name == "node_power_loss" || type.name == "zone_loss") fault.length = 10min;
    all.push_back(std::move(fault));
  }
  return all;
}

void strike_gateway(GatewayWorld& world, const FaultSpec& fault) {
  for (const std::string& name : fault.targets) {
    const std::size_t node = world.spec().find_node(name);
    if (strikes_nodes(fault.name) && node < world.nodes()) strike_node(world, fault, node);
    if (fault.name == "zone_loss") world.lose_zone(name);
  }
  if (fault.name == "data_path" || fault.name == "targets_unhealthy") {
    fail_path(world, fault, path_of(fault.argument<std::string>("impact")));
  } else if (fault.name == "process_kill") {
    for (const PodId pod : pods_named(world, fault.targets)) world.kill_pod(pod);
  } else if (fault.name == "checks_failing") {
    world.set_check_loss(*fault.argument<double>("share"));
  } else if (fault.name == "rollout") {
    world.workloads().roll(world.served());
  }
  if (fault.length) world.sim().world().spawn(end_later(world, fault, *fault.length));
}

}  // namespace predrill::harness
