#include "models/rds_proxy.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration connect_timeout = 1s;
constexpr sim::Duration between_attempts = 100ms;
constexpr sim::Duration borrow_timeout_max = 300s;
constexpr std::uint32_t percent = 100;

}  // namespace

std::vector<std::string> validate(RdsProxyConfig& config) {
  std::vector<std::string> problems;
  const RdsProxyConfig defaults;
  if (config.connection_borrow_timeout > borrow_timeout_max) {
    problems.emplace_back("ConnectionBorrowTimeout is at most 300 s: 120 s is used");
    config.connection_borrow_timeout = defaults.connection_borrow_timeout;
  }
  if (config.max_connections_percent < 1 || config.max_connections_percent > percent) {
    problems.emplace_back("MaxConnectionsPercent is from 1 to 100: 100 is used");
    config.max_connections_percent = defaults.max_connections_percent;
  }
  return problems;
}

RdsProxy::RdsProxy(sim::Host& host, AddressBook& book, ManagedDatabase& database,
                   RdsProxyConfig config)
    : config_(std::move(config)),
      book_(book),
      database_(database),
      group_(host, "rds proxy"),
      listener_(group_, "5432", 1024),
      notices_(host.stream("rds proxy")),
      slots_(0) {
  validate(config_);
}

RdsProxy::~RdsProxy() {
  group_.kill();
}

void RdsProxy::start() {
  writer_ = database_.writer();
  const std::uint32_t all = database_.max_connections(writer_);
  slots_.resize(std::int64_t{all} * config_.max_connections_percent / percent);
  listener_.open();
  group_.spawn(accept());
  group_.spawn(watch_writer());
}

sim::Task<> RdsProxy::watch_writer() {
  for (;;) {
    co_await database_.changed().wait();
    if (database_.writer() == writer_) continue;
    const sim::Duration notice = config_.notice.sample_duration(notices_);
    co_await sim::sleep_for(notice);
    writer_ = database_.writer();
    writer_changed_.notify_all();
  }
}

sim::Task<> RdsProxy::accept() {
  for (;;) {
    SqlServerSocket socket = co_await listener_.accept();
    group_.spawn(serve(std::move(socket)));
  }
}

sim::Task<bool> RdsProxy::connect(SqlSocket& server, MemberId member) {
  const Address address = database_.address(member);
  sim::Result<SqlSocket> opened = co_await connect_sql(group_, book_, address, connect_timeout);
  if (!opened) co_return false;
  SqlRequest hello;
  hello.op = SqlOp::startup;
  opened->send(hello);
  const auto reply = co_await opened->receive_for(connect_timeout);
  if (!reply || reply->state != SqlState::ok || reply->in_recovery) co_return false;
  server = std::move(*opened);
  co_return true;
}

// A connection to the present writer; the one at hand if it is still that.
sim::Task<bool> RdsProxy::borrow(SqlSocket& server, sim::Time deadline) {
  while (group_.now() < deadline) {
    if (server.is_open() && !server.readable()) co_return true;
    server.close();
    const bool connected = co_await connect(server, writer_);
    if (connected) co_return true;
    co_await writer_changed_.wait_for(between_attempts);
  }
  co_return false;
}

sim::Task<> RdsProxy::serve(SqlServerSocket client) {
  const Counted counted(clients_);
  sim::Semaphore::Permit slot;
  SqlSocket server;
  MemberId on = nobody;
  for (;;) {
    const auto request = co_await client.receive();
    if (!request) co_return;
    SqlAnswer answer;
    answer.tag = request->tag;
    answer.server = writer_;
    if (request->op == SqlOp::startup) {
      client.send(answer);
      continue;
    }
    const sim::Time deadline = group_.now() + config_.connection_borrow_timeout;
    if (!slot) slot = co_await slots_.acquire_for(config_.connection_borrow_timeout);
    if (on != writer_) server.close();
    const bool borrowed = co_await borrow(server, deadline);
    if (!slot || !borrowed) {
      ++borrow_timeouts_;
      answer.state = SqlState::no_connection;
      client.send(answer);
      co_return;
    }
    on = writer_;
    server.send(*request);
    const auto reply = co_await server.receive();
    if (!reply) co_return;  // its fate is not known: the client's connection ends with it
    client.send(*reply);
    if (reply->state == SqlState::admin_shutdown) co_return;
    if (reply->state == SqlState::read_only) server.close();
  }
}

}  // namespace predrill::models
