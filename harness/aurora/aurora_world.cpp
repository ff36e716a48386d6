#include "harness/aurora/aurora_world.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr ClientWorld::Names endpoint_names = {static_cast<models::DnsName>(1),
                                               static_cast<models::DnsName>(2)};

}  // namespace

AuroraWorld::AuroraWorld(const AuroraSpec& spec, std::uint64_t seed, bool shuffle_ties)
    : spec_(spec),
      sim_({.seed = seed, .shuffle_ties = shuffle_ties}),
      dns_host_(sim_, "route53"),
      dns_group_(dns_host_, "dns"),
      zone_(dns_group_, {.name = "rds.amazonaws.com"}),
      cluster_(sim_, book_, zone_, {endpoint_names.writer, endpoint_names.reader}, spec.config,
               spec.timings),
      clients_(sim_, book_, zone_, cluster_, endpoint_names, paths, spec.clients),
      operator_host_(sim_, "operator") {}

AuroraWorld::~AuroraWorld() {
  sim_.shut_down();
}

void AuroraWorld::start() {
  cluster_.start();
  if (spec_.insights_advanced) cluster_.set_insights_advanced();
  sim_.run_for(1s);
  clients_.start();
}

}  // namespace predrill::harness
