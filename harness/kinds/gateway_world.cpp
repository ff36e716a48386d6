#include "harness/kinds/gateway_world.hpp"

#include <algorithm>

#include "sim/portable_math.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::ConditionStatus;
using models::NodeId;
using models::PodId;
using models::TargetId;
using models::TargetState;
using sim::Duration;
using sim::Task;

namespace {

std::string_view to_text(DataPath path) {
  switch (path) {
    case DataPath::works:
      return "data path works";
    case DataPath::no_new_connections:
      return "no new connections: SYNs vanish";
    case DataPath::packets_lost:
      return "no packet passes";
    case DataPath::starved:
      return "no CPU: accepts, does not answer";
  }
  return "?";
}

}  // namespace

GatewayWorld::GatewayWorld(const GatewaySpec& spec, std::uint64_t seed, bool shuffle_ties)
    : spec_(spec),
      sim_({.seed = seed, .shuffle_ties = shuffle_ties}),
      control_plane_(sim_, "control-plane"),
      api_(sim_),
      shares_(sim_, spec.load),
      node_path_(spec.nodes.size(), DataPath::works) {
  for (const std::string& zone : spec.zones) sim_.network().zone(zone);
  build_balancer();
  build_nodes();
  build_pods();
  build_people();
}

GatewayWorld::~GatewayWorld() {
  sim_.shut_down();
}

// ---- building -----------------------------------------------------------------------------------

void GatewayWorld::build_balancer() {
  models::LoadBalancerConfig config = spec_.balancer;
  config.zones.clear();
  for (const std::string& zone : spec_.zones) config.zones.push_back(sim_.network().zone(zone));
  balancer_ = std::make_unique<models::Nlb>(sim_, config, spec_.target_group);
  balancer_->targets().observe(*this);
  balancer_->observe(*this);
}

void GatewayWorld::build_nodes() {
  for (const GatewayNode& node : spec_.nodes) {
    const NodeId id = api_.add_node(node.name, node.zone);
    hosts_.push_back(std::make_unique<sim::Host>(sim_, node.name, sim_.network().zone(node.zone)));
    kubelets_.push_back(std::make_unique<models::Kubelet>(
        *hosts_.back(), api_, id, *this, spec_.kubelet, spec_.node_timings, spec_.containerd));
  }
  lifecycle_ = std::make_unique<models::NodeLifecycle>(control_plane_, api_, spec_.lifecycle);
  workloads_ =
      std::make_unique<models::WorkloadControllers>(control_plane_, api_, spec_.workload_timings);
}

void GatewayWorld::build_pods() {
  for (const models::PodWorkloadConfig& workload : spec_.workloads) api_.add_workload(workload);
  controller_ = std::make_unique<models::LoadBalancerController>(
      control_plane_, api_, served(), *this, spec_.controller, spec_.controller_timings);
  std::vector<std::int32_t> ordinals(spec_.workloads.size());
  for (const GatewayPod& pod : spec_.pods) {
    const auto workload = static_cast<models::WorkloadId>(pod.workload);
    const PodId id = api_.create_pod(workload, pod.name, ordinals[pod.workload]++,
                                     static_cast<NodeId>(pod.node));
    api_.set_gate(id, true);
    kubelets_[pod.node]->begin_running(id);
  }
}

void GatewayWorld::build_people() {
  people_ = std::make_unique<sim::Host>(sim_, "operations");
  monitoring_ =
      std::make_unique<models::Monitoring>(*people_, [this](const models::AlertRule& rule) {
        for (std::size_t i = 0; i < spec_.rules.size(); ++i) {
          if (spec_.rules[i].rule.name == rule.name) ++pages_[i];
        }
        responder_->page();
      });
  pages_.assign(spec_.rules.size(), 0);
  for (const GatewayRule& rule : spec_.rules) {
    monitoring_->add(rule.rule, [this, sight = rule.condition] { return sees(sight); });
  }
  responder_ = std::make_unique<models::Responder>(
      *people_, spec_.responders,
      [this](std::string_view name) {
        for (const SightName& sight : sight_names()) {
          if (sight.name == name) return sees(sight.sight);
        }
        return false;
      },
      [this](std::string_view name) {
        for (const CommandName& command : command_names()) {
          if (command.name == name) act(command.command);
        }
      });
}

