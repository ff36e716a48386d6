#include "models/sql_client.hpp"

#include <algorithm>
#include <utility>

#include "sim/network.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

/// glibc's resolver: 5 s, two attempts (resolv.conf(5)).
constexpr sim::Duration resolver_timeout = 5s;
constexpr int resolver_attempts = 2;

sim::TcpOptions tcp_options(const LibpqConfig& config) {
  sim::TcpOptions tcp;
  tcp.keepalive = config.keepalives;
  if (config.keepalives_idle > 0s) tcp.keepalive_idle = config.keepalives_idle;
  if (config.keepalives_interval > 0s) tcp.keepalive_interval = config.keepalives_interval;
  if (config.keepalives_count > 0) tcp.keepalive_count = config.keepalives_count;
  tcp.user_timeout = config.tcp_user_timeout;
  return tcp;
}

}  // namespace

std::vector<std::string> validate(LibpqConfig& config) {
  std::vector<std::string> problems;
  if (config.host.empty()) problems.emplace_back("host is empty");
  if (config.connect_timeout < 0s) config.connect_timeout = 0s;  // as 0: "wait indefinitely"
  if (config.connect_timeout > 0s && config.connect_timeout < sim::Duration(2s)) {
    problems.emplace_back("connect_timeout is raised to 2 s");
    config.connect_timeout = 2s;
  }
  return problems;
}

sim::Duration RetryPolicy::wait(std::uint32_t attempt, sim::Duration last,
                                sim::Stream& stream) const {
  if (backoff == Backoff::drawn) return pause.sample_duration(stream);
  sim::Duration limit = base;
  for (std::uint32_t i = 1; i < attempt && limit < cap; ++i) limit *= 2;
  limit = std::min(limit, cap);
  switch (jitter) {
    case Jitter::none:
      return limit;
    case Jitter::full:
      return stream.uniform(0s, limit);
    case Jitter::equal:
      return limit / 2 + stream.uniform(0s, limit / 2);
    case Jitter::decorrelated:
      break;
  }
  return std::min(cap, stream.uniform(base, std::max(base, last * 3)));
}

Attempt attempt_of(const StatementResult& result, sim::Time sent, sim::Time finished) {
  Attempt attempt;
  attempt.sent = sent.time_since_epoch().count();
  attempt.finished = finished.time_since_epoch().count();
  attempt.data_as_of = result.data_as_of.time_since_epoch().count();
  attempt.position = result.position;
  attempt.in_flight = result.in_flight;
  attempt.outcome = result.outcome;
  attempt.state = result.state;
  attempt.server = result.server;
  return attempt;
}

StatementResult failed(sim::NetError error, bool in_flight) {
  StatementResult result;
  result.in_flight = in_flight;
  result.state = in_flight ? SqlState::connection_failure : SqlState::no_connection;
  switch (error) {
    case sim::NetError::refused:
    case sim::NetError::unreachable:
      result.outcome = Outcome::refused;
      break;
    case sim::NetError::reset:
      result.outcome = Outcome::reset;
      break;
    case sim::NetError::timeout:
      result.outcome = Outcome::timeout;
      break;
    case sim::NetError::none:
    case sim::NetError::closed:
      result.outcome = Outcome::closed;
      break;
  }
  return result;
}

StatementResult answered(const SqlAnswer& answer) {
  StatementResult result;
  result.outcome = answer.state == SqlState::ok ? Outcome::ok : Outcome::sql_error;
  result.state = answer.state;
  result.server = answer.server;
  result.data_as_of = answer.data_as_of;
  result.position = answer.lsn;
  // The pooler's last words do not say whether the server had done the work; a back end that is
  // terminated while it waits for a synchronous standby has committed.
  result.in_flight = answer.state == SqlState::pooler_error ||
                     answer.state == SqlState::connection_failure ||
                     answer.state == SqlState::admin_shutdown;
  return result;
}

bool ends_connection(SqlState state) {
  switch (state) {
    case SqlState::admin_shutdown:
    case SqlState::crash_shutdown:
    case SqlState::cannot_connect_now:
    case SqlState::too_many_connections:
    case SqlState::invalid_password:
    case SqlState::no_connection:
    case SqlState::connection_failure:
    case SqlState::query_wait_timeout:
    case SqlState::pooler_error:
      return true;
    case SqlState::ok:
    case SqlState::disk_full:
    case SqlState::read_only:
    case SqlState::query_canceled:
    case SqlState::serialization:
    case SqlState::lock_not_available:
      break;
  }
  return false;
}

Libpq::Libpq(sim::Group& group, AddressBook& book, DnsServer* resolver, LibpqConfig config,
             std::string_view stream_name)
    : group_(group),
      book_(book),
      resolver_(resolver),
      config_(std::move(config)),
      tcp_(tcp_options(config_)),
      order_(group.simulation().stream(stream_name, "libpq host order")) {
  validate(config_);
}

