// A server that crashes every hour and is back after a minute; a client that asks every second,
// waits two seconds for an answer and tries three times.
#pragma once

#include "sim/task.hpp"
#include "sim/tcp.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

struct Server {
  explicit Server(Simulation& sim) : host(sim, "server") {
    host.on_boot([this] { port.open(), group.spawn(serve()); });
    host.boot();
    sim.world().spawn(crash_every_hour());
  }
  Task<> serve() {
    for (;;) {
      auto socket = co_await port.accept();
      const auto question = co_await socket.receive_for(1s);
      if (question) socket.send(*question * 2);
    }
  }
  Task<> crash_every_hour() {
    for (;; host.restart()) {
      co_await sleep_for(1h);
      host.crash();
      co_await sleep_for(1min);
    }
  }
  Host host;
  Group group{host, "server"};
  Listener<int, int> port{group, "port"};
};

struct Client {
  Client(Simulation& sim, Server& s) : host(sim, "client"), server(s) { group.spawn(run()); }
  Task<> run() {
    for (int question = 1;; ++question) {
      bool done = false;
      for (int attempt = 1; attempt <= 3 && !done; ++attempt) {
        const auto answer = co_await call(group, server.port, question, 2s);
        done = answer && *answer == question * 2;
        if (!done) ++failed_attempts;
      }
      ++(done ? answered : given_up);
      co_await sleep_for(1s);
    }
  }
  Host host;
  Server& server;
  Group group{host, "client"};
  int answered = 0, given_up = 0, failed_attempts = 0;
};