void GatewayWorld::start() {
  api_.observe(*this);
  invariants_ = std::make_unique<models::KubeInvariants>(api_, spec_.kubelet, spec_.lifecycle,
                                                         spec_.workload_timings);
  api_.observe(*invariants_);
  for (auto& kubelet : kubelets_) invariants_->watch(*kubelet);
  lifecycle_->observe(*invariants_);
  monitoring_->observe(*invariants_);
  responder_->observe(*invariants_);
  was_running_.assign(api_.pods(), true);
  was_ready_.assign(api_.pods(), true);
  was_leaving_.assign(api_.pods(), false);
  for (const PodId pod : api_.pods_of(served())) {
    Sandbox& sandbox = *sandbox_of(pod);
    balancer_->targets().begin_healthy(sandbox.target);
    registered_[{pod, api_.pod(pod).address}] = sandbox.target;
  }
  on_routing_change();
  std::vector<double> weights;
  for (const models::FlowShares::Target& target : shares_.targets()) {
    weights.push_back(target.weight);
  }
  shares_.begin(weights);
  for (auto& kubelet : kubelets_) kubelet->start(true);
  lifecycle_->start();
  workloads_->start();
  controller_->start();
  monitoring_->start();
  for (std::size_t node = 0; node < spec_.churn.size(); ++node) {
    if (spec_.churn[node] > 0) sim_.world().spawn(run_jobs(node));
  }
  if (spec_.single_requests) build_clients();
  flow_checker_ = std::make_unique<models::FlowChecker>(shares_);
  shares_.observe(*flow_checker_);
  balancer_watch_ = std::make_unique<models::BalancerWatch>(*balancer_, clients_.get());
  balancer_watch_->checker().set_least_healthy(
      static_cast<std::size_t>(spec_.served_workload().replicas));
  if (clients_) clients_->start();
}

void GatewayWorld::build_clients() {
  const auto rate = static_cast<std::int64_t>(spec_.load.requests_per_second);
  const auto flows = static_cast<std::int64_t>(spec_.load.new_flows_per_minute);
  auto config = models::ServiceClientsConfig::open_loop(rate, flows,
                                                        static_cast<std::size_t>(spec_.load.flows));
  config.request_timeout = spec_.load.request_timeout;
  client_host_ = std::make_unique<sim::Host>(sim_, "clients");
  clients_ = std::make_unique<models::ServiceClients>(*client_host_, *balancer_, config);
}

std::vector<std::string> GatewayWorld::broken_invariants() {
  std::vector<std::string> all;
  for (const models::KubeInvariants::Broken& broken : invariants_->broken()) {
    all.push_back(broken.text);
  }
  balancer_watch_->finish();
  for (const models::BalancerViolation& broken : balancer_watch_->checker().violations()) {
    const bool of_target = broken.target < by_target_.size();
    all.push_back(std::string(models::to_text(broken.invariant)) +
                  (of_target ? ": " + api_.pod(by_target_[broken.target]->pod).name : ""));
  }
  flow_checker_->finish(sim_.now(), shares_.stats());
  for (const models::FlowChecker::Broken& broken : flow_checker_->broken()) {
    all.push_back(broken.text);
  }
  return all;
}

void GatewayWorld::start_measuring() {
  shares_.restart_stats();
  if (clients_) clients_->restart_stats();
  reduced_times_.clear();
  reduced_ = false;
  most_unhealthy_ = 0;
  least_healthy_ = healthy_targets();
  slowest_detection_ = Duration(-1);
  false_alarms_ = 0;
  count_targets();
}

// Batch jobs come and go; every exit may leave a lock in containerd.
Task<> GatewayWorld::run_jobs(const std::size_t node) {
  sim::Stream gaps = sim_.stream(spec_.nodes[node].name, "churn");
  const sim::Distribution gap = sim::Distribution::exponential(
      Duration(static_cast<std::int64_t>(600e9 / spec_.churn[node])));
  for (;;) {
    const Duration wait = gap.sample_duration(gaps);
    co_await sim::sleep_for(wait);
    if (hosts_[node]->up()) kubelets_[node]->containerd().note_exit();
  }
}

// ---- processes of pods --------------------------------------------------------------------------

