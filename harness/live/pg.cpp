#include "harness/live/pg.hpp"

#include <sys/socket.h>

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <pqxx/pqxx>
#include <string_view>
#include <thread>

namespace predrill::harness::live {

using models::Outcome;
using models::SqlState;

namespace {

using Clock = std::chrono::steady_clock;

// Shuts sockets down at their deadlines: libpq waits for an answer without a limit of its own.
class Guard {
 public:
  Guard() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  std::uint64_t watch(int socket, Clock::time_point deadline) {
    const std::lock_guard hold(mutex_);
    const std::uint64_t ticket = ++last_;
    watched_[{deadline, ticket}] = socket;
    changed_.notify_one();
    return ticket;
  }
  /// True: it has been shut down. Before the socket is closed: its number may be given anew.
  bool release(std::uint64_t ticket, Clock::time_point deadline) {
    const std::lock_guard hold(mutex_);
    return watched_.erase({deadline, ticket}) == 0;
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock hold(mutex_);
    while (!stop.stop_requested()) {
      while (!watched_.empty() && watched_.begin()->first.first <= Clock::now()) {
        ::shutdown(watched_.begin()->second, SHUT_RDWR);
        watched_.erase(watched_.begin());
      }
      const Clock::time_point next =
          watched_.empty() ? Clock::now() + std::chrono::seconds(1) : watched_.begin()->first.first;
      changed_.wait_until(hold, stop, next, [this, next] {
        return !watched_.empty() && watched_.begin()->first.first < next;
      });
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::pair<Clock::time_point, std::uint64_t>, int> watched_;
  std::uint64_t last_ = 0;
  std::jthread thread_;
};

Guard& guard() {
  static Guard one;
  return one;
}

struct Phrase {
  std::string_view text;
  Outcome outcome;
  SqlState state;
};
// In this order: PgBouncer's and the server's own words before libpq's.
constexpr std::array<Phrase, 22> phrases = {{
    {"query_wait_timeout", Outcome::sql_error, SqlState::query_wait_timeout},
    {"server login failed", Outcome::sql_error, SqlState::pooler_error},
    {"server login has been failing", Outcome::sql_error, SqlState::pooler_error},
    {"pgbouncer cannot connect to server", Outcome::sql_error, SqlState::pooler_error},
    {"server conn crashed", Outcome::sql_error, SqlState::pooler_error},
    {"no more connections allowed", Outcome::sql_error, SqlState::pooler_error},
    {"the database system is", Outcome::sql_error, SqlState::cannot_connect_now},
    {"Hot standby mode is disabled", Outcome::sql_error, SqlState::cannot_connect_now},
    {"too many clients", Outcome::sql_error, SqlState::too_many_connections},
    {"remaining connection slots", Outcome::sql_error, SqlState::too_many_connections},
    {"terminating connection due to administrator command", Outcome::sql_error,
     SqlState::admin_shutdown},
    {"terminating connection because of crash", Outcome::sql_error, SqlState::crash_shutdown},
    {"terminating connection due to unexpected postmaster exit", Outcome::sql_error,
     SqlState::admin_shutdown},
    {"timeout expired", Outcome::timeout, SqlState::no_connection},
    {"Connection timed out", Outcome::timeout, SqlState::no_connection},
    {"Connection reset by peer", Outcome::reset, SqlState::connection_failure},
    {"Broken pipe", Outcome::reset, SqlState::connection_failure},
    {"server closed the connection unexpectedly", Outcome::closed, SqlState::connection_failure},
    {"Connection refused", Outcome::refused, SqlState::no_connection},
    {"session is read-only", Outcome::refused, SqlState::no_connection},
    {"No route to host", Outcome::timeout, SqlState::no_connection},
    {"Network is unreachable", Outcome::timeout, SqlState::no_connection},
}};

SqlState state_of(std::string_view sqlstate) {
  for (std::size_t i = 0; i < models::sql_states; ++i) {
    if (models::sql_state_codes[i] == sqlstate) return static_cast<SqlState>(i);
  }
  return SqlState::ok;
}

void take(const pqxx::result& result, SqlEnd& end) {
  for (pqxx::result::size_type i = 0; i < result.size(); ++i) {
    end.rows.emplace_back();
    for (const auto& field : result[i]) end.rows.back().emplace_back(field.c_str());
  }
  for (pqxx::row::size_type i = 0; i < result.columns(); ++i) {
    end.columns.emplace_back(result.column_name(i));
  }
}

}  // namespace

SqlEnd classify(const std::string& message, const std::string& sqlstate) {
  SqlEnd end;
  end.text = message;
  const SqlState known = state_of(sqlstate);
  if (known != SqlState::ok && known != SqlState::pooler_error) {
    end.outcome = Outcome::sql_error;
    end.state = known;
    return end;
  }
  // Several hosts leave several lines; the last decides, as the host that was asked last.
  std::size_t last = 0;
  const Phrase* found = nullptr;
  for (const Phrase& phrase : phrases) {
    const std::size_t at = message.rfind(phrase.text);
    if (at == std::string::npos || (found != nullptr && at <= last)) continue;
    last = at;
    found = &phrase;
  }
  end.outcome = found != nullptr ? found->outcome : Outcome::closed;
  end.state = found != nullptr ? found->state : SqlState::connection_failure;
  if (found == nullptr && !sqlstate.empty()) {
    end.outcome = Outcome::sql_error;
    end.state = known;
  }
  return end;
}

struct PgClient::Connection {
  explicit Connection(const std::string& text) : pg(text) {}
  pqxx::connection pg;
};

PgClient::PgClient(std::string connection) : connection_text_(std::move(connection)) {
  connection_text_ += " connect_timeout=2";
}

PgClient::~PgClient() = default;

void PgClient::close() {
  connection_.reset();
}

SqlEnd PgClient::execute(const std::string& statement, std::chrono::milliseconds limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  SqlEnd end;
  bool sent = false;
  std::uint64_t ticket = 0;
  bool cut_off = false;
  try {
    // libpqxx would open a broken one anew by itself, with another socket.
    if (connection_ && !connection_->pg.is_open()) connection_.reset();
    if (!connection_) {
      connection_ = std::make_unique<Connection>(connection_text_);
      // What the server tells unasked goes nowhere.
      connection_->pg.set_verbosity(pqxx::connection_base::terse);
    }
    if (Clock::now() < deadline) {
      ticket = guard().watch(connection_->pg.sock(), deadline);
      sent = true;
      pqxx::nontransaction work(connection_->pg);
      const pqxx::result result = work.exec(statement);
      cut_off = guard().release(ticket, deadline);
      ticket = 0;
      if (!cut_off) {
        take(result, end);
        return end;
      }
    }
    end.outcome = Outcome::timeout;
    end.state = SqlState::no_connection;
  } catch (const pqxx::sql_error& error) {
    end = classify(error.what(), error.sqlstate());
  } catch (const std::exception& error) {
    end = classify(error.what(), "");
  }
  if (ticket != 0) cut_off = guard().release(ticket, deadline);
  end.in_flight = sent;
  if (cut_off) {
    end.outcome = Outcome::timeout;
    end.state = SqlState::connection_failure;
  }
  connection_.reset();
  return end;
}

std::optional<std::string> ask_one(const std::string& connection, const std::string& query,
                                   std::chrono::milliseconds limit) {
  PgClient client(connection);
  const SqlEnd end = client.execute(query, limit);
  if (!end.ok() || end.rows.empty() || end.rows[0].empty()) return std::nullopt;
  return end.rows[0][0];
}

}  // namespace predrill::harness::live
