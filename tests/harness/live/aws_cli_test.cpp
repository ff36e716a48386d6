#include "harness/live/aws_cli.hpp"

#include <catch2/catch.hpp>

using namespace predrill::harness::live;
using namespace std::chrono_literals;
using Wall = std::chrono::system_clock;

TEST_CASE("aws: a fault is known by the code in what the program says", "[live]") {
  CHECK(aws_fault("\nAn error occurred (Throttling) when calling the DescribeDBClusters operation "
                  "(reached max retries: 2): Rate exceeded\n") == "Throttling");
  CHECK(aws_fault("Could not connect to the endpoint URL").empty());
  CHECK(aws_fault("An error occurred (").empty());
  CHECK(aws_throttled("ThrottlingException"));
  CHECK(aws_throttled("RequestLimitExceeded"));
  CHECK_FALSE(aws_throttled("InvalidDBClusterStateFault"));
}

TEST_CASE("aws: dates of events are read to the millisecond, with their zone", "[live]") {
  const auto at = aws_time("2026-05-14T18:09:56.123000+00:00");
  REQUIRE(at);
  CHECK(Wall::to_time_t(*at) == 1778782196);
  CHECK((*at - Wall::from_time_t(1778782196)) == 123ms);
  CHECK(aws_time("2026-05-14T20:09:56.123+02:00") == at);
  CHECK(aws_time("2026-05-14T18:09:56.123Z") == at);
  CHECK_FALSE(aws_time("yesterday"));
}

TEST_CASE("aws: windows are UTC, daily or weekly, and may pass midnight", "[live]") {
  const auto at = *aws_time("2026-05-14T18:09:56Z");  // a Thursday
  CHECK(in_aws_window("18:00-18:30", at));
  CHECK_FALSE(in_aws_window("18:10-18:30", at));
  CHECK(in_aws_window("17:00-18:10", at));
  CHECK(in_aws_window("23:30-18:10", at));
  CHECK_FALSE(in_aws_window("23:30-00:30", at));
  CHECK(in_aws_window("thu:18:00-thu:18:30", at));
  CHECK_FALSE(in_aws_window("wed:18:00-wed:18:30", at));
  CHECK(in_aws_window("tue:23:00-thu:18:30", at));
  CHECK(in_aws_window("thu:12:00-sun:01:00", at));
  CHECK(in_aws_window("sat:12:00-fri:01:00", at));
  CHECK_FALSE(in_aws_window("", at));
  CHECK_FALSE(in_aws_window("soon-later", at));
}
