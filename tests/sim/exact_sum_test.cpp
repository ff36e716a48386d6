#include "sim/exact_sum.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;

namespace {

constexpr auto infinity = std::numeric_limits<double>::infinity();
constexpr auto largest = std::numeric_limits<double>::max();
constexpr auto tiniest = std::numeric_limits<double>::denorm_min();

double sum_of(std::initializer_list<double> values) {
  ExactSum sum;
  for (const double value : values) sum.add(value);
  return sum.value();
}

/// Any finite double: sign, exponent and fraction at random.
double any_double(SplitMix& random) {
  while (true) {
    const auto value = std::bit_cast<double>(random.next());
    if (std::isfinite(value)) return value;
  }
}

}  // namespace

TEST_CASE("exact sum: what doubles lose", "[statistics]") {
  CHECK(sum_of({1e100, 1.0, -1e100}) == 1.0);
  CHECK(sum_of({largest, largest, -largest}) == largest);
  CHECK(sum_of({largest, tiniest, -largest}) == tiniest);
  CHECK(sum_of({0.1, 0.2, 0.3}) == 0.6);
  CHECK(sum_of({largest, largest}) == infinity);
  CHECK(sum_of({}) == 0);
  CHECK(sum_of({-tiniest, -tiniest}) == -2 * tiniest);
}

TEST_CASE("exact sum: rounds once, to nearest even", "[statistics]") {
  const double unit = 0x1p-53;  // half of the last place of 1
  CHECK(sum_of({1, unit}) == 1);
  CHECK(sum_of({1, unit, tiniest}) == 1 + 2 * unit);
  CHECK(sum_of({1, 2 * unit, unit}) == 1 + 4 * unit);
  CHECK(sum_of({-1, -unit, -tiniest}) == -1 - 2 * unit);
  CHECK(sum_of({0x1p53, 1, 0x1p-1000}) == 0x1p53 + 2);
}

TEST_CASE("exact sum: one value comes back unchanged", "[statistics][property]") {
  constexpr std::uint64_t seed = 31;
  SplitMix random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const double value = any_double(random);
    ExactSum sum;
    sum.add(value);
    INFO("seed " << seed << " value " << value);
    REQUIRE(sum.value() == value);
    const double other = any_double(random);
    sum.add(other);
    // Two terms: IEEE addition is the correctly rounded sum too.
    REQUIRE(sum.value() == value + other);
    sum.add(-value);
    sum.add(-other);
    REQUIRE(sum == ExactSum());
  }
}

TEST_CASE("exact sum: products are exact", "[statistics][property]") {
  constexpr std::uint64_t seed = 32;
  SplitMix random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const double a = random.normal();
    const double b = random.normal();
    const auto n = static_cast<std::int64_t>(random.next());
    INFO("seed " << seed << " a " << a << " b " << b << " n " << n);
    ExactSum product;
    product.add_product(a, b);
    REQUIRE(product.value() == a * b);
    product.add(-(a * b));
    REQUIRE(product.value() == std::fma(a, b, -(a * b)));
    ExactSum scaled;
    scaled.add_product(a, n);
    const auto low = static_cast<double>(n & 0xffff'ffff);
    const auto high = static_cast<double>(n >> 32) * 0x1p32;
    scaled.add_product(-a, low);
    scaled.add_product(-a, high);
    REQUIRE(scaled == ExactSum());
  }
}

TEST_CASE("exact sum: infinities and NaN", "[statistics]") {
  CHECK(sum_of({infinity, 1}) == infinity);
  CHECK(sum_of({-infinity, largest}) == -infinity);
  CHECK(std::isnan(sum_of({infinity, -infinity})));
  CHECK(std::isnan(sum_of({std::numeric_limits<double>::quiet_NaN(), 1})));
  ExactSum product;
  product.add_product(largest, largest);
  CHECK(product.value() == infinity);
}

TEST_CASE("exact sum: neither order nor grouping changes a bit", "[statistics]") {
  constexpr std::uint64_t seed = 33;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<double> values(4000);
  // Scaled, so that the sum stays finite.
  for (auto& value : values) value = any_double(random) * 0x1p-12;
  ExactSum whole;
  for (const double value : values) whole.add(value);
  for (int round = 0; round < 5; ++round) {
    shuffle(values, random);
    std::vector<ExactSum> parts(6);
    for (const double value : values) parts[random.below(parts.size())].add(value);
    ExactSum merged;
    for (const auto& part : parts) merged.merge(part);
    CHECK(merged == whole);
    CHECK(merged.value() == whole.value());
    ExactSum rebuilt;
    for (const double term : merged.expansion()) rebuilt.add(term);
    CHECK(rebuilt == whole);
  }
}
