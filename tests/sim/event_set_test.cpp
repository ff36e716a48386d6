// The event set against a std::set: whatever is pushed, popped and compacted in whatever rhythm,
// both must give the same keys in the same order.
#include "sim/event_set.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/splitmix.hpp"

namespace predrill::sim {
namespace {

constexpr std::int64_t time_limit = INT64_MAX;

// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  std::int64_t time_below(std::int64_t bound) {
    return static_cast<std::int64_t>(below(static_cast<std::uint64_t>(bound)));
  }
};

// A unique order: increasing, or, for randomised ties, scattered by an odd multiplier (a bijection
// of the 40-bit sequence numbers).
class Orders {
 public:
  explicit Orders(bool scattered) : scattered_(scattered) {}
  std::uint64_t next(Random& random) {
    const std::uint64_t sequence = scattered_ ? count_ * 0x9e3779b97fu : count_;
    ++count_;
    return (sequence & 0xffffffffffu) << 24 | random.below(1u << 24);
  }

 private:
  bool scattered_;
  std::uint64_t count_ = 0;
};

// How far in the future the next push lies, by name of the pattern.
enum class Increments {
  none,          // every event at the current time
  exponential,   // roughly: a geometric mixture of powers of two
  bimodal,       // 9 of 10 within 1 us, the others around 1 s
  heavy,         // any power of two up to 2^50 ns
  milliseconds,  // round times, so many ties
  tiny,          // 0 or 1 ns
  years,         // mostly 1 ms, a few in some years, a few at the end of time
};
constexpr Increments all_increments[] = {
    Increments::none,         Increments::exponential, Increments::bimodal, Increments::heavy,
    Increments::milliseconds, Increments::tiny,        Increments::years};

