#include "models/haproxy.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

/// Pause before another attempt on the same server after a refusal (src/backend.c, turn-around).
constexpr sim::Duration turn_around = 1s;
constexpr std::uint16_t http_ok = 200;

}  // namespace

std::vector<std::string> validate(HaproxyConfig& config) {
  std::vector<std::string> problems;
  for (HaproxySection& section : config.sections) {
    const auto at_least_one = [&](const char* name, std::int32_t& value, std::int32_t fallback) {
      if (value >= 1) return;
      problems.push_back(section.name + ": " + name +
                         " must be at least 1: " + std::to_string(fallback) + " is used");
      value = fallback;
    };
    at_least_one("rise", section.rise, 2);
    at_least_one("fall", section.fall, 3);
    if (section.inter < sim::Duration(1ms)) {
      problems.push_back(section.name + ": inter must be at least 1 ms: 2 s is used");
      section.inter = 2s;
    }
  }
  if (config.timeout_connect <= 0s || config.timeout_client <= 0s || config.timeout_server <= 0s) {
    problems.emplace_back(
        "missing timeouts: without timeout connect, client and server a dead peer may hold a "
        "session for ever");
  }
  if (config.retries < 0) {
    problems.emplace_back("retries must not be negative: 3 is used");
    config.retries = 3;
  }
  return problems;
}

void HaproxyHealth::note(bool passed) {
  if (!passed) {
    if (value < rise) {
      value = 0;
      return;
    }
    --value;
    if (value < rise) value = 0;
    return;
  }
  const std::int32_t best = rise + fall - 1;
  if (value >= best) return;
  ++value;
  if (value >= rise) value = best;
}

Haproxy::Session::Session(Haproxy& proxy_ref, sim::Group& group)
    : proxy(proxy_ref), inactivity(*this, group) {}

void Haproxy::Session::expired() {
  proxy.close_session(*this);
}

Haproxy::Section::Section(sim::Group& group, const HaproxySection& section_config)
    : config(section_config), listener(group, "haproxy", 1024) {}

Haproxy::Haproxy(sim::Host& host, HaproxyConfig config, const std::vector<HaproxyServer>& servers)
    : config_(std::move(config)),
      servers_(servers),
      entity_(host.simulation().trace().entity(config_.name)),
      group_(host, "haproxy"),
      phases_(host.stream("haproxy checks")) {
  validate(config_);
  const sim::Duration client = config_.timeout_client;
  const sim::Duration server = config_.timeout_server;
  inactivity_limit_ =
      client > 0s && server > 0s ? std::min(client, server) : std::max(client, server);
  sim::Trace& trace = host.simulation().trace();
  for (const HaproxySection& line : config_.sections) {
    sections_.push_back(std::make_unique<Section>(group_, line));
    Section& section = *sections_.back();
    section.label = trace.name(line.name);
    for (const HaproxyServer& candidate : servers_) {
      const auto& wanted = line.servers;
      const bool named = wanted.empty() ||
                         std::find(wanted.begin(), wanted.end(), candidate.member) != wanted.end();
      if (!named) continue;
      Backend backend;
      backend.line = &candidate;
      backend.label = trace.name(candidate.name);
      section.backends.push_back(std::move(backend));
    }
  }
  host.on_boot([this] { start(); });
}

Haproxy::~Haproxy() {
  group_.kill();
  all_sessions_.clear();  // before the semaphores whose permits they hold
}

void Haproxy::start(Started when) {
  if (group_.running() || !group_.host().up()) return;
  free_sessions_.clear();
  for (const auto& section : sections_) section->sessions = {};
  all_sessions_.clear();
  open_sessions_ = 0;
  std::int64_t checks = 0;
  for (const auto& section : sections_) {
    checks += static_cast<std::int64_t>(section->backends.size());
  }
  std::int64_t position = 0;
  for (const auto& section : sections_) {
    const HaproxySection& line = section->config;
    section->listener.open();
    group_.spawn(accept_sessions(*section));
    std::int64_t turn = 0;
    for (Backend& backend : section->backends) {
      backend.turn = turn++;
      backend.health = {line.rise, line.fall, line.rise};
      backend.sessions = 0;
      backend.slots.reset();
      if (line.maxconn > 0) backend.slots = std::make_unique<sim::Semaphore>(line.maxconn);
      const sim::Duration spread = line.inter * position++ / checks;
      const sim::Duration offset =
          when == Started::now ? spread : phases_.uniform(sim::Duration{}, line.inter);
      if (backend.line->check != nullptr) group_.spawn(check_loop(*section, backend, offset));
    }
  }
  group_.simulation().trace().emit(group_.now(), entity_, haproxy::started);
}

