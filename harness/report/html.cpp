#include "harness/report/html.hpp"

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/report/junit.hpp"
#include "harness/report/web_assets.hpp"

namespace predrill::harness {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

std::string serialized(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Inside <script>: nothing that ends the element or begins a comment.
std::string for_script(std::string text) {
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
    text.replace(at, 1, "\\u003c");
  }
  return text;
}

// In code only "</script" ends the element; it stands in strings and comments alone.
std::string code_for_script(std::string_view code) {
  std::string text(code);
  for (std::size_t at = 0; (at = text.find("</script", at)) != std::string::npos; at += 3) {
    text.replace(at, 2, "<\\/");
  }
  return text;
}

void put(std::string& page, std::string_view mark, std::string_view text) {
  for (std::size_t at = 0; (at = page.find(mark, at)) != std::string::npos; at += text.size()) {
    page.replace(at, mark.size(), text);
  }
}

// A journal as [path, finished in seconds, succeeded] by attempt.
Json journal_of(const std::string& name, std::istream& in) {
  Json journal;
  journal["file"] = name;
  journal["attempts"] = Json::array();
  std::string line;
  bool first = true;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    const Json one = Json::parse(line);
    if (first) {
      if (one.at("format") != "predrill.journal/1") throw std::runtime_error("another format");
      journal["paths"] = one.at("paths");
      first = false;
      continue;
    }
    constexpr double ns = 1e9;
    journal["attempts"].push_back(
        {one.at("path"), one.at("finished_ns").get<double>() / ns, one.at("outcome") == "ok"});
  }
  if (first) throw std::runtime_error("it is empty");
  return journal;
}

void read(const fs::path& path, Json& data, Diagnostics& diagnostics) {
  const Place place{std::make_shared<const std::string>(path.string()), 0, 0};
  std::error_code error;
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, error)) {
    diagnostics.error(place, "", "cannot be read");
    return;
  }
  try {
    if (path.extension() == ".jsonl") {
      data["journals"].push_back(journal_of(path.filename().string(), in));
      return;
    }
    Json document = Json::parse(in);
    if (!document.is_object() || document.value("format", "") != "predrill.result/1") {
      diagnostics.error(place, "", "is not a result",
                        "write one with --format json, or with run --out FOLDER");
      return;
    }
    document["file"] = path.filename().string();
    data["documents"].push_back(std::move(document));
  } catch (const std::exception& problem) {
    diagnostics.error(place, "",
                      "is neither a result nor a journal: " + printable(problem.what(), 200));
  }
}

std::string title_of(const Json& documents) {
  const Json& first = documents.front();
  const Json& results = first.at("results");
  if (results.size() == 1) return results.front().at("scenario").get<std::string>();
  return first.at("system").get<std::string>() + ": " + first.at("command").get<std::string>();
}

}  // namespace

std::optional<std::string> html_report(std::span<const fs::path> files, std::string_view charts,
                                       Diagnostics& diagnostics) {
  Json data;
  data["documents"] = Json::array();
  data["journals"] = Json::array();
  for (const fs::path& file : files) read(file, data, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  if (data["documents"].empty()) {
    diagnostics.error({std::make_shared<const std::string>(files.front().string()), 0, 0}, "",
                      "a journal alone makes no report", "name a result beside it");
    return std::nullopt;
  }
  std::string title;
  try {
    title = title_of(data["documents"]);
  } catch (const std::exception& problem) {
    diagnostics.error({std::make_shared<const std::string>(files.front().string()), 0, 0}, "",
                      "is not a result: " + printable(problem.what(), 200));
    return std::nullopt;
  }
  std::string page(page_html());
  put(page, "@TITLE@", xml_escaped(title));
  put(page, "@STYLE@", page_css());
  put(page, "@SCRIPT@", code_for_script(page_js()));
  put(page, "@CHARTS@", code_for_script(charts));
  put(page, "@DATA@", for_script(serialized(data)));
  return page;
}

}  // namespace predrill::harness
