#include "sim/proportion.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "sim/probability.hpp"

using namespace predrill::sim;

TEST_CASE("proportion: closed forms at the ends", "[statistics]") {
  const Proportion none(0, 100);
  CHECK(none.clopper_pearson()->low == 0);
  CHECK(none.clopper_pearson()->high == Approx(1 - std::pow(0.025, 0.01)).epsilon(1e-9));
  CHECK(*none.upper_bound() == Approx(1 - std::pow(0.05, 0.01)).epsilon(1e-9));
  CHECK(none.wilson()->low == 0);
  const double z = 1.959963985;
  CHECK(none.wilson()->high == Approx(z * z / (100 + z * z)).epsilon(1e-9));
  const Proportion all(100, 100);
  CHECK(all.clopper_pearson()->high == 1);
  CHECK(all.clopper_pearson()->low == Approx(std::pow(0.025, 0.01)).epsilon(1e-9));
  CHECK(all.wilson()->high == 1);
}

TEST_CASE("proportion: Wilson's example by hand", "[statistics]") {
  // p = 1/2 is symmetric: 1/2 +- z / (2 sqrt(n + z^2)).
  const double z = 1.959963985;
  const auto wilson = Proportion(50, 100).wilson();
  REQUIRE(wilson);
  CHECK(wilson->high - 0.5 == Approx(z / (2 * std::sqrt(100 + z * z))).epsilon(1e-9));
  CHECK(0.5 - wilson->low == Approx(z / (2 * std::sqrt(100 + z * z))).epsilon(1e-9));
}

TEST_CASE("proportion: Clopper-Pearson is where the binomial tails are 2.5 %", "[statistics]") {
  for (const std::int64_t n : {7, 40, 1000}) {
    for (const std::int64_t s : {std::int64_t{1}, n / 3, n - 1}) {
      const auto exact = Proportion(s, n).clopper_pearson();
      REQUIRE(exact);
      CHECK(binomial_cdf(s, n, exact->high) == Approx(0.025).epsilon(1e-8));
      CHECK(1 - binomial_cdf(s - 1, n, exact->low) == Approx(0.025).epsilon(1e-8));
    }
  }
}

TEST_CASE("proportion: exact coverage over all outcomes", "[statistics][coverage]") {
  // No simulation: for n = 50 every outcome can be weighed by its probability.
  constexpr std::int64_t n = 50;
  double mean_wilson = 0;
  int count = 0;
  for (double p = 0.02; p < 0.99; p += 0.02, ++count) {
    double clopper_pearson = 0;
    double wilson = 0;
    for (std::int64_t s = 0; s <= n; ++s) {
      const double weight = binomial_cdf(s, n, p) - binomial_cdf(s - 1, n, p);
      if (Proportion(s, n).clopper_pearson()->contains(p)) clopper_pearson += weight;
      if (Proportion(s, n).wilson()->contains(p)) wilson += weight;
    }
    CHECK(clopper_pearson >= 0.95);
    mean_wilson += wilson;
  }
  CHECK(mean_wilson / count == Approx(0.95).margin(0.005));
}

TEST_CASE("proportion: adding and merging", "[statistics]") {
  Proportion a(1, 2);
  a.add(true);
  a.add(false);
  Proportion b(3, 4);
  b.merge(a);
  CHECK(b == Proportion(5, 8));
  CHECK(b.value() == 0.625);
  CHECK_FALSE(Proportion().value());
  CHECK_FALSE(Proportion().wilson());
  CHECK_FALSE(Proportion(1, 2).clopper_pearson(1.0));
}
