// The sum of failed requests, computed beside FlowShares: kept by it, and caught when it is wrong.
#include "models/flow_invariants.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "models/flow_shares.hpp"
#include "sim/simulation.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

// Three targets of which the last falls silent for a minute, with flows that move meanwhile.
struct Load {
  Load() {
    shares.add("a");
    shares.add("b");
    shares.add("c");
    shares.begin({1.0 / 3, 1.0 / 3, 1.0 / 3});
    shares.observe(checker);
    shares.restart_stats();
  }
  ~Load() { sim.shut_down(); }
  void trouble() {
    sim.run_for(10s);
    shares.set_path(2, false, false);
    sim.run_for(20s);
    shares.route({0.5, 0.5, 0});
    sim.run_for(40s);
    shares.set_path(2, true, true);
    shares.route({0.25, 0.25, 0.5});
    sim.run_for(100s);
  }
  bool kept(const FlowShares::Stats& reported) {
    const std::size_t before = checker.broken().size();
    checker.finish(sim.now(), reported);
    return checker.broken().size() == before;
  }
  sim::Simulation sim{{.seed = 1}};
  FlowShares shares{sim, {.requests_per_second = 900, .flows = 300, .new_flows_per_minute = 60}};
  FlowChecker checker{shares};
};

}  // namespace

TEST_CASE("flow invariants: K27 failed requests are those of the times of trouble", "[flows]") {
  Load quiet;
  quiet.sim.run_for(300s);
  CHECK(quiet.kept(quiet.shares.stats()));
  CHECK(quiet.shares.stats().failed_requests == Approx(0).margin(1e-6));
  Load load;
  load.trouble();
  const FlowShares::Stats stats = load.shares.stats();
  CHECK(stats.failed_requests > 5000);  // 300 a second for 20 s and what its clients still hold
  CHECK(load.kept(stats));
}

TEST_CASE("flow invariants: K27 a wrong sum is caught", "[flows]") {
  Load load;
  load.trouble();
  const FlowShares::Stats stats = load.shares.stats();
  FlowShares::Stats none = stats;
  none.failed_requests = 0;  // "zero errors"
  CHECK_FALSE(load.kept(none));
  FlowShares::Stats many = stats;
  many.failed_requests *= 1.2;
  CHECK_FALSE(load.kept(many));
  FlowShares::Stats unseen = stats;
  unseen.failing.clear();
  CHECK_FALSE(load.kept(unseen));
  CHECK(load.checker.broken().front().text.starts_with("K27 0 failed requests are reported"));
}
