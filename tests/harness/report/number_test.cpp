#include "harness/report/number.hpp"

#include <catch2/catch.hpp>

using namespace predrill::harness;

TEST_CASE("seconds are rounded from integers", "[report]") {
  CHECK(seconds_text(27'412'345'678, 1) == "27.4");
  CHECK(seconds_text(27'450'000'000, 1) == "27.5");
  CHECK(seconds_text(999'999'999, 3) == "1.000");
  CHECK(seconds_text(12'000'000, 1) == "0.0");
  CHECK(seconds_text(-12'000'000, 1) == "0.0");
  CHECK(seconds_text(-1'250'000'000, 1) == "-1.3");
  CHECK(seconds_text(0, 3) == "0");
  CHECK(seconds_text(1, 9) == "0.000000001");
  CHECK(seconds_text(1'500'000'000, 0) == "2");
  CHECK(decimals_for(33'000'000'000) == 1);
  CHECK(decimals_for(4'200'000'000) == 2);
}

TEST_CASE("counts, bytes, shares and quantiles have their usual form", "[report]") {
  CHECK(grouped(1234) == "1234");
  CHECK(grouped(12345) == "12,345");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(16 * 1024 * 1024) == "16.0 MiB");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(percent_text(0.814) == "81 %");
  CHECK(percent_text(0.0029, 1) == "0.3 %");
  CHECK(percent_text(1, 1) == "100.0 %");
  CHECK(quantile_name(0.5) == "p50");
  CHECK(quantile_name(0.999) == "p99.9");
  CHECK(quantile_name(1) == "max");
}

TEST_CASE("parts add up to the whole", "[report]") {
  CHECK(apportion(std::vector<double>{1, 1, 1}, 100) == std::vector<int>{34, 33, 33});
  CHECK(apportion(std::vector<double>{0, 0}, 100) == std::vector<int>{0, 0});
  CHECK(apportion(std::vector<double>{2.6, 0, 7.4}, 10) == std::vector<int>{3, 0, 7});
}
