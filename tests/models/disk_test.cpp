// A volume that is slow, stalls, fills up or fails.
#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "models/disk.hpp"

using namespace predrill::models;
using namespace std::chrono_literals;
using predrill::sim::Distribution;
using predrill::sim::Duration;
using predrill::sim::Task;
using predrill::sim::Time;

namespace {

struct World {
  World() {
    DiskTimings timings;
    timings.fsync = Distribution::constant(Duration(2ms));
    timings.write_bytes_per_second = Distribution::constant(1e6);
    disk = std::make_unique<Disk>(host, "disk", timings);
  }
  Task<> flush() {
    const DiskResult result = co_await disk->fsync();
    done.emplace_back(sim.now() - Time{}, result);
  }
  Task<> write(std::uint64_t bytes) {
    const DiskResult result = co_await disk->write(bytes);
    done.emplace_back(sim.now() - Time{}, result);
  }
  predrill::sim::Simulation sim;
  predrill::sim::Host host{sim, "host"};
  predrill::sim::Group group{host, "group"};
  std::unique_ptr<Disk> disk;
  std::vector<std::pair<Duration, DiskResult>> done;
};

using Done = std::vector<std::pair<Duration, DiskResult>>;

}  // namespace

TEST_CASE("disk: a flush takes its latency, a write its bytes too", "[disk]") {
  World w;
  w.group.spawn(w.flush());
  w.group.spawn(w.write(500'000));
  w.sim.run_for(1s);
  CHECK(w.done == Done{{2ms, DiskResult::ok}, {502ms, DiskResult::ok}});
}

TEST_CASE("disk: nothing returns from a stalled volume until it moves again", "[disk]") {
  World w;
  w.group.spawn(w.flush());
  w.sim.run_for(1ms);
  w.disk->stall();
  w.disk->stall();
  w.sim.run_for(10s);
  CHECK(w.done.empty());
  CHECK_FALSE(w.disk->healthy());
  w.disk->resume();
  w.sim.run_for(1s);
  CHECK(w.done == Done{{10001ms, DiskResult::ok}});
}

TEST_CASE("disk: full and failing volumes say so", "[disk]") {
  World w;
  w.disk->set_full(true);
  w.group.spawn(w.flush());
  w.sim.run_for(1s);
  w.disk->set_full(false);
  w.disk->set_failing(true);
  w.group.spawn(w.flush());
  w.sim.run_for(1s);
  w.disk->set_failing(false);
  w.group.spawn(w.flush());
  w.sim.run_for(1s);
  CHECK(w.done ==
        Done{{2ms, DiskResult::full}, {1002ms, DiskResult::io_error}, {2002ms, DiskResult::ok}});
}
