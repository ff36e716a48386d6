#include "harness/what_if/study_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "harness/report/number.hpp"

namespace predrill::harness {

namespace {

std::string last_word(const std::string& path) {
  const std::size_t quoted = path.rfind("[\"");  // a key with dots: clients["a.b"]
  if (quoted != std::string::npos && path.ends_with("\"]")) {
    return path.substr(quoted + 2, path.size() - quoted - 4);
  }
  return path.substr(path.rfind('.') + 1);
}

// Paths by their last word, or in full where two end alike.
std::vector<std::string> titles_of(const StudyPlan& plan) {
  std::map<std::string, int> uses;
  std::vector<std::string> paths;
  for (const VaryAxis& axis : plan.axes) {
    if (axis.is_range()) continue;
    for (const std::string& path : axis.paths) {
      ++uses[last_word(path)];
      paths.push_back(path);
    }
  }
  for (std::string& path : paths) {
    if (uses[last_word(path)] == 1) path = last_word(path);
  }
  return paths;
}

int decimals_of(const StudyMeasure& measure, const StudyResult& result) {
  double most = 0;
  const std::size_t m = static_cast<std::size_t>(&measure - result.measures.data());
  const auto look = [&](const PointResult& point) {
    if (point.measured[m].value) most = std::max(most, std::abs(*point.measured[m].value));
  };
  look(result.current);
  for (const PointResult& point : result.points) look(point);
  return decimals_for(static_cast<std::int64_t>(std::llround(most)));
}

// A column of one measure: all cells with the same number of decimals.
class MeasureColumn {
 public:
  MeasureColumn(const StudyMeasure& measure, const StudyResult& result)
      : measure_(measure), decimals_(measure.is_time() ? decimals_of(measure, result) : 0) {}

  std::string cell(const StudyValue& value, const Summary& summary,
                   const ScenarioSpec& scenario) const {
    if (!value.value) return "–";
    // What a run tells of its load as a time ends with the run at the latest.
    const bool cut = measure_.own_unit == MeasureUnit::time &&
                     *value.value >= static_cast<double>(scenario.run_for.count());
    std::string text = cut || is_lower_bound(*value.value, summary) ? "≥ " : "";
    text += number(*value.value);
    if (value.interval && value.interval->low != value.interval->high) {
      text += " [" + number(value.interval->low) + ", " + number(value.interval->high) + "]";
    }
    return text;
  }
  std::string difference(const StudyValue& value) const {
    if (!value.value) return "";
    std::string text = with_sign(*value.value);
    if (value.interval) {
      text += " [" + with_sign(value.interval->low) + ", " + with_sign(value.interval->high) + "]";
    }
    return text;
  }

 private:
  std::string number(double value) const {
    return measure_.is_time()
               ? seconds_text(static_cast<std::int64_t>(std::llround(value)), decimals_)
               : value_text(measure_, value);
  }
  std::string with_sign(double value) const {
    const std::string text = number(value);
    return value > 0 && text != "0" ? "+" + text : text;
  }
  bool is_lower_bound(double value, const Summary& summary) const {
    if (measure_.what != StudyMeasure::What::rto ||
        measure_.statistic != StudyMeasure::Statistic::quantile) {
      return false;
    }
    const auto found = summary.paths().find(measure_.path.empty() ? summary.path() : measure_.path);
    return found != summary.paths().end() &&
           found->second.is_lower_bound(static_cast<std::int64_t>(value));
  }

