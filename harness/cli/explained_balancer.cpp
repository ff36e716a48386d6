// Settings of target groups, and the models of load balancers and of the service behind them.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic setting = Topic::setting;
constexpr Topic model = Topic::model;
constexpr std::string_view owner = "target_group";

constexpr std::array<Explanation, 16> table = {{
    {"HealthCheckIntervalSeconds",
     setting,
     owner,
     "the time between two checks of a target by one checker",
     "30 (5 to 300); 10 by the AWS Load Balancer Controller for NLBs",
     "With interval I, timeout T and threshold U a target that refuses is found after U(0, I) + "
     "(U-1) I, one that is silent T later: for 10, 10 and 2 after 10 to 20 s or 20 to 30 s. U x I "
     "is "
     "the longest time for a refusal and, where T = I, the shortest for silence. Until then its "
     "share of requests is at risk: 2 of 6 targets at 1,240 requests/s are 10,300 requests in the "
     "mean. A longer interval makes false alarms rarer only in proportion.",
     {"UnhealthyThresholdCount", "HealthCheckTimeoutSeconds", "target_group"},
     "ELB user guides, target-group-health-checks; simulated in tests/models/detection_test.cpp"},
    {"HealthCheckTimeoutSeconds",
     setting,
     owner,
     "how long a check waits for an answer",
     "10 (TCP), 6 (HTTP of an NLB), 5 (ALB); 2 to 120",
     "It is added once to the detection of a silent target where checks come at a fixed rate; "
     "where the next check waits for the last answer it is added at every check. It costs nothing "
     "for a target that refuses. If it repeats its SYN as Linux does since 6.5, an assumption, a "
     "TCP check of 10 s sends seven, after 0, 1, 2, 3, 4, 5 and 7 s, and fails only if all are "
     "lost: 1 % of failed checks needs 52 % of lost packets.",
     {"HealthCheckIntervalSeconds", "UnhealthyThresholdCount", "target_group"},
     "ELB user guides, target-group-health-checks; Linux tcp_syn_linear_timeouts"},
    {"UnhealthyThresholdCount",
     setting,
     owner,
     "failed checks in a row that make a target unhealthy",
     "2 (2 to 10)",
     "One more costs exactly one interval of detection and divides false alarms by about 1/p, p "
     "being the share of checks that fail by chance. At an interval of 10 s and p = 1 % a group of "
     "six has a false alarm every 4.7 h with 2 and every 19.5 days with 3; a silent target is "
     "found after 25 s or 35 s in the mean, which puts 10,300 or 14,500 requests at risk. So 3 "
     "instead of 2 does not come without impact on detection. A burst of failures shorter than "
     "(U-1) I raises no alarm at all.",
     {"HealthCheckIntervalSeconds", "HealthyThresholdCount", "nlb"},
     "ELB user guides; simulated in tests/models/detection_test.cpp"},
    {"HealthyThresholdCount",
     setting,
     owner,
     "passed checks in a row that make an unhealthy target healthy",
     "5 (2 to 10); 3 by the AWS Load Balancer Controller for NLBs",
     "Recovery takes U(0, I) + (H-1) I: with 3 and 10 s 20 to 30 s. It does not apply to a target "
     "that is registered anew: that one is healthy after its first passed check. A pod that is "
     "replaced therefore waits for its registration instead, 90 to 180 s by reports. An "
     "unhealthy target never becomes \"initial\" without having been deregistered.",
     {"UnhealthyThresholdCount", "HealthCheckIntervalSeconds", "target_group"},
     "ELB user guides, load-balancer-troubleshooting; controller issues 1834 and 1786"},
    {"deregistration_delay",
     setting,
     owner,
     "how long a deregistered target is kept as draining, and what follows",
     "timeout_seconds 300 (0 to 3600), connection_termination.enabled false",
     "New flows stop, though an NLB sends some for up to 120 s more, and existing flows go on. An "
     "NLB lets them go on even after the delay; with connection_termination.enabled the next "
     "packet "
     "of each is then answered with RST, and the clients reconnect at about the same time. An ALB "
     "ends what is left with 502. It does not delay the pod's own death: preStop and the grace "
     "period decide whether a draining pod still serves.",
     {"connection_termination", "target_group", "nlb", "terminationGracePeriodSeconds"},
     "ELB user guides, load-balancer-target-groups; controller issue 2366"},
    {"cross_zone",
     setting,
     owner,
     "whether a node uses the targets of other zones",
     "load_balancing.cross_zone.enabled: as the load balancer (NLB off, ALB on)",
     "On, each target takes the same share and fail-open looks at all targets. Off, each zone's "
     "targets take that zone's clients: with two targets left in two of three zones these carry "
     "half of the clients each, and a zone without healthy targets fails open. Its address then "
     "leaves DNS, after Route 53's delay, and clients follow within the TTL of 60 s. On, the "
     "address of a zone without targets stays, since its node sends across zones.",
     {"fail_open", "nlb", "dns_failover"},
     "NLB user guide, target-group-cross-zone; ALB user guide, disable-cross-zone"},
    {"unhealthy_state_routing",
     setting,
     owner,
     "fewer healthy targets than this, and all are used",
     "minimum_healthy_targets.count 1, .percentage off",
     "Below it the group fails open: new flows go to all registered targets. With 1 the first "
     "target that recovers from a total failure receives everything, 1,240 requests/s where one "
     "pod serves 488. Set it to the load divided by what one target can serve, rounded up, so that "
     "a few survivors are not buried. It is counted per zone with cross-zone off.",
     {"fail_open", "cross_zone", "service_capacity"},
     "ELB user guides, target-group-health"},
    {"dns_failover",
     setting,
     owner,
     "fewer healthy targets than this, and the zone leaves DNS",
     "minimum_healthy_targets.count 1 (off means the same), .percentage off",
     "The zone's address is no longer answered while another zone passes; if none does, all are "
     "answered. Clients notice after Route 53's delay, the record's TTL of 60 s and their own "
     "caches. It must not be lower than the threshold of unhealthy_state_routing.",
     {"unhealthy_state_routing", "fail_open", "dns_max_ttl"},
     "ELB user guides, target-group-health; Route 53's delay is not published, 30 s is assumed"},
    {"connection_termination",
     setting,
     owner,
     "RST to flows whose target has become unhealthy",
     "target_health_state.unhealthy.connection_termination.enabled true",
     "On, the next packet of each flow to an unhealthy target is answered with RST, unless the "
     "group fails open: clients reconnect at once, 1,400 of 4,200 flows for 2 of 6 targets. Off, "
     "flows stay on the target, which is right where checks fail and the data path works, and "
     "leaves them hanging until the clients' own limit where the target is dead. With a draining "
     "interval they are cut at its end (state unhealthy.draining).",
     {"nlb", "UnhealthyThresholdCount", "fail_open"},
     "NLB user guide, edit-target-group-attributes; TargetGroupTargetHealthState of Terraform"},
    {"slow_start",
     setting,
     owner,
     "an ALB ramps the share of a target that became healthy",
     "duration_seconds 0 (off), else 30 to 900",
     "The share grows linearly from nothing to that of the others. It applies only while another "
     "healthy target is not in slow start, and not to least_outstanding_requests. An NLB has no "
     "such thing: its flows fill a target that returns at the pace at which clients open new ones.",
     {"alb", "nlb"},
     "ALB user guide, load-balancer-target-groups"},
    {"target_group",
     model,
     "",
     "registration, health checks and routing of targets",
     "",
     "Modelled: the states of describe-target-health; TCP and HTTP checks over the network, so "
     "that a closed port refuses, a dead host is silent, and a hung process passes TCP checks "
     "until "
     "its accept queue is full; several checkers with a quorum; fail-open, draining, which flows "
     "are cut. Simplified: each checker counts for itself. Not published by AWS, hence settings: "
     "number of checkers, quorum, schedule, propagation. Ignored: stickiness, UDP, gRPC, Lambda, "
     "zonal shift.",
     {"nlb", "alb", "fail_open", "UnhealthyThresholdCount"},
     "ELB user guides of 2023 and API reference 2015-12-01; models/target_group.hpp"},
    {"nlb",
     model,
     "",
     "a Network Load Balancer: flows that keep their target",
     "",
     "Modelled: a node and an address per zone, a target per flow for life, RST to flows of "
     "unhealthy targets, silence of dead ones with TCP's retransmissions, the idle time-out of "
     "350 s. Requests follow their flows: after a recovery a target fills with exp(-t/flow life), "
     "half of its share after 281 s where flows live 406 s. Clients that send one request at a "
     "time on a flow lose one per flow, clients that multiplex lose all that they send until the "
     "target is found. Ignored: UDP, TLS listeners, source-port exhaustion.",
     {"target_group", "alb", "fail_open", "service_capacity"},
     "NLB user guide of 2023; models/nlb.hpp"},
    {"alb",
     model,
     "",
     "an Application Load Balancer: each request has its target",
     "",
     "Modelled: round robin, least outstanding requests, slow start; 502 where a target refuses or "
     "dies with the request, 503 where nobody is registered, 504 after 10 s without connection or "
     "60 s without answer. A hung target costs each of its requests 60 s until it is found. "
     "Simplified: connections to targets are counted, not held. Ignored: rules, stickiness, "
     "weights, WebSockets.",
     {"target_group", "nlb", "slow_start"},
     "ALB user guide of 2023; models/alb.hpp"},
    {"fail_open",
     model,
     "",
     "what a load balancer does when too few targets are healthy",
     "",
     "It routes to all registered targets, healthy or not, and an NLB sends no RST for their "
     "state. "
     "If only the checks are wrong, nobody notices; if the targets are dead, everything fails. "
     "The state ends with the target that reaches the threshold: with the default of 1 it "
     "receives all traffic. An availability measured by checks does not see any of this.",
     {"unhealthy_state_routing", "nlb", "alb"},
     "ELB user guides, target-group-health; models/target_group.hpp"},
    {"service_capacity",
     model,
     "",
     "workers behind a load balancer: load, queue and latency",
     "",
     "A pod serves workers / mean service time: 24 workers at 49.2 ms serve 488 requests/s. Of "
     "1,240 requests/s six pods take 207 each, four 310, three 413. With 17 workers four pods give "
     "p99 141 ms, but p50 rises to 54 ms and more than half of the requests wait. So the p99 from "
     "120 to 140 ms with p50 at 45 ms and no queue, as logged on 2025-09-14, fits no single queue "
     "of workers. A second, hotter resource does it: one request in twenty that also needs the "
     "only connection of a database pool for 36 ms gives 120 and 140 ms with p50 unchanged. Then "
     "one more lost target means a pool that is 74 % busy, and p99 beyond 165 ms.",
     {"nlb", "unhealthy_state_routing", "default_pool_size"},
     "M/G/c with lognormal service times, p50 45 ms and p99 120 ms; simulated in "
     "tests/models/capacity_test.cpp; models/service_process.hpp"},
    {"connection_checks",
     model,
     "",
     "a hung process, as checks and clients see it",
     "",
     "A stopped or deadlocked process still has a kernel that completes handshakes. A TCP check "
     "passes until the accept queue (backlog and somaxconn) is full; each new flow is a lost one. "
     "An HTTP check fails after its timeout. So a target group of TCP checks never finds a "
     "deadlock in time: with 10 new flows a second a queue of 4,096 lasts seven minutes.",
     {"target_group", "freeze", "HealthCheckTimeoutSeconds"},
     "Linux listen(2); tests/models/target_group_test.cpp"},
}};

}  // namespace

std::span<const Explanation> explained_balancer() {
  return table;
}

}  // namespace predrill::harness