bool Haproxy::is_up(std::size_t section, MemberId member) const {
  for (const Backend& backend : sections_[section]->backends) {
    if (backend.line->member == member) return running() && backend.health.up();
  }
  return false;
}

std::size_t Haproxy::sessions(std::size_t section) const {
  return sections_[section]->sessions.count();
}

// ---- checks
// --------------------------------------------------------------------------------------

sim::Task<> Haproxy::check_loop(Section& section, Backend& backend, sim::Duration offset) {
  co_await sim::sleep_for(offset);
  for (;;) {
    const bool passed = co_await check(section, backend);
    note_check(section, backend, passed);
    co_await sim::sleep_for(next_check(section, backend));
  }
}

// With `timeout check` the connection gets min(timeout connect, inter) and the answer that time-out
// in addition; without it `inter` is the limit of all.
sim::Task<bool> Haproxy::check(Section& section, Backend& backend) {
  const sim::Time begin = group_.now();
  const HaproxySection& line = section.config;
  const bool split = config_.timeout_check > 0s;
  const bool short_connect = split && config_.timeout_connect > 0s;
  const sim::Duration connect_limit =
      short_connect ? std::min(line.inter, config_.timeout_connect) : line.inter;
  auto socket = co_await sim::connect(group_, *backend.line->check, connect_limit);
  if (!socket) co_return false;
  RestRequest request;
  request.path = line.check;
  socket->send(request);
  const sim::Duration spent = group_.now() - begin;
  const sim::Duration left = split ? config_.timeout_check : line.inter - spent;
  const auto reply = co_await socket->receive_for(left);
  const bool passed = reply && reply->status == http_ok;
  co_return passed;
}

// srv_getinter
sim::Duration Haproxy::next_check(const Section& section, const Backend& backend) const {
  const HaproxySection& line = section.config;
  if (!backend.health.up() && backend.health.value == 0) {
    return line.downinter > 0s ? line.downinter : line.inter;
  }
  const bool fast = backend.health.transitional() && line.fastinter > 0s;
  return fast ? line.fastinter : line.inter;
}

void Haproxy::note_check(Section& section, Backend& backend, bool passed) {
  const bool was_up = backend.health.up();
  const Backend* const others_next = next_in_turn(section);
  backend.health.note(passed);
  if (backend.health.up() == was_up) return;
  sim::Trace& trace = group_.simulation().trace();
  if (backend.health.up()) {
    backend.turn = others_next == nullptr ? 0 : others_next->turn + 1;
    trace.emit(group_.now(), entity_, haproxy::server_up, section.label, backend.label);
    return;
  }
  const auto open = static_cast<std::int64_t>(backend.sessions);
  std::int64_t shut = 0;
  if (section.config.on_marked_down_shutdown_sessions) {
    for (Session* session = section.sessions.first(); session != nullptr;) {
      Session* next = session->next;
      if (session->backend == &backend) {
        ++shut;
        session->shut = true;
        if (session->connected) close_session(*session);
      }
      session = next;
    }
  }
  trace.emit(group_.now(), entity_, haproxy::server_down, section.label, backend.label, open, shut);
  if (next_in_turn(section) == nullptr) {
    trace.emit(group_.now(), entity_, haproxy::no_server, section.label);
  }
}

// ---- sessions
// ------------------------------------------------------------------------------------

sim::Task<> Haproxy::accept_sessions(Section& section) {
  for (;;) {
    if (static_cast<std::int64_t>(open_sessions_) >= config_.maxconn) {
      co_await session_ended_.wait();  // the kernel's backlog takes the next ones
      continue;
    }
    SqlServerSocket socket = co_await section.listener.accept();
    if (free_sessions_.empty()) {
      all_sessions_.push_back(std::make_unique<Session>(*this, group_));
      free_sessions_.push_back(all_sessions_.back().get());
    }
    Session& session = *free_sessions_.back();
    free_sessions_.pop_back();
    session.client = std::move(socket);
    session.section = &section;
    section.sessions.append(session);
    ++open_sessions_;
    session.upward = group_.spawn(serve(session));
  }
}

