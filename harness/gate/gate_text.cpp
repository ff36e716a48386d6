#include "harness/gate/gate_text.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/report/number.hpp"

namespace predrill::harness {

namespace {

std::string seconds_of(double ms) {
  return seconds_text(static_cast<std::int64_t>(ms * 1e6), 1);
}
std::string seconds_of(std::int64_t ms) {
  return seconds_text(ms * 1'000'000, 1);
}

std::string growth_text(double ms) {
  const std::string text = seconds_text(static_cast<std::int64_t>(ms * 1e6), 2);
  return ms > 0 ? "+" + text : text;
}

Table::Cell verdict_cell(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::pass:
      return {"PASS", Colour::green};
    case GateVerdict::fail:
      return {"FAIL", Colour::red};
    case GateVerdict::undecided:
      return {"UNDECIDED", Colour::yellow};
  }
  return {""};
}

// The change to blame, in a sentence.
std::string key_text(const GateFinding& finding) {
  if (finding.key) {
    return place_text(*finding.key) + ": " + change_text(*finding.key) + " (" +
           growth_text(finding.key_ms) + " s of the mean)";
  }
  if (finding.changed.empty()) return "no file has changed: it is the program";
  return "none of the " + grouped(static_cast<std::int64_t>(finding.changed.size())) +
         " changed values explains it alone";
}

std::string stages_sentence(const GateFinding& finding) {
  if (!finding.judgement.stage) return "";
  const StageChange& change =
      finding.judgement.stage_changes[static_cast<std::size_t>(*finding.judgement.stage)];
  return stage_text(finding) + ", from " + seconds_of(change.before_ms) + " s to " +
         seconds_of(change.after_ms) + " s on average";
}

std::string details_of(const GateFinding& finding) {
  std::string text;
  for (const std::string& reason : finding.judgement.reasons) text += reason + "\n";
  for (const std::string& problem : finding.arm.problems)
    text += "runs without a result: " + problem + "\n";
  if (const std::string stage = stages_sentence(finding); !stage.empty()) {
    text += "stage: " + stage + "\n";
  }
  if (finding.judgement.slower) text += "key: " + key_text(finding) + "\n";
  return text;
}

std::string repeat_text(const GateFinding& finding) {
  return "predrill gate " + finding.file;
}

void describe(const GateFinding& finding, const TextStyle& style, std::string& text) {
  text += "\n" + coloured(finding.name, Colour::bold, style) + ": " + finding.title + "\n";
  const std::string details = details_of(finding);
  std::size_t begin = 0;
  while (begin < details.size()) {
    const std::size_t end = details.find('\n', begin);
    for (const std::string& line : wrap(details.substr(begin, end - begin), style.width - 2)) {
      text += "  " + line + "\n";
    }
    begin = end + 1;
  }
  if (finding.judgement.faster) {
    text += "  it became faster: predrill gate " +
            std::filesystem::path(finding.file).parent_path().string() + " --update keeps that\n";
  }
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

// Where nothing has changed, a few seeds were run: they have other quantiles than all of them.
const Quantiles& quantiles_now(const GateFinding& finding) {
  return finding.how == GateFinding::How::statistics ? finding.now : finding.before;
}

}  // namespace

std::string stage_text(const GateFinding& finding) {
  if (!finding.judgement.stage) return "";
  return std::string(stage_names[static_cast<std::size_t>(*finding.judgement.stage)]);
}

std::string place_text(const InputChange& change) {
  return change.line > 0 ? change.file + ":" + std::to_string(change.line) : change.file;
}

std::string change_text(const InputChange& change) {
  return change.key + ": " + change.before.value_or("(not set)") + " -> " +
         change.after.value_or("(removed)");
}

std::string gate_text(GateFindings findings, const TextStyle& style) {
  Table table({{"baseline"},
               {"verdict"},
               {"RTO p50", Table::Align::right},
               {"before", Table::Align::right},
               {"p95", Table::Align::right},
               {"before", Table::Align::right},
               {"mean", Table::Align::right},
               {"because", Table::Align::left, true}});
  for (const auto& finding : findings) {
    const bool compared = finding->how == GateFinding::How::statistics;
    const Quantiles& now = quantiles_now(*finding);
    std::string because = how_text(*finding);
    if (!finding->judgement.reasons.empty()) because = finding->judgement.reasons.front();
    table.add({finding->name, verdict_cell(finding->verdict), seconds_of(now.p50),
               seconds_of(finding->before.p50), seconds_of(now.p95),
               seconds_of(finding->before.p95),
               compared ? growth_text(finding->judgement.rto.mean) : std::string("0"), because});
  }
  std::string text = table.text(style) + "RTO in seconds; mean: its growth over paired seeds.\n";
  for (const auto& finding : findings) {
    const bool changed = finding->verdict != GateVerdict::pass || finding->judgement.faster;
    if (changed) describe(*finding, style, text);
  }
  return text;
}

std::string gate_markdown(GateFindings findings) {
  const auto count = [&](GateVerdict verdict) {
    return std::to_string(
        std::count_if(findings.begin(), findings.end(),
                      [verdict](const auto& finding) { return finding->verdict == verdict; }));
  };
  std::string text = "### Failover gate: " + count(GateVerdict::fail) + " failed, " +
                     count(GateVerdict::undecided) + " undecided, " + count(GateVerdict::pass) +
                     " passed\n\n";
  text += "| scenario | verdict | RTO p50 | before | p95 | before | mean | stage | because |\n";
  text += "|---|---|--:|--:|--:|--:|--:|---|---|\n";
  for (const auto& finding : findings) {
    const bool compared = finding->how == GateFinding::How::statistics;
    const Quantiles& now = quantiles_now(*finding);
    std::string because = how_text(*finding);
    if (finding->key) {
      because = "`" + place_text(*finding->key) + "` " + change_text(*finding->key);
    } else if (!finding->judgement.reasons.empty()) {
      because = finding->judgement.reasons.front();
    }
    std::string verdict(to_text(finding->verdict));
    if (finding->verdict != GateVerdict::pass) verdict = "**" + verdict + "**";
    text += "| " + cell(finding->name) + " | " + verdict + " | " + seconds_of(now.p50) + " s | " +
            seconds_of(finding->before.p50) + " s | " + seconds_of(now.p95) + " s | " +
            seconds_of(finding->before.p95) + " s | " +
            (compared ? growth_text(finding->judgement.rto.mean) : "0") + " s | " +
            stage_text(*finding) + " | " + cell(because) + " |\n";
  }
  for (const auto& finding : findings) {
    if (finding->verdict == GateVerdict::pass) continue;
    text += "\n**" + finding->name + "**: " + finding->title + "\n\n";
    const std::string details = details_of(*finding);
    for (std::size_t begin = 0; begin < details.size();) {
      const std::size_t end = details.find('\n', begin);
      text += "- " + details.substr(begin, end - begin) + "\n";
      begin = end + 1;
    }
    text += "- again: `" + repeat_text(*finding) + "`\n";
  }
  return text;
}

std::string gate_junit(GateFindings findings, const std::string& name) {
  JunitSuite suite;
  suite.name = "predrill gate " + name;
  for (const auto& finding : findings) {
    JunitCase one;
    one.name = finding->title;
    one.class_name = "gate." + finding->name;
    one.details = details_of(*finding);
    if (!finding->judgement.reasons.empty()) one.message = finding->judgement.reasons.front();
    switch (finding->verdict) {
      case GateVerdict::pass:
        one.message.clear();
        break;
      case GateVerdict::fail:
        one.outcome = JunitCase::Outcome::failed;
        break;
      case GateVerdict::undecided:
        one.outcome = JunitCase::Outcome::skipped;
        one.message = "undecided: " + one.message;
        break;
    }
    const Quantiles& now = quantiles_now(*finding);
    one.output = how_text(*finding) + "\nRTO p50 " + seconds_of(now.p50) + " s, p95 " +
                 seconds_of(now.p95) + " s, max " + seconds_of(now.max) +
                 " s\nagain: " + repeat_text(*finding) + "\n";
    suite.cases.push_back(std::move(one));
  }
  return junit_text(suite);
}

std::string gate_sarif(GateFindings findings, const std::string& version) {
  const std::vector<SarifRule> rules = {
      {"gate/slower", "A failover became slower than its baseline",
       "predrill gate DIR repeats the comparison; predrill gate DIR --update accepts the new "
       "times."},
      {"gate/broken", "A failover lost rows or broke an invariant that held",
       "predrill gate DIR repeats the comparison."}};
  std::vector<SarifResult> results;
  for (const auto& finding : findings) {
    if (finding->verdict != GateVerdict::fail) continue;
    SarifResult result;
    result.rule = finding->judgement.slower ? "gate/slower" : "gate/broken";
    result.level = SarifResult::Level::error;
    result.file = finding->scenario;
    result.message = finding->title + ": ";
    if (finding->key && !finding->key->file.starts_with("--set ")) {
      result.file = finding->key->file;
      result.line = finding->key->line;
      result.message += change_text(*finding->key) + "; ";
    }
    result.message += finding->judgement.reasons.front();
    const std::string stage = stages_sentence(*finding);
    if (!stage.empty()) result.message += "; stage " + stage;
    results.push_back(std::move(result));
  }
  return sarif_text(version, rules, results);
}

std::string update_text(std::span<const BaselineUpdate> updates) {
  std::string text = "| baseline | RTO p50 | p95 | p99 | max | runs |\n|---|--:|--:|--:|--:|--:|\n";
  for (const BaselineUpdate& update : updates) {
    const Quantiles after = rto_of(update.after->runs);
    const Quantiles before = update.before ? rto_of(update.before->runs) : Quantiles();
    const auto both = [&](std::int64_t old_ms, std::int64_t new_ms) {
      const std::string now = seconds_of(new_ms) + " s";
      if (update.before == nullptr || seconds_of(old_ms) + " s" == now) return now;
      return seconds_of(old_ms) + " -> " + now;
    };
    text += "| " + cell(std::filesystem::path(update.after->file).stem().string()) +
            (update.before == nullptr ? " (new)" : "") + " | " + both(before.p50, after.p50) +
            " | " + both(before.p95, after.p95) + " | " + both(before.p99, after.p99) + " | " +
            both(before.max, after.max) + " | " + std::to_string(update.after->runs.size()) +
            " |\n";
  }
  return text;
}

}  // namespace predrill::harness