GatewayWorld::Sandbox* GatewayWorld::sandbox_of(PodId pod) {
  const auto found = current_.find(pod);
  return found == current_.end() ? nullptr : found->second;
}

void GatewayWorld::start(PodId pod) {
  if (!is_served(pod)) return;
  const std::string name = api_.pod(pod).name + "/" + std::to_string(sandboxes_.size());
  const std::size_t node = api_.pod(pod).node;
  sandboxes_.push_back(std::make_unique<Sandbox>(
      sim_, name, sim_.network().zone(spec_.nodes[node].zone), spec_.process));
  Sandbox& sandbox = *sandboxes_.back();
  sandbox.pod = pod;
  current_[pod] = &sandbox;
  sandbox.process.start();
  sandbox.target = balancer_->add_target(sandbox.process);
  by_target_.push_back(&sandbox);
  cut_.push_back(false);
  shares_.add(api_.pod(pod).name);
  apply_path(sandbox, node_path_[node]);
  if (check_loss_ > 0) lose_checks(sandbox);
}

void GatewayWorld::terminate(PodId pod) {
  Sandbox* sandbox = sandbox_of(pod);
  if (sandbox == nullptr) return;
  sandbox->accepts = false;
  sandbox->process.stop_accepting();
  update_path(*sandbox);
}

void GatewayWorld::kill(PodId pod) {
  Sandbox* sandbox = sandbox_of(pod);
  if (sandbox == nullptr) return;
  current_.erase(pod);
  if (sandbox->group.frozen()) sandbox->group.thaw();
  sandbox->group.kill();  // the kernel says so to every peer
  sandbox->accepts = false;
  end_flows(*sandbox);
}

void GatewayWorld::power_off(PodId pod) {
  // Also of one whose processes were ended before: nobody refuses connections any more.
  for (const auto& sandbox : sandboxes_) {
    if (sandbox->pod != pod || !sandbox->host.up()) continue;
    sandbox->accepts = false;
    sandbox->host.crash();
    update_path(*sandbox);
  }
  current_.erase(pod);
}

GatewayWorld::Answer GatewayWorld::probe(PodId pod, models::ProbeConfig::Handler handler) {
  if (!is_served(pod)) return Answer::success;
  Sandbox* sandbox = sandbox_of(pod);
  if (sandbox == nullptr || !sandbox->accepts || !sandbox->process.running()) {
    return Answer::refused;
  }
  // The kernel accepts for a process that hangs; the data path to other hosts does not matter here.
  const bool hangs = sandbox->group.frozen() || sandbox->path == DataPath::starved;
  const bool needs_answer = handler != models::ProbeConfig::Handler::tcp_socket;
  return hangs && needs_answer ? Answer::silent : Answer::success;
}

sim::HostSet GatewayWorld::balancer_nodes() const {
  sim::HostSet hosts;
  for (std::size_t i = 0; i < balancer_->nodes(); ++i) hosts.push_back(&balancer_->node(i));
  return hosts;
}

void GatewayWorld::apply_path(Sandbox& sandbox, DataPath path) {
  for (const sim::FaultId cut : sandbox.cuts) sim_.network().heal(cut);
  sandbox.cuts.clear();
  if (sandbox.group.frozen()) sandbox.group.thaw();
  sandbox.path = path;
  if (path == DataPath::no_new_connections || path == DataPath::packets_lost) {
    sandbox.cuts.push_back(sim_.network().cut(balancer_nodes(), {&sandbox.host}));
  }
  if (path == DataPath::starved) sandbox.group.freeze();
  update_path(sandbox);
}

void GatewayWorld::update_path(Sandbox& sandbox) {
  const bool lives = sandbox.host.up() && sandbox.process.running();
  const bool established =
      sandbox.path == DataPath::works || sandbox.path == DataPath::no_new_connections;
  const bool fresh = sandbox.path == DataPath::works;
  const bool connects = lives && sandbox.accepts && fresh;
  if (connects) sandbox.broken = sim::time_max;
  if (!connects && sandbox.broken == sim::time_max) sandbox.broken = sim_.now();
  shares_.set_path(sandbox.target, connects, lives && established);
  monitoring_ ? monitoring_->note_change() : void();
}

void GatewayWorld::end_flows(Sandbox& sandbox) {
  if (sandbox.broken == sim::time_max) sandbox.broken = sim_.now();
  shares_.set_path(sandbox.target, false, true);  // refused at once, nobody waits
  shares_.cut(sandbox.target);
}

