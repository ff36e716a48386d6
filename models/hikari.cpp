#include "models/hikari.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration alive_bypass_window = 500ms;
constexpr sim::Duration housekeeping_period = 30s;
constexpr sim::Duration first_housekeeping = 100ms;
constexpr sim::Duration after_success = 30ms;
constexpr sim::Duration back_off_first = 10ms;
constexpr sim::Duration back_off_max = 5s;
constexpr sim::Duration lifetime_min = 30s;
constexpr sim::Duration timeout_min = 250ms;
constexpr sim::Duration idle_min = 10s;

}  // namespace

std::vector<std::string> validate(HikariConfig& config) {
  std::vector<std::string> problems;
  const HikariConfig defaults;
  const auto at_least = [&](const char* name, sim::Duration& value, sim::Duration least,
                            sim::Duration fallback) {
    if (value == 0s || value >= least) return;
    problems.push_back(std::string(name) + " is less than " + sim::to_text(least) + ": " +
                       sim::to_text(fallback) + " is used");
    value = fallback;
  };
  at_least("maxLifetime", config.max_lifetime, lifetime_min, defaults.max_lifetime);
  at_least("keepaliveTime", config.keepalive_time, lifetime_min, 0s);
  at_least("idleTimeout", config.idle_timeout, idle_min, defaults.idle_timeout);
  if (config.connection_timeout < timeout_min) {
    problems.emplace_back("connectionTimeout cannot be less than 250 ms: 30 s is used");
    config.connection_timeout = defaults.connection_timeout;
  }
  if (config.validation_timeout < timeout_min) {
    problems.emplace_back("validationTimeout cannot be less than 250 ms: 5 s is used");
    config.validation_timeout = defaults.validation_timeout;
  }
  if (config.maximum_pool_size < 1) {
    problems.emplace_back("maximumPoolSize cannot be less than 1: 10 is used");
    config.maximum_pool_size = defaults.maximum_pool_size;
  }
  config.minimum_idle = std::min(config.minimum_idle, config.maximum_pool_size);
  if (config.driver.socket_timeout == 0s && !config.driver.tcp_keep_alive) {
    problems.emplace_back(
        "socketTimeout 0 without tcpKeepAlive: a read on a silent server never ends, and its "
        "connection is lost to the pool");
  }
  return problems;
}

sim::Duration hikari_back_off(std::uint32_t failures) {
  sim::Duration pause = back_off_first;
  for (std::uint32_t i = 1; i < failures && pause < back_off_max; ++i) pause *= 2;
  return std::min(pause, back_off_max);
}

bool hikari_evicts(SqlState state) {
  static constexpr std::array<SqlState, 7> error_states = {
      SqlState::admin_shutdown,     SqlState::crash_shutdown,     SqlState::cannot_connect_now,
      SqlState::no_connection,      SqlState::connection_failure,  // class 08
      SqlState::query_wait_timeout, SqlState::pooler_error};       // 08P01
  return std::ranges::find(error_states, state) != error_states.end();
}

HikariPool::HikariPool(sim::Host& host, AddressBook& book, DnsServer* resolver, HikariConfig config)
    : config_(std::move(config)),
      book_(book),
      resolver_(resolver),
      entity_(host.simulation().trace().entity(config_.name)),
      hosts_(config_.driver.hosts.size()),
      lifetimes_(host.simulation().stream(config_.name, "maxLifetime")),
      group_(host, "jvm") {
  validate(config_);
}

HikariPool::~HikariPool() {
  group_.kill();
}

void HikariPool::start() {
  group_.spawn(adder());
  group_.spawn(housekeeper());
  if (config_.keepalive_time > 0s) group_.spawn(keep_alive());
}

std::size_t HikariPool::idle() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [](const std::unique_ptr<Entry>& one) { return !one->in_use; }));
}

bool HikariPool::wants_more() const {
  if (entries_.size() >= config_.maximum_pool_size) return false;
  return waiting_ > 0 || idle() < config_.minimum_idle;
}

// ---- the adder: PoolEntryCreator

sim::Task<> HikariPool::adder() {
  for (;;) {
    std::uint32_t failures = 0;
    while (wants_more()) {
      attempts_.push_back(now());
      SqlSocket socket;
      const bool connected = co_await connect(socket);
      sim::Trace& trace = group_.simulation().trace();
      if (connected) {
        failures = 0;
        entries_.push_back(std::make_unique<Entry>());
        Entry& entry = *entries_.back();
        entry.socket = std::move(socket);
        entry.last_used = entry.checked = now();
        const sim::Duration variance = lifetimes_.uniform(0s, config_.max_lifetime / 40);
        if (config_.max_lifetime > 0s) entry.expires = now() + config_.max_lifetime - variance;
        trace.emit(now(), entity_, hikari::connected, static_cast<std::int64_t>(entries_.size()));
        returned_.notify_one();
        co_await sim::sleep_for(after_success);
        continue;
      }
      const sim::Duration pause = hikari_back_off(++failures);
      trace.emit(now(), entity_, hikari::connect_failed, pause.count());
      co_await sim::sleep_for(pause);
    }
    co_await demand_.wait();
  }
}

