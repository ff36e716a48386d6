// HikariCP over pgjdbc: how a Java application holds, checks and replaces its connections.
//
// Real thing and version: HikariCP 6.0 (pool/HikariPool.java, pool/PoolBase.java,
//   pool/ProxyConnection.java) with pgjdbc 42.7 (hostchooser, ConnectionFactoryImpl).
// Modelled: one adder per pool with its retry grid (10 ms doubling to 5 s after failures, 30 ms
//   after a success); connectionTimeout as the whole wait of a borrower, FIFO hand-off;
//   validation of connections not used within 500 ms, paid by the borrower; maxLifetime less up to
//   2.5 %, keepaliveTime, idleTimeout with the housekeeper's 30 s; eviction by SQLSTATE, which
//   25006 is not part of; pgjdbc's connectTimeout per address, loginTimeout, socketTimeout,
//   tcpKeepAlive, targetServerType with the host status cache, the JVM's DNS cache (a resolver with
//   a fixed time).
// Simplified (diverges from the real thing): the pool's "own recent connection" of a thread is the
//   most recently returned one. A network time-out during validation ends the connection.
// Ignored: leak detection, JMX, several adders while a pool is first filled, SSL negotiation.
// Calibrated from: nothing; every delay is configured, or the network's and the server's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/address.hpp"
#include "models/dns.hpp"
#include "models/journal.hpp"
#include "models/sql.hpp"
#include "models/sql_client.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace hikari {
inline constexpr sim::Kind connected{"hikari.connected", "added connection, now {0}"};
inline constexpr sim::Kind connect_failed{"hikari.connect_failed", "cannot add: next in {0:d}"};
inline constexpr sim::Kind evicted{"hikari.evicted", "connection is dead, {0} left"};
inline constexpr sim::Kind timed_out{"hikari.timed_out",
                                     "Connection is not available, request timed out after {0:d}"};
}  // namespace hikari

enum class TargetServerType : std::uint8_t { any, primary, secondary, prefer_secondary };

/// pgjdbc's connection properties.
struct PgjdbcConfig {
  std::vector<HostSpec> hosts;                               // in the order of the URL
  sim::Duration connect_timeout = std::chrono::seconds(10);  // per socket; 0 = the kernel's
  sim::Duration login_timeout{};                             // of the whole connect; 0 = none
  sim::Duration socket_timeout{};                            // of a read; 0 = for ever
  bool tcp_keep_alive = false;
  TargetServerType target_server_type = TargetServerType::any;
  sim::Duration host_recheck = std::chrono::seconds(10);
  sim::TcpOptions tcp;  // the kernel's keep-alive times, where tcp_keep_alive is on
};

struct HikariConfig {
  std::string name = "HikariPool-1";
  PgjdbcConfig driver;
  std::uint32_t maximum_pool_size = 10;
  std::uint32_t minimum_idle = 10;
  sim::Duration connection_timeout = std::chrono::seconds(30);
  sim::Duration validation_timeout = std::chrono::seconds(5);
  sim::Duration max_lifetime = std::chrono::minutes(30);
  sim::Duration idle_timeout = std::chrono::minutes(10);
  sim::Duration keepalive_time{};
};

/// HikariConfig.validate: what is refused, and what is set to its default, as sentences.
std::vector<std::string> validate(HikariConfig& config);

/// The pause after the nth failed attempt in a row, n from 1: 10 ms, 20 ms … 5 s.
sim::Duration hikari_back_off(std::uint32_t failures);
/// A connection on which this was raised is closed (ProxyConnection.ERROR_STATES, class 08).
bool hikari_evicts(SqlState state);

class HikariPool {
 public:
  /// `resolver` is the JVM's DNS cache, or nullptr if every host is an address.
  HikariPool(sim::Host& host, AddressBook& book, DnsServer* resolver, HikariConfig config);
  ~HikariPool();

  void start();
  /// softEvictConnections: idle ones are closed now, the others when they come back.
  void soft_evict();

  /// For processes of group(): the JVM and its requests die together.
  /// getConnection, one autocommit statement, close. Never longer than connectionTimeout plus the
  /// statement. A borrower that waited in vain has Outcome::timeout and `in_flight` false.
  sim::Task<StatementResult> execute(SqlRequest request);

  std::size_t total() const { return entries_.size(); }
  std::size_t idle() const;
  std::size_t waiting() const { return waiting_; }
  std::uint64_t timeouts() const { return timeouts_; }
  /// Instants at which the adder began an attempt.
  const std::vector<sim::Time>& attempts() const { return attempts_; }
  sim::Group& group() { return group_; }
  const HikariConfig& config() const { return config_; }

 private:
  struct Entry {
    SqlSocket socket;
    sim::Time last_used{};
    sim::Time expires = sim::time_max;  // maxLifetime
    sim::Time checked{};                // keepaliveTime counts from here
    bool in_use = false;
    bool evict = false;
  };
  struct HostStatus {
    enum class Seen : std::uint8_t {
      unknown,
      connect_fail,
      primary,
      secondary
    } seen = Seen::unknown;
    sim::Time at{};
  };
  /// A borrower that dies gives its connection back as dead.
  struct Lease {
    Lease(HikariPool& pool_ref, Entry* entry_ptr) : pool(pool_ref), entry(entry_ptr) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      if (entry != nullptr) pool.give_back(*entry, true);
    }
    HikariPool& pool;
    Entry* entry;
  };

  sim::Task<> adder();
  sim::Task<> housekeeper();
  sim::Task<> keep_alive();
  sim::Task<Entry*> borrow(sim::Time deadline);
  sim::Task<bool> is_valid(Entry& entry);
  sim::Task<StatementResult> ask(Entry& entry, SqlRequest request, sim::Duration limit);
  sim::Task<bool> connect(SqlSocket& socket);
  sim::Task<bool> connect_host(SqlSocket& socket, std::size_t index, sim::Time deadline,
                               bool any_role);
  sim::Task<bool> connect_address(SqlSocket& socket, Address address, std::size_t index,
                                  sim::Time deadline, bool any_role);
  bool may_try(std::size_t index, bool any_role) const;
  bool wants_more() const;
  Entry* take_idle();
  void give_back(Entry& entry, bool dead);
  void remove(Entry& entry);
  sim::Time now() const { return group_.now(); }

  HikariConfig config_;
  AddressBook& book_;
  DnsServer* resolver_;
  sim::EntityId entity_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<HostStatus> hosts_;
  std::vector<sim::Time> attempts_;
  std::size_t waiting_ = 0;
  std::uint64_t timeouts_ = 0;
  sim::Signal demand_;
  sim::Signal returned_;  // one borrower is woken per returned connection
  sim::Stream lifetimes_;
  sim::Group group_;
};

}  // namespace predrill::models
