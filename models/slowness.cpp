#include "models/slowness.hpp"

namespace predrill::models {

sim::Duration Slowness::sample(const sim::Distribution& delay, sim::Stream& own) const {
  constexpr double share = 0.75;
  const std::uint64_t together = simulation_.stream(machine_, "slowness").next();
  const std::uint64_t alone = own.next();
  const bool with_the_others = own.unit() < share;
  return delay.duration_from_draw(with_the_others ? together : alone);
}

}  // namespace predrill::models
