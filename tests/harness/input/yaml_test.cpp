#include <catch2/catch.hpp>

#include "tests/harness/input/input_test.hpp"

using namespace predrill::harness;

namespace {

std::string problems_of(std::string_view yaml, const Limits& limits = {}) {
  return Input(yaml, Format::yaml, limits).text();
}

// The parts of a Zalando manifest that failover depends on, with its Deployment before it.
constexpr const char* manifest = R"(apiVersion: apps/v1
kind: Deployment
metadata:
  name: postgres-operator
---
apiVersion: acid.zalan.do/v1
kind: postgresql
metadata:
  name: user-profile-db
spec:
  postgresql:
    version: "16"
    parameters:
      max_connections: "400"
      shared_buffers: 16GB
      log_checkpoints: "on"
  numberOfInstances: 3
  patroni:
    ttl: 30
    synchronous_mode: true
  tolerations:
    - key: dedicated
      values: ["worker-memory-v3"]
)";

}  // namespace

TEST_CASE("yaml: a manifest of several parts is chosen by kind", "[input]") {
  Input input(manifest, Format::yaml);
  REQUIRE(input.document.has_value());
  CHECK(input.diagnostics.empty());
  CHECK(input.document->parts.size() == 2);
  CHECK(input.document->find_kind("Cluster") == nullptr);
  const Node* part = input.document->find_kind("postgresql");
  REQUIRE(part != nullptr);
  const Node* spec = part->find("spec");
  REQUIRE(spec != nullptr);
  CHECK(spec->find("postgresql")->find("version")->kind == NodeKind::text);
  const Node* ttl = spec->find("patroni")->find("ttl");
  CHECK(ttl->kind == NodeKind::plain);
  CHECK(ttl->text == "30");
  CHECK(ttl->place.text() == "x:19:10");
  CHECK(spec->find("patroni")->members[0].place.text() == "x:19:5");
  CHECK(spec->find("tolerations")->items[0].find("values")->items[0].text == "worker-memory-v3");
  CHECK(spec->find("tolerations")->items[0].find("values")->items[0].place.text() == "x:23:16");
}

TEST_CASE("yaml: null, tags, block text, comments, CRLF", "[input]") {
  Input input("a:\r\nb: ~ # c\r\nc: !!str 5\r\nd: |\r\n  two\r\n  lines\r\ne: !mine x\r\n",
              Format::yaml);
  REQUIRE(input.document.has_value());
  const Node& root = input.document->root();
  CHECK(root.find("a")->kind == NodeKind::null);
  CHECK(root.find("b")->kind == NodeKind::null);
  CHECK(root.find("c")->kind == NodeKind::text);
  CHECK(root.find("d")->text == "two\nlines\n");
  CHECK(root.find("e")->place.line == 7);
  CHECK(input.text() == "x:7:4: warning: e: the tag \"!mine\" is ignored\n");
}

TEST_CASE("yaml: keys that are given twice are reported, the last one counts", "[input]") {
  Input input("ttl: 30\npatroni:\n  ttl: 20\n  ttl: 25\n", Format::yaml);
  REQUIRE(input.document.has_value());
  CHECK(input.text() ==
        "x:4:3: warning: patroni.ttl: the key is given twice; the first is in line 3; the last one "
        "counts\n");
  CHECK(input.document->root().find("patroni")->find("ttl")->text == "25");
}

TEST_CASE("yaml: aliases and merged keys", "[input]") {
  Input input("base: &b {ttl: 30, loop_wait: 10}\none:\n  <<: *b\n  ttl: 20\ntwo: *b\n",
              Format::yaml);
  REQUIRE(input.document.has_value());
  const Node* one = input.document->root().find("one");
  CHECK(one->find("ttl")->text == "20");
  CHECK(one->find("loop_wait")->text == "10");
  CHECK(one->members.size() == 2);
  CHECK(input.document->root().find("two")->find("ttl")->place.line == 1);
  CHECK(problems_of("a:\n  <<: 5\n") ==
        "x:2:7: error: a: found a word behind <<; << takes a map or a list of maps\n");
}

TEST_CASE("yaml: what cannot be read ends with one clear message", "[input]") {
  CHECK(problems_of("") == "x: error: the file is empty\n");
  CHECK(problems_of("# nothing\n---\n") == "x: error: the file is empty\n");
  CHECK(problems_of("[a]: 1\n") == "x:1:1: error: a list or map as a key; keys are words\n");
  CHECK(problems_of("a: &x [*x]\n") ==
        "x:1:8: error: a[0]: an alias stands inside the value that it repeats\n");
  CHECK_THAT(problems_of("a: *nobody\n"), Catch::StartsWith("x:1:4: error: YAML: "));
  CHECK_THAT(problems_of("a: [1, 2\n"), Catch::StartsWith("x:2:1: error: YAML: "));
  for (const char* text : {"a: \"x\nb: 1\n", "a: 'it''s\n", "a: 'x''\n", "a: &b !!str \"x\n"}) {
    INFO(text);
    CHECK(problems_of(text) == "x:1:4: error: a: text without a closing quotation mark\n");
  }
  CHECK(problems_of("a: \"x\\\"") == "x:1:8: error: YAML: illegal EOF in scalar\n");
  CHECK(problems_of("a: 'x'''\n").empty());
  CHECK_THAT(problems_of("a: 1\n\tb: 2\n"), Catch::Contains("error: YAML: "));
  CHECK_THAT(problems_of("a: 1\n b: 2\n"), Catch::Contains("error: YAML: "));
  CHECK_THAT(problems_of("a: @x\n"), Catch::Contains("error: YAML: "));
  CHECK(problems_of(": 1\n") == "x:1:1: error: a key is missing before the colon\n");
}

TEST_CASE("yaml: bombs are refused", "[input]") {
  // Nine levels of nine aliases each would be 9^9 values.
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i <= 9; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + previous;
    for (int j = 1; j < 9; ++j) laughs += ", " + previous;
    laughs += "]\n";
  }
  Input bomb(laughs, Format::yaml);
  CHECK_FALSE(bomb.document.has_value());
  CHECK_THAT(bomb.text(), Catch::EndsWith("aliases repeat more than 100000 values\n"));

  // Each line puts the line before it one level deeper.
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 1'000; ++i) {
    tower += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
             "]\n";
  }
  CHECK_THAT(problems_of(tower), Catch::EndsWith("lists and maps are nested more than 64 deep\n"));

  for (const char* opening : {"[", "{a: ", "- ", "? "}) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += opening;
    INFO(opening);
    Input input(deep, Format::yaml);
    CHECK_FALSE(input.document.has_value());
    CHECK(input.diagnostics.errors() == 1);
  }

  Limits limits;
  limits.values = 4;
  CHECK(problems_of("a: [1, 2]\nb: 3\n", limits) ==
        "x:1:8: error: a[1]: the file has more than 4 values\n");
  // Anchors are copied, nested ones several times.
  CHECK(problems_of("&a [&b [&c x]]\n", limits) ==
        "x:1:1: error: anchors name more than 4 values\n");
}

TEST_CASE("yaml: no cut of a file is fatal", "[input]") {
  const std::string whole = manifest;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    Input input(whole.substr(0, size), Format::yaml);
    CHECK((input.document.has_value() || input.diagnostics.has_errors()));
  }
}
