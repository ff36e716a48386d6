// Connections: what a client sees when a process dies, a host dies, comes back, freezes, or the
// path is cut. All times follow from 1 ms one-way latency and the constants named in sim/tcp.hpp;
// the kernel's timers add up to a tick of theirs.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "sim/tcp.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

struct Ask {
  int question;
};
struct Answer {
  int value;
};

struct World {
  World() { sim.network().set_latency(0, 0, Distribution::constant(Duration(1ms))); }
  Simulation sim;
  Host client_host{sim, "client"};
  Group client{client_host, "client"};
  Host server_host{sim, "server"};
  Group server{server_host, "server"};
  Listener<Ask, Answer> port{server, "port"};
  std::vector<std::string> log;
  Duration think{0};

  void note(std::string what) { log.push_back(to_exact_text(sim.now() - Time{}) + " " + what); }
  void run() { sim.run_until(Time{} + 1h); }

  void start_server() {
    port.open();
    server.spawn(accept());
  }
  Task<> accept() {
    for (;;) {
      auto socket = co_await port.accept();
      server.spawn(serve(std::move(socket)));
    }
  }
  Task<> serve(Socket<Answer, Ask> socket) {
    for (;;) {
      const auto ask = co_await socket.receive();
      if (!ask) co_return;
      co_await sleep_for(think);
      socket.send({ask->question * 2});
    }
  }
  Task<> ask_once(int question, Duration timeout) {
    const auto reply = co_await call(client, port, Ask{question}, timeout);
    note(reply ? "answer " + std::to_string(reply->value) : std::string(to_text(reply.error())));
  }
  /// Connects, waits, asks, reports how it went.
  Task<> session(Duration wait, TcpOptions options, Duration receive_limit) {
    auto socket = co_await connect(client, port, 5s, options);
    if (!socket) {
      note("connect: " + std::string(to_text(socket.error())));
      co_return;
    }
    note("connected");
    co_await sleep_for(wait);
    if (!socket->send({1})) note("send failed");
    const auto reply = co_await socket->receive_for(receive_limit);
    note(reply ? "answer " + std::to_string(reply->value) : std::string(to_text(reply.error())));
  }
  /// Connects and only listens.
  Task<> listen_only(TcpOptions options) {
    auto socket = co_await connect(client, port, 5s, options);
    const auto reply = co_await socket->receive();
    note(std::string(to_text(reply.error())));
  }
};

using Log = std::vector<std::string>;

/// A line of the log tells of this event, from `earliest` to `slack` after it.
void check_line(const std::string& line, Duration earliest, Duration slack,
                const std::string& event) {
  INFO(line);
  const std::size_t space = line.find(' ');
  const auto at = parse_duration(line.substr(0, space));
  REQUIRE(at);
  CHECK(line.substr(space + 1) == event);
  CHECK(*at >= earliest);
  CHECK(*at <= earliest + slack);
}

}  // namespace

TEST_CASE("a call takes two round trips and the thinking", "[tcp]") {
  World w;
  w.start_server();
  w.think = 10ms;
  w.client.spawn(w.ask_once(21, 1s));
  w.run();
  CHECK(w.log == Log{"14ms answer 42"});
}

TEST_CASE("a time-out that ends inside the handshake is a time-out", "[tcp]") {
  for (const Duration limit : {Duration(1500us), Duration(3500us)}) {
    World w;
    w.start_server();
    w.client.spawn(w.ask_once(1, limit));
    w.run();
    CHECK(w.log == Log{to_exact_text(limit) + " timeout"});
  }
}

TEST_CASE("waiting for less than nothing is over at once", "[tcp][sync]") {
  World w;
  w.start_server();
  w.client.spawn(w.session(0s, {}, -1s));
  w.run();
  CHECK(w.log == Log{"2ms connected", "2ms timeout"});
}

