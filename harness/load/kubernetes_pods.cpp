#include "harness/load/kubernetes_pods.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/input/nearest.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::PodWorkloadConfig;
using models::ProbeConfig;
using sim::Duration;

namespace {

constexpr std::array<std::string_view, 26> harmless_in_pod = {"volumes",
                                                              "restartPolicy",
                                                              "dnsPolicy",
                                                              "dnsConfig",
                                                              "serviceAccount",
                                                              "serviceAccountName",
                                                              "securityContext",
                                                              "schedulerName",
                                                              "imagePullSecrets",
                                                              "nodeSelector",
                                                              "automountServiceAccountToken",
                                                              "hostname",
                                                              "subdomain",
                                                              "hostAliases",
                                                              "enableServiceLinks",
                                                              "shareProcessNamespace",
                                                              "hostPID",
                                                              "hostIPC",
                                                              "setHostnameAsFQDN",
                                                              "os",
                                                              "runtimeClassName",
                                                              "hostUsers",
                                                              "resourceClaims",
                                                              "overhead",
                                                              "priority",
                                                              "schedulingGates"};
constexpr std::array<std::string_view, 5> not_modelled_in_pod = {
    "initContainers", "affinity", "hostNetwork", "activeDeadlineSeconds", "preemptionPolicy"};
constexpr std::array<std::string_view, 20> harmless_in_container = {"name",
                                                                    "image",
                                                                    "imagePullPolicy",
                                                                    "command",
                                                                    "args",
                                                                    "env",
                                                                    "envFrom",
                                                                    "ports",
                                                                    "resources",
                                                                    "resizePolicy",
                                                                    "securityContext",
                                                                    "volumeMounts",
                                                                    "volumeDevices",
                                                                    "workingDir",
                                                                    "terminationMessagePath",
                                                                    "terminationMessagePolicy",
                                                                    "stdin",
                                                                    "stdinOnce",
                                                                    "tty",
                                                                    "restartPolicy"};
constexpr std::array<std::string_view, 1> not_modelled_in_probe = {"terminationGracePeriodSeconds"};

class PodSpecReader {
 public:
  PodSpecReader(PodWorkloadConfig& config, LoadContext& context)
      : config_(config), context_(context) {}

  void read(const Value& spec) {
    Reader reader(spec, {"Kubernetes", not_modelled_in_pod});
    for (const std::string_view key : harmless_in_pod) reader.ignore(key);
    seconds(reader.optional("terminationGracePeriodSeconds"), config_.termination_grace_period);
    const std::string priority = reader.optional("priorityClassName").text().value_or("");
    config_.critical = priority == "system-node-critical" || priority == "system-cluster-critical";
    if (config_.kind == models::ControllerKind::daemon_set) {
      // The DaemonSet controller adds both without a limit.
      config_.not_ready_toleration = config_.unreachable_toleration = sim::forever;
    }
    for (const Value& item : reader.optional("tolerations").items()) read_toleration(item);
    for (const Value& item : reader.optional("topologySpreadConstraints").items()) {
      read_spread(item);
    }
    for (const Value& item : reader.optional("readinessGates").items()) read_gate(item);
    bool first = true;
    for (const Value& item : reader.required("containers").items()) {
      first ? read_container(item) : report_sidecar(item);
      first = false;
    }
  }

 private:
  bool seconds(const Value& value, Duration& to, std::int64_t least = 0) {
    if (!value.exists()) return false;
    if (const auto n = value.integer(least, 1'000'000)) to = std::chrono::seconds(*n);
    context_.record(value.path(), value.place(), value.path());
    return true;
  }

  // core/v1 Toleration; without tolerationSeconds for ever, of several the shortest.
  void read_toleration(const Value& value) {
    Reader reader(value, {"Kubernetes", {}});
    reader.ignore("value");
    const std::string key = reader.optional("key").text().value_or("");
    const std::string effect = reader.optional("effect").text().value_or("");
    const Value op = reader.optional("operator");
    op.text();
    Duration time = sim::forever;
    seconds(reader.optional("tolerationSeconds"), time);
    if (!effect.empty() && effect != "NoExecute") return;
    const auto apply = [&](std::string_view taint, Duration& to, bool& seen) {
      if (!key.empty() && key != taint) return;
      to = seen ? std::min(to, time) : time;
      seen = true;
    };
    apply("node.kubernetes.io/not-ready", config_.not_ready_toleration, not_ready_seen_);
    apply("node.kubernetes.io/unreachable", config_.unreachable_toleration, unreachable_seen_);
  }

  void read_spread(const Value& value) {
    Reader reader(value, {"Kubernetes", {}});
    for (const std::string_view key : {"labelSelector", "matchLabelKeys", "minDomains",
                                       "nodeAffinityPolicy", "nodeTaintsPolicy"}) {
      reader.ignore(key);
    }
    const std::string topology = reader.required("topologyKey").text().value_or("");
    const std::string otherwise = reader.required("whenUnsatisfiable").text().value_or("");
    const std::int64_t skew = reader.required("maxSkew").integer(1, 1000).value_or(1);
    if (topology == "topology.kubernetes.io/zone" && otherwise == "DoNotSchedule" && skew == 1) {
      config_.spread_zones = true;
      return;
    }
    value.warning("not modelled",
                  "what is: topologyKey topology.kubernetes.io/zone, DoNotSchedule, maxSkew 1; "
                  "other pods are spread where that is possible");
  }

