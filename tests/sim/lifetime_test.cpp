// Death, wherever it strikes. Each test kills something at an awkward moment and looks at what is
// left: nothing may wake up, leak or stay locked. The sanitizers look for what the checks miss.
#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "sim/combine.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

namespace {
std::uint64_t allocations = 0;  // of the test program, by new
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}
#endif

namespace {

struct Ball {
  std::int64_t hops;
};
using Court = Listener<Ball, Ball>;

struct World {
  Simulation sim;
  Host host{sim, "host"};
  Group group{host, "group"};
  Host other{sim, "other"};
  Group elsewhere{other, "elsewhere"};
  std::vector<std::string> log;

  void note(std::string what) { log.push_back(to_exact_text(sim.now() - Time{}) + " " + what); }
  void run() { sim.run_until(Time{} + 1h); }
};
using Log = std::vector<std::string>;

// Whatever ends while it lives is noted.
struct Alive {
  explicit Alive(int& n) : count(n) { ++count; }
  ~Alive() { --count; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  int& count;
};

Task<> nap(int& living, Duration length) {
  const Alive alive(living);
  co_await sleep_for(length);
}
Task<int> number_after(int& living, Duration length, int value) {
  const Alive alive(living);
  co_await sleep_for(length);
  co_return value;
}

// Every way of waiting, one process each. None of them may get beyond its wait.
struct Waits {
  explicit Waits(World& world) : w(world) {}
  World& w;
  int living = 0;
  int woken = 0;
  Signal signal;
  Gate gate;
  Semaphore semaphore{0};
  Channel<int> channel;
  Promise<int> promise;

  Task<> in_sleep() {
    const Alive alive(living);
    co_await sleep_for(10s);
    ++woken;
  }
  Task<> in_signal() {
    const Alive alive(living);
    co_await signal.wait();
    ++woken;
  }
  Task<> in_signal_for() {
    const Alive alive(living);
    const bool told = co_await signal.wait_for(10s);
    woken += told ? 1 : 100;
  }
  Task<> in_gate() {
    const Alive alive(living);
    co_await gate.wait();
    ++woken;
  }
  Task<> in_gate_for() {
    const Alive alive(living);
    const bool open = co_await gate.wait_for(10s);
    woken += open ? 1 : 100;
  }
  Task<> in_semaphore() {
    const Alive alive(living);
    const auto permit = co_await semaphore.acquire();
    ++woken;
  }
  Task<> in_semaphore_for() {
    const Alive alive(living);
    const auto permit = co_await semaphore.acquire_for(10s);
    ++woken;
  }
  Task<> in_channel() {
    const Alive alive(living);
    [[maybe_unused]] const auto item = co_await channel.receive();
    ++woken;
  }
  Task<> in_future() {
    const Alive alive(living);
    const auto future = promise.future();
    [[maybe_unused]] const auto value = co_await future.get_for(10s);
    ++woken;
  }
  Task<> in_with_timeout() {
    const Alive alive(living);
    [[maybe_unused]] const auto value = co_await with_timeout(20s, number_after(living, 10s, 1));
    ++woken;
  }
  Task<> in_race() {
    const Alive alive(living);
    [[maybe_unused]] const auto first =
        co_await race(nap(living, 10s), number_after(living, 11s, 1));
    ++woken;
  }
  Task<> in_all_of() {
    const Alive alive(living);
    [[maybe_unused]] const auto all =
        co_await all_of(nap(living, 1ms), number_after(living, 11s, 1));
    ++woken;
  }
  Task<> in_all_in() {
    const Alive alive(living);
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(number_after(living, 10s * i, i));
    const auto all = co_await all_in(std::move(tasks));
    ++woken;
  }
  Task<int> nested(int depth) {
    const Alive alive(living);
    if (depth == 0) {
      const auto first = co_await race(number_after(living, 10s, 1), number_after(living, 11s, 2));
      co_return static_cast<int>(first.index());
    }
    const auto value = co_await with_timeout(20s, nested(depth - 1));
    co_return value.value_or(0);
  }
  Task<> in_nested() {
    const Alive alive(living);
    const int value = co_await nested(5);
    woken += 1 + value;
  }