void GatewayWorld::set_data_path(std::size_t node, DataPath path) {
  node_path_[node] = path;
  for (const PodId pod : api_.pods_on(static_cast<NodeId>(node))) {
    if (is_served(pod)) set_data_path_of(pod, path);
  }
}

void GatewayWorld::set_data_path_of(PodId pod, DataPath path) {
  Sandbox* sandbox = sandbox_of(pod);
  if (sandbox == nullptr) return;
  emit_pod(pod, gateway_kinds::data_path, sim_.trace().name(to_text(path)));
  apply_path(*sandbox, path);
}

// A check that is not answered at once sends its SYN again; it fails if all that fit into its
// time-out are lost.
void GatewayWorld::lose_checks(Sandbox& sandbox) {
  if (sandbox.check_loss) sim_.network().heal(*sandbox.check_loss);
  sandbox.check_loss.reset();
  if (check_loss_ <= 0) return;
  const sim::SynRetries& syn = sim_.network().syn_retries();
  const Duration timeout = spec_.target_group.health_check_timeout;
  int attempts = 1;
  Duration next = syn.wait_after(0);
  while (next < timeout && attempts < syn.attempts()) next += syn.wait_after(attempts++);
  const double lost = sim::portable::pow(check_loss_, 1.0 / attempts);
  sandbox.check_loss =
      sim_.network().lose(balancer_nodes(), {&sandbox.host}, lost, sim::Direction::forward);
}

void GatewayWorld::set_check_loss(double probability) {
  check_loss_ = probability;
  for (const auto& sandbox : sandboxes_) lose_checks(*sandbox);
}

void GatewayWorld::kill_pod(PodId pod) {
  kill(pod);
  kubelets_[api_.pod(pod).node]->container_exited(pod);
}

void GatewayWorld::lose_zone(std::string_view zone) {
  for (std::size_t i = 0; i < kubelets_.size(); ++i) {
    if (spec_.nodes[i].zone == zone) kubelets_[i]->power_off();
  }
  for (std::size_t i = 0; i < balancer_->nodes(); ++i) {
    if (spec_.zones[i] == zone) balancer_->node(i).crash();
  }
}

void GatewayWorld::restore_zone(std::string_view zone) {
  for (std::size_t i = 0; i < kubelets_.size(); ++i) {
    if (spec_.nodes[i].zone == zone) kubelets_[i]->power_on();
  }
  for (std::size_t i = 0; i < balancer_->nodes(); ++i) {
    if (spec_.zones[i] == zone && !balancer_->node(i).up()) balancer_->node(i).restart();
  }
}

// ---- target group -------------------------------------------------------------------------------

void GatewayWorld::register_target(PodId pod, std::uint32_t address) {
  Sandbox* sandbox = sandbox_of(pod);
  if (sandbox == nullptr) return;
  registered_[{pod, address}] = sandbox->target;
  balancer_->targets().register_target(sandbox->target);
}

void GatewayWorld::deregister_target(PodId pod, std::uint32_t address) {
  const auto found = registered_.find({pod, address});
  if (found != registered_.end()) balancer_->targets().deregister_target(found->second);
}

bool GatewayWorld::healthy(PodId pod, std::uint32_t address) {
  const auto found = registered_.find({pod, address});
  return found != registered_.end() &&
         balancer_->targets().state(found->second) == TargetState::healthy;
}

std::size_t GatewayWorld::healthy_targets() const {
  return balancer_->targets().count(TargetState::healthy);
}

std::size_t GatewayWorld::unhealthy_targets() const {
  const models::TargetGroup& group = balancer_->targets();
  return group.count(TargetState::unhealthy) + group.count(TargetState::unhealthy_draining);
}

void GatewayWorld::note_unhealthy(const Sandbox& sandbox) {
  if (sandbox.broken == sim::time_max) {
    ++false_alarms_;
  } else {
    slowest_detection_ = std::max(slowest_detection_, sim_.now() - sandbox.broken);
  }
}

