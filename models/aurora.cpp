#include "models/aurora.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

namespace {

constexpr int advanced_insights_retention_days = 465;

}  // namespace

AuroraCluster::AuroraCluster(sim::Simulation& simulation, AddressBook& book, DnsServer& zone,
                             AuroraEndpoints endpoints, AuroraConfig config, AuroraTimings timings)
    : simulation_(simulation),
      book_(book),
      dns_(zone),
      endpoints_(endpoints),
      config_(std::move(config)),
      timings_(std::move(timings)),
      storage_(simulation, timings_.storage),
      entity_(simulation.trace().entity(config_.cluster)),
      control_host_(simulation, config_.cluster + "/rds"),
      control_(control_host_, "control plane"),
      delays_(simulation.stream(config_.cluster, "control plane")) {
  for (const AuroraInstanceConfig& one : config_.instances) {
    const auto member = static_cast<MemberId>(instances_.size());
    instances_.push_back(
        std::make_unique<AuroraInstance>(simulation, one, member, storage_, timings_));
    addresses_.push_back(book_.add(instances_.back()->listener()));
  }
}

AuroraCluster::~AuroraCluster() {
  control_.kill();
}

void AuroraCluster::start() {
  for (const auto& one : instances_) {
    const bool writes = one->member() == 0;
    one->start(writes ? AuroraRole::writer : AuroraRole::reader);
  }
  writer_ = 0;
  dns_.add(endpoints_.writer, config_.cluster + ".cluster", config_.dns_ttl, {});
  dns_.add(endpoints_.reader, config_.cluster + ".cluster-ro", config_.reader_dns_ttl, {},
           DnsServer::Answers::one_in_turn);
  publish();
}

MemberId AuroraCluster::find(std::string_view name) const {
  for (const auto& one : instances_) {
    if (one->name() == name) return one->member();
  }
  return nobody;
}

MemberId AuroraCluster::accepting_writes() const {
  for (const auto& one : instances_) {
    if (one->running() && one->role() == AuroraRole::writer) return one->member();
  }
  return nobody;
}

std::optional<InstanceStatus> AuroraCluster::instance_status(std::string_view instance) const {
  const MemberId member = find(instance);
  if (member == nobody) return std::nullopt;
  return instances_[member]->status;
}

std::optional<SnapshotStatus> AuroraCluster::snapshot_status(std::string_view identifier) const {
  const auto found = std::ranges::find(snapshots_, identifier, &AuroraSnapshot::identifier);
  if (found == snapshots_.end()) return std::nullopt;
  return found->status;
}

bool AuroraCluster::all_available() const {
  if (status_ != ClusterStatus::available) return false;
  return std::ranges::all_of(instances_, [](const std::unique_ptr<AuroraInstance>& one) {
    return one->status == InstanceStatus::available;
  });
}

// ---- bookkeeping

RdsFault AuroraCluster::answer(std::string_view call, std::string_view subject, RdsFault fault) {
  sim::Trace& trace = simulation_.trace();
  const std::string_view text = fault == RdsFault::none ? "accepted" : to_text(fault);
  trace.emit(now(), entity_, aurora::api_call, trace.name(call), trace.name(subject),
             trace.name(text));
  return fault;
}

void AuroraCluster::set_status(ClusterStatus status) {
  if (status_ == status) return;
  status_ = status;
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, aurora::cluster_status, trace.name(to_text(status)));
  changed_.notify_all();
}

void AuroraCluster::set_instance_status(AuroraInstance& instance, InstanceStatus status) {
  if (instance.status == status) return;
  instance.status = status;
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), instance.host().entity(), aurora::instance_status, trace.name(to_text(status)));
  changed_.notify_all();
}

std::vector<PromotionCandidate> AuroraCluster::candidates(MemberId without) const {
  std::vector<PromotionCandidate> list;
  for (const auto& one : instances_) {
    const InstanceClass* its_class = find_instance_class(one->config().instance_class);
    const bool ready =
        one->member() != without && one->running() && one->status == InstanceStatus::available;
    list.push_back({one->member(), one->config().promotion_tier,
                    its_class == nullptr ? 0 : its_class->size, ready});
  }
  return list;
}

