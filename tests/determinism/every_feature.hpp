// A scenario that uses every feature of the kernel: hosts that crash, freeze and drift, a network
// that is cut, lossy and slow, connections with and without keep-alive, every way of waiting and
// every kind of distribution. Whoever runs it compares fingerprints.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "sim/combine.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

namespace predrill::every_feature {

using namespace predrill::sim;
using namespace std::chrono_literals;

inline constexpr Kind started{"test.started", "starts, life {0}"};
inline constexpr Kind quiet{"test.quiet", "no request for a while, the last one was {0}"};
inline constexpr Kind session_over{"test.session_over", "session over: {0:n}"};
inline constexpr Kind outcome{"test.outcome", "request {0}, way {1}: {2:n} after {3:d}"};
inline constexpr Kind step{"test.step", "{0:n}, {1} of {2:e}, {3:x}"};

struct Ask {
  std::int32_t question;
};
struct Answer {
  std::int32_t value;
};
using Port = Listener<Ask, Answer>;

inline const std::array<Distribution, 12>& distributions() {
  static const std::array<Distribution, 12> all = {
      Distribution::constant(Duration(2ms)),
      Distribution::uniform(Duration(1ms), Duration(9ms)),
      Distribution::exponential(Duration(4ms)),
      Distribution::normal(Duration(5ms), Duration(2ms)),
      Distribution::lognormal_percentiles(0.5, Duration(3ms), 0.99, Duration(40ms)),
      Distribution::weibull(0.7, Duration(4ms)),
      Distribution::gamma(2.5, Duration(2ms)),
      Distribution::pareto(1.5, Duration(1ms)).truncated(Duration(1ms), Duration(1s)),
      Distribution::triangular(Duration(1ms), Duration(2ms), Duration(9ms)).shifted(Duration(1ms)),
      Distribution::empirical({Duration(1ms), Duration(5ms), Duration(7ms)}),
      Distribution::quantiles({{0.0, Duration(1ms)}, {0.9, Duration(4ms)}, {1.0, Duration(30ms)}}),
      Distribution::mixture({{9, Distribution::exponential(Duration(2ms))},
                             {1, Distribution::constant(Duration(50ms))}}),
  };
  return all;
}

class Server {
 public:
  Server(Simulation& sim, std::string name, ZoneId zone) : host(sim, std::move(name), zone) {
    host.on_boot([this] { start(); });
    host.boot();
  }

  Host host;
  Group group{host, "server"};
  Port port{group, "port", 8};

  void start() {
    emit(started, host.incarnation());
    port.open();
    watchdog_.arm(300ms);
    group.spawn(accept());
  }

 private:
  Task<> accept() {
    for (;;) {
      auto socket = co_await port.accept();
      group.spawn(serve(std::move(socket)));
    }
  }
  Task<> serve(Socket<Answer, Ask> socket) {
    for (;;) {
      const auto ask = co_await socket.receive_for(5s);
      if (!ask) {
        emit(session_over, host.simulation().trace().name(to_text(ask.error())));
        co_return;
      }
      last_ = ask->question;
      watchdog_.arm(300ms);
      const auto permit = co_await workers_.acquire_for(20ms);
      if (!permit) {
        socket.send({-1});
        continue;
      }
      const auto& law = distributions()[static_cast<std::size_t>(last_) % distributions().size()];
      const Duration work = law.sample_duration(stream_);
      co_await sleep_for(work);
      socket.send({ask->question * 2});
    }
  }
  void went_quiet() { emit(quiet, last_); }
  void emit(const Kind& kind, std::int64_t a) {
    host.simulation().trace().emit(host.simulation().now(), host.entity(), kind, a);
  }

  std::int32_t last_ = 0;
  Semaphore workers_{3};
  Stream stream_ = host.stream("work");
  Timer<Server, &Server::went_quiet> watchdog_{*this, group};
};

class Client {
 public:
  Client(Simulation& sim, std::string name, ZoneId zone, std::deque<Server>& servers)
      : host(sim, std::move(name), zone), servers_(servers) {
    group.spawn(run());
    group.spawn(session());
  }

  Host host;
  Group group{host, "client"};