  const StudyMeasure& measure_;
  int decimals_;
};

bool is_significant(const StudyValue& difference) {
  return difference.interval && (difference.interval->low > 0 || difference.interval->high < 0);
}

// Columns that belong together: what was varied, or a measure and its difference.
struct Columns {
  std::vector<Table::Column> titles;
  std::vector<std::vector<Table::Cell>> rows;  // the current configuration's first
};

Columns varied_columns(const StudyPlan& plan) {
  Columns columns;
  columns.rows.emplace_back();
  for (const std::string& title : titles_of(plan)) {
    columns.rows.front().emplace_back(columns.titles.empty() ? "now" : "");
    columns.titles.push_back({title, Table::Align::right});
  }
  for (const StudyPoint& point : plan.points) {
    std::vector<Table::Cell>& row = columns.rows.emplace_back();
    for (std::size_t i = 0; i < columns.titles.size(); ++i) {
      row.emplace_back(point.grid.values[i].second);
    }
  }
  return columns;
}

Columns measure_columns(const StudyPlan& plan, const StudyResult& result, std::size_t m,
                        const std::string& before_interval) {
  const MeasureColumn column(result.measures[m], result);
  const auto laid_out = [&](std::string text) {
    const std::size_t interval = text.find(" [");
    if (interval != std::string::npos) text.replace(interval, 1, before_interval);
    return text;
  };
  Columns columns;
  columns.titles = {{result.measures[m].name, Table::Align::right},
                    {"vs now", Table::Align::right}};
  columns.rows.push_back(
      {laid_out(column.cell(result.current.measured[m], result.current.summary, plan.current)),
       ""});
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const PointResult& point = result.points[i];
    const bool same = point.summary.fingerprint() == result.current.summary.fingerprint();
    const StudyValue& difference = point.differences[m];
    const Colour colour = !is_significant(difference) ? Colour::dim
                          : *difference.value < 0     ? Colour::green
                                                      : Colour::red;
    columns.rows.push_back(
        {laid_out(column.cell(point.measured[m], point.summary, plan.points[i].scenario)),
         Table::Cell(same ? "= now" : laid_out(column.difference(difference)), colour)});
  }
  return columns;
}

std::vector<Columns> columns_of(const StudyPlan& plan, const StudyResult& result,
                                const std::vector<StudyColumn>& more,
                                const std::string& before_interval) {
  std::vector<Columns> all = {varied_columns(plan)};
  for (std::size_t m = 0; m < result.measures.size(); ++m) {
    all.push_back(measure_columns(plan, result, m, before_interval));
  }
  for (const StudyColumn& column : more) {
    Columns& own = all.emplace_back();
    own.titles = {{column.title, Table::Align::right}};
    own.rows.push_back({column.current});
    for (const std::string& cell : column.points) own.rows.push_back({cell});
  }
  return all;
}

Table table_of(const std::vector<Columns>& all) {
  std::vector<Table::Column> titles;
  std::vector<std::vector<Table::Cell>> rows(all.front().rows.size());
  for (const Columns& columns : all) {
    titles.insert(titles.end(), columns.titles.begin(), columns.titles.end());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].insert(rows[i].end(), columns.rows[i].begin(), columns.rows[i].end());
    }
  }
  Table table(std::move(titles));
  for (auto& row : rows) table.add(std::move(row));
  return table;
}

// A table's second line is its rule, as wide as all of it.
bool fits(const std::string& table, const TextStyle& style) {
  constexpr std::string_view dash = "─";
  std::size_t end = table.find(dash);
  std::size_t width = 0;
  for (; table.compare(end, dash.size(), dash) == 0; end += dash.size()) ++width;
  return width <= style.width;
}

}  // namespace

std::string point_text(const Assignments& values) {
  std::string text;
  for (const auto& [path, value] : values) {
    text += (text.empty() ? "" : ", ") + last_word(path) + " " + value;
  }
  return text.empty() ? "as it is" : text;
}

void for_each_configuration(
    const StudyPlan& plan,
    const std::function<void(const std::string&, const ScenarioSpec&)>& tell) {
  tell("now", plan.current);
  for (const StudyPoint& point : plan.points) tell(point_text(point.grid.values), point.scenario);
}

std::string study_text(const StudyPlan& plan, const StudyResult& result,
                       const std::vector<StudyColumn>& more, const TextStyle& style) {
  for (const char* before_interval : {" ", "\n"}) {
    const std::vector<Columns> all = columns_of(plan, result, more, before_interval);
    std::string text = table_of({all.begin(), all.end()}).text(style);
    if (fits(text, style)) return text;
  }
  // Too much for one table: several, each with what was varied.
  const std::vector<Columns> all = columns_of(plan, result, more, "\n");
  std::string text;
  for (std::size_t next = 1; next < all.size();) {
    std::vector<Columns> some = {all.front(), all[next++]};
    std::string table = table_of(some).text(style);
    for (; next < all.size(); ++next) {
      some.push_back(all[next]);
      std::string wider = table_of(some).text(style);
      if (!fits(wider, style)) break;
      table = std::move(wider);
    }
    text += (text.empty() ? "" : "\n") + table;
  }
  return text;
}

