#include "models/kubernetes_dcs.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;

ApiServerTimings::ApiServerTimings()
    : write(sim::Distribution::lognormal_percentiles(0.5, 8ms, 0.99, 80ms)
                .with_source("estimate; the Kubernetes SLO is a p99 below 1 s per mutating call")),
      read(sim::Distribution::lognormal_percentiles(0.5, 5ms, 0.99, 60ms)
               .with_source("estimate; the Kubernetes SLO is a p99 below 1 s per namespace LIST")),
      watch(sim::Distribution::lognormal_percentiles(0.5, 15ms, 0.99, 100ms)
                .with_source("estimate of 10 to 100 ms")) {}

// ---- API servers ---------------------------------------------------------------------------

struct KubernetesApi::Server : sim::GroupResource {
  struct Watch {
    sim::Socket<EtcdReply, EtcdRequest> socket;
    ScopeId scope;
  };
  struct Due {
    EtcdEvent event;
    sim::Time at;
  };
  Server(KubernetesApi& owner, sim::Host& its_host)
      : api(owner),
        host(its_host),
        latency(host.stream("apiserver latency")),
        dispatch(host.stream("apiserver watch")),
        group(host, "kube-apiserver"),
        port(group, "6443"),
        timer(*this, group) {}
  ~Server() override { detach(); }
  void rise() {
    alive = true;
    port.open();
    attach(group);
  }
  void on_group_death() override {
    alive = false;
    watches.clear();
    due.clear();
    timer.disarm();
  }
  void queue(const EtcdEvent& event) {
    sim::Time at = api.sim_.now() + api.timings_.watch.sample_duration(dispatch);
    if (!due.empty()) at = std::max(at, due.back().at);
    due.push_back({event, at});
    if (!timer.armed()) timer.arm(at - api.sim_.now());
  }
  void deliver() {
    std::size_t done = 0;
    for (; done < due.size() && due[done].at <= api.sim_.now(); ++done) {
      EtcdReply reply;
      reply.revision = due[done].event.mod_revision;
      reply.event = due[done].event;
      for (Watch& watch : watches) {
        if (watch.scope == reply.event.scope) watch.socket.send(reply);
      }
    }
    due.erase(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(done));
    std::erase_if(watches, [](const Watch& watch) { return !watch.socket.is_open(); });
    if (!due.empty()) timer.arm(due.front().at - api.sim_.now());
  }

  KubernetesApi& api;
  sim::Host& host;
  sim::Stream latency, dispatch;
  sim::Distribution extra;
  bool alive = false;
  std::vector<Watch> watches;
  std::vector<Due> due;
  sim::Group group;
  DcsPort port;
  sim::Timer<Server, &Server::deliver> timer;
};

KubernetesApi::KubernetesApi(const std::vector<sim::Host*>& hosts, const ApiServerTimings& timings)
    : sim_(hosts.front()->simulation()), timings_(timings) {
  for (sim::Host* host : hosts) {
    const std::size_t index = servers_.size();
    servers_.push_back(std::make_unique<Server>(*this, *host));
    host->on_boot([this, index] { start_server(index); });
  }
}

KubernetesApi::~KubernetesApi() = default;

ScopeId KubernetesApi::add_scope(std::string_view name,
                                 const std::vector<std::string>& member_names) {
  Scope scope{sim_.trace().entity("dcs/" + std::string(name)), {}};
  for (std::size_t i = 0; i < members_max; ++i) {
    scope.names[i] =
        sim_.trace().name(i < member_names.size() ? member_names[i] : std::to_string(i));
  }
  scopes_.push_back(scope);
  return store_.add_scope();
}

void KubernetesApi::start() {
  for (std::size_t i = 0; i < servers_.size(); ++i) start_server(i);
}

void KubernetesApi::start_server(std::size_t server) {
  Server& s = *servers_[server];
  if (s.alive || !s.host.up()) return;
  s.rise();
  s.group.spawn(accept(s));
}

void KubernetesApi::kill_server(std::size_t server) {
  servers_[server]->group.kill();
}
void KubernetesApi::slow_requests(std::size_t server, const sim::Distribution& extra) {
  servers_[server]->extra = extra;
}
void KubernetesApi::remove_pod(ScopeId scope, MemberId member) {
  EtcdRequest remove;
  remove.op = EtcdOp::remove;
  remove.scope = scope;
  remove.name = {EtcdKey::member, member};
  apply(remove);
}
void KubernetesApi::write(const EtcdRequest& request) {
  apply(request);
}
DcsPort& KubernetesApi::port(std::size_t server) {
  return servers_[server]->port;
}
sim::Group& KubernetesApi::group(std::size_t server) {
  return servers_[server]->group;
}
std::int64_t KubernetesApi::name(ScopeId scope, MemberId member) const {
  return scopes_[scope].names[member];
}

