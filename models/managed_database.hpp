// What stands in front of a managed database knows of it: who writes, where, and that it changed.
#pragma once

#include <cstdint>

#include "models/address.hpp"
#include "models/lsn.hpp"
#include "sim/sync.hpp"

namespace predrill::models {

class ManagedDatabase {
 public:
  virtual ~ManagedDatabase() = default;
  /// As the control plane shows it; nobody while no instance writes.
  virtual MemberId writer() const = 0;
  virtual Address address(MemberId member) const = 0;
  virtual std::uint32_t max_connections(MemberId member) const = 0;
  /// Told whenever anything that an API answer shows has changed.
  virtual sim::Signal& changed() = 0;
};

}  // namespace predrill::models