TEST_CASE("a closed port refuses at once, a dead host says nothing", "[tcp]") {
  World w;
  SECTION("closed port") {
    w.client.spawn(w.ask_once(1, 10s));
    w.run();
    CHECK(w.log == Log{"2ms connection refused"});
  }
  SECTION("dead host") {
    w.start_server();
    w.server_host.crash();
    w.client.spawn(w.ask_once(1, 10s));
    w.run();
    CHECK(w.log == Log{"10s timeout"});
  }
  SECTION("dead host, no limit: 131 s of SYN retries") {
    w.server_host.crash();
    w.client.spawn(w.ask_once(1, forever));
    w.run();
    // The last SYN was sent after 67 s, the kernel waits for 64 s more. On the wire: 134.7 s.
    REQUIRE(w.log.size() == 1);
    check_line(w.log[0], 131s, 5060ms, "timeout");
  }
  SECTION("the same before Linux 6.5: 127 s") {
    w.sim.network().set_syn_retries({.linear = 0});
    w.server_host.crash();
    w.client.spawn(w.ask_once(1, forever));
    w.run();
    REQUIRE(w.log.size() == 1);
    check_line(w.log[0], 127s, 4930ms, "timeout");
  }
  SECTION("a host that comes back in time is reached by a SYN retry") {
    w.server_host.on_boot([&w] { w.start_server(); });
    w.server_host.crash();
    w.client.spawn(w.ask_once(1, 10s));
    const auto [up_after, linear, answer] =
        GENERATE(table<Duration, int, Duration>({{1500ms, 4, 2004ms},
                                                 {1500ms, 0, 3004ms},
                                                 {4500ms, 4, 5004ms},
                                                 {5500ms, 4, 7004ms},
                                                 {5500ms, 0, 7004ms}}));
    w.sim.network().set_syn_retries({.linear = linear});
    w.sim.run_for(up_after);
    w.server_host.restart();
    w.run();
    REQUIRE(w.log.size() == 1);
    check_line(w.log[0], answer, 320ms, "answer 2");
  }
  SECTION("a stopped process accepts but never answers") {
    w.start_server();
    w.server.freeze();
    w.client.spawn(w.ask_once(1, 2s));
    w.run();
    CHECK(w.log == Log{"2s timeout"});
  }
}

TEST_CASE("the death of the server process is heard, the death of its host is not", "[tcp]") {
  World w;
  w.start_server();
  w.client.spawn(w.listen_only({}));
  w.sim.run_for(1s);
  SECTION("process killed: FIN after one latency") {
    w.server.kill();
    w.run();
    CHECK(w.log == Log{"1.001s connection closed"});
    CHECK_FALSE(w.port.is_open());
  }
  SECTION("host crashed: silence for ever") {
    w.server_host.crash();
    w.run();
    CHECK(w.log.empty());
  }
  SECTION("the client's own death ends the server's session") {
    CHECK(w.server.processes() == 2);
    w.client.kill();
    w.sim.run_for(10ms);
    CHECK(w.server.processes() == 1);
  }
}

TEST_CASE("a request to a dead host waits for the time-out that applies", "[tcp]") {
  World w;
  w.start_server();
  TcpOptions options;
  SECTION("the caller's own limit") {
    w.client.spawn(w.session(2s, options, 3s));
    w.sim.run_for(1s);
    w.server_host.crash();
    w.run();
    CHECK(w.log == Log{"2ms connected", "5.002s timeout"});
  }
  SECTION("TCP_USER_TIMEOUT") {
    options.user_timeout = 10s;
    w.client.spawn(w.session(2s, options, forever));
    w.sim.run_for(1s);
    w.server_host.crash();
    w.run();
    REQUIRE(w.log.size() == 2);
    check_line(w.log[1], 12002ms, 256ms, "timeout");  // sent at 2.002 s
  }
  SECTION("tcp_retries2: the first retransmission after 924.6 s") {
    w.client.spawn(w.session(2s, options, forever));
    w.sim.run_for(1s);
    w.server_host.crash();
    w.run();
    REQUIRE(w.log.size() == 2);
    // 2.002 s + 204 ms * 2^10 + 6 * 120 s, and what the ticks add.
    check_line(w.log[1], 930898ms, 20s, "timeout");
  }
  SECTION("the host returns: RST in answer to the next packet") {
    w.client.spawn(w.session(2s, options, forever));
    w.sim.run_for(1s);
    w.server_host.crash();
    w.sim.run_for(500ms);
    w.server_host.restart();
    w.run();
    CHECK(w.log == Log{"2ms connected", "2.004s connection reset"});
  }
}

TEST_CASE("keep-alive finds a dead peer after idle + count * interval", "[tcp]") {
  World w;
  w.start_server();
  const TcpOptions options{
      .keepalive = true, .keepalive_idle = 20s, .keepalive_interval = 3s, .keepalive_count = 3};
  w.client.spawn(w.listen_only(options));
  w.sim.run_for(25s);  // one probe was answered at 20 s, the next is due at 40 s
  SECTION("dead host") {
    w.server_host.crash();
    w.run();
    REQUIRE(w.log.size() == 1);
    check_line(w.log[0], 49s, 5s, "timeout");
  }
  SECTION("rebooted host") {
    w.server_host.crash();
    w.server_host.restart();
    w.run();
    REQUIRE(w.log.size() == 1);
    check_line(w.log[0], 40s, 4100ms, "connection reset");
  }
  SECTION("living host") {
    w.run();
    CHECK(w.log.empty());
  }
}