sim::Task<> KubernetesApi::accept(Server& server) {
  for (;;) {
    auto socket = co_await server.port.accept();
    server.group.spawn(serve(server, std::move(socket)));
  }
}

sim::Task<> KubernetesApi::serve(Server& server, sim::Socket<EtcdReply, EtcdRequest> socket) {
  for (;;) {
    const auto request = co_await socket.receive();
    if (!request) co_return;
    if (request->op == EtcdOp::watch) {
      // What changed between list and watch is sent at once.
      for (std::size_t slot = 0; slot < etcd_slots; ++slot) {
        const EtcdEvent& now = store_.get(request->scope, name_of(slot));
        if (now.mod_revision <= request->revision) continue;
        EtcdReply missed;
        missed.revision = now.mod_revision;
        missed.event = now;
        socket.send(missed);
      }
      server.watches.push_back({std::move(socket), request->scope});
      co_return;
    }
    const bool reads = request->op == EtcdOp::range || request->op == EtcdOp::get ||
                       request->op == EtcdOp::member_list;
    const sim::Distribution& kind = reads ? timings_.read : timings_.write;
    sim::Duration work = server.extra.sample_duration(server.latency);
    work += kind.sample_duration(server.latency);
    co_await sim::sleep_for(work);
    if (!reads) {
      socket.send(apply(*request));
      continue;
    }
    EtcdReply reply;
    reply.succeeded = true;
    reply.revision = store_.revision();
    if (request->op == EtcdOp::get) reply.event = store_.get(request->scope, request->name);
    if (request->op == EtcdOp::range) {
      for (std::size_t slot = 0; slot < etcd_slots; ++slot) {
        if (store_.get(request->scope, name_of(slot)).mod_revision != 0) ++reply.following;
      }
    }
    socket.send(reply);
    for (std::size_t slot = 0; slot < etcd_slots && reply.following != 0; ++slot) {
      EtcdReply key = reply;
      key.event = store_.get(request->scope, name_of(slot));
      if (key.event.mod_revision != 0) socket.send(key);
    }
  }
}

EtcdReply KubernetesApi::apply(const EtcdRequest& request) {
  const MemberId before = holder(request.scope);
  changes_.clear();
  const EtcdReply reply = store_.apply(request, changes_);
  for (const EtcdEvent& change : changes_) {
    for (auto& server : servers_) {
      if (server->alive) server->queue(change);
    }
    if (observer_ != nullptr) observer_->on_change(change);
  }
  const MemberId after = holder(request.scope);
  if (before != after) {
    const Scope& scope = scopes_[request.scope];
    const bool taken = after != nobody;
    sim_.trace().emit(sim_.now(), scope.entity, taken ? record_created : record_released,
                      scope.names[taken ? after : before]);
  }
  return reply;
}

// ---- Patroni -------------------------------------------------------------------------------

namespace {

constexpr sim::Duration cache_pause = 1s;
constexpr sim::Duration replica_nap = 500ms;

DcsAnswer verdict(const DcsClient::Answer& answer) {
  if (!answer.ok()) return DcsAnswer::error;
  return answer.reply.succeeded ? DcsAnswer::yes : DcsAnswer::no;
}

}  // namespace

KubernetesDcs::KubernetesDcs(KubernetesApi& api, ScopeId scope, MemberId self, sim::Group& patroni,
                             const DcsClientConfig& config)
    : api_(api),
      scope_(scope),
      self_(self),
      patroni_(patroni),
      client_(patroni, *this, ports_of(api), DcsClient::Protocol::kubernetes, config) {}

void KubernetesDcs::start() {
  client_.start();
  cache_ = {};
  observed_version_ = 0;
  missed_ = false;
  last_failsafe_ = 0;
  streaming_ = false;
  ready_.shut();
  event.shut();
  watcher_ = patroni_.spawn(keep_cache());
}

void KubernetesDcs::set_timeouts(sim::Duration ttl, sim::Duration loop_wait,
                                 sim::Duration retry_timeout) {
  client_.config.ttl = ttl;
  client_.config.loop_wait = loop_wait;
  client_.config.retry_timeout = retry_timeout;
}

