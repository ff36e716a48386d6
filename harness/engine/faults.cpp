#include "harness/engine/faults.hpp"

#include <algorithm>
#include <bit>

#include "harness/load/fault_forms.hpp"
#include "sim/assert.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::contains;
using models::MemberId;
using models::MemberSet;
using models::only;
using sim::Duration;

namespace {

std::string_view role_name(Target::Role role) {
  switch (role) {
    case Target::Role::named:
      return "member";
    case Target::Role::primary:
      return "primary";
    case Target::Role::sync_standby:
      return "synchronous standby";
    case Target::Role::async_standby:
      return "asynchronous standby";
    case Target::Role::any_standby:
      return "a standby";
    case Target::Role::all_standbys:
      return "all standbys";
    case Target::Role::dcs:
      return "DCS";
    case Target::Role::dcs_leader:
      return "DCS leader";
    case Target::Role::zone:
      return "zone";
    case Target::Role::pooler:
      return "PgBouncer";
    case Target::Role::haproxy:
      return "HAProxy";
    case Target::Role::clients:
      return "clients";
    case Target::Role::everyone_else:
      return "everyone else";
  }
  return "?";
}

Duration length_of(const FaultSpec& fault) {
  return fault.length.value_or(sim::forever);
}

}  // namespace

FaultInjector::FaultInjector(World& world, const std::vector<FaultSpec>& faults)
    : world_(world),
      group_(world.sim().world()),
      delays_(world.sim().stream("faults", "delay")),
      choices_(world.sim().stream("faults", "choice")),
      clock_(world.sim(), faults, milestones(), [this](const FaultSpec& fault) { strike(fault); }) {
}

void FaultInjector::strike(const FaultSpec& fault) {
  if (!struck_) primary_before_ = world_.leader();
  struck_ = true;
  group_.spawn(inject(fault));
}

void FaultInjector::note(const FaultSpec& fault, std::string_view whom) {
  sim::Trace& trace = world_.sim().trace();
  trace.emit(world_.sim().now(), trace.entity("fault"), fault_kinds::injected,
             trace.name(form_of(fault.kind).name), trace.name(whom));
}

// Says that the fault is over before anything is mended, so that what watches the run sees it in
// force once more.
sim::Task<> FaultInjector::lasts(const FaultKind kind, const Duration length) {
  co_await sim::sleep_for(length);
  sim::Trace& trace = world_.sim().trace();
  trace.emit(world_.sim().now(), trace.entity("fault"), fault_kinds::undone,
             trace.name(form_of(kind).name));
}

MemberSet FaultInjector::members_of(const Target& target) {
  const MemberId leader = world_.leader();
  MemberSet all = 0;
  for (MemberId id = 0; id < world_.members(); ++id) all |= only(id);
  const auto standbys = static_cast<MemberSet>(all & ~only(leader));
  const auto sync = static_cast<MemberSet>(world_.sync_standbys() & standbys);
  const auto first = [](MemberSet set) -> MemberSet {
    return set == 0 ? MemberSet{0} : only(static_cast<MemberId>(std::countr_zero(set)));
  };
  switch (target.role) {
    case Target::Role::named:
      return only(world_.find_member(target.name));
    case Target::Role::primary:
      return only(leader);
    case Target::Role::sync_standby:
      return sync != 0 ? first(sync) : first(standbys);
    case Target::Role::async_standby: {
      const auto async = static_cast<MemberSet>(standbys & ~sync);
      return first(async != 0 ? async : standbys);
    }
    case Target::Role::any_standby: {
      std::vector<MemberId> ids;
      for (MemberId id = 0; id < world_.members(); ++id) {
        if (contains(standbys, id)) ids.push_back(id);
      }
      return ids.empty() ? MemberSet{0} : only(ids[choices_.below(ids.size())]);
    }
    case Target::Role::all_standbys:
      return standbys;
    default:
      return 0;
  }
}

sim::HostSet FaultInjector::hosts_of(const Target& target) {
  switch (target.role) {
    case Target::Role::dcs:
      return world_.dcs_hosts();
    case Target::Role::dcs_leader: {
      sim::Host* leader = world_.dcs().leader();
      return leader == nullptr ? sim::HostSet{} : sim::HostSet{leader};
    }
    case Target::Role::zone:
      return world_.zone_hosts(target.name);
    case Target::Role::pooler: {
      sim::HostSet hosts;
      for (auto& pooler : world_.poolers()) hosts.push_back(&pooler->host());
      return hosts;
    }
    case Target::Role::clients:
      return world_.client_hosts();
    default:
      return world_.member_hosts(members_of(target));
  }
}