 private:
  Port& any_port() { return servers_[stream_.below(servers_.size())].port; }
  std::int64_t text(const Result<Answer>& result) {
    return host.simulation().trace().name(result ? (result->value < 0 ? "busy" : "ok")
                                                 : to_text(result.error()));
  }
  Task<> nap(Duration length) { co_await sleep_for(length); }
  Task<Result<Answer>> ask(std::int32_t question) {
    Result<Answer> result = co_await call(group, any_port(), Ask{question}, 800ms);
    co_return result;
  }
  Task<> run() {
    Trace& trace = host.simulation().trace();
    for (std::int32_t i = 0; i < 400; ++i) {
      const Time begun = host.simulation().now();
      std::int64_t said = 0;
      if (i % 4 == 0) {
        const auto result = co_await ask(i);
        said = text(result);
      } else if (i % 4 == 1) {
        const auto result = co_await with_timeout(150ms, ask(i));
        said = result ? text(*result) : trace.name("gave up");
      } else if (i % 4 == 2) {
        const auto result = co_await race(ask(i), ask(i + 1), nap(100ms));
        said = static_cast<std::int64_t>(result.index());
        said = trace.name("winner " + std::to_string(said));
      } else {
        const auto results = co_await all_of(ask(i), ask(i + 1));
        said = text(std::get<0>(results)) + text(std::get<1>(results));
        said = trace.name("two");
      }
      trace.emit(host.simulation().now(), host.entity(), outcome, i, i % 4, said,
                 (host.simulation().now() - begun).count());
      const Duration pause = pause_.sample_duration(stream_);
      co_await sleep_for(pause);
    }
  }
  // Connections that live long, with keep-alive and a limit for what is not acknowledged.
  Task<> session() {
    const TcpOptions options{.keepalive = true,
                             .keepalive_idle = 500ms,
                             .keepalive_interval = 200ms,
                             .keepalive_count = 3,
                             .user_timeout = Duration(1500ms)};
    for (std::int32_t i = 0; i < 40; ++i) {
      auto socket = co_await connect(group, any_port(), 1s, options);
      if (!socket) {
        co_await sleep_for(100ms);
        continue;
      }
      for (std::int32_t j = 0; j < 20; ++j) {
        socket->send({j});
        const auto answer = co_await socket->receive_for(2s);
        host.simulation().trace().emit(host.simulation().now(), host.entity(), outcome, j, 9,
                                       text(answer));
        if (!answer) break;
        co_await sleep_for(60ms);
      }
    }
  }

  std::deque<Server>& servers_;
  Stream stream_ = host.stream("choices");
  Distribution pause_ = Distribution::exponential(Duration(20ms));
};

/// Everything that needs no network: channels, gates, signals, promises, groups of tasks.
class Workshop {
 public:
  explicit Workshop(Simulation& sim) : host_(sim, "workshop"), trace_(sim.trace()) {
    host_.clock().set_drift(150);
    for (int i = 0; i < 3; ++i) group_.spawn(consumer(i));
    victim_ = group_.spawn(consumer(9));
    group_.spawn(producer());
    group_.spawn(gatekeeper());
    for (int i = 0; i < 4; ++i) group_.spawn(visitor(i));
  }
  void kill_victim() { note("victim", group_.kill(victim_) ? 1 : 0); }
  void freeze() { group_.freeze(); }
  void thaw() { group_.thaw(); }
  Host& host() { return host_; }

