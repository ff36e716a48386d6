// A run from outside: how it stops, what it knows of hosts, who is told of changes.
#include "sim/simulation.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/network.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

using Log = std::vector<std::string>;

Task<> every_second(Simulation& sim, int& ticks, int stop_at) {
  for (;;) {
    co_await sleep_for(1s);
    if (++ticks == stop_at) sim.stop();
  }
}
Task<> once(Duration after, int& ticks) {
  co_await sleep_for(after);
  ++ticks;
}

struct Alarm {
  Alarm(Group& group, Log& l, std::string n) : timer(*this, group), log(l), name(std::move(n)) {}
  void rang() { log.push_back(name); }
  Timer<Alarm, &Alarm::rang> timer;
  Log& log;
  std::string name;
};

}  // namespace

TEST_CASE("run_until says why it has stopped", "[simulation]") {
  Simulation sim({.seed = 1, .events_max = 20});
  int ticks = 0;
  SECTION("nothing to do") {
    CHECK(sim.run_for(5s) == Stop::idle);
    CHECK(sim.now() == Time{} + 5s);
  }
  SECTION("time is up: events at the deadline itself still happen") {
    sim.world().spawn(every_second(sim, ticks, 0));
    CHECK(sim.run_until(Time{} + 3s) == Stop::deadline);
    CHECK(ticks == 3);
    CHECK(sim.now() == Time{} + 3s);
    CHECK(sim.events_pending() == 1);
  }
  SECTION("somebody wanted it: the clock stays") {
    sim.world().spawn(every_second(sim, ticks, 2));
    CHECK(sim.run_until(Time{} + 10s) == Stop::requested);
    CHECK(sim.now() == Time{} + 2s);
    CHECK(sim.run_until(Time{} + 10s) == Stop::deadline);
    CHECK(ticks == 10);
  }
  SECTION("too many events") {
    sim.world().spawn(every_second(sim, ticks, 0));
    CHECK(sim.run_until(Time{} + 1h) == Stop::event_budget);
    CHECK(sim.events_executed() == 20);
  }
  SECTION("only what has been cancelled is left") {
    const ProcessId sleeper = sim.world().spawn(once(1min, ticks));
    sim.run_for(1s);
    CHECK(sim.world().kill(sleeper));
    CHECK(sim.run_for(1s) == Stop::idle);
  }
}

TEST_CASE("what is due now comes in the order of scheduling, and can be taken back",
          "[simulation]") {
  const bool shuffle_ties = GENERATE(false, true);
  Simulation sim({.seed = 1, .shuffle_ties = shuffle_ties});
  Host host(sim, "host");
  Group group(host, "group");
  Log log;
  std::deque<Alarm> alarms;
  Log expected;
  sim.run_for(1s);
  for (int i = 0; i < 1000; ++i) {  // more than there is room for at first
    alarms.emplace_back(group, log, std::to_string(i)).timer.arm(0s);
    if (i % 3 != 0) expected.push_back(std::to_string(i));
  }
  CHECK(sim.events_pending() == 1000);
  for (std::size_t i = 0; i < 1000; i += 3) alarms[i].timer.disarm();
  CHECK(sim.events_pending() == 666);

  SECTION("at once") {
    CHECK(sim.run_for(0s) == Stop::idle);
  }
  SECTION("after a freeze, less what was taken back meanwhile") {
    host.freeze();
    sim.run_for(1s);
    CHECK(log.empty());
    CHECK(sim.events_pending() == 666);
    alarms[1].timer.disarm();
    expected.erase(expected.begin());
    host.thaw();
    sim.run_for(0s);
  }
  SECTION("moved on before it fired") {
    alarms[1].timer.arm(0s);  // the entry surfaces first, then goes behind the others
    alarms[2].timer.arm(1s);
    expected.erase(expected.begin(), expected.begin() + 2);
    expected.insert(expected.end(), {"1", "2"});
    CHECK(sim.run_for(1s) == Stop::idle);
  }
  CHECK(sim.events_pending() == 0);
  if (shuffle_ties) {
    CHECK(log != expected);
    std::sort(log.begin(), log.end());
    std::sort(expected.begin(), expected.end());
  }
  CHECK(log == expected);
}

TEST_CASE("hosts are found by their names", "[simulation]") {
  Simulation sim;
  Host a(sim, "a");
  Host b(sim, "b");
  CHECK(sim.find_host("b") == &b);
  CHECK(sim.find_host("c") == nullptr);
  CHECK(a.incarnation() == 0);
}

TEST_CASE("nothing starts on a host that is down", "[simulation]") {
  Simulation sim;
  Host host(sim, "host");
  Group group(host, "group");
  int ticks = 0;
  host.crash();
  CHECK(group.spawn(once(1s, ticks)).number == 0);
  CHECK_FALSE(group.running());
  host.restart();
  CHECK(group.spawn(once(1s, ticks)).number != 0);
  sim.run_for(2s);
  CHECK(ticks == 1);
}

