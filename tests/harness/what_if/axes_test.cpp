#include "harness/what_if/axes.hpp"

#include <catch2/catch.hpp>

using namespace predrill::harness;

namespace {

VaryAxis axis(const std::string& text) {
  std::string problem;
  auto parsed = parse_axis(text, problem);
  INFO(text << ": " << problem);
  REQUIRE(parsed);
  return *parsed;
}

std::string problem_of(const std::string& text) {
  std::string problem;
  CHECK_FALSE(parse_axis(text, problem));
  return problem;
}

}  // namespace

TEST_CASE("what-if: values, ranges and lists that change together", "[what-if]") {
  const VaryAxis values = axis("patroni.ttl=20,30,60");
  CHECK(values.paths == std::vector<std::string>{"patroni.ttl"});
  CHECK(values.steps == std::vector<std::vector<std::string>>{{"20"}, {"30"}, {"60"}});

  CHECK(axis("a.b=20..60:20").steps ==
        std::vector<std::vector<std::string>>{{"20"}, {"40"}, {"60"}});
  CHECK(axis("a.b=0.1s..0.3s:0.1s").steps ==
        std::vector<std::vector<std::string>>{{"0.1s"}, {"0.2s"}, {"0.3s"}});
  CHECK(axis("a.b=1..2:0.75").steps == std::vector<std::vector<std::string>>{{"1"}, {"1.75"}});
}

TEST_CASE("what-if: a range without a step is open", "[what-if]") {
  const VaryAxis open = axis("a.b=20..60");
  CHECK(open.is_range());
  CHECK(open.low == 20);
  CHECK(open.high == 60);
}

TEST_CASE("what-if: settings that change together", "[what-if]") {
  const VaryAxis zipped = axis("a.ttl/a.loop_wait=20/5,30/10");
  CHECK(zipped.paths == std::vector<std::string>{"a.ttl", "a.loop_wait"});
  CHECK(zipped.steps == std::vector<std::vector<std::string>>{{"20", "5"}, {"30", "10"}});
  CHECK(axis("a.b=[1,2],[3]").steps == std::vector<std::vector<std::string>>{{"[1,2]"}, {"[3]"}});
}

TEST_CASE("what-if: what is wrong with an axis is said", "[what-if]") {
  CHECK(problem_of("ttl") == "\"ttl\" is not path=a,b,c");
  CHECK(problem_of("=3") == "\"=3\" is not path=a,b,c");
  CHECK(problem_of("a=") == "\"a=\" is not path=a,b,c");
  CHECK(problem_of("a/b=1/2,3") == "\"3\" has 1 values for 2 settings");
  CHECK(problem_of("a=1,,2") == "\"a=1,,2\" has an empty value");
  CHECK(problem_of("a=60..20:5") == "the range \"60..20:5\" ends where it begins, or before");
  CHECK(problem_of("a=20..60:0").starts_with("the step of \"20..60:0\" must be above zero"));
  CHECK(problem_of("a=20s..60ms:1s").starts_with("\"20s..60ms:1s\" is not a range"));
}

TEST_CASE("what-if: a grid is every combination, the last axis fastest", "[what-if]") {
  const auto points = grid_of({axis("a=1,2"), axis("b/c=3/4,5/6")});
  REQUIRE(points.size() == 4);
  CHECK(points[0].values == Assignments{{"a", "1"}, {"b", "3"}, {"c", "4"}});
  CHECK(points[1].values == Assignments{{"a", "1"}, {"b", "5"}, {"c", "6"}});
  CHECK(points[3].at == std::vector<std::size_t>{1, 1});
  CHECK(settings_of(points[0].values) == std::vector<std::string>{"a=1", "b=3", "c=4"});
}

TEST_CASE("what-if: values as numbers", "[what-if]") {
  CHECK(numeric("20") == 20);
  CHECK(numeric("-0.5") == -0.5);
  CHECK(numeric("500ms") == 0.5);
  CHECK(numeric("85%") == 0.85);
  CHECK_FALSE(numeric("on"));
}
