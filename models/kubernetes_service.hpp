// A Kubernetes Service: which pods stand behind a name or a virtual IP, and how late each node
// learns about a change.
//
// Real thing and version: Kubernetes 1.29 (endpointslice and mirroring controllers, kube-proxy in
//   iptables mode), CoreDNS 1.11; Zalando postgres-operator 1.12 (k8sres.go: the master service is
//   a ClusterIP without selector when Patroni keeps its state in Endpoints, else with a selector on
//   the pod's role label, which spilo's callback sets after the promotion).
// Modelled: the write (Endpoints object or label), the controller, readiness of selected pods, the
//   watch and kube-proxy's sync of each node with minSyncPeriod; ClusterIP without endpoint
//   rejects; headless names follow through CoreDNS; a node that is cut off keeps its old rules, one
//   that reboots has none until its first sync. Existing connections stay where they are (conntrack
//   entries of TCP are not flushed): they end only with the pod or its host.
// Simplified (diverges from the real thing): endpoints are chosen in turn, not at random; one
//   EndpointSlice per service; a session is never moved by affinity.
// Ignored: IPVS and nftables details, topology hints, externalTrafficPolicy, LoadBalancer type
//   (a load balancer in front has its own health checks), terminating endpoints as a fallback.
// Calibrated from: KubernetesServiceTimings (pod condition to in-cluster effect about 1 to 3 s).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/address.hpp"
#include "models/dns.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

struct KubernetesServiceConfig {
  std::string name = "service";
  enum class Selector : std::uint8_t {
    none,        // whoever owns the Endpoints object writes it (Patroni with the Kubernetes DCS)
    pod_labels,  // the controller follows label and readiness (spilo's callback with etcd)
  };
  Selector selector = Selector::none;
  bool headless = false;                                    // clusterIP: None
  bool publish_not_ready_addresses = false;                 // publishNotReadyAddresses
  sim::Duration min_sync_period = std::chrono::seconds(1);  // kube-proxy iptables.minSyncPeriod
};

/// What configuration does not fix. Sources in kubernetes_service.cpp.
struct KubernetesServiceTimings {
  KubernetesServiceTimings();
  sim::Distribution write;       // PATCH of the Endpoints object or of the label, to the API server
  sim::Distribution controller;  // until the EndpointSlice is written
  sim::Distribution watch;       // until kube-proxy or CoreDNS has the new slice
  sim::Distribution program;     // iptables-restore
  sim::Distribution boot_sync;   // kube-proxy's start until its first sync
};

namespace kubernetes {
inline constexpr sim::Kind endpoints_changed{"kubernetes.endpoints_changed",
                                             "endpoints of {0:n}: {1} ready, the first is #{2}"};
inline constexpr sim::Kind rules_changed{"kubernetes.rules_changed",
                                         "kube-proxy programmed {0:n}: {1} endpoints"};
}  // namespace kubernetes

class KubernetesService : public VirtualAddress {
 public:
  /// The controllers run on `control_plane`, in a group of this service.
  KubernetesService(sim::Host& control_plane, AddressBook& book, KubernetesServiceConfig config,
                    KubernetesServiceTimings timings = {});
  ~KubernetesService() override;

  /// A node with kube-proxy whose pods may connect to the ClusterIP. Hosts that are no nodes use
  /// the rules of the first node (as through a node port). Call before start().
  void add_node(sim::Host& node);
  /// Headless: the name that CoreDNS answers with the ready pods.
  void publish_name(DnsServer& coredns, DnsName name);
  /// Everything in place and programmed at the present instant.
  void start(const AddressList& selected);

  /// The owner writes the endpoints (selector none), or these pods carry the label from now on.
  void select(const AddressList& selected);
  /// Readiness of a pod, as far as this service selects by labels. Ready at first.
  void set_ready(Address pod, bool ready);

  /// The ClusterIP.
  Address address() const { return address_; }
  Address translate(const sim::Host& from) override;
  /// What a node's rules say now.
  const AddressList& rules(const sim::Host& node) const;
  /// What the EndpointSlice says now.
  const AddressList& endpoints() const { return slice_; }

 private:
  struct Node {
    Node(sim::Host& node_host, std::string_view name, sim::Stream draws);
    sim::Host& host;
    sim::Group group;  // kube-proxy
    sim::Signal changed;
    sim::Stream stream;
    AddressList rules;             // memory of the node's kernel: lost with the host
    std::uint64_t programmed = 0;  // version of the slice
    sim::Time last_sync{};
    std::uint32_t turn = 0;
  };
  sim::Task<> controller();
  sim::Task<> kube_proxy(Node& node, bool booting);
  AddressList wanted() const;
  void changed();
  Node& node_of(const sim::Host& host) const;
  bool reaches(const sim::Host& node) const;

  sim::Host& control_plane_;
  KubernetesServiceConfig config_;
  KubernetesServiceTimings timings_;
  Address address_ = Address::none;
  AddressList selected_;
  std::vector<Address> not_ready_;
  AddressList slice_;          // in the API server: survives everything here
  std::uint64_t version_ = 0;  // of slice_
  std::uint64_t wanted_ = 0;   // goes up at every change of what it should be
  std::uint64_t reconciled_ = 0;
  DnsServer* coredns_ = nullptr;
  DnsName name_ = DnsName::none;
  sim::Stream stream_;
  sim::EntityId entity_;
  sim::Signal work_;
  sim::Group group_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace predrill::models
