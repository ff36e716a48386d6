#include "harness/input/overrides.hpp"

#include <catch2/catch.hpp>

#include "tests/harness/input/input_test.hpp"

using namespace predrill::harness;

namespace {

constexpr const char* scenario =
    R"({"name": "x", "faults": [{"at": "5s", "on": ["a", "b"]}, {"at": "9s"}], "system": "y"})";

std::string problems_of(const std::string& setting) {
  Input input(scenario);
  Input patroni("ttl: 30\n", Format::yaml);
  const std::array targets = {OverrideTarget{"", &input.document->root()},
                              OverrideTarget{"system.patroni", &patroni.document->root()}};
  CHECK_FALSE(apply_overrides(targets, std::vector{setting}, input.diagnostics));
  return input.text();
}

}  // namespace

TEST_CASE("set: values are changed and added", "[input]") {
  Input input(scenario);
  const std::vector<std::string> settings = {"faults[0].at=65s",
                                             "faults[1].for=5m",
                                             "name=a=b",
                                             "faults[0].on=[\"c\", 5]",
                                             "labels={\"app.io/name\": 1}",
                                             "labels[\"app.io/name\"]=2",
                                             "empty="};
  CHECK(apply_overrides(*input.document, settings, input.diagnostics));
  CHECK(input.diagnostics.empty());
  const Node& root = input.document->root();
  const Node& at = *root.find("faults")->items[0].find("at");
  CHECK(at.text == "65s");
  CHECK(at.kind == NodeKind::plain);
  CHECK(at.place.text() == "--set faults[0].at=65s");
  CHECK(at.place.from_command_line());
  CHECK_FALSE(root.place.from_command_line());
  CHECK(root.find("faults")->items[1].find("for")->text == "5m");
  CHECK(root.find("name")->text == "a=b");
  CHECK(root.find("faults")->items[0].find("on")->items[1].text == "5");
  CHECK(root.find("faults")->items[0].find("on")->items[1].place.from_command_line());
  CHECK(root.find("labels")->find("app.io/name")->text == "2");
  CHECK(root.find("empty")->text.empty());
}

TEST_CASE("set: the longest prefix chooses the file", "[input]") {
  Input input(scenario);
  Input patroni("ttl: 30\n", Format::yaml);
  const std::array targets = {OverrideTarget{"system.patroni", &patroni.document->root()},
                              OverrideTarget{"", &input.document->root()}};
  CHECK(apply_overrides(targets, std::vector<std::string>{"system.patroni.ttl=20s", "name=z"},
                        input.diagnostics));
  CHECK(patroni.document->root().find("ttl")->text == "20s");
  CHECK(input.document->root().find("name")->text == "z");
}

TEST_CASE("set: a bad value is reported at the setting", "[input]") {
  Input input(scenario);
  CHECK(apply_overrides(*input.document,
                        std::vector<std::string>{"faults[0].at=65", "faults[1].fro=5m"},
                        input.diagnostics));
  for (const Value& item : root_value(*input.document, input.diagnostics).items()) item.text();
  for (const Node& node : input.document->root().find("faults")->items) {
    Reader fault(node_value(node, "faults[]", input.diagnostics));
    fault.required("at").duration();
    fault.optional("for").duration();
    fault.ignore("on");
  }
  CHECK_THAT(input.text(),
             Catch::StartsWith("--set faults[0].at=65: error: faults[].at: \"65\" has no unit"));
  CHECK_THAT(input.text(),
             Catch::Contains("--set faults[1].fro=5m: error: faults[].fro: unknown key; did you "
                             "mean \"for\"? Allowed: at, for, on"));
}

TEST_CASE("set: an unknown foreign key is an error, not a warning", "[input]") {
  Input patroni("ttl: 30\n", Format::yaml);
  CHECK(
      apply_overrides(*patroni.document, std::vector<std::string>{"tll=20"}, patroni.diagnostics));
  {
    Reader reader(patroni.root(), {"Patroni 3.3.2", {}});
    reader.optional("ttl");
  }
  CHECK(patroni.text() ==
        "--set tll=20: error: tll: unknown to Patroni 3.3.2; did you mean \"ttl\"?\n");
}

TEST_CASE("set: paths that do not exist", "[input]") {
  const auto [setting, expected] = GENERATE(table<std::string, std::string>({
      {"name", "there is no =; write path=value"},
      {"=5", "the path is empty; a path looks like faults[0].at"},
      {"a..b=1", "a key is missing after \"a.\"; a path looks like faults[0].at"},
      {"a[x]=1",
       "an index or a key in double quotes and ] should stand after \"a[\"; a path looks like "
       "faults[0].at"},
      {"a[\"x=1", "there is no =; write path=value"},
      {"a[0]b=1", "a dot or [ should stand after \"a[0]\"; a path looks like faults[0].at"},
      {"faults[2].at=1s", "faults: [2] does not exist; the last one is [1]"},
      {"fault[0].at=1s", "\"fault\" does not exist; did you mean \"faults\"?"},
      {"faults.at=1s", "faults: a list has no keys; name an entry of the list: faults[0]"},
      {"name.x=1", "name: text has no keys"},
      {"name[0]=1", "name: text has no [0]"},
      {"system.patrony.ttl=1", "system: \"patrony\" does not exist; did you mean \"patroni\"?"},
      {"system.patroni=1", "system: text has no keys"},
      {"name=[1,",
       "name: the value is not JSON: column 4: the file ends inside the list that "
       "begins in line 1"},
      {"name=\"a\" b",
       "name: the value is not JSON: column 5: text after the end of the document: b; remove it"},
      {"name=\xff", "the setting is not UTF-8 text"},
      {std::string(100'000, 'x') + "=1", "the setting is too long"},
  }));
  const std::string found = problems_of(setting);
  INFO(found);
  CHECK_THAT(found, Catch::EndsWith(": error: " + expected + "\n"));
  CHECK_THAT(found, Catch::StartsWith("--set "));
}

TEST_CASE("set: a file as a whole is not a value", "[input]") {
  Input input(scenario);
  Input patroni("ttl: 30\n", Format::yaml);
  const std::array targets = {OverrideTarget{"", &input.document->root()},
                              OverrideTarget{"patroni", &patroni.document->root()}};
  CHECK_FALSE(apply_overrides(targets, std::vector<std::string>{"patroni=x", "patrony.ttl=1"},
                              input.diagnostics));
  CHECK(input.text() ==
        "--set patroni=x: error: \"patroni\" is a file, not a value; write patroni.key=value\n"
        "--set patrony.ttl=1: error: \"patrony\" does not exist; did you mean \"patroni\"?\n");
}
