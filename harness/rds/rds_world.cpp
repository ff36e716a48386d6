#include "harness/rds/rds_world.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr ClientWorld::Names rds_names = {static_cast<models::DnsName>(1),
                                          static_cast<models::DnsName>(2)};

}  // namespace

RdsWorld::RdsWorld(const RdsSpec& spec, std::uint64_t seed, bool shuffle_ties)
    : spec_(spec),
      sim_({.seed = seed, .shuffle_ties = shuffle_ties}),
      dns_host_(sim_, "route53"),
      dns_group_(dns_host_, "dns"),
      zone_(dns_group_, {.name = "rds.amazonaws.com"}),
      database_(sim_, book_, zone_, {rds_names.writer, rds_names.reader}, spec.config,
                spec.timings),
      clients_(sim_, book_, zone_, database_, rds_names, paths, spec.clients) {}

RdsWorld::~RdsWorld() {
  sim_.shut_down();
}

void RdsWorld::start() {
  database_.start();
  sim_.run_for(1s);
  clients_.start();
}

}  // namespace predrill::harness
