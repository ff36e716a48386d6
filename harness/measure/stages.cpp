#include "harness/measure/stages.hpp"

#include <algorithm>

namespace predrill::harness {

using sim::Duration;

Stages cut(const Milestones& m, Duration rto) {
  std::array<Duration, stages> end = {m.detected, m.elected,     m.writable,
                                      m.routed,   m.reconnected, Duration{}};
  for (std::size_t i = 0; i + 1 < stages; ++i) {
    end[i] = end[i] == sim::forever ? Duration{-1} : std::clamp(end[i] - m.fault, Duration{}, rto);
  }
  end[stages - 1] = rto;
  // What did not happen takes no time: it ends with the stage before it. What happened out of order
  // is over when the later stage is over.
  Duration before{};
  for (std::size_t i = 0; i < stages; ++i) {
    if (end[i] < Duration{}) end[i] = before;
    before = end[i];
  }
  for (std::size_t i = stages - 1; i > 0; --i) end[i - 1] = std::min(end[i - 1], end[i]);
  Stages lengths;
  before = Duration{};
  for (std::size_t i = 0; i < stages; ++i) {
    lengths[i] = end[i] - before;
    before = end[i];
  }
  return lengths;
}

Stage dominating(const Stages& of_run) {
  return static_cast<Stage>(std::max_element(of_run.begin(), of_run.end()) - of_run.begin());
}

}  // namespace predrill::harness