TEST_CASE("a cut path delays, it does not lose", "[tcp]") {
  World w;
  w.start_server();
  w.client.spawn(w.session(2s, {}, forever));
  w.sim.run_for(1s);
  SECTION("both ways") {
    const auto cut = w.sim.network().cut({&w.client_host}, {&w.server_host});
    w.sim.run_for(2s);
    w.sim.network().heal(cut);
    w.run();
    // Sent at 2.002; retransmissions after 0.20, 0.41, 0.82, 1.63 s: the fourth comes through.
    REQUIRE(w.log.size() == 2);
    check_line(w.log[1], 3636ms, 70ms, "answer 2");
  }
  SECTION("only the answers: the request arrives once") {
    const auto cut = w.sim.network().cut({&w.server_host}, {&w.client_host}, Direction::forward);
    w.sim.run_for(2s);
    w.sim.network().heal(cut);
    w.run();
    REQUIRE(w.log.size() == 2);
    check_line(w.log[1], 3636ms, 70ms, "answer 2");
  }
}

TEST_CASE("a kernel's timer ends with a tick of its level", "[tcp]") {
  const auto [length, granule] = GENERATE(table<Duration, Duration>({{1ms, 4ms},
                                                                     {204ms, 4ms},
                                                                     {1s, 32ms},
                                                                     {2s, 32ms},
                                                                     {4s, 256ms},
                                                                     {16s, 256ms},
                                                                     {20s, 2048ms},
                                                                     {120s, 2048ms},
                                                                     {2h, 131072ms}}));
  std::vector<Duration> ends;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim({.seed = seed});
    for (const Duration start : {Duration(0s), Duration(777ms), Duration(3h)}) {
      sim.run_until(Time{} + start);
      const Duration takes = sim.network().timer(length);
      CHECK(takes > length);
      CHECK(takes <= length + 4ms + granule);
      ends.push_back((start + takes) % granule);
    }
    const std::size_t last = ends.size() - 1;
    CHECK(ends[last] == ends[last - 1]);
    CHECK(ends[last] == ends[last - 2]);
  }
  CHECK(ends.front() != ends.back());  // each run has its own ticks
}

TEST_CASE("messages keep their order whatever their delays", "[tcp]") {
  World w;
  w.sim.network().set_latency(0, 0, Distribution::exponential(Duration(10ms)));
  struct Burst {
    static Task<> send(World& world) {
      auto socket = co_await connect(world.client, world.port, forever);
      for (int i = 0; i < 100; ++i) socket->send({i});
      co_await sleep_for(10s);
    }
    static Task<> receive(World& world, std::vector<int>& got) {
      auto socket = co_await world.port.accept();
      for (;;) {
        const auto ask = co_await socket.receive();
        if (!ask) co_return;
        got.push_back(ask->question);
      }
    }
  };
  std::vector<int> got;
  w.port.open();
  w.server.spawn(Burst::receive(w, got));
  w.client.spawn(Burst::send(w));
  w.run();
  REQUIRE(got.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(got[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a lost packet costs its retransmission time-out", "[tcp]") {
  World w;
  w.start_server();
  w.client.spawn(w.session(2s, {}, forever));
  w.sim.run_for(1s);
  const auto fault =
      w.sim.network().lose({&w.client_host}, {&w.server_host}, 1.0, Direction::forward);
  w.sim.run_for(1100ms);
  w.sim.network().heal(fault);
  w.run();
  REQUIRE(w.log.size() == 2);
  check_line(w.log[1], 2208ms, 4ms, "answer 2");
}

TEST_CASE("a full backlog drops SYNs", "[tcp]") {
  World w;
  Listener<Ask, Answer> narrow(w.server, "narrow", 1);
  narrow.open();  // and nobody accepts
  struct Client {
    static Task<> run(World& world, Listener<Ask, Answer>& port, std::string name) {
      const auto socket = co_await connect(world.client, port, 5s);
      world.note(name + (socket ? " connected" : " " + std::string(to_text(socket.error()))));
      co_await sleep_for(60s);
    }
  };
  w.client.spawn(Client::run(w, narrow, "a"));
  w.client.spawn(Client::run(w, narrow, "b"));
  w.run();
  CHECK(w.log == Log{"2ms a connected", "5s b timeout"});
}

TEST_CASE("connections and messages in flight are freed at the end of a run", "[tcp][lifetime]") {
  // Checked by the leak sanitizer: sessions open, messages under way, orphans retransmitting.
  World w;
  w.start_server();
  w.client.spawn(w.session(2s, {}, forever));
  w.client.spawn(w.listen_only({}));
  w.sim.run_for(1s);
  w.sim.network().cut({&w.client_host}, {&w.server_host});
  w.client.kill();  // its FINs cannot get out
  w.sim.run_for(3s);
  w.sim.shut_down();
  CHECK(w.sim.events_pending() == 0);
}
