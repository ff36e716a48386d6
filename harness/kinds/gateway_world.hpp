// The simulated world of a service behind a load balancer: nodes with kubelets, pods as targets,
// controllers, load, monitoring and people.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/kinds/gateway_spec.hpp"
#include "models/balancer_watch.hpp"
#include "models/flow_invariants.hpp"
#include "models/kube_invariants.hpp"
#include "models/nlb.hpp"
#include "models/service_clients.hpp"
#include "sim/network.hpp"
#include "sim/simulation.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

/// What a fault of the data path does to the pods of a node, beside what it does to containerd.
enum class DataPath : std::uint8_t {
  works,
  no_new_connections,  // a full conntrack table: SYNs vanish, what is established goes on
  packets_lost,        // the CNI's path is gone: nothing passes
  starved              // no CPU: the kernel accepts, the process does not answer
};

namespace gateway_kinds {
inline constexpr sim::Kind target_initial{"target.initial", "registered, not yet healthy"};
inline constexpr sim::Kind target_healthy{"target.healthy", "healthy"};
inline constexpr sim::Kind target_unhealthy{"target.unhealthy", "unhealthy: {0:n}"};
inline constexpr sim::Kind target_draining{"target.draining", "deregistered"};
inline constexpr sim::Kind all_healthy{"targets.all_healthy", "all {0} targets healthy"};
inline constexpr sim::Kind pod_running{"service_pod.running", "the service runs in it"};
inline constexpr sim::Kind pod_ready{"service_pod.ready", "its endpoint is ready"};
inline constexpr sim::Kind pod_leaves{"service_pod.leaves", "is being deleted"};
inline constexpr sim::Kind data_path{"service_pod.data_path", "{0:n}"};
}  // namespace gateway_kinds