namespace {

// What a model sees that computes a flow instead of sending its messages.
struct Flow final : NetworkObserver {
  explicit Flow(Simulation& s) : sim(s) { sim.network().add_observer(*this); }
  ~Flow() { sim.network().remove_observer(*this); }
  void on_network_change() override { ++changes; }
  Simulation& sim;
  int changes = 0;
};

struct Resource final : GroupResource {
  explicit Resource(Group& group) { attach(group); }
  void on_group_death() override { log.emplace_back("dead"); }
  void on_group_freeze(bool frozen) override { log.emplace_back(frozen ? "frozen" : "thawed"); }
  Log log;
};

}  // namespace

TEST_CASE("observers of the network hear of every change", "[simulation]") {
  Simulation sim;
  Host a(sim, "a");
  Host b(sim, "b");
  Flow flow(sim);
  auto changed = [&flow, seen = 0]() mutable {
    const bool more = flow.changes > seen;
    seen = flow.changes;
    return more;
  };
  Network& network = sim.network();
  CHECK_FALSE(changed());
  const FaultId cut = network.cut({&a}, {&b}, Direction::forward);
  CHECK(changed());
  CHECK_FALSE(network.open(a, b));
  CHECK(network.open(b, a));
  CHECK_FALSE(network.reaches(a, b));
  network.heal(cut);
  CHECK(changed());
  CHECK(network.reaches(a, b));
  const FaultId slow = network.slow({&a}, {&b}, Distribution::constant(Duration(5ms)));
  CHECK(changed());
  CHECK(network.delay(a, b) == 5100us);
  network.heal(slow);
  CHECK(network.delay(a, b) == 100us);
  CHECK(network.delay(a, a) == 20us);
  const FaultId loss = network.lose({&a}, {&b}, 1.0);
  CHECK(network.lost(a, b));
  network.heal(loss);
  CHECK_FALSE(network.lost(a, b));
  changed();
  b.freeze();
  CHECK(changed());
  CHECK_FALSE(network.reaches(a, b));
  b.thaw();
  CHECK(changed());
  b.crash();
  CHECK(changed());
  b.restart();
  CHECK(changed());
}

TEST_CASE("zones have names and latencies of their own", "[simulation]") {
  Simulation sim;
  Network& network = sim.network();
  const ZoneId east = network.zone("east");
  const ZoneId west = network.zone("west");
  CHECK(network.zone("east") == east);
  CHECK(network.zone_name(west) == "west");
  network.set_latency(east, west, Distribution::constant(Duration(30ms)));
  Host a(sim, "a", east);
  Host b(sim, "b", west);
  Host c(sim, "c", east);
  CHECK(network.delay(a, b) == 30ms);
  CHECK(network.delay(b, a) == 30ms);
  CHECK(network.delay(a, c) == 100us);
  network.zone("north");  // what was known stays
  CHECK(network.delay(a, b) == 30ms);
  network.set_latency(east, west, Distribution::constant(Duration(40ms)));
  CHECK(network.delay(a, b) == 40ms);
}

TEST_CASE("more hosts than the table of links was made for", "[simulation]") {
  Simulation sim;
  std::vector<std::unique_ptr<Host>> hosts;
  for (int i = 0; i < 40; ++i) {
    hosts.push_back(std::make_unique<Host>(sim, "host-" + std::to_string(i)));
    if (i == 5) sim.network().cut({hosts[0].get()}, {hosts[5].get()});
  }
  CHECK_FALSE(sim.network().open(*hosts[5], *hosts[0]));
  CHECK(sim.network().open(*hosts[39], *hosts[0]));
  while (!hosts.empty()) hosts.pop_back();
}

TEST_CASE("resources of a group are told of its fate", "[simulation]") {
  Simulation sim;
  Host host(sim, "host");
  Group group(host, "group");
  Resource resource(group);
  group.freeze();
  host.freeze();  // already stopped
  CHECK(group.frozen());
  host.thaw();
  CHECK(group.frozen());
  group.thaw();
  host.freeze();
  host.thaw();
  group.kill();
  group.kill();  // told once
  CHECK(resource.log == Log{"frozen", "thawed", "frozen", "thawed", "dead"});
}

TEST_CASE("a group that is made on a frozen host is frozen", "[simulation]") {
  Simulation sim;
  Host host(sim, "host");
  host.freeze();
  host.freeze();
  Group group(host, "group");
  int ticks = 0;
  group.spawn(once(1s, ticks));
  sim.run_for(5s);
  CHECK(ticks == 0);
  host.thaw();
  host.thaw();
  sim.run_for(5s);
  CHECK(ticks == 1);
}

