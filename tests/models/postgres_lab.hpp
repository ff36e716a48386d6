// Three hosts with PostgreSQL, one host with clients; no cluster manager.
#pragma once

#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "models/postgres.hpp"
#include "sim/network.hpp"

namespace predrill::models::testing {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Host;
using sim::Task;
using sim::Time;

/// What happened, for tests that ask for a certain line.
class Log : public sim::TraceSink {
 public:
  explicit Log(sim::Simulation& sim) : sim_(sim) { sim_.trace().attach(*this); }
  ~Log() { sim_.trace().detach(*this); }
  void on_record(const sim::Trace& trace, const sim::Record& record) override {
    records.push_back(record);
    text += std::to_string(sim::seconds(record.at - Time{})) + " " +
            trace.entity_name(record.entity) + ": " + trace.describe(record) + "\n";
  }
  /// When the kind occurred last; time_max if never.
  Time last(const sim::Kind& kind, std::string_view entity = "") const {
    for (auto r = records.rbegin(); r != records.rend(); ++r) {
      const bool match = entity.empty() || sim_.trace().entity_name(r->entity) == entity;
      if (r->kind == &kind && match) return r->at;
    }
    return sim::time_max;
  }
  std::size_t count(const sim::Kind& kind) const {
    std::size_t n = 0;
    for (const auto& r : records) n += r.kind == &kind ? 1U : 0U;
    return n;
  }
  std::vector<sim::Record> records;
  std::string text;

 private:
  sim::Simulation& sim_;
};

constexpr Duration one_way = 1ms;

inline PostgresTimings quick() {  // constants, so that times can be computed by hand
  PostgresTimings t;
  t.fork = Distribution::constant(Duration(1ms));
  t.authentication = Distribution::constant(Duration(2ms));
  t.query = Distribution::constant(Duration(1ms));
  t.start = Distribution::constant(Duration(500ms));
  t.data_directory_sync = Distribution::constant(Duration(0));
  t.replay_bytes_per_second = Distribution::constant(100e6);
  t.stop_sessions = Distribution::constant(Duration(100ms));
  t.shutdown_checkpoint = Distribution::constant(Duration(100ms));
  t.crash_notice = Distribution::constant(Duration(5ms));
  t.walsender_delay = Distribution::constant(Duration(1ms));
  t.walreceiver_start = Distribution::constant(Duration(0));
  t.segment_resend = Distribution::constant(Duration(0));
  t.reload = Distribution::constant(Duration(10ms));
  t.rewind = Distribution::constant(Duration(1s));
  return t;
}

inline DiskTimings quick_disk() {
  DiskTimings t;
  t.fsync = Distribution::constant(Duration(2ms));
  t.write_bytes_per_second = Distribution::constant(100e6);
  return t;
}

struct Member {
  Member(sim::Simulation& sim, MemberId id, const PostgresConfig& base, Ledger& ledger,
         const PostgresTimings& timings)
      : host(sim, "db-" + std::to_string(id)),
        disk(host, "db-" + std::to_string(id) + "/disk", quick_disk()),
        server(host, named(base, id), disk, &ledger, timings) {}
  static PostgresConfig named(PostgresConfig c, MemberId id) {
    c.member = id;
    c.name = "db-" + std::to_string(id);
    return c;
  }
  Host host;
  Disk disk;
  PostgresServer server;
};

constexpr Lsn origin{std::uint64_t{1} << 40};

struct Lab {
  explicit Lab(const PostgresConfig& config = {}, const PostgresTimings& timings = quick(),
               std::uint64_t seed = 1, bool shuffle_ties = false)
      : sim({.seed = seed, .shuffle_ties = shuffle_ties}) {
    sim.network().set_latency(0, 0, Distribution::constant(one_way));
    std::vector<PostgresServer*> servers;
    for (MemberId id = 0; id < 3; ++id) {
      members.push_back(std::make_unique<Member>(sim, id, config, ledger, timings));
      servers.push_back(&members.back()->server);
    }
    for (PostgresServer* server : servers) {
      server->set_members(servers);
      server->initialize(origin);
    }
  }
  ~Lab() { sim.shut_down(); }

