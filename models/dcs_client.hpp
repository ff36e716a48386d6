// How Patroni talks HTTP to one of several equal servers and moves on when one fails.
//
// Real thing: Patroni 3.3.2, AbstractEtcdClientWithFailover of patroni/dcs/etcd.py, and CoreV1Api
//   of patroni/dcs/kubernetes.py, which is built alike.
// Modelled: endpoint order, per-node time-outs, the re-reading of the endpoint list before the
//   deadline is looked at, growing pauses (_calculate_timeouts, api_execute, Retry), dropped
//   pooled connections, the socket keep-alive options of utils.py. They replace those of urllib3,
//   TCP_NODELAY among them: the body of a request waits until the server's kernel has confirmed the
//   header, which it delays by 40 ms on any connection but a new one.
// Simplified: an endpoint is known by its number; the list never changes.
// Ignored: TLS, authentication, proxies, SRV records, the periodic refresh of the endpoint list.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/etcd_store.hpp"
#include "sim/host.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

using DcsPort = sim::Listener<EtcdRequest, EtcdReply>;

/// Where the servers of a store listen, in their order.
template <class Servers>
std::vector<DcsPort*> ports_of(Servers& servers) {
  std::vector<DcsPort*> ports;
  for (std::size_t i = 0; i < servers.size(); ++i) ports.push_back(&servers.port(i));
  return ports;
}

struct DcsClientConfig {
  sim::Duration ttl = std::chrono::seconds(30);
  sim::Duration loop_wait = std::chrono::seconds(10);
  sim::Duration retry_timeout = std::chrono::seconds(10);
  /// Servers in the order of the configuration; empty = all.
  std::vector<std::size_t> hosts{};
  /// The one that is asked first; by default drawn, as Patroni shuffles the list.
  std::optional<std::size_t> first_endpoint{};
};

inline constexpr sim::Kind endpoint_changed{"patroni.dcs_endpoint", "selected new server {0:n}"};

class DcsClient {
 public:
  /// utils.py Retry: pauses of 0.1 s, doubling to 1 s, each with up to 0.8 s on top.
  struct Retry {
    sim::Time stop;
    sim::Duration delay;
  };
  /// How long one node may take, and how often it is tried (_calculate_timeouts).
  struct Limits {
    std::size_t nodes;
    sim::Duration connect;
    sim::Duration total;
    int tries;
  };
  struct Answer {
    bool answered = false;
    EtcdReply reply;
    bool ok() const { return answered && reply.error == EtcdError::none; }
  };
  /// Told when another server has been selected: the watch moves along.
  class Owner {
   public:
    virtual void on_select() = 0;

   protected:
    ~Owner() = default;
  };

  /// A small number of servers is asked more than once.
  enum class Protocol : std::uint8_t { etcd, kubernetes };
  DcsClient(sim::Group& patroni, Owner& owner, std::vector<DcsPort*> ports, Protocol protocol,
            const DcsClientConfig& config);

  void start();
  Retry new_retry() const;
  /// Asks again while the server says that it is unavailable, until the deadline.
  sim::Task<Answer> call(const EtcdRequest request, Retry* retry);
  /// Without `retry` one server is asked once.
  sim::Task<Answer> execute(const EtcdRequest request, Retry* retry);
  Limits limits(std::size_t nodes, sim::Duration timeout) const;
  Limits limits() const { return limits(machines_.size(), config.retry_timeout); }
  sim::TcpOptions socket_options() const;

  /// Wall clock of the host, which Patroni uses for deadlines.
  sim::Time wall() const { return patroni_.host().clock().now(); }
  std::size_t endpoint() const { return endpoint_; }
  DcsPort& port() const { return *ports_[endpoint_]; }

  DcsClientConfig config;
  /// What the last `range` returned.
  std::array<EtcdEvent, etcd_slots> fetched{};
  std::size_t fetched_count = 0;

 private:
  sim::Task<Answer> attempt(std::size_t endpoint, const EtcdRequest request, const Limits limits);
  sim::Task<bool> load_machines(bool from_config);
  sim::Duration sleep_time(const Retry& retry);
  bool has_body(EtcdOp op) const;
  std::vector<std::size_t> shuffled_hosts();
  void select(std::size_t endpoint);
  void drop_connections();
  std::vector<std::size_t> machines() const;

  sim::Group& patroni_;
  Owner& owner_;
  std::vector<DcsPort*> ports_;
  Protocol protocol_;
  sim::Stream jitter_;
  sim::Stream order_;
  sim::Stream acks_;
  std::vector<std::size_t> machines_;
  std::vector<std::size_t> set_order_;
  std::size_t endpoint_ = 0;
  bool reload_machines_ = false;
  std::vector<std::vector<DcsPort::Client>> idle_;  // pooled connections by endpoint
};

}  // namespace predrill::models
