// Patroni's REST API as other programs see it: health checks of routers, the polls of the leader
// race, the failsafe call, switchover. Source: patroni/api.py of 3.3.2.
#pragma once

#include <cstdint>

#include "models/dcs.hpp"
#include "models/lsn.hpp"
#include "sim/tcp.hpp"

namespace predrill::models {

enum class RestPath : std::uint8_t {
  patroni,  // GET /patroni: the member's state
  primary,  // GET /primary, /read-write, /master
  leader,
  replica,  // running as a standby, not further behind than `lag` allows
  read_only,
  sync,
  read_only_sync,
  async,
  health,
  liveness,
  readiness,
  failsafe,    // POST /failsafe by `leader`
  switchover,  // POST /switchover {leader, candidate}
  failover,    // POST /failover {candidate}
  restart      // POST /restart
};

struct RestRequest {
  RestPath path = RestPath::primary;
  MemberId leader = nobody;
  MemberId candidate = nobody;
  std::uint64_t lag = UINT64_MAX;  // /replica?lag=
};

struct RestReply {
  std::uint16_t status = 503;
  MemberData::Role role = MemberData::Role::uninitialized;
  MemberData::State state = MemberData::State::stopped;
  bool has_position = false;  // the reply has an "xlog" part: PostgreSQL could be asked
  bool in_recovery = true;
  bool nofailover = false;
  bool watchdog_failed = false;
  bool sync_standby = false;
  bool failsafe_active = false;
  std::int32_t failover_priority = 1;
  Timeline timeline = 0;
  Lsn position;  // primary: written; replica: max(received, replayed)
};

using RestListener = sim::Listener<RestRequest, RestReply>;

}  // namespace predrill::models