std::int64_t draw(Increments kind, std::int64_t now, Random& random) {
  const auto capped = [now](std::int64_t d) { return d > time_limit - now ? time_limit - now : d; };
  switch (kind) {
    case Increments::none:
      return 0;
    case Increments::exponential: {
      std::int64_t sum = 0;
      std::int64_t scale = 1'000'000;
      while (random.below(2) == 0) sum += scale;
      return capped(sum + random.time_below(scale));
    }
    case Increments::bimodal:
      return capped(random.below(10) != 0 ? random.time_below(1'000)
                                          : 1'000'000'000 + random.time_below(1'000'000));
    case Increments::heavy:
      return capped(random.time_below(std::int64_t{1} << random.below(51)));
    case Increments::milliseconds:
      return capped(1'000'000 * random.time_below(50));
    case Increments::tiny:
      return capped(random.time_below(2));
    case Increments::years: {
      const std::uint64_t dice = random.below(100);
      if (dice == 0) return time_limit - now;
      if (dice < 4) return capped(86'400'000'000'000 * (1 + random.time_below(3'000)));
      return capped(random.time_below(1'000'000));
    }
  }
  return 0;
}

// Both sets side by side. Every pop and every peek is compared.
class Pair {
 public:
  Pair(Random random, bool scattered) : random_(random), orders_(scattered) {}

  void push_after(std::int64_t increment) {
    const EventKey key{now_ + increment, orders_.next(random_)};
    ours_.push(key);
    reference_.insert(key);
  }
  void push(Increments kind) { push_after(draw(kind, now_, random_)); }
  bool pop() {
    const EventKey expected = *reference_.begin();
    reference_.erase(reference_.begin());
    const EventKey got = ours_.pop();
    now_ = expected.at;
    return got == expected && ours_.size() == reference_.size() &&
           ours_.empty() == reference_.empty();
  }
  bool peek() { return ours_.peek() == *reference_.begin(); }
  void compact(std::uint64_t one_in) {
    const auto dead = [one_in](const EventKey& key) { return key.order % one_in != 0; };
    ours_.compact(dead);
    std::erase_if(reference_, dead);
  }
  std::size_t size() const { return reference_.size(); }
  Random& random() { return random_; }
  std::int64_t now() const { return now_; }

 private:
  EventSet ours_;
  std::set<EventKey> reference_;
  Random random_;
  Orders orders_;
  std::int64_t now_ = 0;
};

bool drain(Pair& pair) {
  while (pair.size() > 0) {
    if (!pair.pop()) return false;
  }
  return true;
}

TEST_CASE("hold: pop the smallest, push another", "[event_set]") {
  const std::uint64_t seed = GENERATE(as<std::uint64_t>{}, 1, 2);
  const bool scattered = GENERATE(false, true);
  const std::size_t size =
      GENERATE(as<std::size_t>{}, 1, 2, 10, 31, 33, 64, 65, 100, 500, 2'000, 20'000);
  for (const Increments kind : all_increments) {
    CAPTURE(seed, scattered, size, static_cast<int>(kind));
    Pair pair(Random{seed}, scattered);
    for (std::size_t i = 0; i < size; ++i) pair.push(kind);
    bool same = true;
    for (std::size_t i = 0; same && i < 3 * size + 2'000; ++i) {
      same = pair.pop();
      pair.push(kind);
    }
    REQUIRE(same);
    REQUIRE(drain(pair));
  }
}

TEST_CASE("growth, shrinkage, peeks and cancellations in random phases", "[event_set]") {
  const std::uint64_t seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{25}));
  const bool scattered = seed % 2 == 0;
  CAPTURE(seed, scattered);
  Pair pair(Random{seed}, scattered);
  Random& random = pair.random();
  bool same = true;
  for (int phase = 0; same && phase < 150; ++phase) {
    Increments kind = all_increments[random.below(std::size(all_increments))];
    // A key at the end of time, once popped, leaves nothing but ties: a third of the seeds, late.
    if (kind == Increments::years && (seed % 3 != 0 || phase < 75)) kind = Increments::exponential;
    const std::uint64_t steps = std::uint64_t{1} << random.below(13);
    switch (random.below(6)) {
      case 0:
        for (std::uint64_t i = 0; i < steps; ++i) pair.push(kind);
        break;
      case 1:
        for (std::uint64_t i = 0; same && i < steps && pair.size() > 0; ++i) same = pair.pop();
        break;
      case 2:
        if (random.below(4) == 0) pair.compact(1 + random.below(6));
        break;
      case 3:
        for (std::uint64_t i = 0; same && i < steps; ++i) {
          pair.push(kind);
          same = pair.peek();
        }
        break;
      default:
        for (std::uint64_t i = 0; same && i < steps; ++i) {
          if (random.below(2) == 0 && pair.size() > 0)
            same = pair.pop();
          else
            pair.push(kind);
          if (same && pair.size() > 0 && random.below(8) == 0) same = pair.peek();
        }
    }
  }
  REQUIRE(same);
  REQUIRE(drain(pair));
}

TEST_CASE("a burst at one instant keeps its order while more arrives", "[event_set]") {
  const bool scattered = GENERATE(false, true);
  const std::size_t size = GENERATE(as<std::size_t>{}, 40, 3'000, 100'000);
  CAPTURE(scattered, size);
  Pair pair(Random{7}, scattered);
  pair.push_after(5);
  for (std::size_t i = 0; i < size; ++i) pair.push_after(1'000'000);
  REQUIRE(pair.pop());
  bool same = true;
  for (std::size_t i = 0; same && i < size; ++i) {
    same = pair.pop();
    pair.push_after(i % 16 == 0 ? 3 : 0);
  }
  REQUIRE(same);
  REQUIRE(drain(pair));
}

TEST_CASE("keys pushed below a minimum that was already peeked at", "[event_set]") {
  const bool scattered = GENERATE(false, true);
  const std::int64_t step = GENERATE(as<std::int64_t>{}, 1, 1'000, 1'000'000'000);
  const std::size_t cluster = GENERATE(as<std::size_t>{}, 1, 50, 3'000);
  CAPTURE(scattered, step, cluster);
  Pair pair(Random{11}, scattered);
  bool same = true;
  for (std::int64_t i = 40; same && i > 0; --i) {
    for (std::size_t j = 0; j < cluster; ++j) {
      pair.push_after(i * step + (j % 3 == 0 ? pair.random().time_below(step) : 0));
    }
    same = pair.peek();
  }
  REQUIRE(same);
  REQUIRE(drain(pair));
}

TEST_CASE("falling times, each pushed just above the current one", "[event_set]") {
  Pair pair(Random{13}, false);
  bool same = true;
  for (std::int64_t i = 0; same && i < 20'000; ++i) {
    pair.push_after(1'000'000 - i);
    pair.push_after(40'000 - i);
    if (i % 64 == 0) same = pair.pop();
  }
  REQUIRE(same);
  REQUIRE(drain(pair));
}

TEST_CASE("a million pending keys", "[event_set]") {
  const bool scattered = GENERATE(false, true);
  const Increments kind = GENERATE(Increments::none, Increments::exponential, Increments::heavy,
                                   Increments::milliseconds);
  CAPTURE(scattered, static_cast<int>(kind));
  constexpr std::size_t size = 1'000'000;
  Random random{17};
  Orders orders(scattered);
  EventSet set;
  std::vector<EventKey> keys;
  for (std::size_t i = 0; i < size; ++i) {
    keys.push_back({draw(kind, 0, random), orders.next(random)});
    set.push(keys.back());
  }
  std::sort(keys.begin(), keys.end());
  REQUIRE(set.size() == size);
  std::size_t wrong = 0;
  for (const EventKey& key : keys) wrong += set.pop() == key ? 0u : 1u;
  REQUIRE(wrong == 0);
  REQUIRE(set.empty());
}

TEST_CASE("compact removes exactly the dead", "[event_set]") {
  const std::size_t size = GENERATE(as<std::size_t>{}, 1, 20, 1'000, 50'000);
  CAPTURE(size);
  Pair pair(Random{19}, true);
  for (std::size_t i = 0; i < size; ++i) pair.push(Increments::heavy);
  REQUIRE(pair.peek());
  pair.compact(3);
  bool same = true;
  for (std::size_t i = 0; same && i < size && pair.size() > 0; ++i) {
    same = pair.pop();
    if (i % 3 == 0) pair.push(Increments::bimodal);
    if (i % 100 == 0) pair.compact(2 + pair.random().below(30));
  }
  REQUIRE(same);
  REQUIRE(drain(pair));

  EventSet set;
  for (std::uint64_t i = 0; i < 1'000; ++i) set.push({static_cast<std::int64_t>(i * i), i});
  set.compact([](const EventKey&) { return true; });
  REQUIRE(set.empty());
  set.push({5, 1});
  REQUIRE(set.pop() == EventKey{5, 1});
}

TEST_CASE("a cleared set starts again at time zero", "[event_set]") {
  EventSet set;
  for (std::uint64_t i = 0; i < 5'000; ++i) set.push({static_cast<std::int64_t>(1'000 + i), i});
  for (int i = 0; i < 100; ++i) set.pop();
  set.clear();
  REQUIRE(set.empty());
  set.push({3, 2});
  set.push({3, 1});
  set.push({0, 9});
  REQUIRE(set.peek() == EventKey{0, 9});
  REQUIRE(set.size() == 3);
  REQUIRE(set.pop() == EventKey{0, 9});
  REQUIRE(set.pop() == EventKey{3, 1});
  REQUIRE(set.pop() == EventKey{3, 2});
}

TEST_CASE("what is said of the keys to come is true", "[event_set]") {
  EventSet set;
  SplitMix random(7);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    set.push({static_cast<std::int64_t>(random.below(1'000'000'000)), i});
  }
  std::size_t seen_near = 0;
  std::size_t seen_far = 0;
  while (!set.empty()) {
    if (!set.must_sort()) {
      set.pop();
      continue;
    }
    set.sort_next();
    REQUIRE(set.sorted() > 0);
    const EventKey last = set.ahead(set.sorted() - 1);
    REQUIRE(set.ahead(0) == set.peek());
    EventKey latest_near = last;
    set.look_ahead(
        [&](const EventKey& key) {
          ++seen_near;
          REQUIRE(last < key);
          latest_near = std::max(latest_near, key);
        },
        [&](const EventKey& key) {
          ++seen_far;
          REQUIRE(latest_near < key);
        });
  }
  CHECK(seen_near > 10'000);
  CHECK(seen_far > 10'000);
}

}  // namespace
}  // namespace predrill::sim