  void read_gate(const Value& value) {
    Reader reader(value, {"Kubernetes", {}});
    const Value type = reader.required("conditionType");
    const auto text = type.text();
    if (!text) return;
    if (text->starts_with("target-health.elbv2.k8s.aws/")) {
      config_.readiness_gate = true;
    } else {
      type.warning("not modelled", "it counts as passed");
    }
  }

  void read_container(const Value& value) {
    Reader reader(value, {"Kubernetes", {}});
    for (const std::string_view key : harmless_in_container) reader.ignore(key);
    config_.readiness = read_probe(reader.optional("readinessProbe"), false);
    config_.liveness = read_probe(reader.optional("livenessProbe"), true);
    config_.startup = read_probe(reader.optional("startupProbe"), true);
    const Value lifecycle = reader.optional("lifecycle");
    if (!lifecycle.exists()) return;
    Reader hooks(lifecycle, {"Kubernetes", {}});
    const Value post_start = hooks.optional("postStart");
    if (post_start.exists()) post_start.warning("not modelled", "count it into \"start\"");
    read_pre_stop(hooks.optional("preStop"));
  }

  void report_sidecar(const Value& value) {
    if (!value.node()->is_map()) return;
    for (const std::string_view key : {"readinessProbe", "livenessProbe", "lifecycle"}) {
      const Node* found = value.node()->find(key);
      if (found == nullptr) continue;
      node_value(*found, value.path() + "." + std::string(key), context_.diagnostics)
          .warning("not modelled", "a pod is one container here, the first");
    }
  }

  std::optional<ProbeConfig> read_probe(const Value& value, bool one_success) {
    if (!value.exists()) return std::nullopt;
    Reader reader(value, {"Kubernetes", not_modelled_in_probe});
    ProbeConfig probe;
    int handlers = 0;
    for (const auto& [key, handler] :
         {std::pair<std::string_view, ProbeConfig::Handler>{"httpGet",
                                                            ProbeConfig::Handler::http_get},
          {"tcpSocket", ProbeConfig::Handler::tcp_socket},
          {"exec", ProbeConfig::Handler::exec},
          {"grpc", ProbeConfig::Handler::http_get}}) {  // both need an answer of the process
      if (!reader.optional(key).exists()) continue;
      probe.handler = handler;
      ++handlers;
    }
    if (handlers != 1) {
      value.error("a probe has exactly one of httpGet, tcpSocket, exec and grpc, found " +
                  std::to_string(handlers));
    }
    seconds(reader.optional("initialDelaySeconds"), probe.initial_delay);
    seconds(reader.optional("periodSeconds"), probe.period, 1);
    seconds(reader.optional("timeoutSeconds"), probe.timeout, 1);
    const Value successes = reader.optional("successThreshold");
    assign(probe.success_threshold, successes.integer(1, 1000));
    // core/validation: livenessProbe and startupProbe.
    if (one_success && probe.success_threshold != 1) {
      successes.error("found " + std::to_string(probe.success_threshold) +
                      ": of liveness and startup probes it must be 1");
    }
    assign(probe.failure_threshold, reader.optional("failureThreshold").integer(1, 1000));
    return probe;
  }

  void read_pre_stop(const Value& value) {
    if (!value.exists()) return;
    Reader reader(value, {"Kubernetes", {}});
    const Value sleep = reader.optional("sleep");
    if (sleep.exists()) {
      Reader how_long(sleep, {"Kubernetes", {}});
      seconds(how_long.required("seconds"), config_.pre_stop);
    }
    for (const std::string_view key : {"httpGet", "tcpSocket"}) {
      const Value hook = reader.optional(key);
      if (hook.exists()) hook.warning("how long it takes is not known", "set \"pre_stop\"");
    }
    const Value exec = reader.optional("exec");
    if (!exec.exists()) return;
    Reader command(exec, {"Kubernetes", {}});
    const Value words = command.required("command");
    std::string line;
    for (const Value& word : words.items()) line += " " + word.text().value_or("");
    if (const auto length = sleep_of(line)) {
      config_.pre_stop = *length;
      context_.record(words.path(), words.place(), "preStop");
    } else {
      words.warning(
          "how long " + in_quotes(line.empty() ? line : line.substr(1)) + " takes is not known",
          "set \"pre_stop\"");
    }
  }

  // " sleep 15", " /bin/sh -c sleep 15", " sh -c sleep 15 && kill ...": the first sleep.
  static std::optional<Duration> sleep_of(const std::string& line) {
    const std::size_t at = line.find("sleep ");
    if (at == std::string::npos || (line[at - 1] != ' ' && line[at - 1] != '/')) {
      return std::nullopt;
    }
    std::int64_t number = 0;
    std::size_t digits = 0;
    for (std::size_t i = at + 6; i < line.size() && digits < 7; ++i, ++digits) {
      if (line[i] < '0' || line[i] > '9') break;
      number = number * 10 + (line[i] - '0');
    }
    if (digits == 0) return std::nullopt;
    const std::size_t end = at + 6 + digits;
    if (end < line.size() && line[end] == 'm') return std::chrono::minutes(number);
    if (end < line.size() && line[end] == '.') return std::nullopt;
    return std::chrono::seconds(number);
  }

  PodWorkloadConfig& config_;
  LoadContext& context_;
  bool not_ready_seen_ = false;
  bool unreachable_seen_ = false;
};

}  // namespace

void read_pod_spec(const Value& spec, PodWorkloadConfig& config, LoadContext& context) {
  if (spec.exists()) PodSpecReader(config, context).read(spec);
}

}  // namespace predrill::harness
