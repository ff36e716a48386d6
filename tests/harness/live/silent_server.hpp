// A port on loopback whose owner accepts and never answers: like a server that stands still.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace predrill::harness::live {

class SilentServer {
 public:
  SilentServer() {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    ::bind(socket_, any, size);
    ::getsockname(socket_, any, &size);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  void listen() { ::listen(socket_, 8); }
  std::string connection() const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=x dbname=x sslmode=disable";
  }

 private:
  int socket_ = -1;
  int port_ = 0;
};

}  // namespace predrill::harness::live
