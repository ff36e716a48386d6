#include "sim/host.hpp"

#include <algorithm>

#include "sim/network.hpp"
#include "sim/task.hpp"

namespace predrill::sim {

void GroupResource::attach(Group& group) {
  owner_ = &group;
  previous_ = nullptr;
  next_ = group.resources_;
  if (next_ != nullptr) next_->previous_ = this;
  group.resources_ = this;
}

void GroupResource::detach() noexcept {
  if (owner_ == nullptr) return;
  (previous_ != nullptr ? previous_->next_ : owner_->resources_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  owner_ = nullptr;
}

Group::Group(Host& host, std::string_view name)
    : host_(host), simulation_(host.simulation()), name_(name) {
  host.groups_.push_back(this);
  if (host.frozen_) frozen_ = 1;
}

Group::~Group() {
  unpark();  // so that what has been cancelled since is not counted for ever
  kill();
  auto& groups = host_.groups_;
  groups.erase(std::remove(groups.begin(), groups.end(), this), groups.end());
}

ProcessId Group::spawn(Task<void> task) {
  if (!host_.up()) return {};
  if (simulation_.free_process_ == nullptr) [[unlikely]]
    simulation_.grow_processes();
  Process* const process = simulation_.free_process_;
  simulation_.free_process_ = process->next;
  auto handle = task.release();
  PromiseBase& root = handle.promise();
  root.group = this;
  root.process = process;
  root.waited_for = true;
  process->waiter = &root;
  process->number = ++simulation_.spawned_;
  process->linked = true;
  process->doomed = false;
  process->previous = nullptr;
  process->next = newest_;
  if (newest_ != nullptr) newest_->previous = process;
  newest_ = process;
  simulation_.schedule_now(*process, *this);
  return process->id();
}

void Group::kill() {
  ++incarnation_;
  while (newest_ != nullptr) end(*newest_);
  while (resources_ != nullptr) {
    GroupResource* resource = resources_;
    resource->detach();
    resource->on_group_death();
  }
}

bool Group::kill(ProcessId id) {
  Process* const process = id.block;
  const bool lives = process != nullptr && process->number == id.number && process->linked;
  if (!lives || process->group_ != this) return false;
  end(*process);
  return true;
}

// The running process cannot be destroyed under its own feet: it ends at its next suspension.
void Group::end(Process& process) {
  process.unlink();
  if (simulation_.running_ != nullptr && simulation_.running_->process == &process) {
    process.doomed = true;
    simulation_.graveyard_.push_back(&process);
    simulation_.chores_ = true;
  } else {
    process.destroy(simulation_);
  }
}

void Group::freeze() {
  if (frozen_++ == 0) tell_freeze(true);
}

void Group::thaw() {
  SIM_ASSERT(frozen_ > 0, "thaw without freeze");
  if (--frozen_ != 0) return;
  unpark();
  tell_freeze(false);
}

void Group::tell_freeze(bool frozen) {
  for (GroupResource* resource = resources_; resource != nullptr; resource = resource->next_) {
    resource->on_group_freeze(frozen);
  }
}

void Group::unpark() {
  std::vector<Parked> parked;
  parked.swap(parked_);
  for (const Parked& p : parked) simulation_.unpark(p.slot, p.order);
}

std::size_t Group::processes() const {
  std::size_t count = 0;
  for (const Process* process = newest_; process != nullptr; process = process->next) ++count;
  return count;
}

Host::Host(Simulation& simulation, std::string name, ZoneId zone)
    : simulation_(simulation),
      name_(std::move(name)),
      zone_(zone),
      entity_(simulation.trace().entity(name_)),
      clock_(simulation),
      kernel_(*this, "kernel") {
  id_ = simulation.network().add_host(*this);
  simulation.hosts_.push_back(this);
}

Host::~Host() {
  simulation_.shut_down();
  SIM_ASSERT(groups_.size() == 1, "a group must die before its host");
  auto& hosts = simulation_.hosts_;
  hosts.erase(std::remove(hosts.begin(), hosts.end(), this), hosts.end());
}

void Host::boot() {
  for (const auto& start : boot_) start();
}

void Host::crash() {
  if (!up_) return;
  up_ = false;
  ++incarnation_;
  if (frozen_) thaw();
  for (std::size_t i = groups_.size(); i-- > 0;) groups_[i]->kill();
  simulation_.network().tell_change();
}

void Host::restart() {
  SIM_ASSERT(!up_, "only a host that is down can restart");
  up_ = true;
  simulation_.network().tell_change();
  boot();
}

void Host::freeze() {
  if (frozen_ || !up_) return;
  frozen_ = true;
  for (Group* group : groups_) group->freeze();
  simulation_.network().tell_change();
}

// What fell due meanwhile fires now, in the order in which it fell due, across all groups.
void Host::thaw() {
  if (!frozen_) return;
  frozen_ = false;
  std::vector<Group::Parked> due;
  for (Group* group : groups_) {
    if (--group->frozen_ != 0) continue;
    due.insert(due.end(), group->parked_.begin(), group->parked_.end());
    group->parked_.clear();
  }
  std::sort(due.begin(), due.end(),
            [](const auto& a, const auto& b) { return a.ticket < b.ticket; });
  for (const Group::Parked& p : due) simulation_.unpark(p.slot, p.order);
  for (Group* group : groups_) {
    if (group->frozen_ == 0) group->tell_freeze(false);
  }
  simulation_.network().tell_change();
}

namespace {

__extension__ using Wide = __int128;

Duration scaled(Duration d, std::int64_t numerator, std::int64_t denominator) {
  return Duration(static_cast<std::int64_t>(Wide{d.count()} * numerator / denominator));
}

}  // namespace

Time LocalClock::now() const {
  return simulation_.now() + jumps_ + gained_ +
         scaled(simulation_.now() - drift_since_, drift_ppm_, 1'000'000);
}

Duration LocalClock::monotonic() const {
  return (simulation_.now() - Time{}) + gained_ +
         scaled(simulation_.now() - drift_since_, drift_ppm_, 1'000'000);
}

void LocalClock::set_drift(std::int32_t ppm) {
  SIM_ASSERT(ppm > -1'000'000, "a clock cannot run backwards");
  gained_ += scaled(simulation_.now() - drift_since_, drift_ppm_, 1'000'000);
  drift_since_ = simulation_.now();
  drift_ppm_ = ppm;
}

Duration LocalClock::to_virtual(Duration local) const {
  if (local == forever) return forever;
  return scaled(local, 1'000'000, 1'000'000 + drift_ppm_);
}

}  // namespace predrill::sim
