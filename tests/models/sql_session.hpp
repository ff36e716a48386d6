// Clients of tests: each connects, logs in, sends its requests and notes how it went and when.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/sql.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

namespace predrill::models::testing {

/// One connection that does what it is told, one thing after the other.
class SqlSession {
 public:
  struct Event {
    sim::Time at{};
    std::string what;  // "login", "00000", "08P01", "connection closed", …
    MemberId server = nobody;
  };

  SqlSession(sim::Group& group, SqlListener& to) : group_(group), to_(to) {}

  /// Connects, logs in and sends the requests back to back.
  void run(std::vector<SqlRequest> requests, sim::Duration after = {}) {
    process_ = group_.spawn(session(std::move(requests), after));
  }
  void disconnect() { group_.kill(process_); }

  const std::vector<Event>& events() const { return events_; }
  std::string last() const { return events_.empty() ? "nothing" : events_.back().what; }
  sim::Duration at() const { return events_.empty() ? sim::Duration{} : since(events_.back()); }
  sim::Duration at(std::size_t i) const { return since(events_.at(i)); }
  bool has(const std::string& what) const {
    for (const Event& e : events_) {
      if (e.what == what) return true;
    }
    return false;
  }

 private:
  static sim::Duration since(const Event& e) { return e.at.time_since_epoch(); }
  void note(std::string what, MemberId server = nobody) {
    events_.push_back({group_.now(), std::move(what), server});
  }
  sim::Task<> session(std::vector<SqlRequest> requests, sim::Duration after) {
    co_await sim::sleep_for(after);
    auto socket = co_await sim::connect(group_, to_, sim::forever);
    if (!socket) {
      note(std::string(sim::to_text(socket.error())));
      co_return;
    }
    SqlRequest startup;
    startup.op = SqlOp::startup;
    socket->send(startup);
    bool logged_in = false;
    std::size_t sent = 0;
    for (;;) {
      const auto answer = co_await socket->receive();
      if (!answer) {
        note(std::string(sim::to_text(answer.error())));
        co_return;
      }
      const bool ok = answer->state == SqlState::ok;
      note(ok && !logged_in ? "login" : std::string(code(answer->state)), answer->server);
      if (!ok && !logged_in) continue;
      logged_in = true;
      if (!ok && sent < requests.size() && answer->state == SqlState::admin_shutdown) continue;
      if (sent < requests.size()) socket->send(requests[sent++]);
    }
  }
  sim::Group& group_;
  SqlListener& to_;
  sim::ProcessId process_;
  std::vector<Event> events_;
};

inline SqlRequest query(sim::Duration work) {
  SqlRequest request;
  request.op = SqlOp::write;
  request.work = work;
  return request;
}
inline SqlRequest of(SqlOp op, sim::Duration work = {}) {
  SqlRequest request;
  request.op = op;
  request.work = work;
  return request;
}

}  // namespace predrill::models::testing
