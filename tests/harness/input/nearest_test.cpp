#include "harness/input/nearest.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace predrill::harness;

TEST_CASE("nearest: the distance counts edits and swaps", "[input]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("tll", "ttl") == 1);
  CHECK(edit_distance("ca", "abc") == 2);  // 3 if a swapped pair could not be edited
  CHECK(edit_distance("loop-wait", "Loop_Wait") == 0);
  CHECK(edit_distance("node_lost", "node_loss") == 1);
}

TEST_CASE("nearest: the nearest word, the first of equals, or none", "[input]") {
  constexpr std::array<std::string_view, 5> words = {"ttl", "loop_wait", "at", "to", "node_loss"};
  CHECK(nearest("tll", words) == "ttl");
  CHECK(nearest("loopwait", words) == "loop_wait");
  CHECK(nearest("nodeLoss", words) == "node_loss");
  CHECK(nearest("xyz", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest("it", words) == "at");
  CHECK(nearest(std::string(100'000, 'x'), words).empty());
  CHECK(did_you_mean("tll", words) == "did you mean \"ttl\"?");
  CHECK(did_you_mean("zzzzz", words).empty());
}
