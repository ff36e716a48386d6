#include "sim/random.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace predrill::sim;
using namespace std::chrono_literals;

TEST_CASE("stable_hash and mix never change", "[random][golden]") {
  STATIC_REQUIRE(stable_hash("") == scramble(0xcbf29ce484222325u));
  STATIC_REQUIRE(stable_hash("a") == scramble(0xaf63dc4c8601ec8cu));       // FNV-1a, published
  STATIC_REQUIRE(stable_hash("foobar") == scramble(0x85944171f73967e8u));  // the same
  CHECK(stable_hash("") == 0xf52a15e9a9b5e89b);
  CHECK(stable_hash("patroni") == 0xf11f95acdc696c98);
  CHECK(stable_hash("\xff\xfe") == 0x2c77fa73442b1e0b);
  CHECK(mix(0, 0) == 0x48218226ff3cd4bf);
  CHECK(mix(1, 2) == 0xec8991280680b330);
  CHECK(mix(1, 2) != mix(2, 1));
}

TEST_CASE("stream draws never change", "[random][golden]") {
  Stream stream(1, "pg-0", "promotion");
  CHECK(stream.next() == 0xdc2ca368dac91939);
  CHECK(stream.next() == 0x1e9a3d24712aeb2d);
  CHECK(stream.next() == 0xb8037bc02f764e5e);
  CHECK(stream.next() == 0x413e39acba5afd64);
  CHECK(stream.next() == 0xb9ff3ac04fb2902a);
  const std::uint64_t salt = 7;
  CHECK(Stream(1, "pg-0", "promotion", &salt).next() == 0x71dfe69aaa0d560c);
  CHECK(Stream(1, "pg-0", "promotion").child("wal").next() == 0x2d07a54ceb472c41);
  CHECK(Stream(1, "pg-0", "promotion").at(std::uint64_t{1} << 40) == 0x8256875be6115bf0);
}

TEST_CASE("at(n) is the n-th draw and does not move the stream", "[random]") {
  Stream stream(3, "etcd", "election");
  const Stream untouched = stream;
  for (std::uint64_t i = 0; i < 100; ++i) {
    CHECK(stream.drawn() == i);
    const std::uint64_t ahead = stream.at(i);
    CHECK(stream.drawn() == i);
    CHECK(stream.next() == ahead);
    CHECK(untouched.at(i) == ahead);
  }
  CHECK(untouched.drawn() == 0);
}

TEST_CASE("a copy continues with the same draws", "[random]") {
  for (int before = 0; before < 9; ++before) {
    Stream stream(3, "etcd", "election");
    for (int i = 0; i < before; ++i) stream.next();
    Stream copy = stream;
    for (int i = 0; i < 9; ++i) CHECK(copy.next() == stream.next());
  }
}

TEST_CASE("every part of a stream's name counts", "[random]") {
  std::vector<std::uint64_t> first = {
      Stream(1, "a", "b").at(0),  Stream(2, "a", "b").at(0),           Stream(1, "b", "a").at(0),
      Stream(1, "ab", "").at(0),  Stream(1, "", "ab").at(0),           Stream(1, "a", "b").at(1),
      Stream(1, "aa", "b").at(0), Stream(1, "a", "b").child("").at(0), Stream(0, "a", "b").at(0)};
  std::sort(first.begin(), first.end());
  CHECK(std::adjacent_find(first.begin(), first.end()) == first.end());
}

TEST_CASE("a child does not depend on how far its parent has moved", "[random]") {
  Stream parent(1, "pool", "connections");
  const std::uint64_t before = parent.child("c-1").at(0);
  parent.next();
  CHECK(parent.child("c-1").at(0) == before);
  CHECK(parent.child("c-2").at(0) != before);
}

TEST_CASE("changing the salt forks the stream from the next draw on", "[random]") {
  for (int before = 0; before < 9; ++before) {
    INFO("forked after " << before << " draws");
    std::uint64_t salt = 0;
    Stream plain(5, "pg-0", "promotion");
    Stream forked(5, "pg-0", "promotion", &salt);
    for (int i = 0; i < before; ++i) CHECK(forked.next() == plain.next());
    salt = 1;
    Stream child = forked.child("x");
    const Stream one = forked;
    for (int i = 0; i < 9; ++i) {
      CHECK(forked.at(forked.drawn()) != plain.at(plain.drawn()));
      CHECK(forked.next() != plain.next());
      CHECK(child.next() != plain.child("x").at(static_cast<std::uint64_t>(i)));
    }
    // The draws depend on the salt alone, not on when it changed.
    for (std::uint64_t i = 0; i < one.drawn() + 9; ++i)
      CHECK(Stream(5, "pg-0", "promotion", &salt).at(i) == one.at(i));
    salt = 0;
    CHECK(forked.next() == plain.next());
  }
}

TEST_CASE("unit lies strictly between 0 and 1", "[random]") {
  CHECK(to_unit(0) == 0x1p-53);
  CHECK(to_unit(UINT64_MAX) == 1 - 0x1p-53);
  CHECK(1 - to_unit(UINT64_MAX) == to_unit(0));
}

