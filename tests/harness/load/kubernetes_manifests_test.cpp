// Kubernetes manifests: every setting that has to do with time arrives, whatever way it is written.
#include "harness/load/kubernetes_manifests.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "models/workload_controllers.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::string full = R"(
apiVersion: apps/v1
kind: Deployment
metadata: { name: payments, namespace: prod, labels: { app: x } }
spec:
  replicas: 7
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 3, maxUnavailable: 30% }
  selector: { matchLabels: { app: payments } }
  template:
    metadata: { labels: { app: payments, tier: web } }
    spec:
      terminationGracePeriodSeconds: 180
      priorityClassName: system-cluster-critical
      tolerations:
        - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute,
            tolerationSeconds: 30 }
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute }
        - { key: dedicated, value: payments, effect: NoSchedule }
      topologySpreadConstraints:
        - { topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, maxSkew: 1 }
      readinessGates:
        - conditionType: target-health.elbv2.k8s.aws/k8s-payments
      containers:
        - name: app
          image: payments:1
          readinessProbe: { httpGet: { path: /, port: 1 }, periodSeconds: 5, failureThreshold: 2 }
          livenessProbe: { tcpSocket: { port: 1 }, initialDelaySeconds: 15, timeoutSeconds: 4 }
          startupProbe: { exec: { command: [check] }, initialDelaySeconds: 20 }
          lifecycle: { preStop: { exec: { command: [sh, -c, "sleep 130 && kill 1"] } } }
---
apiVersion: v1
kind: Service
metadata:
  name: payments-nlb
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval: "30"
    service.beta.kubernetes.io/aws-load-balancer-attributes: load_balancing.cross_zone.enabled=true
    service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: >-
      deregistration_delay.timeout_seconds=120
spec:
  type: LoadBalancer
  selector: { app: payments }
  ports: [{ port: 443, targetPort: 8443 }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: database }
spec:
  serviceName: database
  template:
    spec:
      containers:
        - name: postgres
          lifecycle: { preStop: { sleep: { seconds: 7 } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec: { template: { spec: { containers: [{ name: agent }] } } }
)";

KubernetesManifests read(const std::string& text, Diagnostics& diagnostics) {
  const auto document = parse_document(text, "k8s.yaml", Format::yaml, diagnostics);
  REQUIRE(document.has_value());
  LoadContext context(diagnostics);
  KubernetesManifests manifests;
  read_kubernetes_manifests(*document, manifests, context);
  return manifests;
}

}  // namespace

TEST_CASE("manifests: a Deployment with everything that has to do with time", "[load]") {
  Diagnostics diagnostics;
  const KubernetesManifests manifests = read(full, diagnostics);
  CHECK(diagnostics.text() == "");
  REQUIRE(manifests.workloads.size() == 3);
  const models::PodWorkloadConfig& config = manifests.workloads[0].config;
  CHECK(config.name == "payments");
  CHECK(config.replicas == 7);
  const models::RollingLimits limits = models::resolve_fenceposts(config);
  CHECK(limits.surge == 3);
  CHECK(limits.unavailable == 2);  // 30 % of 7, rounded down
  CHECK(config.termination_grace_period == 180s);
  CHECK(config.critical);
  CHECK(config.not_ready_toleration == 30s);
  CHECK(config.unreachable_toleration == sim::forever);
  CHECK(config.spread_zones);
  CHECK(config.readiness_gate);
  CHECK(config.pre_stop == 130s);
  REQUIRE(config.readiness.has_value());
  CHECK(config.readiness->handler == models::ProbeConfig::Handler::http_get);
  CHECK(config.readiness->period == 5s);
  CHECK(config.readiness->failure_threshold == 2);
  REQUIRE(config.liveness.has_value());
  CHECK(config.liveness->initial_delay == 15s);
  CHECK(config.liveness->timeout == 4s);
  REQUIRE(config.startup.has_value());
  CHECK(config.startup->handler == models::ProbeConfig::Handler::exec);
}

TEST_CASE("manifests: a Service becomes the target group that the controller would make",
          "[load]") {
  Diagnostics diagnostics;
  const KubernetesManifests manifests = read(full, diagnostics);
  const auto* service = manifests.service_of(manifests.workloads[0]);
  REQUIRE(service != nullptr);
  CHECK(service->target_type == models::LoadBalancerControllerConfig::TargetMode::ip);
  CHECK(service->cross_zone == true);
  CHECK(service->target_group.port == 8443);
  CHECK(service->target_group.health_check_interval == 30s);
  CHECK(service->target_group.health_check_timeout == 10s);
  CHECK(service->target_group.healthy_threshold_count == 3);
  CHECK(service->target_group.unhealthy_threshold_count == 3);
  CHECK(service->target_group.deregistration_delay_timeout == 120s);
  CHECK(manifests.service_of(manifests.workloads[1]) == nullptr);
}

TEST_CASE("manifests: a StatefulSet and a DaemonSet", "[load]") {
  Diagnostics diagnostics;
  const KubernetesManifests manifests = read(full, diagnostics);
  const models::PodWorkloadConfig& database = manifests.workloads[1].config;
  CHECK(database.kind == models::ControllerKind::stateful_set);
  CHECK(database.replicas == 1);
  CHECK(database.pre_stop == 7s);
  CHECK(database.not_ready_toleration == 300s);  // what admission adds
  const models::PodWorkloadConfig& agent = manifests.workloads[2].config;
  CHECK(agent.kind == models::ControllerKind::daemon_set);
  CHECK(agent.not_ready_toleration == sim::forever);
}
