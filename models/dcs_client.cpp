#include "models/dcs_client.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

/// Waits in turn on this many nodes at least one second each.
constexpr sim::Duration node_timeout_min = 1s;
constexpr sim::Duration delay_first = 100ms;
constexpr sim::Duration delay_max = 1s;
constexpr std::uint64_t jitter_steps = 81;  // 0 to 80 hundredths of a second
constexpr sim::Duration jitter_step = 10ms;

const sim::Distribution& delayed_ack() {
  static const sim::Distribution d =
      sim::Distribution::uniform(40ms, 44ms)
          .with_source(
              "Linux, TCP_DELACK_MIN: 40 ms and up to a tick of 4 ms; urllib3 without "
              "TCP_NODELAY to the lab's etcd: 43 to 52 ms a request, 2.2 to 3.3 ms with "
              "it, 20 times each");
  return d;
}

}  // namespace

DcsClient::DcsClient(sim::Group& patroni, Owner& owner, std::vector<DcsPort*> ports,
                     Protocol protocol, const DcsClientConfig& its_config)
    : config(its_config),
      patroni_(patroni),
      owner_(owner),
      ports_(std::move(ports)),
      protocol_(protocol),
      jitter_(patroni.host().stream("patroni dcs retry")),
      order_(patroni.host().stream("patroni dcs hosts")),
      acks_(patroni.host().stream("patroni dcs acks")) {
  if (config.hosts.empty()) {
    for (std::size_t i = 0; i < ports_.size(); ++i) config.hosts.push_back(i);
  }
  idle_.resize(ports_.size());
}

void DcsClient::start() {
  reload_machines_ = false;
  drop_connections();
  machines_ = shuffled_hosts();
  set_order_ = shuffled_hosts();
  endpoint_ = config.first_endpoint.value_or(machines_.front());
}

std::vector<std::size_t> DcsClient::shuffled_hosts() {
  std::vector<std::size_t> hosts = config.hosts;
  for (std::size_t i = hosts.size(); i > 1; --i) std::swap(hosts[i - 1], hosts[order_.below(i)]);
  return hosts;
}

sim::TcpOptions DcsClient::socket_options() const {
  sim::TcpOptions options;
  options.keepalive = true;
  options.keepalive_idle = config.loop_wait + config.retry_timeout;
  options.keepalive_count = 3;
  options.keepalive_interval =
      std::max<sim::Duration>(1s, (config.ttl - options.keepalive_idle) / 3);
  options.user_timeout = config.ttl;
  return options;
}

DcsClient::Limits DcsClient::limits(std::size_t nodes, sim::Duration timeout) const {
  int tries_max =
      (protocol_ == Protocol::etcd ? 4 : 3) - static_cast<int>(std::min<std::size_t>(nodes, 3));
  sim::Duration per_node = timeout;
  int tries = 1;
  for (; nodes > 0; --nodes, tries_max = 1) {
    per_node = timeout / static_cast<std::int64_t>(nodes);
    if (per_node < node_timeout_min) continue;
    while (tries < tries_max && per_node / (tries + 1) >= node_timeout_min) ++tries;
    per_node /= tries;
    break;
  }
  per_node = std::max(per_node, node_timeout_min);
  return {nodes, std::max<sim::Duration>(node_timeout_min, per_node / 2), per_node, tries};
}

DcsClient::Retry DcsClient::new_retry() const {
  return {wall() + config.retry_timeout, delay_first};
}

sim::Duration DcsClient::sleep_time(const Retry& retry) {
  return retry.delay + jitter_step * static_cast<std::int64_t>(jitter_.below(jitter_steps));
}

// Retry.__call__: "Unavailable" is asked again on the same node until the deadline.
sim::Task<DcsClient::Answer> DcsClient::call(const EtcdRequest asked, Retry* retry) {
  retry->delay = delay_first;
  for (;;) {
    const Answer answer = co_await execute(asked, retry);
    if (!answer.answered || answer.reply.error != EtcdError::timed_out) co_return answer;
    const sim::Duration pause = sleep_time(*retry);
    if (wall() + pause >= retry->stop) co_return Answer{};
    co_await sim::sleep_for(pause);
    retry->delay = std::min(retry->delay * 2, delay_max);
  }
}