// The cluster endpoint names the writer; the reader endpoint the readers, or the writer if there
// is none.
void AuroraCluster::publish() {
  AddressList writers;
  AddressList readers;
  for (const auto& one : instances_) {
    if (one->member() == writer_) {
      writers.add(addresses_[one->member()]);
    } else if (one->running()) {
      readers.add(addresses_[one->member()]);
    }
  }
  if (readers.empty()) readers = writers;
  dns_.set(endpoints_.writer, writers);
  dns_.set(endpoints_.reader, readers);
}

void AuroraCluster::end_engine(MemberId member, EngineEnd how) {
  AuroraInstance& one = *instances_[member];
  if (one.running()) one.end(how);
}

void AuroraCluster::flip_to(MemberId member) {
  instances_[member]->promote();
  writer_ = member;
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, aurora::writer_flipped, trace.name(instances_[member]->name()));
  changed_.notify_all();
}

// ---- failover

RdsFault AuroraCluster::failover_db_cluster(std::string_view target) {
  constexpr std::string_view call = "FailoverDBCluster";
  if (status_ != ClusterStatus::available || failing_over_) {
    return answer(call, target, RdsFault::invalid_db_cluster_state);
  }
  std::size_t chosen = 0;
  if (target.empty()) {
    chosen = choose_promotion_target(candidates(writer_));
    if (chosen == instances_.size()) {
      return answer(call, target, RdsFault::invalid_db_cluster_state);
    }
  } else {
    const MemberId named = find(target);
    if (named == nobody) return answer(call, target, RdsFault::db_instance_not_found);
    if (named == writer_) return answer(call, target, RdsFault::invalid_db_cluster_state);
    chosen = named;
  }
  const bool ready = candidates(writer_)[chosen].ready;
  if (!ready) return answer(call, target, RdsFault::invalid_db_instance_state);
  failing_over_ = true;
  control_.spawn(fail_over(static_cast<MemberId>(chosen)));
  return answer(call, instances_[chosen]->name(), RdsFault::none);
}

sim::Task<> AuroraCluster::show_failing_over(sim::Duration after) {
  co_await sim::sleep_for(after);
  set_status(ClusterStatus::failing_over);
}

sim::Task<> AuroraCluster::fail_over(MemberId target) {
  const sim::Time begin = now();
  const sim::Duration state = timings_.failover_state.sample_duration(delays_);
  const sim::Duration close = timings_.writer_closes.sample_duration(delays_);
  const sim::Duration flip = timings_.writer_flips.sample_duration(delays_);
  const sim::Duration settle = timings_.settle.sample_duration(delays_);
  const sim::Duration publication = timings_.dns_publish.sample_duration(delays_);
  control_.spawn(show_failing_over(state));
  const MemberId old_writer = writer_;
  co_await sim::sleep_until(begin + std::min(close, flip));
  simulation_.trace().emit(now(), entity_, aurora::writer_closed);
  end_engine(old_writer, config_.fenced_silently ? EngineEnd::silent : EngineEnd::stopped);
  control_.spawn(restart_demoted(old_writer));
  // The writer never changes before Status has said failing-over.
  co_await sim::sleep_until(begin + std::max(flip, state));
  flip_to(target);
  const sim::Time available = now() + settle;
  co_await sim::sleep_for(publication);
  publish();
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, aurora::endpoint_moved, trace.name(instances_[target]->name()));
  co_await sim::sleep_until(available);
  failing_over_ = false;
  set_status(ClusterStatus::available);
}

sim::Task<> AuroraCluster::restart_demoted(MemberId old_writer) {
  const sim::Duration restart = timings_.engine_restart.sample_duration(delays_);
  co_await sim::sleep_for(restart);
  // A reader needs the log stream of a writer.
  while (writer_ == old_writer) co_await changed_.wait();
  instances_[old_writer]->start(AuroraRole::reader);
}

