#include "models/rds.hpp"

#include <algorithm>
#include <utility>

#include "models/wal.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration wal_receiver_timeout = 60s;        // PostgreSQL's default
constexpr sim::Duration wal_retrieve_retry_interval = 5s;  // PostgreSQL's default
constexpr std::int64_t bytes_per_gibibyte = std::int64_t{1} << 30;
constexpr std::int64_t bytes_per_mebibyte = std::int64_t{1} << 20;

}  // namespace

RdsDatabase::RdsDatabase(sim::Simulation& simulation, AddressBook& book, DnsServer& zone,
                         RdsEndpoints endpoints, RdsConfig config, RdsTimings timings)
    : simulation_(simulation),
      book_(book),
      dns_(zone),
      endpoints_(endpoints),
      config_(std::move(config)),
      timings_(std::move(timings)),
      replication_(simulation, config_, timings_),
      volume_(config_.storage),
      entity_(simulation.trace().entity(config_.identifier)),
      control_host_(simulation, config_.identifier + "/rds"),
      control_(control_host_, "control plane"),
      delays_(simulation.stream(config_.identifier, "control plane")),
      storage_delays_(simulation.stream(config_.identifier, "storage")) {
  for (const auto* list : {&config_.members, &config_.read_replicas}) {
    for (const RdsInstanceConfig& one : *list) {
      const auto member = static_cast<MemberId>(instances_.size());
      instances_.push_back(
          std::make_unique<RdsInstance>(simulation, one, member, config_, replication_, timings_));
      addresses_.push_back(book_.add(instances_.back()->listener()));
    }
  }
}

RdsDatabase::~RdsDatabase() {
  control_.kill();
}

void RdsDatabase::start() {
  writer_ = 0;
  for (const auto& one : instances_) {
    const bool standby = multi_az() && one->member() == 1;
    if (standby) continue;
    one->start(one->member() == writer_ ? RdsRole::writer : RdsRole::follower);
  }
  dns_.add(endpoints_.writer, config_.identifier, config_.dns_ttl, {});
  // A cluster's reader endpoint hands out its readers in turn; a read replica has its own name.
  dns_.add(endpoints_.reader, config_.identifier + (cluster() ? ".cluster-ro" : "-replica"),
           config_.dns_ttl, {}, DnsServer::Answers::one_in_turn);
  publish(writer_);
  publish_readers();
  control_.spawn(watch_volume());
}

MemberId RdsDatabase::find(std::string_view name) const {
  for (const auto& one : instances_) {
    if (one->name() == name) return one->member();
  }
  return nobody;
}

MemberId RdsDatabase::candidate() {
  MemberId best = nobody;
  for (MemberId member = 0; member < members(); ++member) {
    RdsInstance& one = *instances_[member];
    if (member == writer_ || !one.host().up() || !replication_.in_sync(member)) continue;
    const bool better =
        best == nobody || replication_.received(best) < replication_.received(member);
    if (better) best = member;
  }
  return best;
}

// ---- bookkeeping

RdsFault RdsDatabase::answer(std::string_view call, RdsFault fault) {
  sim::Trace& trace = simulation_.trace();
  const std::string_view text = fault == RdsFault::none ? "accepted" : to_text(fault);
  trace.emit(now(), entity_, rds::api_call, trace.name(call), trace.name(config_.identifier),
             trace.name(text));
  return fault;
}

void RdsDatabase::set_status(InstanceStatus status) {
  if (status_ == status) return;
  status_ = status;
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, rds::status, trace.name(to_text(status)));
  changed_.notify_all();
}

void RdsDatabase::say(const sim::Kind& kind, MemberId member) {
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, kind, trace.name(instances_[member]->name()));
}

void RdsDatabase::publish(MemberId member) {
  published_ = member;
  AddressList addresses;
  addresses.add(addresses_[member]);
  dns_.set(endpoints_.writer, addresses);
}

void RdsDatabase::publish_readers() {
  AddressList readers;
  if (cluster()) {
    for (MemberId member = 0; member < members(); ++member) {
      const bool reads = member != writer_ && instances_[member]->running();
      if (reads) readers.add(addresses_[member]);
    }
    if (readers.empty()) readers.add(addresses_[writer_]);
  } else if (size() > members()) {
    readers.add(addresses_[members()]);
  }
  dns_.set(endpoints_.reader, readers);
}