TEST_CASE("clocks that drift measure other times", "[simulation]") {
  Simulation sim;
  Host host(sim, "host");
  host.clock().set_drift(-500'000);  // half as fast
  CHECK(host.clock().drift_ppm() == -500'000);
  CHECK(host.clock().to_virtual(1s) == 2s);
  CHECK(host.clock().to_virtual(forever) == forever);
  sim.run_for(10s);
  CHECK(host.clock().monotonic() == 5s);
  host.clock().set_drift(0);
  sim.run_for(10s);
  CHECK(host.clock().monotonic() == 15s);
  CHECK(host.clock().now() == Time{} + 15s);
}

namespace {

struct Ask {
  int question;
};
using Port = Listener<Ask, Ask>;

Task<> caller(Group& group, Port& port, Duration limit, Log& log) {
  const auto reply = co_await call(group, port, Ask{1}, limit);
  log.emplace_back(to_text(reply ? NetError::none : reply.error()));
}
Task<> holder(Group& group, Port& port, Log& log) {
  auto socket = co_await connect(group, port, 5s);
  const auto reply = co_await socket->receive();
  log.emplace_back(to_text(reply.error()));
  CHECK_FALSE(socket->send({1}));
  CHECK(socket->error() == reply.error());
  socket->close();
  CHECK_FALSE(socket->is_open());
  CHECK(socket->readable());
  CHECK(socket->error() == NetError::closed);
  const auto again = co_await socket->receive();
  log.emplace_back(to_text(again.error()));
}

}  // namespace

TEST_CASE("a listener that closes resets what it has not accepted", "[simulation]") {
  Simulation sim;
  Host host(sim, "host");
  Group group(host, "group");
  Host other(sim, "other");
  Group client(other, "client");
  Log log;
  Port port(group, "port");
  port.open();
  client.spawn(holder(client, port, log));
  sim.run_for(1s);
  CHECK(port.waiting() == 1);
  port.close();
  sim.run_for(1s);
  CHECK(log == Log{"connection closed", "connection closed"});
  client.spawn(caller(client, port, 1s, log));
  sim.run_for(2s);
  CHECK(log.back() == "connection refused");
  CHECK(to_text(NetError::unreachable) == "host unreachable");
  CHECK(to_text(NetError::none) == "ok");
}

namespace {

Task<> taker(Semaphore& semaphore, Duration limit, Log& log) {
  const auto permit = co_await semaphore.acquire_for(limit);
  log.emplace_back(permit ? "in" : "gave up");
  co_await sleep_for(1s);
}
Task<> reader(Channel<int>& channel, Log& log) {
  const auto item = co_await channel.receive();
  log.push_back(item ? std::to_string(*item) : "nothing");
}
Task<> passer(Gate& gate, Log& log) {
  co_await gate.wait();
  const bool still = co_await gate.wait_for(1s);
  log.emplace_back(still ? "open" : "shut");
}

}  // namespace

TEST_CASE("semaphores can be resized, and tried", "[simulation]") {
  Simulation sim;
  Semaphore semaphore(1);
  Log log;
  auto mine = semaphore.try_acquire();
  CHECK(mine);
  CHECK_FALSE(semaphore.try_acquire());
  sim.world().spawn(taker(semaphore, 10s, log));
  sim.run_for(1s);
  semaphore.resize(-1);
  CHECK(semaphore.free() == -1);
  mine.release();
  sim.run_for(1s);
  CHECK(log.empty());
  semaphore.resize(1);
  sim.run_for(500ms);
  CHECK(log == Log{"in"});
  sim.world().spawn(taker(semaphore, 100ms, log));
  sim.run_for(200ms);
  CHECK(log == Log{"in", "gave up"});
  sim.run_for(5s);
  mine = semaphore.try_acquire();
  CHECK(semaphore.free() == 0);
}

TEST_CASE("a channel can be cleared under its readers", "[simulation]") {
  Simulation sim;
  Channel<int> channel;
  Log log;
  sim.world().spawn(reader(channel, log));
  sim.run_for(1s);
  channel.try_send(1);
  CHECK_FALSE(channel.try_receive());  // it is promised
  channel.clear();
  sim.run_for(1s);
  CHECK(log == Log{"nothing"});
  for (int i = 0; i < 100; ++i) channel.try_send(i);
  for (int i = 0; i < 50; ++i) CHECK(channel.try_receive() == i);
  for (int i = 100; i < 1000; ++i) channel.try_send(i);  // makes room at the front
  for (int i = 50; i < 1000; ++i) CHECK(channel.try_receive() == i);
  CHECK_FALSE(channel.try_receive());
}

TEST_CASE("an open gate is passed at once", "[simulation]") {
  Simulation sim;
  Gate gate(true);
  Log log;
  sim.world().spawn(passer(gate, log));
  sim.run_for(0s);
  CHECK(log == Log{"open"});
  gate.shut();
  CHECK_FALSE(gate.is_open());
  sim.world().spawn(passer(gate, log));
  sim.run_for(5s);
  CHECK(log.size() == 1);
  gate.open();
  sim.run_for(1s);
  CHECK(log == Log{"open", "open"});
}

TEST_CASE("streams of a host are those of its name", "[simulation]") {
  Simulation sim({.seed = 9});
  Host host(sim, "pg-0");
  CHECK(host.stream("fsync").next() == sim.stream("pg-0", "fsync").next());
  CHECK(host.stream("fsync").next() != host.stream("wal").next());
}
