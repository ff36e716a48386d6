#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "harness/live/compare.hpp"
#include "harness/report/number.hpp"

namespace predrill::harness::live {

using Json = nlohmann::ordered_json;

namespace {

std::string seconds(std::int64_t nanoseconds) {
  return seconds_text(nanoseconds, 1);
}

std::string p_text(const std::optional<double>& p) {
  if (!p) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", *p);
  return text;
}

std::string pit_text(const Comparison& c) {
  std::string text;
  for (const std::int64_t count : c.pit) {
    text += (text.empty() ? "" : " ") + std::to_string(count);
  }
  return text;
}

std::vector<Table::Cell> row_of(const std::string& title, const Comparison& c, bool judged) {
  const Fidelity f = fidelity(c);
  const auto mark = [judged](bool good) {
    return judged && !good ? Colour::yellow : Colour::plain;
  };
  std::vector<Table::Cell> row = {title,
                                  c.what,
                                  std::to_string(c.drills),
                                  seconds(c.measured_median),
                                  seconds(c.predicted_median),
                                  {seconds(c.bias()), mark(f.median)},
                                  percent_text(c.inside_50),
                                  {percent_text(c.inside_90), mark(f.coverage)},
                                  {p_text(c.kolmogorov_smirnov), mark(f.distribution)},
                                  p_text(c.anderson_darling),
                                  pit_text(c)};
  if (judged) {
    row.emplace_back(c.attainable ? percent_text(*c.attainable) : "");
    row.emplace_back(f.holds() ? "holds" : "differs", f.holds() ? Colour::green : Colour::yellow);
  }
  return row;
}

Json quantity_json(const Comparison& c) {
  const auto in_seconds = [](std::int64_t n) { return static_cast<double>(n / 1000) / 1e6; };
  const auto share = [](double value) { return std::floor(value * 1e4 + 0.5) / 1e4; };
  Json json;
  json["drills"] = c.drills;
  json["measured_p50_s"] = in_seconds(c.measured_median);
  json["predicted_p50_s"] = in_seconds(c.predicted_median);
  json["predicted_90_s"] = {in_seconds(c.predicted_p5), in_seconds(c.predicted_p95)};
  json["bias_s"] = in_seconds(c.bias());
  json["inside_50"] = share(c.inside_50);
  json["inside_90"] = share(c.inside_90);
  json["kolmogorov_smirnov_p"] = c.kolmogorov_smirnov ? Json(share(*c.kolmogorov_smirnov)) : Json();
  json["anderson_darling_p"] = c.anderson_darling ? Json(share(*c.anderson_darling)) : Json();
  json["pit"] = c.pit;
  json["attainable"] = c.attainable ? Json(share(*c.attainable)) : Json();
  json["holds"] = fidelity(c).holds();
  return json;
}

}  // namespace

std::string compare_text(const std::vector<Cell>& cells, const TextStyle& style, bool details) {
  constexpr auto right = Table::Align::right;
  Table table({{"drills of"},
               {"path"},
               {"n", right},
               {"measured", right},
               {"predicted", right},
               {"bias", right},
               {"in 50 %", right},
               {"in 90 %", right},
               {"KS p", right},
               {"AD p", right},
               {"PIT"},
               {"attainable", right},
               {""}});
  std::size_t holding = 0;
  double attainable = 0;
  double all = 0;
  double inside_50 = 0;
  double inside_90 = 0;
  std::size_t judged = 0;
  std::string problems;
  std::string losses;
  for (const Cell& cell : cells) {
    if (!cell.problem.empty()) problems += cell.name() + ": " + cell.problem + "\n";
    std::string title = cell.name();
    for (const Comparison& c : cell.rto) {
      table.add(row_of(title, c, true));
      title.clear();
      ++judged;
      if (fidelity(c).holds()) ++holding;
      attainable += c.attainable.value_or(0);
      const auto drills = static_cast<double>(c.drills);
      all += drills;
      inside_50 += c.inside_50 * drills;
      inside_90 += c.inside_90 * drills;
    }
    if (details) {
      for (const Comparison& c : cell.stages) table.add(row_of("", c, false));
    }
    if (cell.without_proof > 0) {
      losses +=
          "  " + cell.name() + ": " + std::to_string(cell.without_proof) + " drills say nothing\n";
    }
    if (cell.lost_rows_max > 0 || cell.predicted_lost_rows_max > 0) {
      losses += "  " + cell.name() + ": acknowledged rows lost at most " +
                std::to_string(cell.lost_rows_max) + " measured, " +
                std::to_string(cell.predicted_lost_rows_max) + " predicted\n";
    }
  }
  std::string text = table.text(style);
  text += "Medians in seconds; PIT: measurements in each fifth of the prediction.\n" + losses;
  text += std::to_string(holding) + " of " + std::to_string(judged) +
          " hold: median within 10 % or 0.5 s, 80 % or more inside the 90 % interval, "
          "Kolmogorov-Smirnov p at least 0.01\n";
  if (attainable > 0) {
    text += "As many drills drawn from the predictions themselves would hold in " +
            seconds_text(static_cast<std::int64_t>(attainable * 1e9), 1) + " on average.\n";
  }
  if (all > 0) {
    text += "Of all " + std::to_string(static_cast<std::int64_t>(all)) + " measured RTOs " +
            percent_text(inside_50 / all) + " lie inside the 50 % interval, " +
            percent_text(inside_90 / all) + " inside the 90 % interval.\n";
  }
  return text + problems;
}

std::string compare_json(const std::vector<Cell>& cells) {
  Json json;
  json["format"] = "predrill.comparison/1";
  json["cells"] = Json::array();
  for (const Cell& cell : cells) {
    Json one;
    one["scenario"] = cell.scenario;
    one["settings"] = cell.settings;
    one["fault"] = cell.fault;
    one["path"] = cell.path;
    one["drills"] = cell.drills;
    one["without_proof"] = cell.without_proof;
    one["rto"] = Json::object();
    for (const Comparison& c : cell.rto) one["rto"][c.what] = quantity_json(c);
    one["stages"] = Json::object();
    for (const Comparison& c : cell.stages) one["stages"][c.what] = quantity_json(c);
    one["lost_rows_max"] = cell.lost_rows_max;
    one["predicted_lost_rows_max"] = cell.predicted_lost_rows_max;
    if (!cell.problem.empty()) one["problem"] = cell.problem;
    json["cells"].push_back(std::move(one));
  }
  return json.dump(1) + "\n";
}

}  // namespace predrill::harness::live