void RdsDatabase::take_writes(MemberId member) {
  RdsInstance& one = *instances_[member];
  replication_.promote(member);
  if (one.running()) {
    one.promote();
  } else {
    one.start(RdsRole::writer);
  }
  writer_ = member;
  one.find_source();
  say(rds::writer_changed, member);
  for (MemberId other = 0; other < members(); ++other) {
    if (other != member && cluster()) instances_[other]->find_source();
  }
  changed_.notify_all();
}

void RdsDatabase::close_writer(EngineEnd how) {
  RdsInstance& one = *instances_[writer_];
  if (one.running()) one.end(how);
  followers_lose_source(how);
}

void RdsDatabase::followers_lose_source(EngineEnd how) {
  for (const auto& one : instances_) {
    if (one->member() == writer_ || one->role() != RdsRole::follower || !one->running()) continue;
    one->lose_source();
    control_.spawn(follow(one->member(), how));
  }
}

// A WAL receiver: asks the endpoint's name for the source until it finds one.
sim::Task<> RdsDatabase::follow(MemberId replica, EngineEnd how) {
  if (how == EngineEnd::silent) co_await sim::sleep_for(wal_receiver_timeout);
  for (;;) {
    RdsInstance& one = *instances_[replica];
    if (one.streams() || !one.running()) co_return;
    if (instances_[writer_]->running() && published_ == writer_) break;
    co_await sim::sleep_for(wal_retrieve_retry_interval);
  }
  instances_[replica]->find_source();
}

RdsFailover RdsDatabase::sample_failover() {
  RdsFailoverConfig config;
  config.detect = timings_.detect;
  config.attach = timings_.attach;
  config.dns = timings_.dns_publish;
  config.wal_bytes_per_second = static_cast<double>(config_.wal_bytes_per_second);
  config.redo_rate = static_cast<double>(config_.redo_bytes_per_second);
  config.checkpoint_timeout = config_.checkpoint_timeout;
  return sample_rds_failover(config, delays_);
}

void RdsDatabase::begin_redo(sim::Duration length) {
  const std::uint64_t bytes = bytes_in(config_.redo_bytes_per_second, length);
  simulation_.trace().emit(now(), entity_, rds::redo,
                           static_cast<std::int64_t>(bytes) / bytes_per_mebibyte);
}

// What the new writer of a cluster has received and not applied, at most the flow control's limit.
sim::Duration RdsDatabase::apply_time() {
  const sim::Duration lag = timings_.apply_lag.sample_duration(delays_);
  const sim::Duration bounded = std::min(lag, config_.target_standby_apply_lag);
  return time_for(bytes_in(config_.wal_bytes_per_second, bounded), config_.redo_bytes_per_second);
}

// ---- the API

RdsFault RdsDatabase::reboot_db_instance(bool force_failover) {
  constexpr std::string_view call = "RebootDBInstance";
  if (force_failover && !multi_az()) return answer(call, RdsFault::invalid_parameter_combination);
  const bool operational =
      status_ == InstanceStatus::available || status_ == InstanceStatus::storage_optimization;
  const MemberId target = candidate();
  if (!operational || failing_over_ || (force_failover && target == nobody)) {
    return answer(call, RdsFault::invalid_db_instance_state);
  }
  set_status(InstanceStatus::rebooting);
  if (force_failover) {
    failing_over_ = true;
    control_.spawn(fail_over_instance(target, true));
  } else {
    control_.spawn(reboot());
  }
  return answer(call, RdsFault::none);
}

RdsFault RdsDatabase::failover_db_cluster(std::string_view target) {
  constexpr std::string_view call = "FailoverDBCluster";
  if (!cluster()) return answer(call, RdsFault::invalid_parameter_combination);
  if (status_ != InstanceStatus::available || failing_over_) {
    return answer(call, RdsFault::invalid_db_cluster_state);
  }
  const MemberId chosen = target.empty() ? candidate() : find(target);
  if (chosen == nobody || chosen >= members()) {
    return answer(call, target.empty() ? RdsFault::invalid_db_cluster_state
                                       : RdsFault::db_instance_not_found);
  }
  const bool ready =
      chosen != writer_ && instances_[chosen]->running() && replication_.in_sync(chosen);
  if (!ready) return answer(call, RdsFault::invalid_db_instance_state);
  failing_over_ = true;
  set_status(InstanceStatus::failing_over);
  control_.spawn(fail_over_cluster(chosen, true));
  return answer(call, RdsFault::none);
}