bool Libpq::suits(const SqlAnswer& hello) const {
  switch (config_.target_session_attrs) {
    case TargetSessionAttrs::any:
      return true;
    case TargetSessionAttrs::read_write:
    case TargetSessionAttrs::primary:
      return !hello.in_recovery;
    case TargetSessionAttrs::read_only:
    case TargetSessionAttrs::standby:
    case TargetSessionAttrs::prefer_standby:
      break;
  }
  return hello.in_recovery;
}

namespace {

// Never negative: the answer to a connection may come in at its very end.
sim::Duration time_left(sim::Time limit, sim::Time now) {
  return limit == sim::time_max ? sim::forever : std::max(limit - now, sim::Duration{});
}

}  // namespace

sim::Task<StatementResult> Libpq::connect(SqlSocket& socket, sim::Time deadline) {
  StatementResult result = co_await try_hosts(socket, deadline, false);
  const bool again = !result.ok() && next_host_ &&
                     config_.target_session_attrs == TargetSessionAttrs::prefer_standby;
  if (again) result = co_await try_hosts(socket, deadline, true);
  co_return result;
}

sim::Task<StatementResult> Libpq::try_hosts(SqlSocket& socket, sim::Time deadline, bool any_role) {
  StatementResult result = failed(sim::NetError::refused, false);
  const std::size_t hosts = config_.host.size();
  std::size_t turn = 0;
  if (config_.load_balance_hosts) turn = static_cast<std::size_t>(order_.below(hosts));
  for (std::size_t i = 0; i < hosts; ++i) {
    const HostSpec host = config_.host[(turn + i) % hosts];
    AddressList addresses;
    addresses.add(host.address);
    if (host.name != DnsName::none) {
      DnsAnswer answer;
      if (resolver_ != nullptr) {
        answer = co_await resolver_->query(group_, host.name, resolver_timeout, resolver_attempts);
      }
      addresses = answer.status == DnsAnswer::Status::ok ? answer.addresses : AddressList{};
      next_host_ = true;
    }
    for (std::size_t a = 0; a < addresses.count; ++a) {
      result = co_await try_address(socket, addresses.items[a], deadline, any_role);
      if (result.ok() || !next_host_) co_return result;
      if (group_.now() >= deadline) co_return failed(sim::NetError::timeout, false);
      if (result.state == SqlState::cannot_connect_now) break;  // no further address of this host
    }
  }
  co_return result;
}

sim::Task<StatementResult> Libpq::try_address(SqlSocket& socket, Address address,
                                              sim::Time deadline, bool any_role) {
  ++connects_;
  next_host_ = true;
  const sim::Time own_limit = config_.connect_timeout > 0s
                                  ? sim::later(group_.now(), config_.connect_timeout)
                                  : sim::time_max;
  const sim::Time limit = std::min(deadline, own_limit);
  sim::Duration left = time_left(limit, group_.now());
  sim::Result<SqlSocket> connection = co_await connect_sql(group_, book_, address, left, tcp_);
  if (!connection) co_return failed(connection.error(), false);
  SqlRequest startup;
  startup.op = SqlOp::startup;
  startup.user = config_.user;
  startup.database = config_.database;
  startup.session_read_write = config_.target_session_attrs == TargetSessionAttrs::read_write;
  connection->send(startup);
  left = time_left(limit, group_.now());
  const auto hello = co_await connection->receive_for(left);
  if (!hello) co_return failed(hello.error(), false);
  StatementResult result = answered(*hello);
  result.in_flight = false;
  if (hello->state != SqlState::ok) {
    next_host_ = hello->state == SqlState::cannot_connect_now;
    co_return result;
  }
  if (!any_role && !suits(*hello)) {
    result = failed(sim::NetError::refused, false);
    result.server = hello->server;
    co_return result;
  }
  socket = std::move(*connection);
  co_return result;
}

sim::Task<StatementResult> Libpq::execute(SqlSocket& socket, SqlRequest request,
                                          sim::Time deadline) {
  if (!socket.is_held()) {
    const StatementResult opened = co_await connect(socket, deadline);
    if (!opened.ok()) co_return opened;
  }
  // PQsendQuery does not read: that an idle session has ended is told by the answer.
  socket.send(request);
  const sim::Duration left = time_left(deadline, group_.now());
  const auto answer = co_await socket.receive_for(left);
  if (!answer) {
    socket.close();
    co_return failed(answer.error(), true);
  }
  const StatementResult result = answered(*answer);
  if (ends_connection(result.state)) socket.close();
  co_return result;
}

}  // namespace predrill::models
