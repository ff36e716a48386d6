// The kernel through its public API, with the fingerprint on. Each benchmark does a fixed amount of
// work per iteration and reports the time per operation. The random numbers are those of the
// drivers of the peers, so that all do the same work; random_bench.cpp measures ours.
#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <vector>

#include "bench/peers/works.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

namespace {

using namespace predrill::sim;
using namespace std::chrono_literals;

using predrill::peers::Exponentials;
using predrill::peers::Generator;

// Exponential with a mean of 1 ms.
Duration draw(Exponentials& numbers) {
  return Duration(static_cast<std::int64_t>(numbers.next() * 1e6));
}

void per_operation(benchmark::State& state, double operations) {
  state.counters["per_op"] =
      benchmark::Counter(operations * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

Simulation fresh_world() {
  return Simulation({.seed = 1});
}

// PHOLD: each event schedules one event for a random entity. A message is an event of its own and
// comes from the pool, like a packet of sim/tcp.cpp; an entity counts what it receives.
class Phold {
 public:
  Phold(Simulation& sim, std::size_t n) : group_(sim.world()), received_(n) {
    messages_.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      messages_.push_back(std::make_unique<Message>(*this));
      send(*messages_.back());
    }
  }

 private:
  struct Message : Event, Pooled {
    explicit Message(Phold& p) : Event(&Message::arrive), phold(p) {}
    static void arrive(Event& event) {
      auto& message = static_cast<Message&>(event);
      ++message.phold.received_[message.target];
      message.phold.send(message);
    }
    Phold& phold;
    std::uint32_t target = 0;
  };
  void send(Message& message) {
    message.target = targets_.below(static_cast<std::uint32_t>(received_.size()));
    group_.simulation().schedule(message, group_, group_.now() + draw(delays_));
  }

  Exponentials delays_{1};
  Generator targets_{2};
  Group& group_;
  std::vector<std::uint32_t> received_;
  std::vector<std::unique_ptr<Message>> messages_;
};

void phold(benchmark::State& state) {
  Simulation sim = fresh_world();
  Phold model(sim, static_cast<std::size_t>(state.range(0)));
  sim.run_for(3ms);
  constexpr double hops_per_iteration = 2e6;
  const Duration length = Duration(
      static_cast<std::int64_t>(hops_per_iteration / static_cast<double>(state.range(0)) * 1e6));
  std::uint64_t hops = 0;
  for (auto _ : state) {
    const std::uint64_t before = sim.events_executed();
    sim.run_for(length);
    hops += sim.events_executed() - before;
  }
  per_operation(state, static_cast<double>(hops) / static_cast<double>(state.iterations()));
}
BENCHMARK(phold)->Arg(1000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

Task<> sleeper(Exponentials& naps) {
  for (;;) {
    const Duration d = draw(naps);
    co_await sleep_for(d);
  }
}

void sleeping(benchmark::State& state) {
  Simulation sim = fresh_world();
  Exponentials naps(1);
  for (std::int64_t i = 0; i < state.range(0); ++i) sim.world().spawn(sleeper(naps));
  sim.run_for(3ms);
  const Duration length =
      Duration(static_cast<std::int64_t>(2e6 / static_cast<double>(state.range(0)) * 1e6));
  std::uint64_t resumed = 0;
  for (auto _ : state) {
    const std::uint64_t before = sim.events_executed();
    sim.run_for(length);
    resumed += sim.events_executed() - before;
  }
  per_operation(state, static_cast<double>(resumed) / static_cast<double>(state.iterations()));
}
BENCHMARK(sleeping)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

// M/M/1 at rho = 0.9: a source puts customers into a channel, a server serves them.
struct Mm1 {
  Exponentials& gaps;
  Exponentials& services;
  Channel<Time> queue{};
  std::int64_t served = 0;
  Duration waited{};
};
Task<> arrivals(Mm1& q, Simulation& sim, int customers) {
  for (int i = 0; i < customers; ++i) {
    const Duration d = draw(q.gaps);
    co_await sleep_for(d);
    q.queue.try_send(sim.now());
  }
}
Task<> server(Mm1& q, Simulation& sim) {
  for (;;) {
    const auto arrived = co_await q.queue.receive();
    q.waited += sim.now() - *arrived;
    const Duration d = draw(q.services) * 9 / 10;
    co_await sleep_for(d);
    ++q.served;
  }
}

void mm1(benchmark::State& state) {
  constexpr int customers = 1'000'000;
  Exponentials gaps(1);
  Exponentials services(2);
  for (auto _ : state) {
    Simulation sim = fresh_world();
    Mm1 q{gaps, services};
    sim.world().spawn(server(q, sim));
    sim.world().spawn(arrivals(q, sim, customers));
    sim.run_until(Time::max());
    benchmark::DoNotOptimize(q.waited);
    sim.shut_down();
  }
  per_operation(state, customers);
}
BENCHMARK(mm1)->Unit(benchmark::kMillisecond);

// Time-outs that are re-armed long before they fire.
struct Session {
  explicit Session(Group& group) : timeout(*this, group) {}
  void expired() { ++expiries; }
  std::int64_t expiries = 0;
  Timer<Session, &Session::expired> timeout;
};
Task<> activity(std::deque<Session>& sessions) {
  Generator generator(1);
  const auto n = static_cast<std::uint32_t>(sessions.size());
  for (;;) {
    for (int i = 0; i < 1000; ++i) sessions[generator.below(n)].timeout.arm(30s);
    co_await sleep_for(1ms);
  }
}

void rearm(benchmark::State& state) {
  Simulation sim = fresh_world();
  std::deque<Session> sessions;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    sessions.emplace_back(sim.world()).timeout.arm(30s);
  }
  sim.world().spawn(activity(sessions));
  for (auto _ : state) sim.run_for(2s);
  per_operation(state, 2e6);
  sim.shut_down();
}
BENCHMARK(rearm)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

Task<> short_life() {
  co_await yield();
}
Task<> parent(int batches, int batch) {
  Group& group = co_await this_group();
  for (int i = 0; i < batches; ++i) {
    for (int k = 0; k < batch; ++k) group.spawn(short_life());
    co_await sleep_for(1s);
  }
}

// One spawn, two resumptions of the child, its destruction; and a hundredth of a sleep.
void spawn(benchmark::State& state) {
  constexpr int batches = 10'000;
  constexpr int batch = 100;
  Simulation sim = fresh_world();
  for (auto _ : state) {
    sim.world().spawn(parent(batches, batch));
    sim.run_for(batches * 1s);
  }
  per_operation(state, batches * batch);
}
BENCHMARK(spawn)->Unit(benchmark::kMillisecond);

// Messages with latency over connections: n pairs that play ping-pong; one operation is a message.
struct Ball {
  std::int64_t hops;
};
using Court = Listener<Ball, Ball>;
Task<> pong(Court& court) {
  auto socket = co_await court.accept();
  for (;;) {
    const auto ball = co_await socket.receive();
    if (!ball) co_return;
    socket.send(*ball);
  }
}
Task<> ping(Group& group, Court& court) {
  auto socket = co_await connect(group, court, forever);
  Ball ball{0};
  for (;;) {
    socket->send(ball);
    const auto back = co_await socket->receive();
    if (!back) co_return;
    ball.hops = back->hops + 1;
  }
}

void messages(benchmark::State& state) {
  Simulation sim = fresh_world();
  sim.network().set_latency(0, 0, Distribution::exponential(Duration(1ms)));
  Host left(sim, "left");
  Host right(sim, "right");
  Group a(left, "a");
  Group b(right, "b");
  std::vector<std::unique_ptr<Court>> courts;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    courts.push_back(std::make_unique<Court>(b, "court"));
    courts.back()->open();
    b.spawn(pong(*courts.back()));
    a.spawn(ping(a, *courts.back()));
  }
  sim.run_for(20ms);
  const Duration length =
      Duration(static_cast<std::int64_t>(1e6 / static_cast<double>(state.range(0)) * 1e6));
  std::uint64_t events = 0;
  for (auto _ : state) {
    const std::uint64_t before = sim.events_executed();
    sim.run_for(length);
    events += sim.events_executed() - before;
  }
  // A message is two events: its arrival and the wake-up of the receiver.
  per_operation(state, static_cast<double>(events) / 2.0 / static_cast<double>(state.iterations()));
  sim.shut_down();
}
BENCHMARK(messages)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
