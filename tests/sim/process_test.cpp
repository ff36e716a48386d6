// Processes: sleeping, nesting, waiting for several things, and what a death leaves behind.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "sim/combine.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

// Notes its own destruction, so that tests see the order in which frames are taken down.
struct Witness {
  Witness(std::vector<std::string>& log, std::string name) : log_(log), name_(std::move(name)) {}
  ~Witness() { log_.push_back("~" + name_); }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  std::vector<std::string>& log_;
  std::string name_;
};

struct World {
  explicit World(std::uint64_t seed = 1) : sim({.seed = seed}) {}
  Simulation sim;
  Host host{sim, "host"};
  Group group{host, "group"};
  Host other{sim, "other"};
  Group elsewhere{other, "elsewhere"};
  std::vector<std::string> log;

  void note(std::string what) { log.push_back(to_exact_text(sim.now() - Time{}) + " " + what); }
  void run() { sim.run_until(Time{} + 1h); }

  Task<> sleeper(Duration d, std::string name) {
    Witness w(log, name);
    co_await sleep_for(d);
    note(name);
  }
  Task<int> answer(Duration d, int value) {
    Witness w(log, "answer" + std::to_string(value));
    co_await sleep_for(d);
    co_return value;
  }
  Task<int> immediate(int value) { co_return value; }
};

}  // namespace

TEST_CASE("processes sleep and end", "[process]") {
  World w;
  w.group.spawn(w.sleeper(2s, "b"));
  w.group.spawn(w.sleeper(1s, "a"));
  w.run();
  CHECK(w.log == std::vector<std::string>{"1s a", "~a", "2s b", "~b"});
  CHECK_FALSE(w.group.running());
  CHECK(w.sim.events_pending() == 0);
}

namespace {
Task<> nest(World& w, int depth) {
  Witness witness(w.log, "depth" + std::to_string(depth));
  if (depth > 0) {
    co_await nest(w, depth - 1);
  } else {
    co_await sleep_for(10s);
  }
  w.note("back in " + std::to_string(depth));
}
}  // namespace

TEST_CASE("a kill destroys nested tasks innermost first", "[process][lifetime]") {
  World w;
  w.group.spawn(nest(w, 2));
  w.sim.run_for(1s);
  w.host.crash();
  CHECK(w.log == std::vector<std::string>{"~depth0", "~depth1", "~depth2"});
  CHECK(w.sim.events_pending() == 0);
  w.run();
  CHECK(w.log.size() == 3);
}

namespace {
Task<> count_immediate(World& w, int n, long* sum) {
  for (int i = 0; i < n; ++i) {
    const int value = co_await w.immediate(1);
    *sum += value;
  }
}
}  // namespace

TEST_CASE("a million tasks that finish at once need no stack", "[process]") {
  World w;
  long sum = 0;
  w.group.spawn(count_immediate(w, 1'000'000, &sum));
  w.run();
  CHECK(sum == 1'000'000);
}

namespace {
Task<> timeouts(World& w) {
  const auto fast = co_await with_timeout(5s, w.answer(1s, 7));
  w.note(fast ? "fast " + std::to_string(*fast) : "fast timed out");
  const auto slow = co_await with_timeout(5s, w.answer(60s, 8));
  w.note(slow ? "slow " + std::to_string(*slow) : "slow timed out");
  const auto now = co_await with_timeout(5s, w.immediate(9));
  w.note(now ? "now " + std::to_string(*now) : "now timed out");
}
}  // namespace

TEST_CASE("with_timeout gives the result or nothing, and ends the loser", "[process]") {
  World w;
  w.group.spawn(timeouts(w));
  w.run();
  CHECK(w.log == std::vector<std::string>{"~answer7", "1s fast 7", "~answer8", "6s slow timed out",
                                          "6s now 9"});
  CHECK(w.sim.events_pending() == 0);
}

namespace {
Task<> racer(World& w) {
  const auto first = co_await race(w.answer(3s, 1), w.answer(2s, 2), w.sleeper(9s, "void"));
  w.note("winner " + std::to_string(first.index()));
  const auto both = co_await all_of(w.answer(3s, 3), w.answer(1s, 4));
  w.note("sum " + std::to_string(std::get<0>(both) + std::get<1>(both)));
}
}  // namespace

TEST_CASE("race takes the first, all_of waits for all", "[process]") {
  World w;
  w.group.spawn(racer(w));
  w.run();
  CHECK(w.log == std::vector<std::string>{"~answer2", "~void", "~answer1", "2s winner 1",
                                          "~answer4", "~answer3", "5s sum 7"});
}