// ---- crashes

void AuroraCluster::crash_engine(MemberId member) {
  end_engine(member, EngineEnd::crashed);
  control_.spawn(restart_in_place(member));
}

sim::Task<> AuroraCluster::restart_in_place(MemberId member) {
  const sim::Duration restart = timings_.engine_restart.sample_duration(delays_);
  if (member == writer_ && !readers_survive_writer_restart(config_.engine_version)) {
    for (const auto& one : instances_) {
      if (one->member() != member) end_engine(one->member(), EngineEnd::crashed);
    }
  }
  co_await sim::sleep_for(restart);
  const AuroraRole role = member == writer_ ? AuroraRole::writer : AuroraRole::reader;
  instances_[member]->start(role);
  for (const auto& one : instances_) {
    const bool waits = !one->running() && one->status == InstanceStatus::available;
    if (role == AuroraRole::writer && waits && one->host().up()) one->start(AuroraRole::reader);
  }
}

void AuroraCluster::lose_host(MemberId member) {
  end_engine(member, EngineEnd::silent);
  control_.spawn(recover_from_host_loss(member));
}

void AuroraCluster::lose_zone(std::size_t zone) {
  storage_.lose_zone(zone);
  zone_lost_[zone] = true;
  for (const auto& one : instances_) {
    if (one->config().zone == zone) lose_host(one->member());
  }
}

void AuroraCluster::restore_zone(std::size_t zone) {
  storage_.restore_zone(zone);
  zone_lost_[zone] = false;
  changed_.notify_all();
}

sim::Task<> AuroraCluster::recover_from_host_loss(MemberId lost) {
  const sim::Duration detection = timings_.detect_host.sample_duration(delays_);
  const sim::Duration promotion = timings_.promote.sample_duration(delays_);
  const sim::Duration publication = timings_.dns_publish.sample_duration(delays_);
  co_await sim::sleep_for(detection);
  set_instance_status(*instances_[lost], InstanceStatus::creating);
  control_.spawn(bring_back(lost, timings_.recreate_instance));
  if (lost != writer_) {
    publish();
    co_return;
  }
  set_status(ClusterStatus::failing_over);
  const std::size_t target = choose_promotion_target(candidates(lost));
  if (target == instances_.size()) {
    simulation_.trace().emit(now(), entity_, aurora::no_target);
    co_return;
  }
  co_await sim::sleep_for(promotion);
  flip_to(static_cast<MemberId>(target));
  co_await sim::sleep_for(publication);
  publish();
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, aurora::endpoint_moved, trace.name(instances_[target]->name()));
  set_status(ClusterStatus::available);
}

sim::Task<> AuroraCluster::bring_back(MemberId member, sim::Distribution after) {
  const sim::Duration length = after.sample_duration(delays_);
  AuroraInstance& one = *instances_[member];
  while (zone_lost_[one.config().zone]) co_await changed_.wait();
  co_await sim::sleep_for(length);
  const bool writes = writer_ == member;
  one.start(writes ? AuroraRole::writer : AuroraRole::reader);
  set_instance_status(one, InstanceStatus::available);
  if (writes) set_status(ClusterStatus::available);
  publish();
}

// ---- reboot

RdsFault AuroraCluster::reboot_db_instance(std::string_view instance) {
  constexpr std::string_view call = "RebootDBInstance";
  const MemberId member = find(instance);
  if (member == nobody) return answer(call, instance, RdsFault::db_instance_not_found);
  AuroraInstance& one = *instances_[member];
  if (one.status != InstanceStatus::available) {
    return answer(call, instance, RdsFault::invalid_db_instance_state);
  }
  set_instance_status(one, InstanceStatus::rebooting);
  control_.spawn(reboot(member));
  return answer(call, instance, RdsFault::none);
}

