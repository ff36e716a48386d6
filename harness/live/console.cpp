#include "harness/live/console.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>

namespace predrill::harness::live {

namespace {

using Clock = std::chrono::steady_clock;

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

std::vector<ConsolePool> pools_in(const PGresult* result) {
  std::vector<ConsolePool> pools;
  for (int row = 0; row < PQntuples(result); ++row) {
    const auto text = [&](const char* column) -> const char* {
      const int at = PQfnumber(result, column);
      return at < 0 ? "" : PQgetvalue(result, row, at);
    };
    const auto number = [&](const char* column) {
      return static_cast<std::uint32_t>(std::strtoul(text(column), nullptr, 10));
    };
    pools.push_back({text("database"), number("cl_active"), number("cl_waiting"),
                     number("sv_active"), number("sv_idle")});
  }
  return pools;
}

}  // namespace

struct Console::Connection {
  explicit Connection(const std::string& text) : pg(PQconnectStart(text.c_str())) {}
  ~Connection() { PQfinish(pg); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False at the deadline.
  bool wait_for(short events, Clock::time_point deadline) const {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd socket{PQsocket(pg), events, 0};
    return left.count() > 0 && ::poll(&socket, 1, static_cast<int>(left.count())) > 0;
  }

  bool open(Clock::time_point deadline) const {
    PostgresPollingStatusType step =
        PQstatus(pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
      const bool reads = step == PGRES_POLLING_READING;
      if (!reads && step != PGRES_POLLING_WRITING) return false;
      if (!wait_for(reads ? POLLIN : POLLOUT, deadline)) return false;
      step = PQconnectPoll(pg);
    }
    return true;
  }

  // Of the last answer, as PQexec does it; null where there was none in time.
  Result ask(const char* query, Clock::time_point deadline) const {
    Result last;
    if (PQsendQuery(pg, query) == 0) return last;
    for (;;) {
      while (PQisBusy(pg) != 0) {
        if (!wait_for(POLLIN, deadline) || PQconsumeInput(pg) == 0) return nullptr;
      }
      Result next(PQgetResult(pg));
      if (!next) return last;
      last = std::move(next);
    }
  }

  PGconn* pg;
};

Console::Console(std::string connection) : connection_text_(std::move(connection)) {}

Console::~Console() = default;

std::optional<std::vector<ConsolePool>> Console::show_pools(std::chrono::milliseconds limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  if (!connection_) {
    connection_ = std::make_unique<Connection>(connection_text_);
    if (!connection_->open(deadline)) connection_.reset();
  }
  if (!connection_) return std::nullopt;
  const Result result = connection_->ask("SHOW POOLS", deadline);
  if (!result || PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
    connection_.reset();
    return std::nullopt;
  }
  return pools_in(result.get());
}

}  // namespace predrill::harness::live