TEST_CASE("a crash inside race takes all branches", "[process][lifetime]") {
  World w;
  w.group.spawn(racer(w));
  w.sim.run_for(1s);
  w.host.crash();
  CHECK(w.log == std::vector<std::string>{"~void", "~answer2", "~answer1"});
  CHECK(w.sim.events_pending() == 0);
}

namespace {
Task<> suicide(World& w, bool nested) {
  Witness witness(w.log, nested ? "inner" : "outer");
  if (nested) {
    w.host.crash();
    w.note("still running");
    co_await sleep_for(1s);
    w.note("never");
  } else {
    co_await sleep_for(1s);
    co_await suicide(w, true);
    w.note("never");
  }
}
Task<> ends_while_doomed(World& w) {
  Witness witness(w.log, "frame");
  co_await sleep_for(1s);
  w.group.kill();
  w.note("last words");
}
}  // namespace

TEST_CASE("a process that kills itself ends at its next suspension", "[process][lifetime]") {
  SECTION("inside a nested task") {
    World w;
    w.group.spawn(suicide(w, false));
    w.run();
    CHECK(w.log == std::vector<std::string>{"1s still running", "~inner", "~outer"});
    CHECK(w.sim.events_pending() == 0);
  }
  SECTION("and it may finish before that") {
    World w;
    w.group.spawn(ends_while_doomed(w));
    w.run();
    CHECK(w.log == std::vector<std::string>{"1s last words", "~frame"});
  }
}

namespace {
Task<> hold(World& w, Semaphore& s, Duration d, std::string name) {
  const auto permit = co_await s.acquire();
  w.note(name + " in");
  co_await sleep_for(d);
  w.note(name + " out");
}
Task<> try_hold(World& w, Semaphore& s, Duration limit, std::string name) {
  const auto permit = co_await s.acquire_for(limit);
  w.note(name + (permit ? " got it" : " gave up"));
}
}  // namespace

TEST_CASE("semaphore: first in, first out, and the dead give back", "[sync][lifetime]") {
  World w;
  Semaphore s(1);
  SECTION("order") {
    w.group.spawn(hold(w, s, 1s, "a"));
    w.group.spawn(hold(w, s, 1s, "b"));
    w.group.spawn(try_hold(w, s, 500ms, "c"));
    w.run();
    CHECK(w.log == std::vector<std::string>{"0s a in", "500ms c gave up", "1s a out", "1s b in",
                                            "2s b out"});
    CHECK(s.free() == 1);
  }
  SECTION("a crash while it holds") {
    w.group.spawn(hold(w, s, 10s, "a"));
    w.elsewhere.spawn(hold(w, s, 1s, "b"));
    w.sim.run_for(3s);
    w.host.crash();
    w.run();
    CHECK(w.log == std::vector<std::string>{"0s a in", "3s b in", "4s b out"});
    CHECK(s.free() == 1);
  }
  SECTION("a crash while it queues") {
    w.elsewhere.spawn(hold(w, s, 5s, "a"));
    w.group.spawn(hold(w, s, 1s, "b"));
    w.elsewhere.spawn(hold(w, s, 1s, "c"));
    w.sim.run_for(3s);
    CHECK(s.waiting() == 2);
    w.host.crash();
    CHECK(s.waiting() == 1);
    w.run();
    CHECK(w.log.back() == "6s c out");
    CHECK(s.free() == 1);
  }
  SECTION("a crash between the grant and the wake-up") {
    auto held = s.try_acquire();
    w.group.spawn(hold(w, s, 1s, "b"));
    w.sim.run_for(1s);
    held.release();  // grants to b, whose wake-up is due now
    CHECK(s.free() == 0);
    w.host.crash();
    CHECK(s.free() == 1);
  }
}

namespace {
Task<> take_all(World& w, Channel<int>& c, std::string name) {
  for (;;) {
    const auto item = co_await c.receive_for(3s);
    if (!item) {
      w.note(name + " idle");
      co_return;
    }
    w.note(name + " " + std::to_string(*item));
  }
}
}  // namespace

TEST_CASE("channel: values in order, time-outs, and a dead receiver passes on", "[sync]") {
  World w;
  Channel<int> c(2);
  SECTION("order and capacity") {
    CHECK(c.try_send(1));
    CHECK(c.try_send(2));
    CHECK_FALSE(c.try_send(3));
    w.group.spawn(take_all(w, c, "r"));
    w.run();
    CHECK(w.log == std::vector<std::string>{"0s r 1", "0s r 2", "3s r idle"});
  }
  SECTION("the chosen receiver dies before it runs") {
    w.group.spawn(take_all(w, c, "dead"));
    w.elsewhere.spawn(take_all(w, c, "alive"));
    w.sim.run_for(1s);
    CHECK(c.try_send(5));
    w.host.crash();
    w.run();
    CHECK(w.log == std::vector<std::string>{"1s alive 5", "4s alive idle"});
  }
}