// api_execute and _do_http_request: node after node; when all have failed, the list is read again
// from the configured nodes, and only then is the deadline looked at. Without `retry` one node
// only.
sim::Task<DcsClient::Answer> DcsClient::execute(const EtcdRequest asked, Retry* retry) {
  if (reload_machines_) {
    const bool loaded = co_await load_machines(true);
    if (!loaded) co_return Answer{};
  }
  std::vector<std::size_t> nodes = machines();
  Limits limit = limits(nodes.size(), config.retry_timeout);
  for (;;) {
    bool some_failed = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (int tries = 0; tries < limit.tries; ++tries) {
        const Answer answer = co_await attempt(nodes[i], asked, limit);
        if (!answer.answered) continue;
        if (some_failed) {
          select(nodes[i]);
          co_await load_machines(false);
        }
        co_return answer;
      }
      drop_connections();
      if (retry == nullptr) {
        select(i + 1 < nodes.size() ? nodes[i + 1] : nodes[i]);
        co_return Answer{};
      }
      some_failed = true;
    }
    const bool loaded = co_await load_machines(true);
    if (loaded) nodes = machines();
    const sim::Duration pause = sleep_time(*retry);
    limit = limits(nodes.size(), retry->stop - pause - wall());
    if (limit.nodes == 0) {
      reload_machines_ = true;
      co_return Answer{};
    }
    co_await sim::sleep_for(pause);
    retry->delay = std::min(retry->delay * 2, delay_max);
    nodes.resize(std::min(nodes.size(), limit.nodes));
  }
}

// Everything is POSTed to etcd's gateway; Kubernetes is read with GET.
bool DcsClient::has_body(EtcdOp op) const {
  if (protocol_ == Protocol::etcd) return true;
  return op != EtcdOp::range && op != EtcdOp::get && op != EtcdOp::member_list;
}

// One HTTP request on a pooled or a new connection.
sim::Task<DcsClient::Answer> DcsClient::attempt(std::size_t endpoint, const EtcdRequest asked,
                                                const Limits limit) {
  const sim::Time start = patroni_.now();
  DcsPort::Client socket;
  std::vector<DcsPort::Client>& pool = idle_[endpoint];
  while (!pool.empty() && !socket.is_open()) {
    socket = std::move(pool.back());
    pool.pop_back();
  }
  if (!socket.is_open()) {
    const sim::Duration allowed = std::min(limit.connect, limit.total);
    auto connected = co_await sim::connect(patroni_, *ports_[endpoint], allowed, socket_options());
    if (!connected) co_return Answer{};
    socket = std::move(*connected);
  } else if (has_body(asked.op)) {
    const sim::Duration ack = delayed_ack().sample_duration(acks_);
    co_await sim::sleep_for(ack);
  }
  socket.send(asked);
  const sim::Duration left = limit.total - (patroni_.now() - start);
  const auto reply = co_await socket.receive_for(left);
  if (!reply) co_return Answer{};
  if (asked.op == EtcdOp::range && reply->error == EtcdError::none) {
    fetched_count = 0;
    for (std::uint16_t i = 0; i < reply->following; ++i) {
      const auto key = co_await socket.receive_for(limit.total - (patroni_.now() - start));
      if (!key) co_return Answer{};
      fetched[fetched_count++] = key->event;
    }
  }
  idle_[endpoint].push_back(std::move(socket));
  Answer answer;
  answer.answered = true;
  answer.reply = *reply;
  co_return answer;
}

// _load_machines_cache (from the configuration, when all have failed) and _refresh_machines_cache.
// Those of etcd are asked in the order of a Python set of strings, which is any order, and the same
// one as long as the process lives: often a node other than the one that has just answered.
sim::Task<bool> DcsClient::load_machines(bool from_config) {
  if (from_config) reload_machines_ = true;
  const std::vector<std::size_t> ask = protocol_ == Protocol::etcd ? set_order_
                                       : from_config               ? config.hosts
                                                                   : machines();
  const Limits limit = limits(ask.size(), config.retry_timeout);
  EtcdRequest list;
  list.op = EtcdOp::member_list;
  for (const std::size_t node : ask) {
    const Answer answer = co_await attempt(node, list, limit);
    if (!answer.answered) {
      drop_connections();
      continue;
    }
    machines_ = shuffled_hosts();
    reload_machines_ = false;
    co_return true;
  }
  co_return false;
}

std::vector<std::size_t> DcsClient::machines() const {
  std::vector<std::size_t> all{endpoint_};
  for (const std::size_t machine : machines_) {
    if (machine != endpoint_) all.push_back(machine);
  }
  return all;
}

// set_base_uri: the watch moves along.
void DcsClient::select(std::size_t endpoint) {
  if (endpoint != endpoint_) {
    sim::Simulation& sim = patroni_.simulation();
    sim.trace().emit(sim.now(), patroni_.host().entity(), endpoint_changed,
                     sim.trace().name(ports_[endpoint]->host().name()));
  }
  endpoint_ = endpoint;
  owner_.on_select();
}

void DcsClient::drop_connections() {
  for (auto& pool : idle_) pool.clear();
}

}  // namespace predrill::models
