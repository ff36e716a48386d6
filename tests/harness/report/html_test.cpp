// The HTML report as a file: complete, self-contained, and safe against what results say. What a
// browser makes of it is looked at by tests/report/run.
#include <catch2/catch.hpp>

#include <array>
#include <nlohmann/json.hpp>

#include "harness/report/html.hpp"
#include "harness/report/web_assets.hpp"
#include "tests/harness/load/load_test.hpp"

using namespace predrill::harness;

namespace {

std::string result_named(const std::string& scenario) {
  nlohmann::json json;
  json["format"] = "predrill.result/1";
  json["command"] = "run";
  json["system"] = "x";
  json["results"] = {{{"scenario", scenario}}};
  return json.dump();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

}  // namespace

TEST_CASE("html: one file with everything in it", "[report]") {
  Folder folder;
  folder.write("r.json", result_named("the primary's node loses power"));
  folder.write("j.jsonl",
               "{\"format\": \"predrill.journal/1\", \"paths\": [\"direct\"]}\n"
               "{\"path\": \"direct\", \"finished_ns\": 1500000000, \"outcome\": \"ok\"}\n");
  Diagnostics diagnostics;
  const std::array files = {folder / "r.json", folder / "j.jsonl"};
  const auto page = html_report(files, "/* the library */", diagnostics);
  INFO(diagnostics.text());
  REQUIRE(page.has_value());
  CHECK(page->find("<title>the primary's node loses power</title>") != std::string::npos);
  CHECK(page->find("/* the library */") != std::string::npos);
  CHECK(page->find("[\"direct\",1.5,true]") != std::string::npos);
  CHECK(page->find(page_css()) != std::string::npos);
  for (const char* mark : {"@TITLE@", "@STYLE@", "@DATA@", "@CHARTS@", "@SCRIPT@"}) {
    CHECK(page->find(mark) == std::string::npos);
  }
  CHECK(page->find("src=") == std::string::npos);
}

TEST_CASE("html: no name in a result ends the script that holds it", "[report]") {
  Folder folder;
  folder.write("r.json", result_named("</script><script>alert(1)</script><!--"));
  Diagnostics diagnostics;
  const std::array files = {folder / "r.json"};
  const auto page = html_report(files, "var a = '</script>';", diagnostics);
  REQUIRE(page.has_value());
  CHECK(count(*page, "</script>") == 3);
  CHECK(page->find("<script>alert") == std::string::npos);
  CHECK(page->find("<!--") == std::string::npos);
}

TEST_CASE("html: what is no result is said", "[report]") {
  Folder folder;
  folder.write("a.json", "{");
  folder.write("b.json", "{\"format\": \"other\"}");
  folder.write("c.jsonl", "");
  Diagnostics diagnostics;
  const std::array files = {folder / "a.json", folder / "b.json", folder / "c.jsonl",
                            folder / "nowhere.json"};
  CHECK_FALSE(html_report(files, "x", diagnostics).has_value());
  CHECK(diagnostics.errors() == 4);
  Diagnostics alone;
  folder.write("j.jsonl", "{\"format\": \"predrill.journal/1\", \"paths\": []}\n");
  const std::array journal = {folder / "j.jsonl"};
  CHECK_FALSE(html_report(journal, "x", alone).has_value());
  CHECK(alone.text().find("name a result beside it") != std::string::npos);
}