// _load_cluster: the lock is valid while observed_time + ttl >= now.
sim::Task<DcsAnswer> KubernetesDcs::get_cluster(ClusterView& view) {
  const bool ready = co_await ready_.wait_for(client_.config.retry_timeout);
  if (!ready) co_return DcsAnswer::error;
  if (cache_.leader_version != observed_version_) {
    observed_version_ = cache_.leader_version;
    observed_time_ = client_.wall();
    missed_ = false;
  }
  view = cache_;
  if (view.leader == nobody) co_return DcsAnswer::yes;
  if (observed_time_ + client_.config.ttl < client_.wall()) {
    sim::Simulation& sim = patroni_.simulation();
    if (!missed_) {
      sim.trace().emit(sim.now(), patroni_.host().entity(), renewal_missed,
                       api_.name(scope_, view.leader));
    }
    missed_ = true;
    view.leader = nobody;
  }
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> KubernetesDcs::attempt_to_acquire_leader() {
  co_return co_await patch_leader(self_, cache_.status_lsn, false);
}

sim::Task<DcsAnswer> KubernetesDcs::update_leader(Lsn last_lsn, MemberSet failsafe) {
  if (cache_.leader != self_) co_return DcsAnswer::no;
  const Lsn lsn = last_lsn == Lsn{} ? cache_.status_lsn : last_lsn;
  const DcsAnswer renewed = co_await patch_leader(self_, lsn, true);
  if (renewed == DcsAnswer::yes && failsafe != 0 && failsafe != last_failsafe_) {
    EtcdRequest put = request(EtcdOp::put, EtcdKey::failsafe);
    put.value.members = failsafe;
    const Answer answer = co_await client_.execute(put, nullptr);
    if (answer.ok()) last_failsafe_ = failsafe;
  }
  co_return renewed;
}

sim::Task<DcsAnswer> KubernetesDcs::touch_member(const MemberData data) {
  const bool same = contains(cache_.present, self_) && cache_.members[self_] == data;
  if (same) co_return DcsAnswer::yes;
  EtcdRequest put = request(EtcdOp::put, EtcdKey::member);
  put.name.member = self_;
  put.value.data = data;
  const Answer answer = co_await client_.execute(put, nullptr);
  co_return verdict(answer);
}

sim::Task<DcsAnswer> KubernetesDcs::delete_leader(Lsn last_lsn) {
  if (cache_.leader != self_) co_return DcsAnswer::no;
  const Lsn lsn = last_lsn == Lsn{} ? cache_.status_lsn : last_lsn;
  co_return co_await patch_leader(nobody, lsn, true);
}

sim::Task<DcsAnswer> KubernetesDcs::write_status(Lsn last_lsn) {
  if (cache_.leader != self_) co_return DcsAnswer::no;
  co_return co_await patch_leader(self_, last_lsn, true);
}

// A PATCH with the cached resourceVersion. After a 409 the leader reads the object and tries once
// more if it still is its own (update_leader); a candidate has lost (attempt_to_acquire_leader).
sim::Task<DcsAnswer> KubernetesDcs::patch_leader(MemberId holder, Lsn lsn, bool look_again) {
  Retry retry = client_.new_retry();
  EtcdRequest patch = request(EtcdOp::compare_put, EtcdKey::leader);
  patch.value.holder = holder;
  patch.value.lsn = lsn;
  patch.revision = cache_.leader_version;
  Answer answer = co_await client_.call(patch, &retry);
  if (look_again && answer.ok() && !answer.reply.succeeded) {
    const Answer now = co_await client_.call(request(EtcdOp::get, EtcdKey::leader), &retry);
    if (!now.ok()) co_return DcsAnswer::error;
    if (now.reply.event.value.holder != self_) co_return DcsAnswer::no;
    patch.revision = now.reply.event.mod_revision;
    answer = co_await client_.call(patch, &retry);
  }
  if (answer.ok() && answer.reply.succeeded) {  // the cache takes over what was written
    cache_.leader = holder;
    cache_.leader_version = answer.reply.revision;
    cache_.status_lsn = lsn;
  }
  co_return verdict(answer);
}

sim::Task<DcsAnswer> KubernetesDcs::write_sync_state(SyncState& state) {
  Retry retry = client_.new_retry();
  EtcdRequest put = request(EtcdOp::compare_put, EtcdKey::sync);
  put.revision = state.version;
  put.value.holder = state.leader;
  put.value.members = state.sync_standby;
  const Answer answer = co_await client_.call(put, &retry);
  if (answer.ok() && answer.reply.succeeded) state.version = answer.reply.revision;
  co_return verdict(answer);
}

sim::Task<DcsAnswer> KubernetesDcs::write_failover(const FailoverRequest wanted) {
  Retry retry = client_.new_retry();
  EtcdRequest put = request(wanted.present ? EtcdOp::put : EtcdOp::remove, EtcdKey::failover);
  if (wanted.present && wanted.version != 0) {
    put.op = EtcdOp::compare_put;
    put.revision = wanted.version;
  }
  put.value.holder = wanted.leader;
  put.value.candidate = wanted.candidate;
  const Answer answer = co_await client_.call(put, &retry);
  if (!answer.ok()) co_return DcsAnswer::error;
  co_return answer.reply.succeeded || !wanted.present ? DcsAnswer::yes : DcsAnswer::no;
}

sim::Task<DcsAnswer> KubernetesDcs::write_history(Timeline timeline) {
  EtcdRequest put = request(EtcdOp::put, EtcdKey::history);
  put.value.timeline = timeline;
  const Answer answer = co_await client_.execute(put, nullptr);
  co_return verdict(answer);
}

sim::Task<bool> KubernetesDcs::watch(bool is_leader, sim::Duration timeout) {
  const bool woken = co_await event.wait_for(is_leader ? timeout : timeout + replica_nap);
  event.shut();
  co_return woken;
}

// ObjectCache: list, then watch until the stream breaks.
sim::Task<> KubernetesDcs::keep_cache() {
  for (;;) {
    ready_.shut();
    streaming_ = false;
    Retry retry = client_.new_retry();
    const Answer all = co_await client_.call(request(EtcdOp::range, EtcdKey::leader), &retry);
    if (!all.ok()) {
      co_await sim::sleep_for(cache_pause);
      continue;
    }
    cache_ = {};
    for (std::size_t i = 0; i < client_.fetched_count; ++i) set(client_.fetched[i], false);
    ready_.open();
    const DcsClient::Limits limit = client_.limits();
    streaming_ = true;
    auto stream =
        co_await sim::connect(patroni_, client_.port(), limit.connect, client_.socket_options());
    if (!stream) continue;
    EtcdRequest follow = request(EtcdOp::watch, EtcdKey::leader);
    follow.revision = all.reply.revision;
    stream->send(follow);
    for (;;) {
      const auto change = co_await stream->receive();
      if (!change) break;
      set(change->event, true);
    }
  }
}

// Every change of the leader object wakes those who do not hold it; a change of its holder and of
// the configuration wakes everybody.
void KubernetesDcs::set(const EtcdEvent& change, bool wake) {
  const EtcdValue& value = change.value;
  const std::uint64_t version = change.deleted ? 0 : change.mod_revision;
  bool wakes = false;
  switch (change.name.key) {
    case EtcdKey::leader:
      if (version < cache_.leader_version) return;  // older than our own write
      wakes = value.holder != cache_.leader || cache_.leader != self_;
      cache_.leader = value.holder;
      cache_.leader_version = version;
      cache_.status_lsn = value.lsn;
      break;
    case EtcdKey::sync:
      cache_.sync = {};
      if (!change.deleted) {
        cache_.sync = {.leader = value.holder, .sync_standby = value.members, .version = version};
      }
      break;
    case EtcdKey::failover:
      cache_.failover = {};
      if (!change.deleted) {
        cache_.failover = {.present = true,
                           .leader = value.holder,
                           .candidate = value.candidate,
                           .version = version};
      }
      break;
    case EtcdKey::failsafe:
      cache_.failsafe = change.deleted ? MemberSet{0} : value.members;
      break;
    case EtcdKey::history:
      cache_.history_timeline = change.deleted ? 0 : value.timeline;
      break;
    case EtcdKey::config:
      wakes = !change.deleted && cache_.config_version != 0;
      cache_.pause = !change.deleted && value.pause;
      cache_.config_version = version;
      break;
    case EtcdKey::member: {
      const MemberSet bit = only(change.name.member);
      cache_.present =
          static_cast<MemberSet>(change.deleted ? cache_.present & ~bit : cache_.present | bit);
      cache_.members[change.name.member] = change.deleted ? MemberData{} : value.data;
      break;
    }
    case EtcdKey::status:
      break;
  }
  if (wakes && wake) event.open();
}

EtcdRequest KubernetesDcs::request(EtcdOp op, EtcdKey key) const {
  EtcdRequest made;
  made.op = op;
  made.scope = scope_;
  made.name.key = key;
  return made;
}

void KubernetesDcs::on_select() {
  if (!streaming_) return;
  patroni_.kill(watcher_);
  streaming_ = false;
  ready_.shut();
  watcher_ = patroni_.spawn(keep_cache());
}

}  // namespace predrill::models
