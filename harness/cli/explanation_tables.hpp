// The parts of explanations(): one table per file.
#pragma once

#include <span>

#include "harness/cli/explanations.hpp"

namespace predrill::harness {

std::vector<Explanation> explained_faults();
std::span<const Explanation> explained_outcomes();  // stages and measures
std::span<const Explanation> explained_patroni();   // settings of Patroni
std::span<const Explanation> explained_servers();   // of PostgreSQL, Kubernetes and HAProxy
std::span<const Explanation> explained_pooler();    // of PgBouncer
std::span<const Explanation> explained_balancer();  // of target groups, with their models
std::span<const Explanation> explained_models();
std::span<const Explanation> explained_aws();      // Aurora, RDS, backups, runbooks
std::span<const Explanation> explained_gateway();  // Kubernetes nodes, monitoring, people

}  // namespace predrill::harness
