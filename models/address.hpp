// IP addresses: what configuration files and DNS answers name, and where a SYN sent there ends up.
// An address is a socket of a host, a virtual address that each node translates for itself
// (a ClusterIP), or nobody's any more (the address of a deleted pod: silence).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/sql.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

namespace predrill::models {

/// An IP address together with the port in question. none = not known.
enum class Address : std::uint32_t { none = 0 };

/// An address that is rewritten on the node where a connection is opened (destination NAT).
class VirtualAddress {
 public:
  virtual ~VirtualAddress() = default;
  /// Where a new connection from this host goes; Address::none = rejected by ICMP, which connect()
  /// reports as "connection refused".
  virtual Address translate(const sim::Host& from) = 0;
};

/// All addresses of a run. Must outlive whoever connects through it.
class AddressBook {
 public:
  /// A new address of a listening socket; one listener may get several over time (a pod that
  /// starts again).
  Address add(SqlListener& listener);
  Address add(VirtualAddress& address);
  /// The address is taken away: connections to it meet silence from now on.
  void retire(Address address);

  struct Route {
    SqlListener* listener = nullptr;  // nullptr: rejected or silent
    bool rejected = false;
  };
  Route route(Address to, const sim::Host& from) const;

 private:
  struct Entry {
    SqlListener* listener = nullptr;
    VirtualAddress* virtual_address = nullptr;
  };
  std::vector<Entry> entries_;
};

/// Opens a connection to an address: sim::connect with the address looked up first.
sim::Task<sim::Result<SqlSocket>> connect_sql(sim::Group& from, AddressBook& book, Address to,
                                              sim::Duration timeout, sim::TcpOptions options = {});

}  // namespace predrill::models