std::string heat_map_text(const StudyPlan& plan, const StudyResult& result, std::size_t measure,
                          const TextStyle& style) {
  std::vector<const VaryAxis*> axes;
  for (const VaryAxis& axis : plan.axes) {
    if (!axis.is_range()) axes.push_back(&axis);
  }
  if (axes.size() < 2 || axes[0]->steps.size() < 2 || axes[1]->steps.size() < 2) return "";
  double low = 0, high = 0;
  bool first = true;
  for (const PointResult& point : result.points) {
    if (!point.measured[measure].value) continue;
    const double value = *point.measured[measure].value;
    low = first ? value : std::min(low, value);
    high = first ? value : std::max(high, value);
    first = false;
  }
  std::map<std::vector<std::size_t>, std::map<std::pair<std::size_t, std::size_t>, double>> maps;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const auto& at = plan.points[i].grid.at;
    if (!result.points[i].measured[measure].value) continue;
    maps[{at.begin() + 2, at.end()}][{at[0], at[1]}] = *result.points[i].measured[measure].value;
  }
  constexpr std::size_t maps_max = 6;
  constexpr std::array<const char*, 5> shades = {"  ", "░░", "▒▒", "▓▓", "██"};
  const auto step_text = [](const VaryAxis& axis, std::size_t step) {
    std::string text;
    for (const std::string& value : axis.steps[step]) text += (text.empty() ? "" : "/") + value;
    return text;
  };
  const auto names = [](const VaryAxis& axis) {
    std::string text;
    for (const std::string& path : axis.paths) text += (text.empty() ? "" : "/") + last_word(path);
    return text;
  };
  std::string out;
  std::size_t shown = 0;
  for (const auto& [others, cells] : maps) {
    if (++shown > maps_max) {
      out += "(" + std::to_string(maps.size() - maps_max) + " more maps left out)\n";
      break;
    }
    std::string where;
    for (std::size_t i = 0; i < others.size(); ++i) {
      where += ", " + names(*axes[i + 2]) + " " + step_text(*axes[i + 2], others[i]);
    }
    out += result.measures[measure].name + where + "\n";
    std::vector<Table::Column> columns = {
        {names(*axes[0]) + " ↓  " + names(*axes[1]) + " →", Table::Align::right}};
    for (std::size_t j = 0; j < axes[1]->steps.size(); ++j) {
      columns.push_back({step_text(*axes[1], j), Table::Align::right});
    }
    Table table(std::move(columns));
    for (std::size_t i = 0; i < axes[0]->steps.size(); ++i) {
      std::vector<Table::Cell> row = {step_text(*axes[0], i)};
      for (std::size_t j = 0; j < axes[1]->steps.size(); ++j) {
        const auto found = cells.find({i, j});
        if (found == cells.end()) {
          row.emplace_back("·");
          continue;
        }
        const double share = high > low ? (found->second - low) / (high - low) : 0;
        const auto shade = std::min<std::size_t>(4, static_cast<std::size_t>(share * 5));
        row.emplace_back(value_text(result.measures[measure], found->second) + " " + shades[shade]);
      }
      table.add(std::move(row));
    }
    out += table.text(style, 2);
  }
  return out;
}

std::string elasticity_text(const std::vector<Elasticity>& all, const TextStyle& style) {
  if (all.empty()) return "";
  std::vector<Table::Column> columns = {{"setting"}, {"mean RTO", Table::Align::right}};
  for (const std::string_view stage : stage_names) {
    columns.push_back({std::string(stage), Table::Align::right});
  }
  Table table(std::move(columns));
  const auto text = [](const sim::Estimate& e) {
    char cell[64];
    const bool none = std::abs(e.value) < 0.005;
    std::snprintf(cell, sizeof cell, "%.2f [%.2f, %.2f]", e.value, e.interval.low, e.interval.high);
    return none ? std::string("0") : std::string(cell);
  };
  for (const Elasticity& one : all) {
    std::vector<Table::Cell> row = {one.path, text(one.whole)};
    for (const sim::Estimate& stage : one.by_stage) row.emplace_back(text(stage));
    table.add(std::move(row));
  }
  return table.text(style);
}

}  // namespace predrill::harness