// A machine that is gone stays away, whichever other fault would bring it back.
void FaultInjector::boot(sim::Host& host) {
  for (MemberId id = 0; id < world_.members(); ++id) {
    if (contains(gone_, id) && &world_.member(id).host == &host) return;
  }
  if (!host.up()) host.restart();
}

// After `for` the hosts come back: power on, boot, software. Without it they never do.
sim::Task<> FaultInjector::bring_back(const FaultSpec fault, const sim::HostSet hosts) {
  if (!fault.length) {
    for (MemberId id = 0; id < world_.members(); ++id) {
      const bool among =
          std::find(hosts.begin(), hosts.end(), &world_.member(id).host) != hosts.end();
      if (among) gone_ |= only(id);
    }
    co_return;
  }
  co_await lasts(fault.kind, *fault.length);
  for (const sim::Host* host : hosts) boot(const_cast<sim::Host&>(*host));
}

sim::Task<> FaultInjector::recreate_pod(SimulatedMember& member) {
  const Duration delay = world_.system().kubernetes.pod_recreation.sample_duration(delays_);
  co_await sim::sleep_for(delay);
  boot(member.host);
}

// kubectl delete pod: grace 0 without --force is sent as 1 s, and the kubelet waits at least 2 s
// between SIGTERM and SIGKILL whatever was asked for (kubectl delete.go, kuberuntime_manager.go).
sim::Task<> FaultInjector::pod_delete(const FaultSpec fault, SimulatedMember& member) {
  const KubernetesSpec& kubernetes = world_.system().kubernetes;
  const Duration asked =
      fault.grace_period < Duration{} ? kubernetes.termination_grace_period : fault.grace_period;
  const Duration grace = std::max(asked, kubernetes.grace_floor);
  const Duration sigterm = kubernetes.sigterm_delay.sample_duration(delays_);
  const Duration kill = kubernetes.kill_delay.sample_duration(delays_);
  co_await sim::sleep_for(sigterm);
  member.patroni.sigterm();
  const sim::Time deadline = world_.sim().now() + grace;
  while (world_.sim().now() < deadline &&
         (member.patroni.is_running() || member.postgres.is_running())) {
    co_await sim::sleep_for(std::min<Duration>(100ms, deadline - world_.sim().now()));
  }
  if (member.patroni.is_running() || member.postgres.is_running()) {
    co_await sim::sleep_for(kill);
    member.group.kill();
    member.postgres.kill_postmaster();
  }
  const Duration teardown = kubernetes.sandbox_teardown.sample_duration(delays_);
  co_await sim::sleep_for(teardown);
  member.host.crash();  // the pod's network is gone: silence
  world_.dcs().remove_pod(member.postgres.member());
  co_await recreate_pod(member);
}

sim::Task<> FaultInjector::node_reboot(const FaultSpec fault, SimulatedMember& member) {
  member.host.crash();
  const Duration boot_time =
      fault.length ? *fault.length : world_.system().kubernetes.node_boot.sample_duration(delays_);
  co_await lasts(fault.kind, boot_time);
  boot(member.host);
}

sim::Task<> FaultInjector::switchover(const FaultSpec fault) {
  const MemberId leader = world_.leader();
  if (leader == models::nobody) co_return;
  models::RestRequest request;
  request.path = models::RestPath::switchover;
  request.leader = leader;
  request.candidate =
      fault.candidate.empty() ? models::nobody : world_.find_member(fault.candidate);
  models::RestListener& rest = world_.member(leader).patroni.rest();
  const auto reply = co_await sim::call(group_, rest, request, 60s);
  static_cast<void>(reply);  // the outcome shows in the world
}

