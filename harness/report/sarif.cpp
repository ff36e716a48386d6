#include "harness/report/sarif.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace predrill::harness {

using Json = nlohmann::ordered_json;

namespace {

std::string_view to_text(SarifResult::Level level) {
  switch (level) {
    case SarifResult::Level::note:
      return "note";
    case SarifResult::Level::warning:
      return "warning";
    case SarifResult::Level::error:
      return "error";
  }
  return "none";
}

// A URI reference: RFC 3986 allows these characters as they are.
std::string uri_of(const std::string& file) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string uri = file.starts_with('/') ? "file://" : "";
  for (const char c : std::filesystem::path(file).lexically_normal().generic_string()) {
    if (plain.find(c) != std::string_view::npos) {
      uri += c;
    } else {
      std::array<char, 4> text{};
      std::snprintf(text.data(), text.size(), "%%%02X",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      uri += text.data();
    }
  }
  return uri;
}

// The same finding after lines were added above it is no new one.
std::string fingerprint_of(const SarifResult& result) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const std::string& text : {result.rule, result.file}) {
    for (const char c : text) {
      digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    digest = (digest ^ 0xffU) * 0x100000001b3ULL;
  }
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(digest));
  return text.data();
}

}  // namespace

std::string sarif_text(const std::string& version, std::span<const SarifRule> rules,
                       std::span<const SarifResult> results) {
  Json driver;
  driver["name"] = "predrill";
  driver["version"] = version;
  driver["rules"] = Json::array();
  for (const SarifRule& rule : rules) {
    Json one;
    one["id"] = rule.id;
    one["shortDescription"]["text"] = rule.title;
    if (!rule.help.empty()) one["help"]["text"] = rule.help;
    driver["rules"].push_back(std::move(one));
  }
  Json found = Json::array();
  for (const SarifResult& result : results) {
    Json one;
    one["ruleId"] = result.rule;
    one["level"] = to_text(result.level);
    one["message"]["text"] = result.message;
    Json place;
    place["artifactLocation"]["uri"] = uri_of(result.file);
    if (result.line > 0) place["region"]["startLine"] = result.line;
    one["locations"] = Json::array({{{"physicalLocation", std::move(place)}}});
    one["partialFingerprints"]["ruleAndFile/v1"] = fingerprint_of(result);
    found.push_back(std::move(one));
  }
  Json run;
  run["tool"]["driver"] = std::move(driver);
  run["columnKind"] = "utf16CodeUnits";
  run["results"] = std::move(found);
  Json json;
  json["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  json["version"] = "2.1.0";
  json["runs"] = Json::array({std::move(run)});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace predrill::harness