 private:
  void note(std::string_view what, std::int64_t value) {
    const auto clock = static_cast<std::int64_t>(host_.clock().now().time_since_epoch().count());
    trace_.emit(host_.simulation().now(), trace_.entity("workshop/bench"), step, trace_.name(what),
                value, static_cast<std::int64_t>(host_.entity()), clock);
  }
  Task<> producer() {
    Stream stream = host_.stream("producer");
    for (std::int64_t i = 0; i < 2000; ++i) {
      const Duration pause = stream.uniform(Duration(0), Duration(4ms));
      co_await sleep_for(pause);
      if (!queue_.try_send(i)) note("full", i);
      if (i % 50 == 0) promise_.set(i);
      if (i % 50 == 0) promise_ = Promise<std::int64_t>();
      if (i % 7 == 0) signal_.notify_one();
    }
  }
  Task<> consumer(std::int64_t number) {
    Stream stream = host_.stream("consumer").child(std::to_string(number));
    for (;;) {
      const auto item = co_await queue_.receive_for(50ms);
      if (!item) {
        note("idle", number);
        continue;
      }
      if (*item % 100 == 0) note("took", *item);
      const Duration work = stream.uniform(Duration(0), Duration(12ms));
      co_await sleep_for(work);
      if (*item >= 1999) co_return;
    }
  }
  Task<> gatekeeper() {
    for (int i = 0; i < 100; ++i) {
      gate_.open();
      co_await yield();
      gate_.shut();
      co_await sleep_until(host_.simulation().now() + 37ms);
    }
  }
  Task<std::int64_t> future_value() {
    const auto future = promise_.future();
    const auto value = co_await future.get_for(90ms);
    co_return value.value_or(-1);
  }
  Task<> visitor(std::int64_t number) {
    for (;;) {
      const bool open = co_await gate_.wait_for(30ms);
      if (!open) {
        const bool told = co_await signal_.wait_for(5ms);
        note(told ? "told" : "untold", number);
        continue;
      }
      std::vector<Task<std::int64_t>> tasks;
      for (int i = 0; i < 3; ++i) tasks.push_back(future_value());
      const auto values = co_await all_in(std::move(tasks));
      for (const std::int64_t value : values) note("value", value);
      if (host_.simulation().now() > Time{} + 5s) co_return;
    }
  }

  Host host_;
  Group group_{host_, "workshop"};
  Trace& trace_;
  Channel<std::int64_t> queue_{4};
  Gate gate_;
  Signal signal_;
  Promise<std::int64_t> promise_;
  ProcessId victim_;
};

class World {
 public:
  explicit World(Simulation& sim) : sim_(sim), workshop_(sim) {
    Network& network = sim.network();
    const ZoneId near = network.zone("near");
    const ZoneId far = network.zone("far");
    network.set_latency(
        near, near, Distribution::lognormal_percentiles(0.5, Duration(300us), 0.99, Duration(2ms)));
    network.set_latency(near, far, Distribution::gamma(4, Duration(500us)));
    network.set_loopback(Distribution::uniform(Duration(10us), Duration(30us)));
    for (int i = 0; i < 3; ++i) {
      servers_.emplace_back(sim, "server-" + std::to_string(i), i == 2 ? far : near);
    }
    for (int i = 0; i < 2; ++i) {
      clients_.emplace_back(sim, "client-" + std::to_string(i), near, servers_);
    }
    sim.world().spawn(faults());
  }

  /// `fork_at`: from there on the random numbers are others.
  void run(Duration fork_at = forever) {
    const Time end = Time{} + 20s;
    if (fork_at != forever) {
      sim_.run_until(Time{} + fork_at);
      sim_.fork(1);
    }
    sim_.run_until(end);
  }

 private:
  Task<> faults() {
    Network& network = sim_.network();
    Host& client = clients_[0].host;
    Host& server = servers_[0].host;
    for (int round = 0; round < 4; ++round) {
      co_await sleep_for(700ms);
      const FaultId cut = network.cut({&client}, {&server, &servers_[1].host},
                                      round % 2 == 0 ? Direction::both : Direction::forward);
      co_await sleep_for(400ms);
      network.heal(cut);
      const FaultId loss = network.lose({&client}, {&server}, 0.2);
      const FaultId slow =
          network.slow({&server}, {&client}, Distribution::exponential(Duration(5ms)));
      co_await sleep_for(500ms);
      server.freeze();
      workshop_.freeze();
      co_await sleep_for(300ms);
      workshop_.thaw();
      server.thaw();
      network.heal(loss);
      network.heal(slow);
      servers_[1].host.crash();
      clients_[1].host.clock().jump(-3s);
      co_await sleep_for(900ms);
      servers_[1].host.restart();
      servers_[2].group.kill();
      workshop_.kill_victim();
      co_await sleep_for(200ms);
      servers_[2].start();
      workshop_.host().clock().set_drift(round * 300 - 200);
    }
    servers_[0].group.freeze();
    co_await sleep_for(2s);
    servers_[0].host.crash();
  }

  Simulation& sim_;
  Workshop workshop_;
  std::deque<Server> servers_;
  std::deque<Client> clients_;
};

/// The fingerprint of one run.
inline std::uint64_t fingerprint(const SimulationOptions& options) {
  Simulation sim(options);
  World world(sim);
  world.run();
  return sim.fingerprint();
}

}  // namespace predrill::every_feature