RdsFault RdsDatabase::modify_allocated_storage(std::uint64_t bytes) {
  constexpr std::string_view call = "ModifyDBInstance";
  if (bytes <= volume_.allocated()) return answer(call, RdsFault::invalid_parameter_combination);
  if (growing_ || !volume_.may_change(now())) {
    return answer(call, RdsFault::invalid_db_instance_state);
  }
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, rds::storage_scaling,
             static_cast<std::int64_t>(bytes) / bytes_per_gibibyte, trace.name(call));
  growing_ = true;
  control_.spawn(grow(bytes));
  return answer(call, RdsFault::none);
}

sim::Task<> RdsDatabase::reboot() {
  const sim::Duration length = timings_.reboot.sample_duration(delays_);
  close_writer(EngineEnd::stopped);
  co_await sim::sleep_for(length);
  instances_[writer_]->start(RdsRole::writer);
  set_status(InstanceStatus::available);
}

// ---- failover

sim::Task<> RdsDatabase::fail_over_instance(MemberId target, bool forced) {
  const sim::Time begin = now();
  const RdsFailover times = sample_failover();
  const sim::Duration close = timings_.writer_closes.sample_duration(delays_);
  const MemberId old_writer = writer_;
  if (forced) {
    say(rds::failover_begun, target);
    co_await sim::sleep_until(begin + std::min(close, times.detect));
    simulation_.trace().emit(now(), entity_, rds::writer_closed);
    close_writer(EngineEnd::crashed);
  }
  co_await sim::sleep_until(begin + times.detect);
  if (!forced) say(rds::failover_begun, target);
  co_await sim::sleep_for(times.attach);
  begin_redo(times.redo);
  co_await sim::sleep_for(times.redo);
  if (!instances_[target]->host().up()) {  // re-check: it died meanwhile, and with it both copies
    say(rds::no_standby, old_writer);
    failing_over_ = false;
    co_return;
  }
  take_writes(target);
  replication_.give_up(old_writer);
  instances_[old_writer]->stand_by();
  control_.spawn(show_zone(target));
  if (forced) {
    const sim::Duration resync = timings_.resync.sample_duration(delays_);
    control_.spawn(rejoin(old_writer, resync));
  }
  co_await sim::sleep_for(times.dns);
  publish(target);
  say(rds::endpoint_moved, target);
  failing_over_ = false;
  if (forced) set_status(InstanceStatus::available);
}

sim::Task<> RdsDatabase::fail_over_cluster(MemberId target, bool forced) {
  const sim::Time begin = now();
  const sim::Duration length = timings_.cluster_failover.sample_duration(delays_);
  const sim::Duration close = timings_.writer_closes.sample_duration(delays_);
  const sim::Duration notice = timings_.detect.sample_duration(delays_);
  const sim::Duration apply = apply_time();
  const sim::Duration publication = timings_.dns_publish.sample_duration(delays_);
  const sim::Duration restart = timings_.engine_start.sample_duration(delays_);
  const MemberId old_writer = writer_;
  co_await sim::sleep_until(begin + std::min(forced ? close : notice, length));
  set_status(InstanceStatus::failing_over);
  if (forced) {
    simulation_.trace().emit(now(), entity_, rds::writer_closed);
    close_writer(EngineEnd::stopped);
    replication_.lose(old_writer);
  }
  say(rds::failover_begun, target);
  co_await sim::sleep_until(begin + length);
  co_await sim::sleep_for(apply);
  const bool there = instances_[target]->running();
  if (!there) target = candidate();  // re-check: it died meanwhile
  if (target == nobody) {
    say(rds::no_standby, old_writer);
    failing_over_ = false;
    co_return;
  }
  take_writes(target);
  if (forced) control_.spawn(rejoin(old_writer, restart));
  co_await sim::sleep_for(publication);
  publish(target);
  publish_readers();
  say(rds::endpoint_moved, target);
  failing_over_ = false;
  set_status(InstanceStatus::available);
}