  PostgresServer& server(MemberId id) { return members[id]->server; }
  Host& host(MemberId id) { return members[id]->host; }
  Disk& disk(MemberId id) { return members[id]->disk; }
  void run(Duration d) { sim.run_for(d); }
  Time now() const { return sim.now(); }

  /// db-0 primary, the others standbys; two seconds later everything streams.
  void start_cluster() {
    server(0).start(StartAs::primary);
    server(1).start(StartAs::standby, 0);
    server(2).start(StartAs::standby, 0);
    run(2s);
    REQUIRE(server(0).accepts_writes());
    REQUIRE(server(0).pg_stat_replication().count == 2);
  }
  /// The same with the real timings.
  void start_cluster_slowly() {
    server(0).start(StartAs::primary);
    server(1).start(StartAs::standby, 0);
    server(2).start(StartAs::standby, 0);
    run(15s);
    REQUIRE(server(0).pg_stat_replication().count == 2);
  }
  void load(std::uint64_t rows_per_second, std::uint64_t bytes,
            SynchronousCommit level = SynchronousCommit::on) {
    BackgroundLoad l;
    l.rows_per_kilosecond = rows_per_second * 1000;
    l.wal_bytes_per_row = bytes;
    l.synchronous_commit = level;
    server(0).set_background(l);
  }
  void sync(MemberId id, MemberSet names) {
    SynchronousStandbyNames n;
    n.method =
        names == 0 ? SynchronousStandbyNames::Method::none : SynchronousStandbyNames::Method::first;
    n.members = names;
    server(id).set_synchronous_standby_names(n);
    run(20ms);
  }
  Loss lost(MemberId survivor) {
    for (auto& m : members) m->server.settle_ledger();
    return ledger.lost(server(survivor).history(), server(survivor).flushed());
  }

  /// One client: connects, sends each request in turn, notes each answer and its time.
  struct Answer {
    Time at;
    SqlAnswer answer;
    sim::NetError error = sim::NetError::none;
  };
  using Answers = std::vector<Answer>;
  Task<> client(MemberId target, std::vector<SqlRequest> requests, Answers* answers,
                std::uint8_t user = 1) {
    auto connection = co_await connect(clients, server(target).sql(), 5s);
    if (!connection) {
      answers->push_back({now(), {}, connection.error()});
      co_return;
    }
    SqlSocket socket = std::move(*connection);
    SqlRequest startup;
    startup.op = SqlOp::startup;
    startup.user = user;
    requests.insert(requests.begin(), startup);
    for (const SqlRequest& request : requests) {
      socket.send(request);
      const auto answer = co_await socket.receive();
      answers->push_back({now(), answer ? *answer : SqlAnswer{}, answer.error()});
      if (!answer || (request.op == SqlOp::startup && answer->state != SqlState::ok)) co_return;
    }
    for (;;) {  // stays connected and listens
      const auto last = co_await socket.receive();
      answers->push_back({now(), last ? *last : SqlAnswer{}, last.error()});
      if (!last) co_return;
    }
  }
  static SqlRequest write(std::uint64_t tag = 1, SynchronousCommit level = SynchronousCommit::on) {
    SqlRequest r;
    r.op = SqlOp::write;
    r.wal_bytes = 1000;
    r.tag = tag;
    r.synchronous_commit = level;
    return r;
  }
  static SqlRequest read() { return {}; }
  void spawn_client(MemberId target, std::vector<SqlRequest> requests, Answers& answers,
                    std::uint8_t user = 1) {
    clients.spawn(client(target, std::move(requests), &answers, user));
  }

  sim::Simulation sim;
  Ledger ledger;
  Log log{sim};
  std::vector<std::unique_ptr<Member>> members;
  Host client_host{sim, "client"};
  sim::Group clients{client_host, "client"};
};

}  // namespace predrill::models::testing