sim::Task<> FaultInjector::inject(const FaultSpec fault) {
  const MemberSet targets = members_of(fault.on);
  std::vector<SimulatedMember*> members;
  for (MemberId id = 0; id < world_.members(); ++id) {
    if (contains(targets, id)) members.push_back(&world_.member(id));
  }
  note(fault,
       members.size() == 1 ? std::string_view(members[0]->host.name()) : role_name(fault.on.role));
  switch (fault.kind) {
    case FaultKind::pod_delete:
      for (SimulatedMember* member : members) co_await pod_delete(fault, *member);
      break;
    case FaultKind::node_loss:
    case FaultKind::standby_loss: {
      const sim::HostSet hosts = hosts_of(fault.on);
      for (SimulatedMember* member : members) member->host.crash();
      co_await bring_back(fault, hosts);
      break;
    }
    case FaultKind::node_reboot:
      for (SimulatedMember* member : members) group_.spawn(node_reboot(fault, *member));
      break;
    case FaultKind::postmaster_kill:
      for (SimulatedMember* member : members) member->postgres.kill_postmaster();
      break;
    case FaultKind::backend_crash:
      for (SimulatedMember* member : members) member->postgres.crash_backend();
      break;
    case FaultKind::patroni_kill:
    case FaultKind::patroni_dead:
      co_await kill_patroni(fault, members);
      break;
    case FaultKind::patroni_stop:
      co_await stop_patroni(fault, members);
      break;
    case FaultKind::freeze:
      co_await freeze(fault, members);
      break;
    case FaultKind::partition:
    case FaultKind::latency:
    case FaultKind::packet_loss:
      co_await disturb_network(fault);
      break;
    case FaultKind::dcs_leader_kill:
    case FaultKind::dcs_quorum_loss:
    case FaultKind::dcs_slow:
    case FaultKind::dcs_no_space:
      co_await disturb_dcs(fault);
      break;
    case FaultKind::disk_stall:
    case FaultKind::disk_full:
      co_await disturb_disks(fault, members);
      break;
    case FaultKind::read_only:
      for (SimulatedMember* member : members) {
        member->postgres.set_default_transaction_read_only(true);
      }
      co_await lasts(fault.kind, length_of(fault));
      for (SimulatedMember* member : members) {
        member->postgres.set_default_transaction_read_only(false);
      }
      break;
    case FaultKind::clock_jump:
      for (SimulatedMember* member : members) {
        member->host.clock().jump(fault.jump);
        member->postgres.clock_jumped(fault.jump);
      }
      break;
    case FaultKind::az_loss:
      co_await az_loss(fault);
      break;
    case FaultKind::pgbouncer_kill:
      for (auto& pooler : world_.poolers()) pooler->kill();
      co_await lasts(fault.kind, length_of(fault));
      for (auto& pooler : world_.poolers()) pooler->start();
      break;
    case FaultKind::switchover:
      co_await switchover(fault);
      break;
    case FaultKind::lag:
      co_await lag(fault);
      break;
    case FaultKind::containerd_deadlock:
      co_await lock_containerd(fault, targets);
      break;
  }
}

// With the nodes as pods run on them; without `for` nobody restarts containerd.
sim::Task<> FaultInjector::lock_containerd(const FaultSpec fault, const MemberSet members) {
  if (!nodes_) nodes_ = std::make_unique<NodePlane>(world_);
  for (MemberId id = 0; id < world_.members(); ++id) {
    if (contains(members, id)) nodes_->lock_containerd(id);
  }
  co_await lasts(fault.kind, length_of(fault));
  for (MemberId id = 0; id < world_.members(); ++id) {
    if (contains(members, id)) nodes_->restart_containerd(id);
  }
}

// A supervisor that is to start Patroni later than it would, or not at all, is held off meanwhile.
sim::Task<> FaultInjector::kill_patroni(const FaultSpec fault,
                                        const std::vector<SimulatedMember*> members) {
  const bool held_off = fault.kind == FaultKind::patroni_dead || fault.restart;
  for (SimulatedMember* member : members) {
    if (held_off) member->patroni.hold_off_supervisor(true);
    member->group.kill();
  }
  if (!held_off) co_return;
  const Duration dead = fault.restart ? fault.restart->sample_duration(delays_) : length_of(fault);
  co_await lasts(fault.kind, dead);
  for (SimulatedMember* member : members) {
    member->patroni.hold_off_supervisor(false);
    member->patroni.start();
  }
}

sim::Task<> FaultInjector::stop_patroni(const FaultSpec fault,
                                        const std::vector<SimulatedMember*> members) {
  for (SimulatedMember* member : members) member->patroni.sigterm();
  co_await lasts(fault.kind, length_of(fault));
  for (SimulatedMember* member : members) member->patroni.start();
}

sim::Task<> FaultInjector::freeze(const FaultSpec fault,
                                  const std::vector<SimulatedMember*> members) {
  using Scope = FaultSpec::Scope;
  // Hosts that are namespaces of one kernel stop as a lab stops them: the cable is pulled, TCP's
  // timers go on.
  sim::Network& network = world_.sim().network();
  const bool unplug = fault.scope == Scope::host && world_.system().one_machine;
  const bool host = fault.scope == Scope::host && !unplug;
  const bool postgres = !host && fault.scope != Scope::patroni;
  const bool patroni = !host && fault.scope != Scope::postgres;
  std::vector<sim::FaultId> cables;
  for (SimulatedMember* member : members) {
    if (host) member->host.freeze();
    if (postgres) member->postgres.group().freeze();
    if (patroni) member->group.freeze();
    if (!unplug) continue;
    const sim::HostSet one = {&member->host};
    cables.push_back(network.cut(one, world_.all_but(one)));
  }
  co_await lasts(fault.kind, length_of(fault));
  for (const sim::FaultId cable : cables) network.heal(cable);
  for (SimulatedMember* member : members) {
    if (host) member->host.thaw();
    if (postgres) member->postgres.group().thaw();
    if (patroni) member->group.thaw();
  }
}