  void spawn_all(Group& group) {
    group.spawn(in_sleep());
    group.spawn(in_signal());
    group.spawn(in_signal_for());
    group.spawn(in_gate());
    group.spawn(in_gate_for());
    group.spawn(in_semaphore());
    group.spawn(in_semaphore_for());
    group.spawn(in_channel());
    group.spawn(in_future());
    group.spawn(in_with_timeout());
    group.spawn(in_race());
    group.spawn(in_all_of());
    group.spawn(in_all_in());
    group.spawn(in_nested());
  }
  static constexpr int kinds = 14;
  void give_everything() {
    signal.notify_all();
    gate.open();
    semaphore.resize(10);
    channel.try_send(1);
    promise.set(1);
  }
};

}  // namespace

TEST_CASE("whoever waits dies in its place, whatever it waits for", "[lifetime]") {
  World w;
  Waits waits(w);
  waits.spawn_all(w.group);
  SECTION("before it has begun") {
    CHECK(waits.living == 0);
    CHECK(w.group.processes() == Waits::kinds);
  }
  SECTION("while it waits") {
    w.sim.run_for(1s);
    CHECK(waits.living > Waits::kinds);
  }
  SECTION("while it waits, its host frozen") {
    w.sim.run_for(1s);
    w.host.freeze();
    w.sim.run_for(1min);
    CHECK(waits.woken == 0);
  }
  SECTION("when it has been woken but has not run") {
    w.sim.run_for(1s);
    waits.give_everything();
    CHECK(waits.signal.waiting() == 0);
  }
  SECTION("when it has been woken on a frozen host") {
    w.sim.run_for(1s);
    w.host.freeze();
    waits.give_everything();
    w.sim.run_for(1min);
    CHECK(waits.woken == 0);
  }
  w.host.crash();
  CHECK(waits.living == 0);
  CHECK(waits.signal.waiting() == 0);
  CHECK(waits.semaphore.waiting() == 0);
  CHECK(waits.channel.waiting() == 0);
  CHECK(w.sim.events_pending() == 0);
  w.host.restart();
  w.run();
  CHECK(waits.woken == 0);
  // Nothing that was given to the dead is lost.
  const auto permits = waits.semaphore.free();
  CHECK((permits == 0 || permits == 10));
}

TEST_CASE("what the dead were given goes to the living", "[lifetime]") {
  World w;
  Waits waits(w);
  waits.spawn_all(w.group);
  w.sim.run_for(1s);
  w.elsewhere.spawn(waits.in_semaphore());
  w.elsewhere.spawn(waits.in_channel());
  w.sim.run_for(1s);
  waits.semaphore.resize(1);  // to the first in the queue, on the host that dies
  waits.channel.try_send(1);
  w.host.crash();
  CHECK(waits.woken == 0);
  w.run();
  CHECK(waits.woken == 2);
  CHECK(waits.semaphore.free() == 1);
  CHECK(waits.channel.size() == 0);
}

TEST_CASE("everybody wakes up who is not killed", "[lifetime]") {
  // The counterpart: the tests above would also pass if nothing ever woke up.
  World w;
  Waits waits(w);
  waits.spawn_all(w.group);
  w.sim.run_for(1s);
  waits.give_everything();
  w.run();
  CHECK(waits.woken == Waits::kinds);
  CHECK(waits.living == 0);
}

namespace {

struct Suicides {
  World& w;
  int living = 0;
  Task<int> crash_after(Duration length) {
    const Alive alive(living);
    co_await sleep_for(length);
    w.host.crash();
    w.note("goes on");
    co_return 1;
  }
  Task<> in_race() {
    const Alive alive(living);
    const auto first = co_await race(number_after(living, 10s, 1), crash_after(1s));
    w.note("winner " + std::to_string(first.index()));
    co_await sleep_for(1s);
    w.note("never");
  }
  Task<> in_with_timeout() {
    const Alive alive(living);
    const auto value = co_await with_timeout(5s, crash_after(1s));
    w.note(value ? "has a value" : "timed out");
    co_await yield();
    w.note("never");
  }
  Task<> in_all_of() {
    const Alive alive(living);
    [[maybe_unused]] const auto both =
        co_await all_of(crash_after(1s), number_after(living, 2s, 2));
    w.note("never");
  }
  Task<> twice() {
    const Alive alive(living);
    co_await sleep_for(1s);
    w.group.kill();
    w.group.spawn(nap(living, 1s));
    w.host.crash();
    w.host.restart();
    w.group.spawn(nap(living, 1s));
    w.note("restarted");
  }
  Task<> kills_sibling(ProcessId& sibling) {
    const Alive alive(living);
    co_await sleep_for(1s);
    w.note(w.group.kill(sibling) ? "killed" : "was dead");
    w.note(w.group.kill(sibling) ? "killed" : "was dead");
  }
};

}  // namespace

TEST_CASE("a process that crashes its own host ends at its next suspension", "[lifetime]") {
  World w;
  Suicides s{w};
  SECTION("in a branch of a race") {
    w.group.spawn(s.in_race());
    w.run();
    CHECK(w.log == Log{"1s goes on", "1s winner 1"});
  }
  SECTION("inside with_timeout") {
    w.group.spawn(s.in_with_timeout());
    w.run();
    CHECK(w.log == Log{"1s goes on", "1s has a value"});
  }
  SECTION("in one of several") {
    w.group.spawn(s.in_all_of());
    w.run();
    CHECK(w.log == Log{"1s goes on"});
  }
  SECTION("and starts a new life") {
    w.group.spawn(s.twice());
    w.sim.run_for(1500ms);
    CHECK(w.log == Log{"1s restarted"});
    CHECK(s.living == 1);
    CHECK(w.group.processes() == 1);
    w.run();
  }
  SECTION("or kills another process of its group") {
    ProcessId sibling = w.group.spawn(nap(s.living, 10s));
    w.group.spawn(s.kills_sibling(sibling));
    w.run();
    CHECK(w.log == Log{"1s killed", "1s was dead"});
  }
  CHECK(s.living == 0);
  CHECK(w.sim.events_pending() == 0);
}

namespace {

struct Awaited {
  explicit Awaited(World& world) : w(world) {}
  World& w;
  Court court{w.group, "court"};
  Promise<int> promise;