sim::Task<> RdsDatabase::show_zone(MemberId member) {
  const sim::Duration length = timings_.zone_shown.sample_duration(delays_);
  co_await sim::sleep_for(length);
  if (writer_ == member) say(rds::zone_shown, member);
}

// It follows the writer there is, and holds everything.
sim::Task<> RdsDatabase::rejoin(MemberId member, sim::Duration after) {
  co_await sim::sleep_for(after);
  RdsInstance& one = *instances_[member];
  if (member == writer_) co_return;
  if (!one.host().up()) one.host().restart();
  if (multi_az() && member < members()) {
    one.stand_by();
  } else {
    one.start(RdsRole::follower);
    one.find_source();
    const bool source = instances_[writer_]->running();
    if (!source) one.lose_source();
  }
  if (member < members()) {
    replication_.attach(member);
    say(rds::in_sync, member);
  }
  publish_readers();
  changed_.notify_all();
}

// ---- losses

void RdsDatabase::crash_engine(MemberId member) {
  RdsInstance& one = *instances_[member];
  if (!one.running()) return;
  if (member == writer_) {
    close_writer(EngineEnd::crashed);
  } else {
    one.end(EngineEnd::crashed);
  }
  control_.spawn(restart_in_place(member));
}

sim::Task<> RdsDatabase::restart_in_place(MemberId member) {
  const sim::Duration start = timings_.engine_start.sample_duration(delays_);
  const sim::Duration redo = sample_failover().redo;
  co_await sim::sleep_for(start);
  begin_redo(redo);
  co_await sim::sleep_for(redo);
  RdsInstance& one = *instances_[member];
  if (!one.host().up() || full_) co_return;
  one.start(member == writer_ ? RdsRole::writer : RdsRole::follower);
}

void RdsDatabase::lose_host(MemberId member) {
  RdsInstance& one = *instances_[member];
  if (!one.host().up()) return;
  const bool writes = member == writer_;
  if (one.running()) {
    one.end(EngineEnd::silent);
  } else {
    one.host().crash();
  }
  if (member < members()) replication_.lose(member);
  if (writes) followers_lose_source(EngineEnd::silent);
  control_.spawn(recover_from_loss(member));
}

void RdsDatabase::lose_zone(std::size_t zone) {
  zone_lost_[zone] = true;
  for (const auto& one : instances_) {
    if (one->zone() == zone) lose_host(one->member());
  }
}

void RdsDatabase::restore_zone(std::size_t zone) {
  zone_lost_[zone] = false;
  changed_.notify_all();
}

sim::Task<> RdsDatabase::recover_from_loss(MemberId lost) {
  control_.spawn(bring_back(lost));
  if (lost != writer_) {
    if (multi_az() && lost < members()) control_.spawn(give_mirror_up(lost));
    const sim::Duration detection = timings_.detect.sample_duration(delays_);
    co_await sim::sleep_for(detection);
    publish_readers();
    co_return;
  }
  if (failing_over_) co_return;  // the failover under way goes on
  const MemberId target = candidate();
  if (target == nobody) {
    say(rds::no_standby, lost);
    co_return;
  }
  failing_over_ = true;
  if (cluster()) {
    control_.spawn(fail_over_cluster(target, false));
  } else {
    control_.spawn(fail_over_instance(target, false));
  }
}

sim::Task<> RdsDatabase::give_mirror_up(MemberId lost) {
  const sim::Duration length = timings_.mirror_given_up.sample_duration(delays_);
  co_await sim::sleep_for(length);
  const bool still = !instances_[lost]->host().up() && instances_[writer_]->running();
  if (!still) co_return;
  replication_.give_up(lost);
  say(rds::mirror_given_up, lost);
}