sim::Task<> FaultInjector::disturb_network(const FaultSpec fault) {
  sim::Network& network = world_.sim().network();
  const sim::HostSet on = hosts_of(fault.on);
  const bool named = fault.from && fault.from->role != Target::Role::everyone_else;
  const sim::HostSet others = named ? hosts_of(*fault.from) : world_.all_but(on);
  const auto direction = fault.one_way ? sim::Direction::forward : sim::Direction::both;
  const sim::FaultId id = fault.kind == FaultKind::partition ? network.cut(on, others, direction)
                          : fault.kind == FaultKind::latency
                              ? network.slow(on, others, fault.extra, direction)
                              : network.lose(on, others, fault.probability, direction);
  co_await lasts(fault.kind, length_of(fault));
  network.heal(id);
}

sim::Task<> FaultInjector::disturb_dcs(const FaultSpec fault) {
  SimulatedDcs& dcs = world_.dcs();
  const Duration length = length_of(fault);
  if (fault.kind == FaultKind::dcs_leader_kill) {
    const sim::Host* leader = dcs.leader();
    const auto place = std::find(dcs.hosts().begin(), dcs.hosts().end(), leader);
    if (place == dcs.hosts().end()) co_return;
    const auto server = static_cast<std::size_t>(place - dcs.hosts().begin());
    dcs.kill_server(server);
    co_await lasts(fault.kind, length);
    dcs.start_server(server);
  } else if (fault.kind == FaultKind::dcs_quorum_loss) {
    for (std::size_t i = 0; i < dcs.quorum_loss(); ++i) dcs.kill_server(i);
    co_await lasts(fault.kind, length);
    for (std::size_t i = 0; i < dcs.quorum_loss(); ++i) dcs.start_server(i);
  } else if (fault.kind == FaultKind::dcs_slow) {
    for (std::size_t i = 0; i < dcs.size(); ++i) dcs.slow_requests(i, fault.extra);
    co_await lasts(fault.kind, length);
    for (std::size_t i = 0; i < dcs.size(); ++i) dcs.slow_requests(i, {});
  } else {
    dcs.set_no_space(true);
    co_await lasts(fault.kind, length);
    dcs.set_no_space(false);
  }
}

sim::Task<> FaultInjector::disturb_disks(const FaultSpec fault,
                                         const std::vector<SimulatedMember*> members) {
  const bool full = fault.kind == FaultKind::disk_full;
  for (SimulatedMember* member : members) {
    if (full) {
      member->disk.set_full(true);
    } else {
      member->disk.stall();
    }
  }
  co_await lasts(fault.kind, length_of(fault));
  for (SimulatedMember* member : members) {
    if (full) {
      member->disk.set_full(false);
    } else {
      member->disk.resume();
    }
  }
}

sim::Task<> FaultInjector::az_loss(const FaultSpec fault) {
  sim::HostSet hosts;
  if (fault.on.role == Target::Role::zone) {
    hosts = world_.zone_hosts(fault.on.name);
  } else if (world_.leader() != models::nobody) {
    hosts = world_.zone_hosts(world_.system().members[world_.leader()].zone);
  }
  // The observer is no part of the system: it measures from elsewhere.
  const sim::HostSet observers = world_.client_hosts();
  std::erase_if(hosts, [&observers](const sim::Host* host) {
    return std::find(observers.begin(), observers.end(), host) != observers.end();
  });
  for (const sim::Host* host : hosts) const_cast<sim::Host*>(host)->crash();
  co_await bring_back(fault, hosts);
}

sim::Task<> FaultInjector::lag(const FaultSpec fault) {
  if (world_.leader() == models::nobody) co_return;
  models::PostgresServer& primary = world_.member(world_.leader()).postgres;
  primary.set_replication_bandwidth(std::max<std::uint64_t>(1, fault.bytes_per_second));
  co_await lasts(fault.kind, length_of(fault));
  primary.set_replication_bandwidth(world_.system().postgres.replication_bytes_per_second);
}

}  // namespace predrill::harness