// Idle trimming, lifetime and the refill to minimumIdle.
sim::Task<> HikariPool::housekeeper() {
  co_await sim::sleep_for(first_housekeeping);
  for (;;) {
    for (std::size_t i = entries_.size(); i-- > 0;) {
      Entry& entry = *entries_[i];
      const bool old = now() >= entry.expires;
      const bool too_many = config_.minimum_idle < config_.maximum_pool_size &&
                            idle() > config_.minimum_idle && config_.idle_timeout > 0s &&
                            now() - entry.last_used > config_.idle_timeout;
      if (old) entry.evict = true;
      if (!entry.in_use && (old || too_many)) remove(entry);
    }
    demand_.notify_all();
    co_await sim::sleep_for(housekeeping_period);
  }
}

sim::Task<> HikariPool::keep_alive() {
  for (;;) {
    co_await sim::sleep_for(1s);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      Entry& entry = *entries_[i];
      if (entry.in_use || now() - entry.checked < config_.keepalive_time) continue;
      entry.in_use = true;
      Lease lease(*this, &entry);
      const bool valid = co_await is_valid(entry);
      entry.checked = now();
      lease.entry = nullptr;
      give_back(entry, !valid);
    }
  }
}

void HikariPool::soft_evict() {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = *entries_[i];
    entry.evict = true;
    if (!entry.in_use) remove(entry);
  }
  demand_.notify_all();
}

void HikariPool::remove(Entry& entry) {
  std::erase_if(entries_, [&](const std::unique_ptr<Entry>& one) { return one.get() == &entry; });
}

void HikariPool::give_back(Entry& entry, bool dead) {
  entry.in_use = false;
  if (dead || entry.evict || !entry.socket.is_open()) {
    remove(entry);
    group_.simulation().trace().emit(now(), entity_, hikari::evicted,
                                     static_cast<std::int64_t>(entries_.size()));
    demand_.notify_all();
    return;
  }
  entry.last_used = now();
  returned_.notify_one();
}

// ---- borrowers

HikariPool::Entry* HikariPool::take_idle() {
  Entry* best = nullptr;
  for (const auto& one : entries_) {
    if (!one->in_use && (best == nullptr || one->last_used > best->last_used)) best = one.get();
  }
  return best;
}

sim::Task<HikariPool::Entry*> HikariPool::borrow(sim::Time deadline) {
  for (;;) {
    Entry* entry = take_idle();
    if (entry == nullptr) {
      ++waiting_;
      demand_.notify_all();
      const bool in_time = co_await returned_.wait_for(deadline - now());
      --waiting_;
      if (!in_time) co_return nullptr;
      continue;
    }
    entry->in_use = true;
    if (entry->evict || now() >= entry->expires) {
      give_back(*entry, true);
      continue;
    }
    if (now() - entry->last_used <= alive_bypass_window) co_return entry;
    Lease lease(*this, entry);
    const bool valid = co_await is_valid(*entry);
    lease.entry = nullptr;
    if (valid) co_return entry;
    give_back(*entry, true);
    if (now() >= deadline) co_return nullptr;
  }
}

// Connection.isValid with the limit max(1 s, validationTimeout), the socket's own while it lasts.
sim::Task<bool> HikariPool::is_valid(Entry& entry) {
  if (!entry.socket.is_open()) co_return false;
  SqlRequest request;
  request.op = SqlOp::show_state;
  const StatementResult result = co_await ask(entry, request, config_.validation_timeout);
  co_return result.ok();
}

sim::Task<StatementResult> HikariPool::ask(Entry& entry, SqlRequest request, sim::Duration limit) {
  if (!entry.socket.send(request)) co_return failed(entry.socket.error(), true);
  const auto reply = co_await entry.socket.receive_for(limit);
  if (!reply) {
    const sim::NetError error = reply.error();
    entry.socket.close();
    co_return failed(error, true);
  }
  co_return answered(*reply);
}