sim::Task<> AuroraCluster::reboot(MemberId member) {
  AuroraInstance& one = *instances_[member];
  const bool writes = member == writer_;
  const sim::Duration reader_time = timings_.reader_reboot.sample_duration(delays_);
  const sim::Duration writer_time = timings_.writer_reboot.sample_duration(delays_);
  end_engine(member, EngineEnd::stopped);
  const bool readers_too = writes && !readers_survive_writer_restart(config_.engine_version);
  if (readers_too) {
    for (const auto& other : instances_) end_engine(other->member(), EngineEnd::stopped);
  }
  publish();
  co_await sim::sleep_for(writes ? writer_time : reader_time);
  one.start(writes ? AuroraRole::writer : AuroraRole::reader);
  if (readers_too) {
    for (const auto& other : instances_) {
      if (other->member() != member) other->start(AuroraRole::reader);
    }
  }
  set_instance_status(one, InstanceStatus::available);
  publish();
}

// ---- class change

RdsFault AuroraCluster::modify_db_instance(std::string_view instance,
                                           std::string_view instance_class,
                                           bool apply_immediately) {
  constexpr std::string_view call = "ModifyDBInstance";
  const MemberId member = find(instance);
  if (member == nobody) return answer(call, instance, RdsFault::db_instance_not_found);
  AuroraInstance& one = *instances_[member];
  if (!instance_class.empty() && find_instance_class(instance_class) == nullptr) {
    return answer(call, instance, RdsFault::invalid_parameter_combination);
  }
  if (one.status != InstanceStatus::available) {
    return answer(call, instance, RdsFault::invalid_db_instance_state);
  }
  if (!instance_class.empty()) one.pending_class = instance_class;
  const bool changes = !one.pending_class.empty();
  if (changes && apply_immediately) control_.spawn(change_class(member));
  changed_.notify_all();
  return answer(call, instance, RdsFault::none);
}

sim::Task<> AuroraCluster::change_class(MemberId member) {
  AuroraInstance& one = *instances_[member];
  ++class_changes_;
  const sim::Duration start = timings_.class_swap_start.sample_duration(delays_);
  const sim::Duration swap = timings_.class_swap.sample_duration(delays_);
  const sim::Duration monitoring = timings_.enhanced_monitoring.sample_duration(delays_);
  co_await sim::sleep_for(start);
  set_instance_status(one, InstanceStatus::modifying);
  end_engine(member, EngineEnd::stopped);
  publish();
  co_await sim::sleep_for(swap);
  one.config().instance_class = one.pending_class;
  one.pending_class.clear();
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), one.host().entity(), aurora::class_changed,
             trace.name(one.config().instance_class));
  one.start(member == writer_ ? AuroraRole::writer : AuroraRole::reader);
  set_instance_status(one, InstanceStatus::configuring_enhanced_monitoring);
  publish();
  co_await sim::sleep_for(monitoring);
  --class_changes_;
  set_instance_status(one, InstanceStatus::available);
}

// ---- parameter groups

RdsFault AuroraCluster::attach_parameter_group(const std::vector<DbParameter>& group,
                                               bool apply_immediately) {
  constexpr std::string_view call = "ModifyDBCluster";
  if (status_ != ClusterStatus::available) {
    return answer(call, "DBClusterParameterGroupName", RdsFault::invalid_db_cluster_state);
  }
  for (const auto& one : instances_) {
    one->wanted = group;
    one->parameter_status = ParameterApplyStatus::applying;
  }
  control_.spawn(make_parameters_live(apply_immediately));
  return answer(call, "DBClusterParameterGroupName", RdsFault::none);
}

RdsFault AuroraCluster::modify_parameter_group(const std::vector<DbParameter>& group) {
  constexpr std::string_view call = "ModifyDBClusterParameterGroup";
  for (const auto& one : instances_) {
    for (const DbParameter& change : group) {
      const auto found = std::ranges::find(one->wanted, change.name, &DbParameter::name);
      if (found == one->wanted.end()) {
        one->wanted.push_back(change);
      } else {
        found->value = change.value;
      }
    }
  }
  control_.spawn(make_parameters_live(true));
  return answer(call, config_.cluster, RdsFault::none);
}

