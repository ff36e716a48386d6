#include <catch2/catch.hpp>

#include "tests/harness/input/input_test.hpp"

using namespace predrill::harness;

namespace {

std::string problems_of(std::string_view json, const Limits& limits = {}) {
  return Input(json, Format::json, limits).text();
}

const Node& at(const Node& node, std::string_view key) {
  const Node* found = node.find(key);
  REQUIRE(found != nullptr);
  return *found;
}

}  // namespace

TEST_CASE("json: values, comments and places", "[input]") {
  Input input(
      "// head\n{\n  \"a\": [1, -2.5e3, \"x\"], /* in\nside */ \"b\": {\"c\": true},\n"
      "  \"\xc3\xa9\xc3\xa9\": null, \"d\": \"\"\n}\n");
  REQUIRE(input.document.has_value());
  CHECK(input.diagnostics.empty());
  const Node& root = input.document->root();
  CHECK(root.place.text() == "x:2:1");
  REQUIRE(root.members.size() == 4);
  CHECK(root.members[0].key == "a");
  CHECK(root.members[0].place.text() == "x:3:3");
  const Node& list = at(root, "a");
  REQUIRE(list.items.size() == 3);
  CHECK(list.place.text() == "x:3:8");
  CHECK(list.items[1].kind == NodeKind::number);
  CHECK(list.items[1].text == "-2.5e3");
  CHECK(list.items[1].place.text() == "x:3:12");
  CHECK(list.items[2].kind == NodeKind::text);
  CHECK(at(at(root, "b"), "c").text == "true");
  CHECK(at(root, "b").place.text() == "x:4:14");
  // Columns count characters, not bytes.
  CHECK(at(root, "\xc3\xa9\xc3\xa9").place.text() == "x:5:9");
  CHECK(at(root, "d").place.text() == "x:5:20");
}

TEST_CASE("json: escapes", "[input]") {
  Input input(R"(["\"\\\/\b\f\n\r\t", "\u00e9\u20ac\ud83d\ude00", "é"])");
  REQUIRE(input.document.has_value());
  CHECK(input.document->root().items[0].text == "\"\\/\b\f\n\r\t");
  CHECK(input.document->root().items[1].text == "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(input.document->root().items[2].text == "\xc3\xa9");
}

TEST_CASE("json: several mistakes are found in one reading", "[input]") {
  Input input("{\n  \"a\": [1, 2,],\n  \"b\": 5s\n  \"a\": 010,\n  c: flase\n}\n");
  REQUIRE(input.document.has_value());
  CHECK(input.text() ==
        "x:2:13: error: a: a comma stands before the closing ]; remove the comma\n"
        "x:3:8: error: b: \"5s\" is not a JSON number; write it in double quotes if it is text\n"
        "x:4:3: error: a comma is missing before \"a\"; write the comma\n"
        "x:4:3: error: a: the key is given twice; the first is in line 2; remove one\n"
        "x:4:8: error: a: \"010\" is not a JSON number; write it in double quotes if it is text\n"
        "x:5:3: error: the key c has no quotation marks; write \"c\"\n"
        "x:5:6: error: c: \"flase\" has no quotation marks; write false\n");
  CHECK(input.document->root().members.size() == 3);
}

