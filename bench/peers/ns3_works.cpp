// The works on ns-3: plain event scheduling, which is what its core offers. It has no processes,
// so `sleeping` and `spawn` are left out, and M/M/1 is the two-event state machine that an ns-3
// model would be.

#include <ns3/core-module.h>
#include <ns3/version-defines.h>

#include <deque>
#include <vector>

#include "bench/peers/works.hpp"

namespace {

using ns3::Simulator;
using predrill::peers::Exponentials;
using predrill::peers::Generator;
using predrill::peers::Meter;
using predrill::peers::Work;

constexpr Work works[] = {
    {"phold_1k", 1'000, 100'000, 2'000'000},       {"phold_100k", 100'000, 200'000, 1'000'000},
    {"phold_1m", 1'000'000, 1'000'000, 1'000'000}, {"mm1", 1, 100'000, 1'000'000},
    {"rearm_1k", 1'000, 100'000, 2'000'000},       {"rearm_100k", 100'000, 2'000'000, 1'000'000},
    {"messages_1k", 1'000, 100'000, 1'000'000},
};

#define PEER_TEXT_(x) #x
#define PEER_TEXT(x) PEER_TEXT_(x)
constexpr char version[] = PEER_TEXT(NS3_VERSION_MAJOR) "." PEER_TEXT(NS3_VERSION_MINOR);

Meter* meter;

double now_seconds() {
  return static_cast<double>(Simulator::Now().GetNanoSeconds()) * 1e-9;
}

ns3::Time seconds(double value) {
  return ns3::NanoSeconds(static_cast<std::int64_t>(value * 1e9));
}

/// PHOLD: every event schedules one event for a random entity.
class Phold {
 public:
  explicit Phold(std::uint32_t size) : visits_(size) {
    for (std::uint32_t i = 0; i < size; ++i) schedule(i);
  }

 private:
  void schedule(std::uint32_t entity) {
    Simulator::Schedule(seconds(delays_.next()), &Phold::handle, this, entity);
  }
  void handle(std::uint32_t entity) {
    ++visits_[entity];
    schedule(targets_.below(static_cast<std::uint32_t>(visits_.size())));
    meter->count(now_seconds);
  }

  Exponentials delays_{1};
  Generator targets_{2};
  std::vector<std::uint32_t> visits_;
};

/// M/M/1 at a utilisation of 0.9; an operation is one customer served.
class Mm1 {
 public:
  Mm1() { Simulator::Schedule(seconds(arrivals_.next() / 0.9), &Mm1::arrive, this); }

 private:
  void arrive() {
    queue_.push_back(now_seconds());
    if (queue_.size() == 1) serve();
    Simulator::Schedule(seconds(arrivals_.next() / 0.9), &Mm1::arrive, this);
  }
  void serve() { Simulator::Schedule(seconds(services_.next()), &Mm1::depart, this); }
  void depart() {
    sojourns_ += now_seconds() - queue_.front();
    ++served_;
    queue_.pop_front();
    if (!queue_.empty()) serve();
    meter->count([this] { return sojourns_ / served_; });
  }

  Exponentials arrivals_{1};
  Exponentials services_{2};
  std::deque<double> queue_;  // arrival times; the front is in service
  double sojourns_ = 0;
  double served_ = 0;
};

/// Time-outs that are cancelled and armed again; an operation is one re-arm.
class Rearm {
 public:
  explicit Rearm(std::uint32_t size) : timers_(size) { Simulator::ScheduleNow(&Rearm::tick, this); }

 private:
  static constexpr std::int64_t tick_ns = 1 << 20;

  void tick() {
    const auto size = static_cast<std::uint32_t>(timers_.size());
    const std::int64_t timeout =
        tick_ns * predrill::peers::timeout_gaps * size / predrill::peers::rearms_per_tick;
    for (std::uint32_t i = 0; i < predrill::peers::rearms_per_tick; ++i) {
      const std::uint64_t draw = draws_.next();
      ns3::EventId& timer = timers_[((draw >> 32) * size) >> 32];
      timer.Cancel();
      const auto jitter = static_cast<std::int64_t>(draw & (tick_ns - 1));
      timer = Simulator::Schedule(ns3::NanoSeconds(timeout + jitter), &Rearm::fire, this);
      meter->count([this] { return static_cast<double>(fired_); });
    }
    Simulator::Schedule(ns3::NanoSeconds(tick_ns), &Rearm::tick, this);
  }
  void fire() { ++fired_; }

  Generator draws_{1};
  std::vector<ns3::EventId> timers_;
  std::uint64_t fired_ = 0;
};

/// Messages between nodes, the latency being the sum of both ends' own; an operation is one
/// message received and passed on to a random node.
class Messages {
 public:
  explicit Messages(std::uint32_t size) : latencies_(size) {
    for (double& latency : latencies_) latency = 1e-3 * (1 + draws_.unit());
    for (std::uint32_t i = 0; i < size; ++i) send(i);
  }

 private:
  void send(std::uint32_t from) {
    const std::uint32_t to = draws_.below(static_cast<std::uint32_t>(latencies_.size()));
    Simulator::ScheduleWithContext(to, seconds(latencies_[from] + latencies_[to]),
                                   &Messages::receive, this, to);
  }
  void receive(std::uint32_t node) {
    send(node);
    meter->count(now_seconds);
  }

  Generator draws_{1};
  std::vector<double> latencies_;  // seconds
};

template <class Model, class... Args>
void run(Args... args) {
  Model model(args...);
  Simulator::Run();  // the meter ends the program
}

}  // namespace

int main(int argc, char** argv) {
  const Work work = predrill::peers::chosen_work(argc, argv, works);
  Meter the_meter("ns-3", version, work);
  meter = &the_meter;
  // The scheduler of ns-3 that is fastest here; its default is ns3::MapScheduler.
  const char* scheduler = std::getenv("NS3_SCHEDULER");
  ns3::ObjectFactory factory;
  factory.SetTypeId(scheduler ? scheduler : "ns3::PriorityQueueScheduler");
  Simulator::SetScheduler(factory);
  const auto is = [&work](const char* prefix) {
    return std::strncmp(work.name, prefix, std::strlen(prefix)) == 0;
  };
  if (is("phold")) run<Phold>(work.size);
  if (is("mm1")) run<Mm1>();
  if (is("rearm")) run<Rearm>(work.size);
  if (is("messages")) run<Messages>(work.size);
}
