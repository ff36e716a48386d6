// The closed forms beside a study of capacity: what queueing theory says about the pool of each
// configuration, from the same inputs.
#pragma once

#include <string>

#include "harness/analytic/queueing.hpp"
#include "harness/report/table.hpp"
#include "harness/what_if/study.hpp"

namespace predrill::harness {

struct PoolForms {
  double rate = 0;  // transactions per second
  /// Seconds that one of them keeps a server connection, on average: its work, the flush of a
  /// write's commit on the primary and on the synchronous standby, and the way there and back.
  double hold = 0;
  double busy = 0;  // server connections in use on average (utilisation law)
  std::size_t servers = 0, reserve = 0, clients = 0;
  double capacity = 0;             // transactions per second at most
  analytic::QueueAnswer queue;     // M/M/c, in seconds
  analytic::QueueAnswer closed;    // clients that think in between: the machine repairman
  double logins = 0;               // seconds of PgBouncer's thread: all clients log in at once
  bool blocks = false;             // the scenario's first fault holds everything up, and ends
  analytic::Backlog outage;        // after it, if nobody gives up
  analytic::Backlog with_reserve;  // the same with the reserve pool open
  /// What PgBouncer itself has waiting after it, and seconds until that is gone: a client waits
  /// with one transaction at most, so clients less servers. A new client queues behind these alone.
  std::size_t waiting_most = 0;
  double waiting_drain = 0;
};

/// Of a system whose transactions are simulated one by one through PgBouncer; nullopt for others.
std::optional<PoolForms> pool_forms(const ScenarioSpec& scenario);

/// A row per configuration; empty where there is nothing to say.
std::string capacity_text(const StudyPlan& plan, const TextStyle& style);

/// The same for a service behind a load balancer: each target as M/M/c with its workers, with all
/// targets and with one, two, … of them lost. Empty for other systems.
std::string target_text(const StudyPlan& plan, const TextStyle& style);

}  // namespace predrill::harness