sim::Task<StatementResult> HikariPool::execute(SqlRequest request) {
  const sim::Time begin = now();
  Entry* entry = co_await borrow(begin + config_.connection_timeout);
  if (entry == nullptr) {
    ++timeouts_;
    const sim::Duration waited = now() - begin;
    group_.simulation().trace().emit(now(), entity_, hikari::timed_out, waited.count());
    StatementResult late;
    late.outcome = Outcome::timeout;
    late.state = SqlState::no_connection;
    co_return late;
  }
  Lease lease(*this, entry);
  const sim::Duration limit =
      config_.driver.socket_timeout > 0s ? config_.driver.socket_timeout : sim::forever;
  const StatementResult result = co_await ask(*entry, request, limit);
  lease.entry = nullptr;
  const bool broken =
      !result.ok() && (result.outcome != Outcome::sql_error || hikari_evicts(result.state));
  give_back(*entry, broken);
  co_return result;
}

// ---- pgjdbc

bool HikariPool::may_try(std::size_t index, bool any_role) const {
  const HostStatus& status = hosts_[index];
  const bool fresh =
      status.seen != HostStatus::Seen::unknown && now() - status.at < config_.driver.host_recheck;
  if (!fresh) return true;
  if (status.seen == HostStatus::Seen::connect_fail) return false;
  if (any_role) return true;
  const bool primary = status.seen == HostStatus::Seen::primary;
  return primary == (config_.driver.target_server_type == TargetServerType::primary);
}

sim::Task<bool> HikariPool::connect(SqlSocket& socket) {
  const PgjdbcConfig& driver = config_.driver;
  // HikariCP sets loginTimeout to connectionTimeout, rounded to seconds, unless it is set.
  const sim::Duration login = driver.login_timeout > 0s
                                  ? driver.login_timeout
                                  : std::max<sim::Duration>(1s, config_.connection_timeout);
  const sim::Time deadline = now() + login;
  const bool any = driver.target_server_type == TargetServerType::any;
  const bool two_passes = driver.target_server_type == TargetServerType::prefer_secondary;
  for (int pass = 0; pass < (two_passes ? 2 : 1); ++pass) {
    const bool any_role = any || pass == 1;
    bool candidates = false;
    for (std::size_t i = 0; i < driver.hosts.size(); ++i) {
      candidates = candidates || may_try(i, any_role);
    }
    for (std::size_t i = 0; i < driver.hosts.size(); ++i) {
      if (candidates && !may_try(i, any_role)) continue;
      const bool connected = co_await connect_host(socket, i, deadline, any_role);
      if (connected) co_return true;
      if (now() >= deadline) co_return false;
    }
  }
  co_return false;
}

sim::Task<bool> HikariPool::connect_host(SqlSocket& socket, std::size_t index, sim::Time deadline,
                                         bool any_role) {
  const HostSpec host = config_.driver.hosts[index];
  AddressList addresses;
  addresses.add(host.address);
  if (host.name != DnsName::none) {
    const DnsAnswer answer = co_await resolver_->query(group_, host.name);
    addresses = answer.addresses;
  }
  for (std::size_t i = 0; i < addresses.count; ++i) {
    const Address address = addresses.items[i];
    const bool connected = co_await connect_address(socket, address, index, deadline, any_role);
    if (connected) co_return true;
  }
  if (addresses.empty()) hosts_[index] = {HostStatus::Seen::connect_fail, now()};
  co_return false;
}

sim::Task<bool> HikariPool::connect_address(SqlSocket& socket, Address address, std::size_t index,
                                            sim::Time deadline, bool any_role) {
  const PgjdbcConfig& driver = config_.driver;
  const sim::Duration left = deadline - now();
  const sim::Duration limit =
      driver.connect_timeout > 0s ? std::min(driver.connect_timeout, left) : left;
  sim::TcpOptions tcp = driver.tcp;
  tcp.keepalive = driver.tcp_keep_alive;
  sim::Result<SqlSocket> opened = co_await connect_sql(group_, book_, address, limit, tcp);
  if (!opened) {
    hosts_[index] = {HostStatus::Seen::connect_fail, now()};
    co_return false;
  }
  SqlRequest hello;
  hello.op = SqlOp::startup;
  opened->send(hello);
  const auto reply = co_await opened->receive_for(deadline - now());
  if (!reply || reply->state != SqlState::ok) {
    hosts_[index] = {HostStatus::Seen::connect_fail, now()};
    co_return false;
  }
  const auto seen = reply->in_recovery ? HostStatus::Seen::secondary : HostStatus::Seen::primary;
  hosts_[index] = {seen, now()};
  const bool wants_primary = driver.target_server_type == TargetServerType::primary;
  const bool suits = any_role || wants_primary == (seen == HostStatus::Seen::primary);
  if (!suits) co_return false;
  socket = std::move(*opened);
  co_return true;
}

}  // namespace predrill::models
