// The space of an RDS volume: when it is gone, and when autoscaling is fast enough.
#include "models/rds_volume.hpp"

#include <catch2/catch.hpp>

using namespace predrill::sim;
using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mib = 1 << 20;

struct Minutes {
  explicit Minutes(const RdsVolumeConfig& config) : volume(config) {}
  // The first look that asks for more space; time_max if none does within the length.
  Time first_request(Duration length, std::uint64_t* wanted) {
    for (Time t{}; t <= Time{} + length; t += RdsVolume::look) {
      *wanted = volume.autoscale(t);
      if (*wanted != 0) return t;
    }
    return time_max;
  }
  RdsVolume volume;
};

}  // namespace

TEST_CASE("rds volume: free space falls at the rate of what fills it", "[rds]") {
  RdsVolume volume({.allocated_storage = 100 * gibibyte,
                    .free_storage_space = 10 * gibibyte,
                    .growth_bytes_per_second = mib});
  CHECK(volume.free(Time{}) == 10 * gibibyte);
  CHECK(volume.until_full(Time{}) == Duration(10240s));
  volume.set_fill(Time{} + 1024s, 9 * mib);
  CHECK(volume.free(Time{} + 1024s) == 9 * gibibyte);
  CHECK(volume.until_full(Time{} + 1024s) == Duration(921600ms));
  CHECK_FALSE(volume.full(Time{} + 1900s));
  CHECK(volume.full(Time{} + 1946s));
  volume.resize(Time{} + 2000s, 150 * gibibyte);
  CHECK(volume.free(Time{} + 2000s) == 50 * gibibyte);
}

TEST_CASE("rds volume: autoscaling waits for five minutes at a tenth", "[rds]") {
  // 1 GiB a minute from 20 GiB free: a tenth is left after 10 minutes.
  Minutes m({.allocated_storage = 100 * gibibyte,
             .max_allocated_storage = 1000 * gibibyte,
             .free_storage_space = 20 * gibibyte,
             .growth_bytes_per_second = gibibyte / 60});
  std::uint64_t wanted = 0;
  const Time asked = m.first_request(1h, &wanted);
  CHECK(asked == Time{} + 16min);  // the rate is rounded down: the tenth is seen a look later
  // 16 GiB within 16 minutes, counted as the past hour: 7 times 16 more than the 96 that are used.
  CHECK(wanted == 208 * gibibyte);
}

TEST_CASE("rds volume: the increment is 10 GiB, a tenth, or what seven hours need", "[rds]") {
  RdsVolumeConfig slow{.allocated_storage = 50 * gibibyte,
                       .max_allocated_storage = 1000 * gibibyte,
                       .free_storage_space = 5 * gibibyte,
                       .growth_bytes_per_second = 1};
  std::uint64_t wanted = 0;
  CHECK(Minutes(slow).first_request(1h, &wanted) == Time{} + 5min);
  CHECK(wanted == 60 * gibibyte);
  slow.allocated_storage = 400 * gibibyte;
  CHECK(Minutes(slow).first_request(1h, &wanted) == Time{} + 5min);
  CHECK(wanted == 440 * gibibyte);
  slow.max_allocated_storage = 0;
  CHECK(Minutes(slow).first_request(1h, &wanted) == time_max);
}

TEST_CASE("rds volume: no second change within six hours or before it is optimized", "[rds]") {
  RdsVolume volume({.allocated_storage = 50 * gibibyte,
                    .max_allocated_storage = 1000 * gibibyte,
                    .free_storage_space = gibibyte});
  CHECK(volume.may_change(Time{}));
  volume.resize(Time{} + 1h, 51 * gibibyte);
  CHECK_FALSE(volume.may_change(Time{} + 8h));  // not optimized yet
  volume.optimized();
  CHECK_FALSE(volume.may_change(Time{} + 6h));
  CHECK(volume.may_change(Time{} + 7h));
}

TEST_CASE("rds volume: MaxAllocatedStorage bounds it", "[rds]") {
  Minutes m({.allocated_storage = 100 * gibibyte,
             .max_allocated_storage = 115 * gibibyte,
             .free_storage_space = 5 * gibibyte,
             .growth_bytes_per_second = 50 * mib});
  std::uint64_t wanted = 0;
  CHECK(m.first_request(1h, &wanted) == Time{} + 5min);
  CHECK(wanted == 115 * gibibyte);
}
