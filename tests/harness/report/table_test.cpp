#include "harness/report/table.hpp"

#include <catch2/catch.hpp>

using namespace predrill::harness;

TEST_CASE("width is counted in columns of the terminal", "[report]") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("µs – ≥") == 6);
  CHECK(display_width("e\xcc\x81") == 1);         // e and a combining acute
  CHECK(display_width("\xe6\xbc\xa2") == 2);      // a Han character
  CHECK(display_width("\xf0\x9f\x94\xa5") == 2);  // an emoji
  CHECK(display_width("a\xff") == 2);             // not UTF-8
}

TEST_CASE("text is wrapped at spaces, long words anywhere", "[report]") {
  using Lines = std::vector<std::string>;
  CHECK(wrap("one two three", 7) == Lines{"one two", "three"});
  CHECK(wrap("", 7) == Lines{""});
  CHECK(wrap("abcdefgh ij", 3) == Lines{"abc", "def", "gh", "ij"});
  CHECK(wrap("a\nb", 7) == Lines{"a", "b"});
  CHECK(wrap("äöü äöü", 3) == Lines{"äöü", "äöü"});
  CHECK(wrap("\xff\xff", 1) == Lines{"\xff", "\xff"});
}

TEST_CASE("columns are aligned, no line ends with a space", "[report]") {
  Table table({{"what"}, {"n", Table::Align::right}, {"why"}});
  table.add({"größer", "7", "because"});
  table.add({"less", "1234"});
  CHECK(table.text({}) ==
        "what       n  why\n"
        "─────────────────────\n"
        "größer     7  because\n"
        "less    1234\n");
}

TEST_CASE("the column that may gives way", "[report]") {
  Table table({{"event", Table::Align::left, true}, {"t", Table::Align::right}});
  table.add({"the leader key has expired after all", "30.0"});
  CHECK(table.text({.width = 26}, 2) ==
        "  event                  t\n"
        "  ────────────────────────\n"
        "  the leader key has  30.0\n"
        "  expired after all\n");
}

TEST_CASE("colour only where it is wanted, and without effect on the width", "[report]") {
  Table table({{""}, {""}});
  table.add({{"bad", Colour::red}, "x"});
  CHECK(table.text({}) == "bad  x\n");
  CHECK(table.text({.colour = true}) == "\x1b[31mbad\x1b[0m  x\n");
}