class GatewayWorld final : public models::PodProcess,
                           public models::TargetRegistry,
                           models::KubeObserver,
                           models::TargetGroupObserver,
                           models::LoadBalancerObserver {
 public:
  GatewayWorld(const GatewaySpec& spec, std::uint64_t seed, bool shuffle_ties);
  ~GatewayWorld() override;
  GatewayWorld(const GatewayWorld&) = delete;
  GatewayWorld& operator=(const GatewayWorld&) = delete;

  /// Everything runs as if it had for long.
  void start();
  /// From here on the measures count.
  void start_measuring();

  bool sees(Sight sight);
  void act(Command command);
  /// Of pods on a node, now and for those that start there.
  void set_data_path(std::size_t node, DataPath path);
  void set_data_path_of(models::PodId pod, DataPath path);
  /// Each health check fails with this probability, whatever its target does; 0: none more.
  void set_check_loss(double probability);
  void lose_zone(std::string_view zone);
  void restore_zone(std::string_view zone);
  void kill_pod(models::PodId pod);
  void set_affected(std::size_t node) { struck_ = node; }
  std::size_t affected_node();
  /// How often each rule has paged, in their order.
  const std::vector<std::int64_t>& pages() const { return pages_; }

  const GatewaySpec& spec() const { return spec_; }
  sim::Simulation& sim() { return sim_; }
  models::KubeApi& api() { return api_; }
  models::Kubelet& kubelet(std::size_t node) { return *kubelets_[node]; }
  std::size_t nodes() const { return kubelets_.size(); }
  models::NodeLifecycle& lifecycle() { return *lifecycle_; }
  models::WorkloadControllers& workloads() { return *workloads_; }
  models::Nlb& balancer() { return *balancer_; }
  models::FlowShares& shares() { return shares_; }
  models::ServiceClients* clients() { return clients_.get(); }
  models::Monitoring& monitoring() { return *monitoring_; }
  models::Responder& responder() { return *responder_; }
  models::WorkloadId served() const { return static_cast<models::WorkloadId>(spec_.served); }

  /// What broke a rule so far; ends the checks.
  std::vector<std::string> broken_invariants();
  /// A fault has struck: capacity may fall from here on.
  void declare_fault() { balancer_watch_->checker().declare_fault(true); }

  std::size_t healthy_targets() const;
  std::size_t unhealthy_targets() const;
  /// Times since start_measuring() in which fewer targets than replicas were healthy.
  std::vector<std::pair<sim::Time, sim::Time>> reduced_capacity() const;
  std::size_t most_unhealthy() const { return most_unhealthy_; }
  std::size_t least_healthy() const { return least_healthy_; }
  /// The longest time since start_measuring() from the failure of a pod's data path until its
  /// target was unhealthy; negative if none became so.
  sim::Duration slowest_detection() const { return slowest_detection_; }
  /// Targets that became unhealthy since then while their data path worked.
  std::int64_t false_alarms() const { return false_alarms_; }

 private:
  struct Sandbox {
    Sandbox(sim::Simulation& sim, const std::string& name, sim::ZoneId zone,
            const models::ServiceConfig& config)
        : host(sim, name, zone), group(host, "service"), process(group, name, config) {}
    sim::Host host;
    sim::Group group;
    models::ServiceProcess process;
    models::TargetId target = models::no_target;
    models::PodId pod = 0;
    bool accepts = true;
    DataPath path = DataPath::works;
    sim::Time broken = sim::time_max;  // since when it takes no new connections
    std::vector<sim::FaultId> cuts;
    std::optional<sim::FaultId> check_loss;
  };

  // PodProcess
  void start(models::PodId pod) override;
  void terminate(models::PodId pod) override;
  void kill(models::PodId pod) override;
  void power_off(models::PodId pod) override;
  Answer probe(models::PodId pod, models::ProbeConfig::Handler handler) override;
  // TargetRegistry
  void register_target(models::PodId pod, std::uint32_t address) override;
  void deregister_target(models::PodId pod, std::uint32_t address) override;
  bool healthy(models::PodId pod, std::uint32_t address) override;
  // KubeObserver
  void on_node(models::NodeId node) override;
  void on_pod(models::PodId pod) override;
  // TargetGroupObserver
  void on_target_state(models::TargetId target, models::TargetState from, models::TargetState to,
                       models::TargetReason why) override;
  void on_routing_change() override;
  // LoadBalancerObserver
  void on_dns(std::size_t node, bool answered) override;

  void build_balancer();
  void build_nodes();
  void build_pods();
  void build_people();
  void build_clients();
  Sandbox* sandbox_of(models::PodId pod);
  bool is_served(models::PodId pod) const { return api_.pod(pod).workload == served(); }
  void apply_path(Sandbox& sandbox, DataPath path);
  void update_path(Sandbox& sandbox);
  void end_flows(Sandbox& sandbox);
  void note_unhealthy(const Sandbox& sandbox);
  void lose_checks(Sandbox& sandbox);
  void count_targets();
  void emit_pod(models::PodId pod, const sim::Kind& kind, std::int64_t a = 0);
  sim::Task<> run_jobs(const std::size_t node);
  sim::HostSet balancer_nodes() const;

  const GatewaySpec& spec_;
  sim::Simulation sim_;
  sim::Host control_plane_;
  models::KubeApi api_;
  std::unique_ptr<models::Nlb> balancer_;
  models::FlowShares shares_;
  std::vector<std::unique_ptr<sim::Host>> hosts_;
  std::vector<std::unique_ptr<models::Kubelet>> kubelets_;
  std::unique_ptr<models::NodeLifecycle> lifecycle_;
  std::unique_ptr<models::WorkloadControllers> workloads_;
  std::unique_ptr<models::LoadBalancerController> controller_;
  std::vector<std::unique_ptr<Sandbox>> sandboxes_;
  std::map<models::PodId, Sandbox*> current_;
  std::map<std::pair<models::PodId, std::uint32_t>, models::TargetId> registered_;
  std::vector<Sandbox*> by_target_;
  std::vector<bool> cut_;  // by target: its flows have been told
  std::vector<DataPath> node_path_;
  std::vector<bool> was_running_, was_ready_, was_leaving_;  // by pod
  std::unique_ptr<sim::Host> client_host_;
  std::unique_ptr<models::ServiceClients> clients_;
  std::unique_ptr<sim::Host> people_;
  std::unique_ptr<models::Monitoring> monitoring_;
  std::unique_ptr<models::Responder> responder_;
  std::unique_ptr<models::KubeInvariants> invariants_;
  std::unique_ptr<models::BalancerWatch> balancer_watch_;
  std::unique_ptr<models::FlowChecker> flow_checker_;
  std::vector<std::int64_t> pages_;
  std::size_t struck_ = 0;
  std::size_t most_unhealthy_ = 0;
  std::size_t least_healthy_ = 0;
  double check_loss_ = 0;
  sim::Duration slowest_detection_{-1};
  std::int64_t false_alarms_ = 0;
  bool reduced_ = false;
  std::vector<std::pair<sim::Time, sim::Time>> reduced_times_;
};

}  // namespace predrill::harness
