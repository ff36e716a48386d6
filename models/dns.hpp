// DNS: names, who may say what they mean, and how long others go on believing it.
//
// Real thing and version: a chain of servers as in Route 53 + VPC resolver, or CoreDNS 1.11 with
//   the plugins kubernetes, cache and forward; the C library's resolver as the client.
// Modelled: authoritative records with TTL and the delay of a change, answered whole or one address
//   at a time in turn (the reader endpoint of Aurora); caches in series that pass on
//   the remaining TTL, with a maximum, a minimum, or a fixed time instead of the TTL (JVM,
//   PgBouncer); negative answers (NXDOMAIN and no address) and their caching; silence of a server
//   that is down, cut off or frozen, with the resolver's time-out and attempts.
// Simplified (diverges from the real thing): a question is one round trip without loss; a server
//   answers one question in no time. A change reaches all replicas of a server at one instant.
// Ignored: zones, delegation, TCP, DNSSEC, search lists (ndots), several answers of mixed TTL.
// Calibrated from: resolv.conf(5) (timeout 5 s, attempts 2), CoreDNS plugin READMEs (kubernetes:
//   ttl 5; cache: success 3600 s at most and 5 s at least, denial 1800 s at most), AWS guides
//   (RDS zones 5 s; Route 53 changes generally within 60 s).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/address.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

/// A domain name; a number of the DnsNames of the run. none: an address literal, no lookup.
enum class DnsName : std::uint16_t { none = 0 };

constexpr std::size_t dns_addresses_max = 8;

/// A list of addresses of fixed capacity, in the order of the answer.
struct AddressList {
  std::array<Address, dns_addresses_max> items{};
  std::uint8_t count = 0;
  void add(Address a) {
    if (count < dns_addresses_max) items[count++] = a;
  }
  bool empty() const { return count == 0; }
  bool contains(Address a) const;
  const Address* begin() const { return items.data(); }
  const Address* end() const { return items.data() + count; }
  bool operator==(const AddressList&) const = default;
};

struct DnsAnswer {
  enum class Status : std::uint8_t {
    ok,
    nxdomain,  // no such name, or a name without address
    failed,    // no server answered (SERVFAIL, timeout)
  };
  Status status = Status::failed;
  AddressList addresses;
  sim::Duration ttl{};  // left when the answer was given
};

namespace dns {
inline constexpr sim::Kind record_changed{"dns.record_changed",
                                          "{0:n} now has {1} addresses, the first is #{2}"};
}  // namespace dns

struct DnsServerConfig {
  std::string name = "dns";
  bool cache = false;  // remember answers at all
  sim::Duration cache_max = std::chrono::seconds(3600);
  sim::Duration cache_min{};  // CoreDNS cache plugin: 5 s
  sim::Duration negative_cache_max = std::chrono::seconds(1800);
  sim::Duration fixed_ttl{};  // > 0: keep that long, whatever the record says
  sim::Duration soa_minimum = std::chrono::seconds(5);  // TTL of own negative answers
  sim::Duration timeout = std::chrono::seconds(5);      // of a question to the server above
  int attempts = 2;
};

/// What the real servers reject or clamp, as sentences; clamps like they do.
std::vector<std::string> validate(DnsServerConfig& config);

/// A DNS server: authoritative for its own records, for others it asks the server above it.
class DnsServer {
 public:
  /// Answers while its host is up and neither it nor the group is frozen. `update_delay`: from
  /// set() until the new value is answered.
  DnsServer(sim::Group& group, DnsServerConfig config, sim::Distribution update_delay = {});

  /// What an answer holds of a record of several addresses.
  enum class Answers : std::uint8_t { all, one_in_turn };
  /// A record of this server's own; empty = NXDOMAIN.
  void add(DnsName name, std::string text, sim::Duration ttl, const AddressList& addresses,
           Answers answers = Answers::all);
  /// Changes a record; in force after the update delay, changes in their order.
  void set(DnsName name, const AddressList& addresses);
  void forward_to(DnsServer& above) { above_ = &above; }
  void flush_cache() { cache_.clear(); }

  /// One question from a process elsewhere, with the C library's time-out and attempts.
  sim::Task<DnsAnswer> query(sim::Group& from, DnsName name, sim::Duration timeout, int attempts);
  /// The same with resolv.conf's defaults.
  sim::Task<DnsAnswer> query(sim::Group& from, DnsName name) {
    return query(from, name, config_.timeout, config_.attempts);
  }
  /// What the authoritative data says now, for tests and reports.
  AddressList current(DnsName name);

  std::uint64_t questions() const { return questions_; }
  sim::Group& group() const { return group_; }

 private:
  struct Change {
    sim::Time at;
    AddressList addresses;
  };
  struct Record {
    DnsName name;
    std::string text;
    sim::Duration ttl;
    AddressList addresses;
    Answers answers;
    std::size_t turn = 0;
    std::vector<Change> pending{};  // in order of time
  };
  struct Cached {
    DnsName name;
    DnsAnswer answer;
    sim::Time expires;
  };
  Record* find(DnsName name);
  void apply(Record& record);
  static AddressList next_answer(Record& record);
  bool reachable(const sim::Host& from) const;
  sim::Task<DnsAnswer> answer(DnsName name);
  DnsAnswer remember(DnsName name, DnsAnswer answer);

  sim::Group& group_;
  DnsServerConfig config_;
  DnsServer* above_ = nullptr;
  std::vector<Record> records_;
  std::vector<Cached> cache_;
  std::uint64_t questions_ = 0;
  sim::Distribution update_delay_;
  sim::Stream updates_;
};

/// A `host=` of a configuration: an address literal, or a name that is looked up.
struct HostSpec {
  DnsName name = DnsName::none;
  Address address = Address::none;  // if name is none
  MemberId member = nobody;         // whom the text means, for journals; nobody = a name or proxy

  static HostSpec of(Address a, MemberId m = nobody) { return {DnsName::none, a, m}; }
  static HostSpec of(DnsName n) { return {n, Address::none, nobody}; }
};

}  // namespace predrill::models
