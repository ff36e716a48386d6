// haproxy.cfg as far as it decides when a server is used: names and defaults of HAProxy 2.6
// (configuration manual, "server and default-server options").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/patroni_api.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// One `listen` section (or frontend with its backend).
struct HaproxySection {
  std::string name = "primary";
  RestPath check = RestPath::primary;  // option httpchk OPTIONS/GET <uri>
  std::vector<MemberId> servers;       // empty = every member
  sim::Duration inter = std::chrono::seconds(2);
  sim::Duration fastinter{};  // 0 = inter
  sim::Duration downinter{};  // 0 = inter
  std::int32_t rise = 2;
  std::int32_t fall = 3;
  bool on_marked_down_shutdown_sessions = false;
  bool on_marked_up_shutdown_backup_sessions = false;
  std::int32_t maxconn = 0;  // per server; 0 = no limit
};

struct HaproxyConfig {
  std::string name = "haproxy";
  std::vector<HaproxySection> sections;
  sim::Duration timeout_connect = std::chrono::seconds(5);
  sim::Duration timeout_check{};   // 0 = `inter` for the connection and timeout connect rules
  sim::Duration timeout_client{};  // 0 = unlimited
  sim::Duration timeout_server{};
  sim::Duration timeout_queue{};  // 0 = timeout connect
  std::int32_t retries = 3;
  std::int32_t maxconn = 2000;
  bool redispatch = false;
};

}  // namespace predrill::models