sim::Task<> AuroraCluster::make_parameters_live(bool apply_immediately) {
  const sim::Duration length = timings_.parameters_live.sample_duration(delays_);
  co_await sim::sleep_for(length);
  std::int64_t pending = 0;
  for (const auto& one : instances_) {
    one->apply_dynamic();
    std::int64_t waiting = 0;
    for (const DbParameter& want : one->wanted) {
      if (want.is_static && one->show(want.name) != want.value) ++waiting;
    }
    pending = std::max(pending, waiting);
    const bool says_so = waiting > 0 && apply_immediately;
    one->parameter_status =
        says_so ? ParameterApplyStatus::pending_reboot : ParameterApplyStatus::in_sync;
  }
  simulation_.trace().emit(now(), entity_, aurora::parameters_live, pending);
  changed_.notify_all();
}

RdsFault AuroraCluster::modify_insights(bool advanced, int retention_days) {
  constexpr std::string_view call = "ModifyDBCluster";
  constexpr std::string_view what = "DatabaseInsightsMode";
  if (status_ != ClusterStatus::available) {
    return answer(call, what, RdsFault::invalid_db_cluster_state);
  }
  if (advanced && retention_days < advanced_insights_retention_days) {
    return answer(call, what, RdsFault::invalid_parameter_combination);
  }
  insights_advanced_ = advanced;
  set_status(ClusterStatus::configuring_enhanced_monitoring);
  control_.spawn(change_insights());
  return answer(call, what, RdsFault::none);
}

sim::Task<> AuroraCluster::change_insights() {
  const sim::Duration length = timings_.insights_change.sample_duration(delays_);
  co_await sim::sleep_for(length);
  set_status(ClusterStatus::available);
}

// ---- snapshots

RdsFault AuroraCluster::create_db_cluster_snapshot(std::string_view identifier) {
  constexpr std::string_view call = "CreateDBClusterSnapshot";
  if (snapshot_status(identifier)) {
    return answer(call, identifier, RdsFault::db_cluster_snapshot_already_exists);
  }
  if (status_ != ClusterStatus::available) {
    return answer(call, identifier, RdsFault::invalid_db_cluster_state);
  }
  snapshots_.push_back(
      {std::string(identifier), SnapshotStatus::creating, now(), storage_.durable()});
  control_.spawn(make_snapshot(std::string(identifier)));
  return answer(call, identifier, RdsFault::none);
}

sim::Task<> AuroraCluster::make_snapshot(std::string identifier) {
  const sim::Duration length = timings_.snapshot.sample_duration(delays_);
  co_await sim::sleep_for(length);
  const auto found = std::ranges::find(snapshots_, identifier, &AuroraSnapshot::identifier);
  if (found == snapshots_.end()) co_return;
  found->status = SnapshotStatus::available;
  sim::Trace& trace = simulation_.trace();
  trace.emit(now(), entity_, aurora::snapshot_status, trace.name(found->identifier),
             trace.name(to_text(found->status)));
  changed_.notify_all();
}

RdsFault AuroraCluster::delete_db_cluster_snapshot(std::string_view identifier) {
  constexpr std::string_view call = "DeleteDBClusterSnapshot";
  const auto found = std::ranges::find(snapshots_, identifier, &AuroraSnapshot::identifier);
  if (found == snapshots_.end()) {
    return answer(call, identifier, RdsFault::db_cluster_snapshot_not_found);
  }
  if (found->status != SnapshotStatus::available) {
    return answer(call, identifier, RdsFault::invalid_db_cluster_state);
  }
  snapshots_.erase(found);
  return answer(call, identifier, RdsFault::none);
}

}  // namespace predrill::models
