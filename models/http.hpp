// HTTP as health checks and probes use it: a path is asked for, a status comes back. A TCP check
// uses the same port and sends nothing. Asked by load balancers and by kubelets.
#pragma once

#include <cstdint>

#include "sim/tcp.hpp"

namespace predrill::models {

struct HttpRequest {
  enum class Use : std::uint8_t {
    check,  // GET of a health check or a probe; answered with a status
    flow,   // a client's connection: stays open, its requests are counted by the service
  };
  Use use = Use::check;
  std::uint64_t path = 0;  // sim::stable_hash of the text
  std::uint32_t flow = 0;
};

struct HttpReply {
  std::uint16_t status = 200;
};

using HttpListener = sim::Listener<HttpRequest, HttpReply>;
using HttpSocket = sim::Socket<HttpRequest, HttpReply>;
using HttpServerSocket = sim::Socket<HttpReply, HttpRequest>;

}  // namespace predrill::models
