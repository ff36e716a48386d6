// HTTP as live drills need it: Patroni's REST interface and etcd's gateway, each call with a limit.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace predrill::harness::live {

struct HttpReply {
  int status = 0;  // 0: no answer
  std::string body;
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpRequest {
  std::string method = "GET";  // GET, POST, OPTIONS, PATCH
  std::string address{};
  int port = 0;
  std::string path = "/";
  std::string body{};
  std::chrono::milliseconds timeout = std::chrono::seconds(2);  // to connect, and for each read
};

HttpReply http(const HttpRequest& request);

/// POSTs and hands on what comes, until `take` says false, the connection ends, or nothing comes
/// for the time-out.
void http_stream(const HttpRequest& request, const std::function<bool(std::string_view)>& take);

std::string base64(std::string_view bytes);
std::string from_base64(std::string_view text);

}  // namespace predrill::harness::live
