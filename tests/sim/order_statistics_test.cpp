#include "sim/order_statistics.hpp"

#include <catch2/catch.hpp>

using namespace predrill::sim;

TEST_CASE("quantile rank: the smallest k with k/n >= p", "[statistics]") {
  CHECK(quantile_rank(1, 0.99) == 1);
  CHECK(quantile_rank(4, 0.5) == 2);
  CHECK(quantile_rank(5, 0.5) == 3);
  CHECK(quantile_rank(100, 0.0) == 1);
  CHECK(quantile_rank(100, 1.0) == 100);
  CHECK(quantile_rank(100, 0.95) == 95);
  CHECK(quantile_rank(101, 0.95) == 96);
  // In floating point 0.07 * 100 is a little more than 7.
  CHECK(quantile_rank(100, 0.07) == 7);
  CHECK(quantile_rank(1'000'000'000'000, 0.999) == 999'000'000'000);
}

TEST_CASE("ranks around the median: the classic table", "[statistics]") {
  // 1 - 2 * 2^-5 = 0.9375 is not enough, 1 - 2 * 2^-6 = 0.96875 is.
  CHECK_FALSE(quantile_rank_interval(5, 0.5, 0.95));
  const auto six = quantile_rank_interval(6, 0.5, 0.95);
  REQUIRE(six);
  CHECK(six->low == 1);
  CHECK(six->high == 6);
  CHECK(six->coverage == Approx(0.96875).epsilon(1e-12));
  // n = 10: P(2 <= B <= 8) = 1 - 2 * 11/1024.
  const auto ten = quantile_rank_interval(10, 0.5, 0.95);
  REQUIRE(ten);
  CHECK(ten->low == 2);
  CHECK(ten->high == 9);
  CHECK(ten->coverage == Approx(1 - 22.0 / 1024).epsilon(1e-12));
}

TEST_CASE("ranks around p99: first possible with 299 values", "[statistics]") {
  // 1 - 0.99^298 = 0.94996..., 1 - 0.99^299 = 0.95046...
  CHECK_FALSE(quantile_rank_interval(298, 0.99, 0.95));
  const auto first = quantile_rank_interval(299, 0.99, 0.95);
  REQUIRE(first);
  CHECK(first->high == 299);
  CHECK(first->coverage >= 0.95);
  CHECK_FALSE(quantile_upper_bound_rank(298, 0.99, 0.95));
  CHECK(quantile_upper_bound_rank(299, 0.99, 0.95) == 299);
  CHECK(quantile_lower_bound_rank(299, 0.01, 0.95) == 1);
  CHECK_FALSE(quantile_lower_bound_rank(298, 0.01, 0.95));
}

TEST_CASE("ranks never promise more than they keep", "[statistics]") {
  for (const double p : {0.01, 0.05, 0.5, 0.9, 0.95, 0.99}) {
    for (const double confidence : {0.8, 0.95, 0.99}) {
      for (std::int64_t n = 1; n <= 700; n += 9) {
        const auto ranks = quantile_rank_interval(n, p, confidence);
        const double widest = 1 - std::pow(p, n) - std::pow(1 - p, n);
        INFO("p=" << p << " confidence=" << confidence << " n=" << n);
        // Attainable exactly when the minimum and the maximum together suffice.
        CHECK(ranks.has_value() == (widest >= confidence));
        if (!ranks) continue;
        CHECK(ranks->coverage >= confidence - 1e-12);
        CHECK(1 <= ranks->low);
        CHECK(ranks->low <= quantile_rank(n, p));
        CHECK(quantile_rank(n, p) <= ranks->high);
        CHECK(ranks->high <= n);
      }
    }
  }
}

TEST_CASE("ranks: nonsense gives no interval", "[statistics]") {
  CHECK_FALSE(quantile_rank_interval(0, 0.5, 0.95));
  CHECK_FALSE(quantile_rank_interval(100, 0.0, 0.95));
  CHECK_FALSE(quantile_rank_interval(100, 1.0, 0.95));
  CHECK_FALSE(quantile_rank_interval(100, 0.5, 1.0));
}