TEST_CASE("json: what cannot be read ends with one clear message", "[input]") {
  const auto [json, expected] = GENERATE(table<std::string, std::string>({
      {"", "x: error: the file is empty\n"},
      {" // nothing\n", "x: error: the file is empty\n"},
      {"{} x", "x:1:4: error: text after the end of the document: x; remove it\n"},
      {"[", "x:1:2: error: the file ends inside the list that begins in line 1\n"},
      {"{\"a\": [\n1,\n", "x:3:1: error: a: the file ends inside the list that begins in line 1\n"},
      {"{\"a\"", "x:1:5: error: a: the file ends after the key \"a\"\n"},
      {"{\"a\":", "x:1:6: error: a: the file ends after the key \"a\"\n"},
      {"{\"a\" 5}", "x:1:6: error: a: found 5 after the key \"a\"; a colon should stand here\n"},
      {"{5",
       "x:1:2: error: the key 5 has no quotation marks; write \"5\"\n"
       "x:1:3: error: 5: the file ends after the key \"5\"\n"},
      {"{[", "x:1:2: error: found [ where a key in double quotes should stand\n"},
      {"[}", "x:1:2: error: [0]: found } where a value should stand\n"},
      {"[1}", "x:1:3: error: found }; a comma or ] should stand here\n"},
      {"['a']", "x:1:2: error: [0]: text in single quotes; JSON writes text in double quotes\n"},
      {"[\"a\nb\"]", "x:1:2: error: [0]: text without a closing quotation mark\n"},
      {"\"\\", "x:1:2: error: text without a closing quotation mark\n"},
      {"[1, /* ", "x:1:5: error: a comment without its closing */\n"},
      {"# a",
       "x:1:1: error: a comment with #; comments begin with // or stand between /* and */\n"},
      {"[\"\t\"]", "x:1:3: error: [0]: a tab inside text; write \\t\n"},
  }));
  INFO(json);
  CHECK(problems_of(json) == expected);
}

TEST_CASE("json: bad escapes", "[input]") {
  Input whole("[\"\\\xc3\xa9\"]");
  REQUIRE(whole.document.has_value());
  CHECK(whole.document->root().items[0].text == "\xc3\xa9");
  for (const char* bad : {R"(["\x"])", R"(["\u12"])", R"(["\ud800"])", R"(["\ud800\u0041"])",
                          R"(["\udc00"])", R"(["\ud800\ud800"])"}) {
    INFO(bad);
    CHECK_THAT(problems_of(bad), Catch::StartsWith("x:1:3: error: [0]: an unknown escape in text"));
  }
  CHECK_THAT(problems_of(R"(["\u0000"])"), Catch::Contains("a NUL character inside text"));
}

TEST_CASE("json: numbers stay as they are written", "[input]") {
  Input input("[1e999, 0.1, 123456789012345678901234567890, -0]");
  REQUIRE(input.document.has_value());
  CHECK(input.document->root().items[0].text == "1e999");
  CHECK(input.document->root().items[2].text == "123456789012345678901234567890");
  for (const char* bad : {"01", "1.", ".5", "+1", "1e", "1e+", "0x10", "NaN", "-", "Infinity"}) {
    INFO(bad);
    CHECK_FALSE(problems_of("[" + std::string(bad) + "]").empty());
  }
}

TEST_CASE("json: every cut of a file is refused and none is fatal", "[input]") {
  const std::string whole =
      R"({"name": "x", /* c */ "faults": [{"at": "5s\u00e9", "on": [true, null, 1.5]}]} // end)";
  REQUIRE(problems_of(whole).empty());
  const std::size_t end = whole.rfind('}') + 1;
  for (std::size_t size = 0; size < end; ++size) {
    INFO(whole.substr(0, size));
    Input input(whole.substr(0, size));
    CHECK(input.diagnostics.has_errors());
    CHECK_FALSE(input.document.has_value());
  }
}

TEST_CASE("json: nesting and the number of values are limited", "[input]") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(problems_of(nested(64)).empty());
  CHECK_THAT(problems_of(nested(65)),
             Catch::EndsWith("lists and maps are nested more than 64 deep\n"));
  CHECK_FALSE(Input(std::string(1'000'000, '[')).document.has_value());
  CHECK_FALSE(Input(nested(65)).document.has_value());
  std::string maps;
  for (int i = 0; i < 100'000; ++i) maps += "{\"a\":";
  CHECK_FALSE(Input(maps).document.has_value());
  Limits limits;
  limits.values = 3;
  CHECK(problems_of("[1, 2]", limits).empty());
  CHECK(problems_of("[1, 2, 3]", limits) == "x:1:8: error: [2]: the file has more than 3 values\n");
}

TEST_CASE("json: a large file on one line is read in linear time", "[input]") {
  std::string json = "[0";
  for (int i = 0; i < 200'000; ++i) json += ",\"\xc3\xa9\"";
  json += "]";
  Input input(json);
  REQUIRE(input.document.has_value());
  CHECK(input.document->root().items.back().place.column == json.size() - 4 - 200'000 + 1);
}
