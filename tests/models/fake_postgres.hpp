// A server that speaks models/sql.hpp and does nothing else: for tests of what stands in front of
// a PostgreSQL server.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/sql.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/simulation.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

namespace predrill::models::testing {

class FakePostgres {
 public:
  FakePostgres(sim::Simulation& simulation, std::string name, MemberId member = 0)
      : host(simulation, std::move(name)), member_(member) {}
  ~FakePostgres() { group.kill(); }  // before the list of its sessions
  FakePostgres(const FakePostgres&) = delete;
  FakePostgres& operator=(const FakePostgres&) = delete;

  /// The port opens; sessions are served.
  void start() {
    port.open();
    group.spawn(accept());
  }
  /// SIGKILL of all processes: the kernel closes the sockets, the port refuses.
  void kill() { group.kill(); }
  /// pg_ctl stop -m fast: every session gets 57P01, then the end of the connection.
  void fast_stop() {
    for (SqlServerSocket* session : sessions_) {
      SqlAnswer bye;
      bye.state = SqlState::admin_shutdown;
      session->send(bye);
    }
    group.kill();
  }
  std::size_t sessions() const { return sessions_.size(); }

  sim::Host host;
  sim::Group group{host, "postgres"};
  SqlListener port{group, "5432"};
  SqlState refuse_logins = SqlState::ok;
  bool in_recovery = false;
  sim::Duration login{0};
  std::uint64_t logins = 0;
  std::vector<sim::Time> connects;  // of accepted connections
  std::uint64_t statements = 0;     // executed

 private:
  struct Registered {
    Registered(std::vector<SqlServerSocket*>& all, SqlServerSocket& socket)
        : list(all), mine(&socket) {
      list.push_back(mine);
    }
    ~Registered() { std::erase(list, mine); }
    std::vector<SqlServerSocket*>& list;
    SqlServerSocket* mine;
  };

  sim::Task<> accept() {
    for (;;) {
      SqlServerSocket socket = co_await port.accept();
      connects.push_back(group.now());
      group.spawn(serve(std::move(socket)));
    }
  }
  sim::Task<> serve(SqlServerSocket socket) {
    const Registered registered(sessions_, socket);
    for (;;) {
      const auto request = co_await socket.receive();
      if (!request) co_return;
      SqlAnswer answer;
      answer.server = member_;
      answer.tag = request->tag;
      answer.in_recovery = in_recovery;
      if (request->op == SqlOp::startup) {
        co_await sim::sleep_for(login);
        answer.state = refuse_logins;
        socket.send(answer);
        if (refuse_logins != SqlState::ok) co_return;
        ++logins;
        continue;
      }
      if (request->work > sim::Duration{}) co_await sim::sleep_for(request->work);
      ++statements;
      const bool writes = request->op == SqlOp::write || request->wal_bytes > 0;
      if (in_recovery && writes) answer.state = SqlState::read_only;
      socket.send(answer);
    }
  }

  MemberId member_;
  std::vector<SqlServerSocket*> sessions_;
};

}  // namespace predrill::models::testing
