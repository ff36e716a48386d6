// One random fault on the example system, drawn from a seed.
#pragma once

#include <string>
#include <vector>

#include "sim/random.hpp"
#include "tests/harness/engine/example.hpp"

namespace predrill::harness::fixture {

class RandomFaults {
 public:
  explicit RandomFaults(const SystemSpec& system)
      : system_(system), usual_(rehearsal_scenarios(system, {}, {})) {}

  ScenarioSpec scenario(std::uint64_t seed) const {
    using namespace std::chrono_literals;
    sim::Stream draws(seed, "random fault", "choice");
    ScenarioSpec scenario = usual_[draws.below(usual_.size())];
    FaultSpec& fault = scenario.faults.front();
    fault.at.delay = sim::Distribution::uniform(0s, 20s);
    if (fault.length) fault.length = draws.uniform(500ms, 80s);
    if (fault.kind == FaultKind::freeze) {
      fault.scope = static_cast<FaultSpec::Scope>(draws.below(4));
    }
    const bool of_members = fault.kind != FaultKind::az_loss && fault.kind != FaultKind::switchover;
    if (of_members && draws.chance(0.3)) {
      fault.on.role = Target::Role::named;
      fault.on.name = system_.members[draws.below(system_.members.size())].name;
    }
    if (fault.kind == FaultKind::packet_loss) fault.probability = 0.05 + 0.6 * draws.unit();
    if (fault.kind == FaultKind::clock_jump) fault.jump = draws.uniform(-120s, 120s);
    const bool slows = fault.kind == FaultKind::latency || fault.kind == FaultKind::dcs_slow;
    if (slows) fault.extra = sim::Distribution::constant(draws.uniform(1ms, 12s));
    if (fault.kind == FaultKind::partition) {
      fault.one_way = draws.chance(0.3);
      if (draws.chance(0.3)) fault.from = Target{Target::Role::dcs, ""};
    }
    if (fault.kind == FaultKind::lag) fault.bytes_per_second = 1 + draws.below(600000);
    if (fault.kind == FaultKind::pod_delete && draws.chance(0.5)) {
      fault.grace_period = draws.uniform(0s, 5s);
      fault.force = draws.chance(0.5);
    }
    return scenario;
  }

 private:
  const SystemSpec& system_;
  std::vector<ScenarioSpec> usual_;
};

}  // namespace predrill::harness::fixture