  Task<> answer_late() {
    auto socket = co_await court.accept();
    const auto ball = co_await socket.receive();
    co_await sleep_for(10s);
    socket.send(*ball);
    promise.set(1);
  }
  Task<> await_reply() {
    const auto reply = co_await call(w.elsewhere, court, Ball{1}, 30s);
    w.note(reply ? "reply" : std::string(to_text(reply.error())));
  }
  Task<> await_future() {
    const auto future = promise.future();
    const auto value = co_await future.get();
    w.note(value ? "value" : "nothing");
  }
};

}  // namespace

TEST_CASE("a process dies that another host is waiting for", "[lifetime]") {
  World w;
  Awaited a(w);
  a.court.open();
  w.group.spawn(a.answer_late());
  w.elsewhere.spawn(a.await_reply());
  w.sim.run_for(1s);
  SECTION("with its group: the connection is closed") {
    w.group.kill();
    w.run();
    CHECK(w.log == Log{"1.0001s connection closed"});
  }
  SECTION("with its host: silence") {
    w.host.crash();
    w.run();
    CHECK(w.log == Log{"30s timeout"});
  }
  SECTION("and so does the one that waits, an instant later") {
    w.host.crash();
    w.other.crash();
    w.run();
    CHECK(w.log.empty());
    CHECK(w.sim.events_pending() == 0);
  }
}

namespace {

struct Frozen {
  World& w;
  Court court{w.group, "court"};
  struct Alarm {
    Alarm(World& world, std::string n) : w(world), name(std::move(n)), timer(*this, w.group) {}
    void ring() { w.note(name); }
    World& w;
    std::string name;
    Timer<Alarm, &Alarm::ring> timer;
  };
  Alarm early{w, "timer 2s"};
  Alarm late{w, "timer 4s"};

