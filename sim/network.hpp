// The network between hosts. What decides most failover times is kept apart everywhere:
//   a closed port on a living host answers with RST     -> refused, at once
//   a dead or cut-off host answers nothing               -> silence, until somebody's time-out
// Hosts sit in zones; each pair of zones has a one-way latency. Cuts may be one-way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/simulation.hpp"

namespace predrill::sim {

enum class NetError : std::uint8_t {
  none,
  refused,      // RST in answer to SYN: nobody listens
  reset,        // RST on an established connection
  closed,       // FIN: the peer has closed
  timeout,      // nothing was heard for too long
  unreachable,  // ICMP: no such host
};
std::string_view to_text(NetError error);

/// A value, or why there is none.
template <class T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(NetError error) : error_(error) {}      // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return value_.has_value(); }
  NetError error() const { return error_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  NetError error_ = NetError::none;
};

/// When a kernel sends a SYN again that nobody answers: after 1 s `linear` times more than once,
/// then after twice as long each time (ip-sysctl of the Linux documentation).
struct SynRetries {
  int retries = 6;  // tcp_syn_retries
  int linear = 4;   // tcp_syn_linear_timeouts, 4 since Linux 6.5; 0 as it was before

  int attempts() const { return 1 + linear + retries; }
  /// From the n-th SYN, counted from 0, to the next one or to the end.
  Duration wait_after(int attempt) const {
    return std::chrono::seconds(std::int64_t{1} << std::max(0, attempt - linear));
  }
};

using HostSet = std::vector<const Host*>;
enum class Direction : std::uint8_t { both, forward };
enum class FaultId : std::uint32_t {};

/// Told after a path, its speed or a host on it has changed: for models that compute a flow instead
/// of sending its messages one by one.
class NetworkObserver {
 public:
  virtual void on_network_change() = 0;

 protected:
  ~NetworkObserver() = default;
};

class Network {
 public:
  explicit Network(Simulation& simulation);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// The zone's number; the same name gives the same number.
  ZoneId zone(std::string_view name);
  const std::string& zone_name(ZoneId id) const { return zones_[id]; }
  /// One-way latency between two zones (or inside one), both directions. Default: 100 µs.
  void set_latency(ZoneId a, ZoneId b, const Distribution& one_way);
  /// Between processes of one host. Default: 20 µs.
  void set_loopback(const Distribution& one_way);

  /// Of every host's kernel.
  void set_syn_retries(const SynRetries& retries) { syn_retries_ = retries; }
  const SynRetries& syn_retries() const { return syn_retries_; }

  /// When a kernel's timer fires that was set to `length` at `armed`: with the next tick of its
  /// level of the wheel. Ticks are 4 ms (CONFIG_HZ 250, as in Debian), and coarser by eight for
  /// each level: 32 ms from 0.25 s on, 0.26 s from 2 s, 2 s from 16 s (kernel/time/timer.c of
  /// Linux).
  Time timer_end(Time armed, Duration length) const;
  /// How long such a timer takes that is set now.
  Duration timer(Duration length) const {
    return timer_end(simulation_.now(), length) - simulation_.now();
  }

  /// Packets from `a` to `b` (and back, unless forward) vanish without a word.
  FaultId cut(const HostSet& a, const HostSet& b, Direction direction = Direction::both);
  /// Packets vanish with this probability; TCP sends them again after its retransmission time-out.
  FaultId lose(const HostSet& a, const HostSet& b, double probability,
               Direction direction = Direction::both);
  /// Adds to the latency.
  FaultId slow(const HostSet& a, const HostSet& b, const Distribution& extra,
               Direction direction = Direction::both);
  void heal(FaultId fault);

  /// No cut between them in this direction (the hosts may be down).
  bool open(const Host& from, const Host& to) const { return link(from, to).cuts == 0; }
  /// A packet sent now would arrive: no cut, target up and not frozen. Draws no loss.
  bool reaches(const Host& from, const Host& to) const {
    return to.up() && !to.frozen() && open(from, to);
  }
  /// Draws the one-way delay of one packet.
  Duration delay(const Host& from, const Host& to);
  /// Draws whether one packet is lost on the way.
  bool lost(const Host& from, const Host& to);

  void add_observer(NetworkObserver& observer) { observers_.push_back(&observer); }
  void remove_observer(NetworkObserver& observer);

  HostId add_host(const Host& host);  // by Host's constructor
  void tell_change();                 // by Host too: it went down, came up, was stopped or goes on

 private:
  struct Link {
    std::uint32_t cuts = 0;
    const Distribution* latency = nullptr;
    Stream delays;
    Stream losses;
    std::vector<std::pair<FaultId, double>> loss{};
    std::vector<std::pair<FaultId, Distribution>> extra{};
  };
  struct Fault {
    std::vector<std::pair<HostId, HostId>> pairs;
    bool cut = false;
  };
  const Link& link(const Host& from, const Host& to) const {
    std::uint32_t index = table_[from.id() * side_ + to.id()];
    if (index == 0) [[unlikely]]
      index = make_link(from, to);
    return links_[index - 1];
  }
  Link& link(const Host& from, const Host& to) {
    return const_cast<Link&>(std::as_const(*this).link(from, to));
  }
  std::uint32_t make_link(const Host& from, const Host& to) const;
  FaultId add_fault(const HostSet& a, const HostSet& b, Direction direction, bool cut);
  const Distribution& latency_of(const Host& from, const Host& to) const;

  Simulation& simulation_;
  std::vector<std::string> zones_;
  std::vector<Distribution> zone_latency_;  // zones x zones
  Distribution loopback_;
  SynRetries syn_retries_;
  Duration first_tick_;  // how long ago the wheel began to turn when the run begins
  std::vector<const Host*> hosts_;
  std::size_t side_ = 0;                      // of the table below
  mutable std::vector<std::uint32_t> table_;  // (from, to) -> index in links_ + 1
  mutable std::vector<Link> links_;           // made when first used
  std::vector<Fault> faults_;
  std::vector<NetworkObserver*> observers_;
};

}  // namespace predrill::sim