void GatewayWorld::on_target_state(TargetId target, TargetState from, TargetState to,
                                   models::TargetReason why) {
  const PodId pod = by_target_[target]->pod;
  const bool falls = to == TargetState::unhealthy || to == TargetState::unhealthy_draining;
  if (falls && from == TargetState::healthy) note_unhealthy(*by_target_[target]);
  switch (to) {
    case TargetState::initial:
      // Announced once: registration in progress, not again when its checks begin.
      if (why == models::TargetReason::registration_in_progress) {
        emit_pod(pod, gateway_kinds::target_initial);
      }
      break;
    case TargetState::healthy:
      emit_pod(pod, gateway_kinds::target_healthy);
      break;
    case TargetState::unhealthy:
    case TargetState::unhealthy_draining:
      emit_pod(pod, gateway_kinds::target_unhealthy, sim_.trace().name(models::to_text(why)));
      break;
    case TargetState::draining:
      emit_pod(pod, gateway_kinds::target_draining);
      break;
    case TargetState::unused:
      break;
  }
  count_targets();
  if (monitoring_) monitoring_->note_change();
}

void GatewayWorld::count_targets() {
  const std::size_t healthy = healthy_targets();
  most_unhealthy_ = std::max(most_unhealthy_, unhealthy_targets());
  least_healthy_ = std::min(least_healthy_, healthy);
  const auto wanted = static_cast<std::size_t>(spec_.served_workload().replicas);
  const bool reduced = healthy < wanted;
  if (reduced == reduced_) return;
  reduced_ = reduced;
  if (reduced) {
    reduced_times_.emplace_back(sim_.now(), sim::time_max);
  } else {
    if (!reduced_times_.empty()) reduced_times_.back().second = sim_.now();
    sim_.trace().emit(sim_.now(), sim_.trace().entity(spec_.target_group.name),
                      gateway_kinds::all_healthy, static_cast<std::int64_t>(healthy));
  }
}

std::vector<std::pair<sim::Time, sim::Time>> GatewayWorld::reduced_capacity() const {
  return reduced_times_;
}

// New flows: an even share for each zone's address in DNS, within it for each routable target.
void GatewayWorld::on_routing_change() {
  const models::TargetGroup& group = balancer_->targets();
  std::size_t zones = 0;
  for (std::size_t node = 0; node < balancer_->nodes(); ++node) {
    if (balancer_->in_dns(node)) ++zones;
  }
  std::vector<double> weights(by_target_.size(), 0.0);
  for (std::size_t node = 0; node < balancer_->nodes(); ++node) {
    if (zones > 0 && !balancer_->in_dns(node)) continue;
    const auto& routable = group.routable(node);
    const double share = 1.0 / static_cast<double>(zones > 0 ? zones : balancer_->nodes());
    for (const TargetId target : routable) {
      weights[target] += share / static_cast<double>(routable.size());
    }
  }
  shares_.route(weights);
  for (TargetId target = 0; target < by_target_.size(); ++target) {
    const bool cuts = group.cuts_flows(target, 0);
    if (cuts && !cut_[target]) shares_.cut(target);
    cut_[target] = cuts;
  }
}

void GatewayWorld::on_dns(std::size_t, bool) {
  on_routing_change();
}

// ---- what others see ----------------------------------------------------------------------------

void GatewayWorld::on_node(NodeId) {
  if (monitoring_) monitoring_->note_change();
}

void GatewayWorld::on_pod(PodId id) {
  if (!is_served(id)) return;
  const auto fit = [&](std::vector<bool>& flags) {
    if (flags.size() < api_.pods()) flags.resize(api_.pods());
  };
  fit(was_running_);
  fit(was_ready_);
  fit(was_leaving_);
  const models::PodObject& pod = api_.pod(id);
  if (pod.running && !was_running_[id]) emit_pod(id, gateway_kinds::pod_running);
  if (pod.ready && !was_ready_[id]) emit_pod(id, gateway_kinds::pod_ready);
  if (pod.deleted && !was_leaving_[id]) emit_pod(id, gateway_kinds::pod_leaves);
  was_running_[id] = pod.running;
  was_ready_[id] = pod.ready;
  was_leaving_[id] = pod.deleted;
  if (monitoring_) monitoring_->note_change();
}

void GatewayWorld::emit_pod(PodId pod, const sim::Kind& kind, std::int64_t a) {
  sim_.trace().emit(sim_.now(), api_.pod(pod).entity, kind, a);
}

}  // namespace predrill::harness