  Task<> receive() {
    auto socket = co_await court.accept();
    for (;;) {
      const auto ball = co_await socket.receive();
      if (!ball) co_return;
      w.note("message " + std::to_string(ball->hops));
    }
  }
  Task<> send() {
    auto socket = co_await connect(w.elsewhere, court, forever);
    for (std::int64_t at : {1, 3, 5}) {
      co_await sleep_until(Time{} + std::chrono::seconds(at));
      socket->send({at});
    }
    co_await sleep_for(1h);
  }
  Task<> sleeper(Duration length) {
    co_await sleep_for(length);
    w.note("sleeper " + to_exact_text(length));
  }
};

}  // namespace

TEST_CASE("timers and messages of a frozen host come on thaw in their order", "[lifetime]") {
  World w;
  Frozen f{w};
  f.court.open();
  w.group.spawn(f.receive());
  w.elsewhere.spawn(f.send());
  w.group.spawn(f.sleeper(2500ms));
  w.group.spawn(f.sleeper(4500ms));
  f.early.timer.arm(2s);
  f.late.timer.arm(4s);
  w.sim.run_for(500ms);
  const auto frozen_order = [&w] {
    Log names;
    for (const std::string& line : w.log) names.push_back(line.substr(line.find(' ') + 1));
    return names;
  };
  const Log in_order{"message 1", "timer 2s",     "sleeper 2.5s", "message 3",
                     "timer 4s",  "sleeper 4.5s", "message 5"};
  SECTION("the host") {
    w.host.freeze();
    w.sim.run_for(9500ms);
    CHECK(w.log.empty());
    w.host.thaw();
    w.sim.run_for(1ms);
    // The packets came in between; the process reads them when it gets to run.
    CHECK(w.log == Log{"10s timer 2s", "10s sleeper 2.5s", "10s timer 4s", "10s sleeper 4.5s",
                       "10s message 1", "10s message 3", "10s message 5"});
  }
  SECTION("the process: its kernel goes on receiving") {
    w.group.freeze();
    w.sim.run_for(9500ms);
    CHECK(w.log.empty());
    w.group.thaw();
    w.sim.run_for(1ms);
    // Woken by the first message, it finds the others there as well.
    CHECK(w.log == Log{"10s message 1", "10s message 3", "10s message 5", "10s timer 2s",
                       "10s sleeper 2.5s", "10s timer 4s", "10s sleeper 4.5s"});
  }
  SECTION("not at all: the same order") {
    w.sim.run_for(9500ms);
    REQUIRE(w.log.size() == 7);
    CHECK(frozen_order() == in_order);
  }
  w.run();
}

namespace {

struct Service {
  explicit Service(World& world) : w(world) {
    w.host.on_boot([this] { start(); });
  }
  void start() {
    ++starts;
    court.open();
    w.group.spawn(work());
    w.group.spawn(in_queue());
    watchdog.arm(1h);
  }
  Task<> work() {
    const auto permit = co_await semaphore.acquire();
    [[maybe_unused]] const auto value = co_await with_timeout(1h, number_after(living, 30min, 1));
    w.note("never");
  }
  Task<> in_queue() {
    const auto permit = co_await semaphore.acquire();
    w.note("never");
  }
  void bark() {}
  World& w;
  Court court{w.group, "court"};
  Semaphore semaphore{1};
  int living = 0;
  std::int64_t starts = 0;
  Timer<Service, &Service::bark> watchdog{*this, w.group};
};

// Resident memory in KiB.
std::int64_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages = 0;
  statm >> pages >> pages;
  return pages * 4;
}

}  // namespace

TEST_CASE("a million crashes and restarts keep memory flat", "[lifetime]") {
  constexpr std::int64_t cycles = sanitized ? 20'000 : 1'000'000;
  World w;
  Service service(w);
  w.host.boot();
  const auto live = [&](std::int64_t lives) {
    for (std::int64_t i = 0; i < lives; ++i) {
      w.sim.run_for(1ms);
      if (i % 3 == 0) w.host.freeze();
      if (i % 3 == 0) w.sim.run_for(1ms);
      w.host.crash();
      w.host.restart();
    }
  };
  live(cycles / 10);
  const std::size_t blocks = FramePool::blocks_taken();
  const std::int64_t memory = resident();
  live(cycles);
  CHECK(FramePool::blocks_taken() == blocks);
  if (!sanitized) CHECK(resident() - memory < 1024);  // KiB
  CHECK(service.starts == 1 + cycles + cycles / 10);
  CHECK(w.log.empty());
  w.host.crash();
  CHECK(service.semaphore.free() == 1);
  CHECK(service.living == 0);
}

