#include "harness/engine/fault_clock.hpp"

#include <algorithm>
#include <utility>

#include "sim/portable_math.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

constexpr double ns_of_a_year = 365.25 * 86400e9;

// No draw decides further ahead than this: a run that is given another future (Simulation::fork)
// has other faults from then on. Exact, because what has not come yet has no memory.
constexpr Duration step = 10s;

}  // namespace

double faults_per_year(const std::vector<FaultSpec>& faults) {
  double sum = 0;
  for (const FaultSpec& fault : faults) sum += fault.at.per_year;
  return sum;
}

FaultClock::FaultClock(sim::Simulation& sim, const std::vector<FaultSpec>& faults,
                       std::span<const Milestone> milestones, Strike strike)
    : sim_(sim),
      faults_(faults),
      milestones_(milestones),
      strike_(std::move(strike)),
      waiting_(faults.size()),
      per_year_(faults_per_year(faults)),
      times_(sim.stream("faults", "time")),
      gaps_(sim.stream("faults", "rate")) {
  sim_.trace().attach(*this);
}

FaultClock::~FaultClock() {
  sim_.trace().detach(*this);
}

void FaultClock::condition(std::uint64_t count, Duration length) {
  given_ = Given{count, length};
}

void FaultClock::start() {
  const auto begin = [this](std::size_t index, Duration delay) {
    earliest_ = std::min(earliest_, sim_.now() + delay);
    sim_.world().spawn(strike_after(index, delay));
  };
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    if (faults_[i].at.per_year > 0) continue;
    if (faults_[i].at.after.empty()) {
      begin(i, delay_of(i));
    } else {
      waiting_[i] = true;
    }
  }
  if (earliest_ != sim::time_max || per_year_ == 0) return;
  const std::size_t first = choose();
  begin(first, gaps_.uniform(60s, 70s));
}

Duration FaultClock::delay_of(std::size_t index) const {
  return faults_[index].at.delay.duration_from_draw(times_.at(index));
}

// A fault that is tied to an event strikes its delay after the first such event.
void FaultClock::on_record(const sim::Trace&, const sim::Record& record) {
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    if (!waiting_[i]) continue;
    for (const Milestone& milestone : milestones_) {
      if (milestone.name != faults_[i].at.after || record.kind->name != milestone.kind) continue;
      waiting_[i] = false;
      sim_.world().spawn(strike_after(i, delay_of(i)));
      break;
    }
  }
}

sim::Task<> FaultClock::strike_after(const std::size_t index, const Duration delay) {
  co_await sim::sleep_for(delay);
  strike(index);
}

void FaultClock::strike(std::size_t index) {
  if (first_ == sim::time_max) {
    first_ = sim_.now();
    if (per_year_ > 0) sim_.world().spawn(strike_at_rates());
  }
  strike_(faults_[index]);
}

sim::Task<> FaultClock::strike_at_rates() {
  for (;;) {
    const Duration gap = next_gap();
    if (gap >= step) {
      co_await sim::sleep_for(step);
      continue;
    }
    co_await sim::sleep_for(gap);
    if (given_) --given_->count;
    strike(choose());
  }
}

// Until the next one. Where their number is given, those that are left lie anywhere in the time
// that is left: the earliest of n uniform ones.
Duration FaultClock::next_gap() {
  const double u = gaps_.unit();
  if (!given_) {
    const double gap = -sim::portable::log(u) / per_year_ * ns_of_a_year;
    return gap < 1e18 ? Duration(static_cast<std::int64_t>(gap)) : sim::forever;
  }
  if (given_->count == 0) return sim::forever;
  const auto left = static_cast<double>((first_ + given_->length - sim_.now()).count());
  const double share =
      -sim::portable::expm1(sim::portable::log(u) / static_cast<double>(given_->count));
  return Duration(static_cast<std::int64_t>(share * left));
}

std::size_t FaultClock::choose() {
  double at = gaps_.unit() * per_year_;
  std::size_t last = 0;
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    if (faults_[i].at.per_year == 0) continue;
    last = i;
    at -= faults_[i].at.per_year;
    if (at < 0) break;
  }
  return last;
}

}  // namespace predrill::harness
