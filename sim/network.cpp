#include "sim/network.hpp"

#include <algorithm>

namespace predrill::sim {

namespace {
constexpr Duration tick = std::chrono::milliseconds(4);
constexpr std::int64_t slots_below = 63;  // of a level, that the next one leaves to it
constexpr unsigned level_bits = 3;        // a tick is so much coarser on the next level
constexpr unsigned levels = 6;
}  // namespace

std::string_view to_text(NetError error) {
  switch (error) {
    case NetError::none:
      return "ok";
    case NetError::refused:
      return "connection refused";
    case NetError::reset:
      return "connection reset";
    case NetError::closed:
      return "connection closed";
    case NetError::timeout:
      return "timeout";
    case NetError::unreachable:
      return "host unreachable";
  }
  return "?";
}

Network::Network(Simulation& simulation)
    : simulation_(simulation),
      zones_{"default"},
      zone_latency_{Distribution::constant(std::chrono::microseconds(100))},
      loopback_(Distribution::constant(std::chrono::microseconds(20))) {
  Stream ticks = simulation.stream("network", "ticks");
  first_tick_ = ticks.uniform(Duration{}, tick * (std::int64_t{1} << level_bits * levels));
}

ZoneId Network::zone(std::string_view name) {
  for (std::size_t i = 0; i < zones_.size(); ++i) {
    if (zones_[i] == name) return static_cast<ZoneId>(i);
  }
  const std::size_t old = zones_.size();
  zones_.emplace_back(name);
  std::vector<Distribution> wider;
  for (std::size_t a = 0; a <= old; ++a) {
    for (std::size_t b = 0; b <= old; ++b) {
      wider.push_back(a < old && b < old ? zone_latency_[a * old + b]
                                         : Distribution::constant(std::chrono::microseconds(100)));
    }
  }
  zone_latency_.swap(wider);
  for (Link& l : links_) l.latency = nullptr;  // the table has moved
  return static_cast<ZoneId>(old);
}

void Network::set_latency(ZoneId a, ZoneId b, const Distribution& one_way) {
  zone_latency_[a * zones_.size() + b] = one_way;
  zone_latency_[b * zones_.size() + a] = one_way;
}

void Network::set_loopback(const Distribution& one_way) {
  loopback_ = one_way;
}

HostId Network::add_host(const Host& host) {
  hosts_.push_back(&host);
  if (hosts_.size() > side_) {
    const std::size_t old = side_;
    side_ = std::max<std::size_t>(16, side_ * 2);
    std::vector<std::uint32_t> wider(side_ * side_, 0);
    for (std::size_t from = 0; from < old; ++from) {
      for (std::size_t to = 0; to < old; ++to) wider[from * side_ + to] = table_[from * old + to];
    }
    table_.swap(wider);
  }
  return static_cast<HostId>(hosts_.size() - 1);
}

std::uint32_t Network::make_link(const Host& from, const Host& to) const {
  const std::string entity = from.name() + ">" + to.name();
  links_.push_back({.delays = simulation_.stream(entity, "delay"),
                    .losses = simulation_.stream(entity, "loss")});
  const auto index = static_cast<std::uint32_t>(links_.size());
  table_[from.id() * side_ + to.id()] = index;
  return index;
}

const Distribution& Network::latency_of(const Host& from, const Host& to) const {
  if (&from == &to) return loopback_;
  return zone_latency_[from.zone() * zones_.size() + to.zone()];
}

Time Network::timer_end(Time armed, Duration length) const {
  const Duration since = armed - Time{} + first_tick_;
  const std::int64_t ticks = (length + tick - Duration(1)) / tick;
  unsigned shift = 0;
  for (std::int64_t reach = slots_below; ticks >= reach && shift < level_bits * levels;
       reach <<= level_bits) {
    shift += level_bits;
  }
  const std::int64_t fires = (((since / tick + ticks) >> shift) + 1) << shift;
  return armed + (tick * fires - since);
}

Duration Network::delay(const Host& from, const Host& to) {
  Link& l = link(from, to);
  if (l.latency == nullptr) l.latency = &latency_of(from, to);
  Duration d = l.latency->sample_duration(l.delays);
  for (const auto& [fault, extra] : l.extra) d += extra.sample_duration(l.delays);
  return d;
}

bool Network::lost(const Host& from, const Host& to) {
  Link& l = link(from, to);
  bool gone = false;
  for (const auto& [fault, probability] : l.loss) gone |= l.losses.chance(probability);
  return gone;
}

FaultId Network::add_fault(const HostSet& a, const HostSet& b, Direction direction, bool cut) {
  Fault fault;
  fault.cut = cut;
  const auto add = [&fault](const Host* from, const Host* to) {
    if (from != to) fault.pairs.emplace_back(from->id(), to->id());
  };
  for (const Host* x : a) {
    for (const Host* y : b) {
      add(x, y);
      if (direction == Direction::both) add(y, x);
    }
  }
  // A pair named twice (a and b overlap) is one pair.
  std::sort(fault.pairs.begin(), fault.pairs.end());
  fault.pairs.erase(std::unique(fault.pairs.begin(), fault.pairs.end()), fault.pairs.end());
  faults_.push_back(std::move(fault));
  return FaultId{static_cast<std::uint32_t>(faults_.size() - 1)};
}

FaultId Network::cut(const HostSet& a, const HostSet& b, Direction direction) {
  const FaultId id = add_fault(a, b, direction, true);
  for (auto [from, to] : faults_[static_cast<std::uint32_t>(id)].pairs) {
    ++link(*hosts_[from], *hosts_[to]).cuts;
  }
  tell_change();
  return id;
}

FaultId Network::lose(const HostSet& a, const HostSet& b, double probability, Direction direction) {
  const FaultId id = add_fault(a, b, direction, false);
  for (auto [from, to] : faults_[static_cast<std::uint32_t>(id)].pairs) {
    link(*hosts_[from], *hosts_[to]).loss.emplace_back(id, probability);
  }
  tell_change();
  return id;
}

FaultId Network::slow(const HostSet& a, const HostSet& b, const Distribution& extra,
                      Direction direction) {
  const FaultId id = add_fault(a, b, direction, false);
  for (auto [from, to] : faults_[static_cast<std::uint32_t>(id)].pairs) {
    link(*hosts_[from], *hosts_[to]).extra.emplace_back(id, extra);
  }
  tell_change();
  return id;
}

void Network::heal(FaultId fault) {
  Fault& f = faults_[static_cast<std::uint32_t>(fault)];
  for (auto [from, to] : f.pairs) {
    Link& l = link(*hosts_[from], *hosts_[to]);
    if (f.cut) --l.cuts;
    std::erase_if(l.loss, [fault](const auto& entry) { return entry.first == fault; });
    std::erase_if(l.extra, [fault](const auto& entry) { return entry.first == fault; });
  }
  f.pairs.clear();
  tell_change();
}

void Network::remove_observer(NetworkObserver& observer) {
  std::erase(observers_, &observer);
}

void Network::tell_change() {
  for (std::size_t i = 0; i < observers_.size(); ++i) observers_[i]->on_network_change();
}

}  // namespace predrill::sim