namespace {

struct Steady {
  explicit Steady(World& world) : w(world) {}
  World& w;
  Semaphore semaphore{2};
  Channel<int> channel;
  Signal signal;
  Court court{w.group, "court"};
  std::int64_t done = 0;
  void expired() { ++done; }
  Timer<Steady, &Steady::expired> timer{*this, w.group};

  Task<> sleeping(Stream stream) {
    for (;;) {
      const Duration length = stream.uniform(Duration(0), Duration(2ms));
      co_await sleep_for(length);
      ++done;
      timer.arm(3ms);
    }
  }
  Task<> holding() {
    for (;;) {
      const auto permit = co_await semaphore.acquire_for(1ms);
      co_await sleep_for(700us);
      ++done;
    }
  }
  Task<> sending() {
    for (int i = 0;; ++i) {
      channel.try_send(i);
      signal.notify_all();
      co_await sleep_for(500us);
      [[maybe_unused]] const auto first = co_await race(pause(1ms), pause(2ms));
      [[maybe_unused]] const auto all = co_await all_of(pause(1ms), pause(2ms));
      [[maybe_unused]] const auto value = co_await with_timeout(1ms, pause(5ms));
    }
  }
  Task<> pause(Duration length) { co_await sleep_for(length); }
  Task<> receiving() {
    for (;;) {
      [[maybe_unused]] const auto item = co_await channel.receive();
      const bool told = co_await signal.wait_for(10ms);
      done += told ? 1 : 2;
    }
  }
  Task<> serving() {
    for (;;) {
      auto socket = co_await court.accept();
      w.group.spawn(session(std::move(socket)));
    }
  }
  Task<> session(Socket<Ball, Ball> socket) {
    for (;;) {
      const auto ball = co_await socket.receive();
      if (!ball) co_return;
      socket.send(*ball);
    }
  }
  Task<> playing() {
    auto socket = co_await connect(w.elsewhere, court, forever);
    for (;;) {
      socket->send({1});
      [[maybe_unused]] const auto ball = co_await socket->receive();
      [[maybe_unused]] const auto again = co_await call(w.elsewhere, court, Ball{2}, 1s);
      ++done;
    }
  }
};

}  // namespace

TEST_CASE("the steady state allocates nothing", "[lifetime]") {
  World w;
  w.sim.network().set_latency(0, 0, Distribution::exponential(Duration(300us)));
  Steady s(w);
  s.court.open();
  for (int i = 0; i < 50; ++i) {
    w.group.spawn(s.sleeping(w.host.stream("sleeping").child(std::to_string(i))));
  }
  for (int i = 0; i < 4; ++i) w.group.spawn(s.holding());
  w.group.spawn(s.sending());
  w.group.spawn(s.receiving());
  w.group.spawn(s.serving());
  for (int i = 0; i < 4; ++i) w.elsewhere.spawn(s.playing());
  w.sim.run_for(10s);
  const std::size_t blocks = FramePool::blocks_taken();
  const std::uint64_t news = allocations;
  const std::int64_t done = s.done;
  const auto used = mallinfo2().uordblks;
  w.sim.run_for(10s);
  const auto used_after = mallinfo2().uordblks;
  CHECK(allocations == news);
  CHECK(FramePool::blocks_taken() == blocks);
  if (!sanitized) CHECK(used_after == used);
  CHECK(s.done - done > 100'000);
  w.sim.shut_down();
}

TEST_CASE("cancelled events that are parked are not counted for ever", "[lifetime]") {
  // A frozen group whose waits are cancelled again and again: the kernel must not search its
  // pending events for them each time.
  World w;
  int living = 0;
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 20; ++i) w.group.spawn(nap(living, 1ms));
    w.sim.run_for(500us);
    w.group.freeze();
    w.sim.run_for(1ms);
    w.group.kill();  // 20 parked wake-ups are taken back
    w.group.thaw();
    CHECK(w.sim.events_pending() == 0);
  }
  CHECK(living == 0);
  {
    Group passing(w.host, "passing");
    passing.spawn(nap(living, 1ms));
    w.sim.run_for(500us);
    passing.freeze();
    w.sim.run_for(1ms);
    CHECK(w.sim.events_pending() == 1);
  }
  CHECK(w.sim.events_pending() == 0);
  w.run();
  CHECK(living == 0);
}
