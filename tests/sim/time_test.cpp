#include "sim/time.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace predrill;
using namespace std::chrono_literals;

namespace {
std::string problem_of(std::string_view text) {
  std::string problem;
  CHECK_FALSE(sim::parse_duration(text, &problem).has_value());
  return problem;
}
}  // namespace

TEST_CASE("time: durations are read exactly", "[time]") {
  const auto [text, expected] = GENERATE(table<std::string, sim::Duration>({
      {"10s", 10s},
      {"1m30s", 90s},
      {"2min", 2min},
      {"250ms", 250ms},
      {"0.3ms", 300us},
      {"1h", 1h},
      {"1d2h3m4.5s", 26h + 3min + 4500ms},
      {"-5s", -5s},
      {"0s", 0s},
      {"007s", 7s},
      {"1.000s", 1s},
      {"12\u00b5s", 12us},
      {"12\u03bcs", 12us},
      {"0.1d", 8640s},
      {"0.0000000001h", 360ns},
      {"1.123456789s", 1123456789ns},
      {"9223372036854775807ns", sim::Duration::max()},
      {"-9223372036854775808ns", sim::Duration::min()},
  }));
  INFO(text);
  const auto read = sim::parse_duration(text);
  REQUIRE(read.has_value());
  CHECK(*read == expected);
}

TEST_CASE("time: a bad duration says what is wrong and proposes a fix", "[time]") {
  CHECK(problem_of("") == "a duration is missing; write a number and a unit, as in \"10s\"");
  CHECK(problem_of("10") ==
        "\"10\" has no unit; write \"10s\" for seconds or \"10ms\" for milliseconds");
  CHECK(problem_of("1m30") == "\"1m30\" ends with a number without a unit");
  CHECK(problem_of("10 s") == "\"10 s\" has a space inside; write it without, as in \"1m30s\"");
  CHECK(problem_of("10sec") ==
        "\"10sec\" has the unknown unit \"sec\"; known are d, h, m, s, ms, us, ns");
  CHECK(problem_of("30s1m") ==
        "\"30s1m\" must name its units from the largest to the smallest, each once");
  CHECK(problem_of("1m1min") ==
        "\"1m1min\" must name its units from the largest to the smallest, each once");
  CHECK(problem_of("1.5m3s") == "\"1.5m3s\" has a fraction before its last unit");
  CHECK(problem_of("0.5ns") == "\"0.5ns\" is not a whole number of nanoseconds");
  CHECK(problem_of("0.00000000000000000001d") ==
        "\"0.00000000000000000001d\" is not a whole number of nanoseconds");
  CHECK(problem_of("300y").find("unknown unit") != std::string::npos);
  CHECK(problem_of("106752d") == "\"106752d\" is longer than 292 years");
  CHECK(problem_of("9223372036854775808ns") ==
        "\"9223372036854775808ns\" is longer than 292 years");
  CHECK(problem_of("99999999999999999999999999999999999999999s").find("longer than 292 years") !=
        std::string::npos);
  for (const char* junk : {"-", "s", ".5s", "5.s", "--5s", "+5s", "1e3s", "0x10s", " 5s", "5s "}) {
    INFO(junk);
    CHECK_FALSE(problem_of(junk).empty());
  }
  CHECK(problem_of(std::string(1'000, 'x')).size() < 150);
  CHECK(problem_of(std::string("5\0s", 3)).find('\0') == std::string::npos);
}

TEST_CASE("time: text for people has three digits and a fitting unit", "[time]") {
  const auto [value, expected] = GENERATE(table<sim::Duration, std::string>({
      {0ns, "0 ns"},
      {999ns, "999 ns"},
      {12us, "12 \u00b5s"},
      {1234ns, "1.23 \u00b5s"},
      {999'600ns, "1 ms"},
      {350ms, "350 ms"},
      {27'449ms, "27.4 s"},
      {27'450ms, "27.5 s"},
      {999'500us, "1 s"},
      {999'499us, "999 ms"},
      {119'400ms, "119 s"},
      {119'500ms, "2 min"},
      {143s, "2 min 23 s"},
      {5min, "5 min"},
      {3599'600ms, "1 h"},
      {65min, "1 h 5 min"},
      {47h + 59min + 40s, "2 d"},
      {76h, "3 d 4 h"},
      {-4200ms, "-4.2 s"},
      {sim::forever, "forever"},
      {sim::Duration::min(), "-106752 d"},  // 106751 d 23 h 47 min, rounded
  }));
  INFO(value.count());
  CHECK(sim::to_text(value) == expected);
}

TEST_CASE("time: the exact text reads back as the same value", "[time]") {
  CHECK(sim::to_exact_text(90s) == "1m30s");
  CHECK(sim::to_exact_text(250ms) == "250ms");
  CHECK(sim::to_exact_text(300us) == "300us");
  CHECK(sim::to_exact_text(12'345us) == "12.345ms");
  CHECK(sim::to_exact_text(26h + 1ns) == "1d2h0.000000001s");
  CHECK(sim::to_exact_text(-1h) == "-1h");
  CHECK(sim::to_exact_text(0s) == "0s");
  CHECK(sim::to_exact_text(7ns) == "7ns");
  const std::uint64_t seed = 20251009;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    const sim::Duration value{static_cast<std::int64_t>(bits) >> (i % 64)};
    const std::string text = sim::to_exact_text(value);
    INFO("seed " << seed << " value " << value.count() << " text " << text);
    const auto read = sim::parse_duration(text);
    REQUIRE(read.has_value());
    REQUIRE(*read == value);
  }
  for (const auto value : {sim::Duration::min(), sim::Duration::max()}) {
    CHECK(sim::parse_duration(sim::to_exact_text(value)) == value);
  }
}