/// The server that is up and has waited longest for its turn; `avoid` only if there is no other.
Haproxy::Backend* Haproxy::next_in_turn(Section& section, const Backend* avoid) {
  Backend* next = nullptr;
  for (Backend& backend : section.backends) {
    if (!backend.health.up() || &backend == avoid) continue;
    if (next == nullptr || backend.turn < next->turn) next = &backend;
  }
  if (next == nullptr && avoid != nullptr) return next_in_turn(section);
  return next;
}

// lb_fwrr.c: who is taken moves back behind the others; who has come up lets one of them go first.
Haproxy::Backend* Haproxy::choose(Section& section, const Backend* avoid) {
  Backend* const chosen = next_in_turn(section, avoid);
  if (chosen == nullptr) return nullptr;
  for (const Backend& backend : section.backends) chosen->turn += backend.health.up() ? 1 : 0;
  return chosen;
}

sim::Task<> Haproxy::serve(Session& session) {
  const std::uint32_t life = session.life;
  const bool connected = co_await connect_backend(session);
  if (!connected) {
    // What the client has sent meanwhile has been read: it gets FIN, not RST.
    if (session.client.readable()) co_await session.client.receive();
    close_session(session);
    co_return;
  }
  session.downward = group_.spawn(relay_answers(session));
  touch(session);
  while (session.life == life) {
    const auto request = co_await session.client.receive();
    if (!request) {
      close_session(session);
      co_return;
    }
    session.server.send(*request);
    touch(session);
  }
}

sim::Task<> Haproxy::relay_answers(Session& session) {
  const std::uint32_t life = session.life;
  while (session.life == life) {
    const auto answer = co_await session.server.receive();
    if (!answer) {
      close_session(session);
      co_return;
    }
    session.client.send(*answer);
    touch(session);
  }
}

sim::Task<bool> Haproxy::connect_backend(Session& session) {
  Section& section = *session.section;
  Backend* backend = choose(section);
  const sim::Duration connect_limit =
      config_.timeout_connect > 0s ? config_.timeout_connect : sim::forever;
  for (std::int32_t attempt = 0; attempt <= config_.retries; ++attempt) {
    const bool last = attempt == config_.retries;
    if (attempt > 0 && config_.redispatch && (last || !backend->health.up())) {
      backend = choose(section, backend);
    }
    if (backend == nullptr) {
      ++closed_without_server_;
      co_return false;
    }
    if (backend->slots && !session.slot) {
      const sim::Duration limit =
          config_.timeout_queue > 0s ? config_.timeout_queue : connect_limit;
      session.slot = co_await backend->slots->acquire_for(limit);
      if (!session.slot) co_return false;
    }
    if (session.backend != nullptr) --session.backend->sessions;
    session.backend = backend;
    ++backend->sessions;
    sim::Result<SqlSocket> socket =
        co_await sim::connect(group_, *backend->line->sql, connect_limit);
    if (socket) {
      // backend.c, back_handle_st_tar(): it goes on with its server also when that has been marked
      // down; the shutdown waits until the client's first bytes are on their way.
      if (session.shut) co_return false;
      session.server = std::move(*socket);
      session.connected = true;
      co_return true;
    }
    session.slot.release();
    if (socket.error() != sim::NetError::timeout && !last) {
      co_await sim::sleep_for(std::min<sim::Duration>(turn_around, connect_limit));
    }
  }
  co_return false;
}

void Haproxy::touch(Session& session) {
  if (inactivity_limit_ > 0s) session.inactivity.arm(inactivity_limit_);
}

void Haproxy::close_session(Session& session) {
  session.inactivity.disarm();
  group_.kill(session.downward);
  group_.kill(session.upward);
  session.client.close();
  session.server.close();
  session.slot.release();
  if (session.backend != nullptr) --session.backend->sessions;
  session.section->sessions.remove(session);
  session.section = nullptr;
  session.backend = nullptr;
  session.connected = session.shut = false;
  session.upward = session.downward = {};
  ++session.life;
  free_sessions_.push_back(&session);
  --open_sessions_;
  session_ended_.notify_all();
}

}  // namespace predrill::models
