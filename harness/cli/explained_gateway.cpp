// Kubernetes nodes, monitoring and people; the full account is at the top of each model's header.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic model = Topic::model;

constexpr std::array<Explanation, 5> table = {{
    {"pleg",
     model,
     "",
     "the kubelet's lists of containers; what a CRI deadlock does and not",
     "",
     "The kubelet lists all containers every second. If no list has succeeded for 3 minutes it "
     "says "
     "\"PLEG is not healthy\", posts Ready=False within 10 s and skips its sync loop: no pod of "
     "the "
     "node starts, stops or changes its readiness. A list that hangs stays so until containerd is "
     "restarted; of single containers whose inspection hangs, one is never noticed, two make the "
     "node flap for 61 s in every 241 s; a runtime that answers nothing shows after 30 s, one that "
     "crashes is back after 5 s. What goes on: containers, sockets, the data path, TCP and HTTP "
     "probes, the load balancer's checks, and the lease, so the node never becomes Unknown. Pods "
     "stay Ready and registered as IP targets until the taint's toleration ends, 300 s later: "
     "deletion, deregistration, a replacement elsewhere, while the old processes run on. So a "
     "deadlock alone fails no health check; a record in which it does needs a second fault, of the "
     "data path. A database pod on such a node does not fail over: Patroni and PostgreSQL run on "
     "and renew their key.",
     {"kubelet", "node_lifecycle", "flow_shares"},
     "Kubernetes 1.32 pkg/kubelet/pleg/generic.go, kubelet.go; issues 45419, 112733, pull request "
     "97362; containerd issue 9770; models/kubelet.hpp, models/containerd.hpp"},
    {"kubelet",
     model,
     "",
     "the kubelet of a node: PLEG, status, lease, probes, reboots",
     "",
     "Modelled: relist and inspection, the Ready condition with its reasons, the lease, probes, "
     "preStop, SIGTERM and SIGKILL, restarts of the kubelet and of the node, graceful shutdown. "
     "Simplified: a pod is one container; a shorter grace period that arrives during a "
     "termination is not taken up. Ignored: static pods, volumes, evictions for lack of memory.",
     {"pleg", "node_lifecycle"},
     "Kubernetes 1.32 pkg/kubelet; models/kubelet.hpp"},
    {"node_lifecycle",
     model,
     "",
     "the node controller: Unknown, taints by zone and rate, eviction",
     "",
     "Modelled: a pass every 5 s; Unknown after the grace period without heartbeat or lease; pods "
     "are marked not ready only when the controller itself turns True into Unknown; one node per "
     "10 s and zone is tainted, none in a small zone of which 55 % are gone; tolerations counted "
     "from the taint. Simplified: one controller that is never restarted. A Deployment replaces a "
     "pod when its deletion begins, a StatefulSet when "
     "its object is gone.",
     {"pleg", "kubelet", "flow_shares"},
     "Kubernetes 1.32 pkg/controller/nodelifecycle, tainteviction; models/node_lifecycle.hpp, "
     "models/workload_controllers.hpp, models/load_balancer_controller.hpp"},
    {"flow_shares",
     model,
     "",
     "the load of a service as rates over flows",
     "",
     "Flows stay on their target; new ones go where the load balancer routes. A target that "
     "returns fills with 1 - exp(-t / lifetime). Flows that are cut come back at once; those on a "
     "silent target after the clients' time-out. Flows through a node of the load balancer that "
     "dies are left out.",
     {"node_lifecycle"},
     "models/flow_shares.hpp; log of 2025-09-14: 4,200 flows, 620 new ones a minute"},
    {"responder",
     model,
     "",
     "alerts and the people whom they page",
     "",
     "Modelled: scrapes, evaluations, for and group_wait of Prometheus and Alertmanager, "
     "CloudWatch's minutes and their late publication, pushed events; acknowledgement with "
     "escalation; a runbook whose steps take time, look, branch, wait and send commands that take "
     "effect later. Simplified: one person works, and nobody errs. How long people take is an "
     "assumption unless the system says otherwise.",
     {"pleg"},
     "Prometheus and Alertmanager configuration; CloudWatch user guide; models/monitoring.hpp, "
     "models/responder.hpp"},
}};

}  // namespace

std::span<const Explanation> explained_gateway() {
  return table;
}

}  // namespace predrill::harness