TEST_CASE("below, chance and uniform respect their bounds", "[random]") {
  Stream stream(6, "random_test", "bounds");
  CHECK(stream.below(0) == 0);
  CHECK(stream.below(1) == 0);
  CHECK(stream.uniform(5s, 5s) == 5s);
  CHECK(stream.uniform(5s, 4s) == 5s);
  CHECK_FALSE(stream.chance(0));
  CHECK_FALSE(stream.chance(-1));
  CHECK_FALSE(stream.chance(std::nan("")));
  CHECK(stream.chance(1));
  CHECK(stream.drawn() == 8);
  bool low = false, high = false;
  for (int i = 0; i < 1000; ++i) {
    const Duration d = stream.uniform(-2ns, 2ns);
    CHECK((d >= -2ns && d <= 2ns));
    low |= d == -2ns;
    high |= d == 2ns;
  }
  CHECK((low && high));
  stream.uniform(Duration::min(), Duration::max());  // no overflow
}

/// Chi-squared of counts that should be equal.
double chi_squared(const std::vector<std::uint64_t>& counts) {
  double total = 0, sum = 0;
  for (const auto count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  for (const auto count : counts) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  return sum;
}

/// The value that chi-squared exceeds with probability 1e-6 (Wilson and Hilferty, 1931).
double chi_squared_limit(double degrees) {
  const double z = 4.753, v = 2 / (9 * degrees);
  return degrees * std::pow(1 - v + z * std::sqrt(v), 3);
}

TEST_CASE("below is uniform", "[random][statistics]") {
  for (const std::uint64_t bound : {2u, 3u, 10u, 1000u}) {
    INFO("seed 7, bound " << bound << ", significance 1e-6");
    Stream stream(7, "random_test", "below");
    std::vector<std::uint64_t> counts(bound);
    for (int i = 0; i < 200'000; ++i) ++counts[stream.below(bound)];
    CHECK(chi_squared(counts) < chi_squared_limit(static_cast<double>(bound - 1)));
  }
}

TEST_CASE("chance comes true as often as it should", "[random][statistics]") {
  for (const double p : {0.001, 0.3, 0.97}) {
    INFO("seed 8, p " << p << ", limit 5 deviations");
    Stream stream(8, "random_test", "chance");
    constexpr double n = 400'000;
    double hits = 0;
    for (int i = 0; i < n; ++i) hits += stream.chance(p) ? 1 : 0;
    CHECK(std::abs(hits - n * p) < 5 * std::sqrt(n * p * (1 - p)));
  }
}

TEST_CASE("neighbouring draws and neighbouring streams are independent", "[random][statistics]") {
  INFO("seed 9, significance 1e-6");
  const auto check_pairs = [](auto pair) {
    std::vector<std::uint64_t> counts(32 * 32);
    for (std::uint64_t i = 0; i < 200'000; ++i) {
      const auto [a, b] = pair(i);
      ++counts[(a >> 59) * 32 + (b >> 59)];
    }
    CHECK(chi_squared(counts) < chi_squared_limit(32 * 32 - 1));
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  Stream one(9, "pg-0", "promotion"), two(9, "pg-1", "promotion"),
      next_seed(10, "pg-0", "promotion");
  check_pairs([&](std::uint64_t) { return Pair(one.next(), two.next()); });
  check_pairs([&](std::uint64_t i) { return Pair(one.at(i), one.at(i + 1)); });
  check_pairs([&](std::uint64_t i) { return Pair(one.at(i), next_seed.at(i)); });
  check_pairs([&](std::uint64_t i) { return Pair(one.at(i), one.child("x").at(i)); });
  // First draws of many streams with similar names: what a pool of connections does.
  check_pairs([&](std::uint64_t i) {
    const std::string name = "client-" + std::to_string(i);
    return Pair(Stream(9, name, "think").at(0), Stream(9, name, "retry").at(0));
  });
  std::uint64_t salt = 1;
  const Stream forked(9, "pg-0", "promotion", &salt);
  check_pairs([&](std::uint64_t i) { return Pair(one.at(i), forked.at(i)); });
  check_pairs([&](std::uint64_t i) {
    salt = i;
    return Pair(forked.at(0), forked.at(1));
  });
}

TEST_CASE("every bit of a draw is fair", "[random][statistics]") {
  INFO("seed 10, limit 5 deviations");
  Stream stream(10, "random_test", "bits");
  std::array<double, 64> ones{};
  constexpr double n = 100'000;
  for (int i = 0; i < n; ++i) {
    const std::uint64_t draw = stream.next();
    for (std::size_t bit = 0; bit < 64; ++bit) ones[bit] += static_cast<double>(draw >> bit & 1);
  }
  for (const double count : ones) CHECK(std::abs(count - n / 2) < 5 * std::sqrt(n / 4));
}

}  // namespace
