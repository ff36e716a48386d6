// HTTP as health checks and probes use it: a path is asked for, a status comes back. A TCP check
// uses the same port and sends nothing. Asked by load balancers and by kubelets.
#pragma once

#include <cstdint>

#include "sim/tcp.hpp"

namespace predrill::models {

struct HttpRequest {
  std::uint64_t path = 0;  // sim::stable_hash of the text
};

struct HttpReply {
  std::uint16_t status = 200;
};

using HttpListener = sim::Listener<HttpRequest, HttpReply>;
using HttpSocket = sim::Socket<HttpRequest, HttpReply>;
using HttpServerSocket = sim::Socket<HttpReply, HttpRequest>;

}  // namespace predrill::models