namespace {
Task<> await_future(World& w, Future<int> f, std::string name) {
  const auto value = co_await f.get_for(10s);
  w.note(name + (value ? " " + std::to_string(*value) : " nothing"));
}
Task<> keep_promise(Promise<int> p, Duration d, int value) {
  co_await sleep_for(d);
  p.set(value);
}
}  // namespace

TEST_CASE("future: value, time-out, broken promise, dead waiter", "[sync][lifetime]") {
  World w;
  Promise<int> p;
  const Future<int> f = p.future();
  w.elsewhere.spawn(await_future(w, f, "x"));
  SECTION("value") {
    w.group.spawn(keep_promise(std::move(p), 2s, 5));
    w.run();
    CHECK(w.log == std::vector<std::string>{"2s x 5"});
  }
  SECTION("time-out") {
    w.group.spawn(keep_promise(std::move(p), 20s, 5));
    w.run();
    CHECK(w.log == std::vector<std::string>{"10s x nothing"});
  }
  SECTION("the promising host crashes") {
    w.group.spawn(keep_promise(std::move(p), 20s, 5));
    w.sim.run_for(1s);
    w.host.crash();
    w.run();
    CHECK(w.log == std::vector<std::string>{"1s x nothing"});
  }
  SECTION("the waiting host crashes") {
    w.group.spawn(keep_promise(std::move(p), 2s, 5));
    w.sim.run_for(1s);
    w.other.crash();
    w.run();
    CHECK(w.log.empty());
    CHECK(w.sim.events_pending() == 0);
  }
}

TEST_CASE("freeze parks wake-ups, thaw fires them in their order", "[host]") {
  World w;
  w.group.spawn(w.sleeper(3s, "c"));
  w.group.spawn(w.sleeper(1s, "a"));
  w.elsewhere.spawn(w.sleeper(2s, "b"));
  w.sim.run_for(500ms);
  SECTION("a host") {
    w.host.freeze();
    w.sim.run_for(9500ms);
    CHECK(w.log == std::vector<std::string>{"2s b", "~b"});
    w.host.thaw();
    w.run();
    CHECK(w.log == std::vector<std::string>{"2s b", "~b", "10s a", "~a", "10s c", "~c"});
  }
  SECTION("a crash while frozen leaves nothing behind") {
    w.host.freeze();
    w.sim.run_for(9500ms);
    w.host.crash();
    w.host.restart();
    w.run();
    CHECK(w.log == std::vector<std::string>{"2s b", "~b", "~a", "~c"});
    CHECK(w.sim.events_pending() == 0);
  }
}

namespace {
struct Watchdog {
  Watchdog(World& world, Group& group) : w(world), timer(*this, group) {}
  void expired() { w.note("expired"); }
  World& w;
  Timer<Watchdog, &Watchdog::expired> timer;
};
}  // namespace

TEST_CASE("a timer can be moved later, earlier, and disarmed", "[sync]") {
  World w;
  Watchdog dog(w, w.group);
  dog.timer.arm(5s);
  w.sim.run_for(3s);
  dog.timer.arm(5s);
  w.sim.run_for(3s);
  CHECK(w.log.empty());
  SECTION("later") {
    w.run();
    CHECK(w.log == std::vector<std::string>{"8s expired"});
  }
  SECTION("earlier") {
    dog.timer.arm(1s);
    w.run();
    CHECK(w.log == std::vector<std::string>{"7s expired"});
  }
  SECTION("disarmed") {
    dog.timer.disarm();
    w.run();
    CHECK(w.log.empty());
  }
}

TEST_CASE("a host's clock drifts and jumps", "[host]") {
  World w;
  w.host.clock().set_drift(1000);  // gains 1 ms a second
  w.group.spawn(w.sleeper(1001s, "early"));
  w.run();
  CHECK(w.log.front() == "16m40s early");
  CHECK(w.host.clock().now() - w.sim.now() == 3600ms);
  w.host.clock().jump(-10s);
  CHECK(w.host.clock().now() - w.sim.now() == 3600ms - 10s);
  CHECK(w.host.clock().monotonic() - (w.sim.now() - Time{}) == 3600ms);
}