// A new host in the same zone, once the zone is there.
sim::Task<> RdsDatabase::bring_back(MemberId member) {
  const sim::Duration detection = timings_.detect.sample_duration(delays_);
  const sim::Duration replacement = timings_.replace_host.sample_duration(delays_);
  const sim::Duration resync = timings_.resync.sample_duration(delays_);
  const sim::Duration redo = sample_failover().redo;
  RdsInstance& one = *instances_[member];
  co_await sim::sleep_for(detection);
  while (zone_lost_[one.zone()]) co_await changed_.wait();
  co_await sim::sleep_for(replacement);
  if (member != writer_) {
    control_.spawn(rejoin(member, resync));
    co_return;
  }
  // Nobody took over: the volume is as it was.
  begin_redo(redo);
  co_await sim::sleep_for(redo);
  if (member != writer_) {  // re-check
    control_.spawn(rejoin(member, resync));
    co_return;
  }
  replication_.attach(member);
  one.start(RdsRole::writer);
  say(rds::writer_changed, member);
  set_status(InstanceStatus::available);
  changed_.notify_all();
}

// ---- storage

void RdsDatabase::fill_storage(std::uint64_t bytes_per_second) {
  volume_.set_fill(now(), bytes_per_second);
  fills_.notify_all();
}

sim::Task<> RdsDatabase::watch_volume() {
  bool low = false;
  for (;;) {
    if (!volume_.grows() && !full_) {
      co_await fills_.wait();
      continue;
    }
    const sim::Duration left = full_ ? RdsVolume::look : volume_.until_full(now());
    co_await fills_.wait_for(std::min<sim::Duration>(RdsVolume::look, left));
    if (!full_ && volume_.full(now())) stop_for_space();
    const bool is_low = volume_.free(now()) <= volume_.allocated() / 10;
    if (is_low && !low) {
      simulation_.trace().emit(now(), entity_, rds::storage_low,
                               static_cast<std::int64_t>(volume_.free(now())) / bytes_per_mebibyte);
    }
    low = is_low;
    const std::uint64_t wanted = volume_.autoscale(now());
    if (wanted == 0 || growing_) continue;
    sim::Trace& trace = simulation_.trace();
    trace.emit(now(), entity_, rds::storage_scaling,
               static_cast<std::int64_t>(wanted) / bytes_per_gibibyte, trace.name("autoscaling"));
    growing_ = true;
    control_.spawn(grow(wanted));
  }
}

// WAL cannot be written: PANIC ends the engine, and with it what filled the volume.
void RdsDatabase::stop_for_space() {
  full_ = true;
  volume_.set_fill(now(), 0);
  simulation_.trace().emit(now(), entity_, rds::storage_full);
  close_writer(EngineEnd::crashed);
  set_status(InstanceStatus::storage_full);
  control_.spawn(wait_for_help());
}

sim::Task<> RdsDatabase::wait_for_help() {
  const sim::Duration response = timings_.storage_response.sample_duration(storage_delays_);
  co_await sim::sleep_for(response);
  const bool helped = !full_ || growing_;
  if (!helped) modify_allocated_storage(volume_.allocated() + volume_.allocated() / 2);
}

sim::Task<> RdsDatabase::grow(std::uint64_t bytes) {
  const sim::Duration change = timings_.storage_modify.sample_duration(storage_delays_);
  const sim::Duration optimization = timings_.storage_optimization.sample_duration(storage_delays_);
  const sim::Duration start = timings_.engine_start.sample_duration(storage_delays_);
  const sim::Duration redo = sample_failover().redo;
  if (!full_) set_status(InstanceStatus::modifying);
  co_await sim::sleep_for(change);
  volume_.resize(now(), bytes);
  growing_ = false;
  simulation_.trace().emit(now(), entity_, rds::storage_grown,
                           static_cast<std::int64_t>(volume_.allocated()) / bytes_per_gibibyte);
  if (full_) {
    full_ = false;
    co_await sim::sleep_for(start);
    begin_redo(redo);
    co_await sim::sleep_for(redo);
    const bool there = instances_[writer_]->host().up() && !instances_[writer_]->running();
    if (there) instances_[writer_]->start(RdsRole::writer);
  }
  set_status(InstanceStatus::storage_optimization);
  fills_.notify_all();
  co_await sim::sleep_for(optimization);
  volume_.optimized();
  if (status_ == InstanceStatus::storage_optimization) set_status(InstanceStatus::available);
}

}  // namespace predrill::models
