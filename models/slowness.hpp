// What a machine is slow with now it is slow with a moment later, too: a restart whose recovery
// took long starts slowly, and where members share a machine, a slow stop of one is followed by a
// slow promotion of another. Delays drawn independently would make their sum vary too little.
#pragma once

#include <string>

#include "sim/distribution.hpp"
#include "sim/simulation.hpp"

namespace predrill::models {

class Slowness {
 public:
  /// One `machine` is equally slow for all that names it, during a whole run.
  Slowness(sim::Simulation& simulation, std::string machine)
      : simulation_(simulation), machine_(std::move(machine)) {}

  /// A value of `delay`, whose distribution stays what it is: with the chance 3/4 at the quantile
  /// that all delays of the machine have in common, else at one of `own`. (3/4)² is then the rank
  /// correlation of two delays. Lab: 0.56 between single-user recovery and start in 19 restarts and
  /// 0.64 in 19 others, 0.38 to 0.46 between either and the pid file; 0.52 to 0.57 between the stop
  /// of one member and the promotion of another, on one machine.
  sim::Duration sample(const sim::Distribution& delay, sim::Stream& own) const;

 private:
  sim::Simulation& simulation_;
  std::string machine_;
};

}  // namespace predrill::models
