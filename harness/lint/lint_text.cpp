#include "harness/lint/lint_text.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/report/number.hpp"
#include "harness/report/sarif.hpp"

namespace predrill::harness {

using Json = nlohmann::ordered_json;

namespace {

std::string seconds_of(double seconds, int decimals) {
  return seconds_text(std::llround(seconds * 1e9), decimals);
}

Colour colour_of(LintSeverity severity) {
  switch (severity) {
    case LintSeverity::error:
      return Colour::red;
    case LintSeverity::warning:
      return Colour::yellow;
    case LintSeverity::note:
      return Colour::dim;
  }
  return Colour::plain;
}

void add_wrapped(std::string& text, const std::string& line, const TextStyle& style) {
  for (const std::string& part : wrap(line, style.width - 4)) text += "    " + part + "\n";
}

Json seconds_json(const std::optional<double>& seconds) {
  return seconds ? Json(std::round(*seconds * 1e6) / 1e6) : Json();
}

}  // namespace

std::string place_text(const LintFinding& finding) {
  if (finding.place.line == 0) return finding.place.file;
  return finding.place.file + ":" + std::to_string(finding.place.line);
}

std::string cost_text(const LintFinding& finding) {
  const std::string what =
      std::string(finding.rule->cost->name) + " after " + std::string(finding.rule->fault);
  if (!finding.before || !finding.after) {
    return what + ": not simulated (without its fix or with it the system does not start)";
  }
  // As many decimals as the larger one deserves.
  const double larger = std::max(*finding.before, *finding.after);
  const int decimals = larger < 10 ? 2 : 1;
  std::string text = what + " " + seconds_of(*finding.before, decimals) + " s, fixed " +
                     seconds_of(*finding.after, decimals) + " s";
  if (finding.difference) {
    const auto [low, high] = *finding.difference;
    text += " (" + seconds_of(low, decimals) + " to " + seconds_of(high, decimals) + " s";
    text += low <= 0 && high >= 0 ? ": not distinguishable here)" : ")";
  }
  return text;
}

std::string lint_text(std::span<const LintFinding> findings, const SystemSpec& system,
                      const TextStyle& style) {
  std::vector<const LintFinding*> sorted;
  for (const LintFinding& finding : findings) sorted.push_back(&finding);
  std::stable_sort(sorted.begin(), sorted.end(), [](const LintFinding* a, const LintFinding* b) {
    return a->rule->severity > b->rule->severity;
  });
  std::string text;
  for (const LintFinding* finding : sorted) {
    const std::string severity(to_text(finding->rule->severity));
    text += place_text(*finding) + ": " +
            coloured(severity, colour_of(finding->rule->severity), style) + ": " +
            coloured(finding->rule->title, Colour::bold, style) + " [" +
            std::string(finding->rule->id) + "]\n";
    add_wrapped(text, finding->hit.message + (finding->is_set ? "" : " (not set: the default)"),
                style);
    add_wrapped(text, "cost: " + cost_text(*finding), style);
    add_wrapped(text, "fix:  " + finding->hit.fix, style);
  }
  const auto count = [&](LintSeverity severity) {
    return std::to_string(std::count_if(
        findings.begin(), findings.end(),
        [severity](const LintFinding& finding) { return finding.rule->severity == severity; }));
  };
  const std::string runs = findings.empty() ? "0" : grouped(findings.front().runs);
  return text + system.name + ": " + count(LintSeverity::error) + " errors, " +
         count(LintSeverity::warning) + " warnings, " + count(LintSeverity::note) + " notes of " +
         std::to_string(lint_rules().size()) + " rules; costs are means of " + runs +
         " runs with the same seeds, differences 95 %\n";
}

std::string lint_sarif(std::span<const LintFinding> findings, const std::string& version) {
  std::vector<SarifRule> rules;
  for (const LintRule& rule : lint_rules()) {
    rules.push_back({std::string(rule.id), std::string(rule.title), std::string(rule.why)});
  }
  std::vector<SarifResult> results;
  for (const LintFinding& finding : findings) {
    SarifResult result;
    result.rule = std::string(finding.rule->id);
    switch (finding.rule->severity) {
      case LintSeverity::note:
        result.level = SarifResult::Level::note;
        break;
      case LintSeverity::warning:
        result.level = SarifResult::Level::warning;
        break;
      case LintSeverity::error:
        result.level = SarifResult::Level::error;
        break;
    }
    result.message = finding.hit.message + ". " + cost_text(finding) + ". Fix: " + finding.hit.fix;
    result.file = finding.place.file;
    result.line = finding.place.line;
    results.push_back(std::move(result));
  }
  return sarif_text(version, rules, results);
}

std::string lint_json(std::span<const LintFinding> findings, const SystemSpec& system,
                      const LintOptions& options, const std::string& version) {
  Json json;
  json["format"] = "predrill.lint/1";
  json["version"] = version;
  json["system"] = system.name;
  json["seed"] = options.first_seed;
  json["runs"] = options.runs;
  json["rules"] = lint_rules().size();
  json["findings"] = Json::array();
  for (const LintFinding& finding : findings) {
    Json one;
    one["rule"] = finding.rule->id;
    one["severity"] = to_text(finding.rule->severity);
    one["title"] = finding.rule->title;
    one["file"] = finding.place.file;
    one["line"] = finding.place.line > 0 ? Json(finding.place.line) : Json();
    one["key"] = finding.hit.key;
    one["is_set"] = finding.is_set;
    one["message"] = finding.hit.message;
    one["why"] = finding.rule->why;
    one["fix"] = finding.hit.fix;
    one["fault"] = finding.rule->fault;
    one["cost"] = finding.rule->cost->name;
    one["before_s"] = seconds_json(finding.before);
    one["after_s"] = seconds_json(finding.after);
    one["difference_s_ci"] = Json();
    if (finding.difference) {
      one["difference_s_ci"] = {seconds_json(finding.difference->first),
                                seconds_json(finding.difference->second)};
    }
    json["findings"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace predrill::harness
