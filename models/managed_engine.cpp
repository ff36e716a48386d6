#include "models/managed_engine.hpp"

#include <array>
#include <utility>

#include "sim/network.hpp"
#include "sim/simulation.hpp"

namespace predrill::models {

ManagedEngine::ManagedEngine(sim::Simulation& simulation, const std::string& name, std::size_t zone,
                             MemberId member, const sim::Distribution& login, EngineKinds kinds)
    : member_(member),
      login_time_(login),
      kinds_(kinds),
      host_(simulation, name, simulation.network().zone("az-" + std::to_string(zone))),
      engine_(host_, "postgres"),
      listener_(engine_, "5432"),
      login_(host_.stream("login")) {}

ManagedEngine::~ManagedEngine() {
  engine_.kill();
}

void ManagedEngine::open(std::string_view role) {
  if (!host_.up()) host_.restart();
  engine_.kill();
  listener_.open();
  engine_.spawn(accept());
  say_started(role);
}

void ManagedEngine::say_started(std::string_view role) {
  sim::Trace& trace = engine_.simulation().trace();
  trace.emit(engine_.now(), host_.entity(), *kinds_.started, trace.name(role));
}

void ManagedEngine::end(EngineEnd how) {
  const auto lost = static_cast<std::int64_t>(sessions_.size());
  sim::Trace& trace = engine_.simulation().trace();
  static constexpr std::array<std::string_view, 3> names = {"stopped", "crashed", "silent"};
  trace.emit(engine_.now(), host_.entity(), *kinds_.stopped,
             trace.name(names[static_cast<std::size_t>(how)]), lost);
  if (how == EngineEnd::silent) {
    host_.crash();
    return;
  }
  if (how == EngineEnd::stopped) {
    SqlAnswer bye;
    bye.state = SqlState::admin_shutdown;
    bye.server = member_;
    for (SqlServerSocket* session : sessions_) session->send(bye);
  }
  engine_.kill();
}

sim::Task<> ManagedEngine::accept() {
  for (;;) {
    SqlServerSocket socket = co_await listener_.accept();
    engine_.spawn(serve(std::move(socket)));
  }
}

sim::Task<> ManagedEngine::serve(SqlServerSocket socket) {
  const Session registered(sessions_, socket);
  for (;;) {
    const auto request = co_await socket.receive();
    if (!request) co_return;
    if (request->op == SqlOp::startup) {
      const sim::Duration length = login_time_.sample_duration(login_);
      co_await sim::sleep_for(length);
      SqlAnswer answer = hello();
      if (sessions_.size() > max_connections()) answer.state = SqlState::too_many_connections;
      socket.send(answer);
      if (answer.state != SqlState::ok) co_return;
      continue;
    }
    const SqlAnswer answer = co_await execute(*request);
    socket.send(answer);
    if (answer.state == SqlState::admin_shutdown) co_return;
  }
}

}  // namespace predrill::models
