#include "harness/input/schema.hpp"

#include <catch2/catch.hpp>

using namespace predrill::harness;

namespace {

constexpr const char* schema = R"({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["name", "faults"],
  "additionalProperties": false,
  "properties": {
    "name": {"type": "string"},
    "faults": {"type": "array", "items": {"$ref": "#/$defs/fault"}}
  },
  "$defs": {
    "fault": {"type": "object", "properties": {"inject": {"enum": ["node_loss", "freeze"]}}}
  }
})";

std::string problems_of(std::string_view document, std::string_view with = schema) {
  Diagnostics diagnostics;
  for (const Diagnostic& problem : validate_against_schema(document, with)) {
    diagnostics.add(problem);
  }
  return diagnostics.text();
}

}  // namespace

TEST_CASE("schema: a valid document has no problems", "[input]") {
  CHECK(problems_of(R"({"name": "x", /* c */ "faults": [{"inject": "freeze"}]} // end)").empty());
}

TEST_CASE("schema: problems carry line, column and path", "[input]") {
  const std::string text = problems_of(
      "{\n  \"name\": 5,\n  \"faults\": [\n    {\"inject\": \"node_loss\"},\n"
      "    {\"inject\": \"node_lost\"}\n  ]\n}");
  INFO(text);
  CHECK_THAT(text, Catch::Contains("document:2:11: error: name: "));
  CHECK_THAT(text, Catch::Contains("document:5:16: error: faults[1].inject: "));
  CHECK_THAT(problems_of("{\"name\": \"x\"}"), Catch::Contains("faults"));
  CHECK_THAT(problems_of(R"({"name": "x", "faults": [], "falts": 1})"), Catch::Contains("falts"));
}

TEST_CASE("schema: what cannot be read is a problem, never an exception", "[input]") {
  CHECK_THAT(problems_of("{"), Catch::StartsWith("document:1:2: error: the file ends"));
  CHECK_THAT(problems_of("{}", "{"), Catch::StartsWith("schema:1:2: error: the file ends"));
  CHECK_THAT(problems_of("{}", R"({"type": 5})"), Catch::Contains("schema"));
  CHECK_THAT(problems_of("{}", R"({"$ref": "#/nowhere"})"), Catch::Contains("schema"));
  CHECK_THAT(problems_of("[1e999]"), Catch::Contains("out of range"));
}
