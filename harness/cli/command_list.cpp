#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "harness/cli/cli.hpp"
#include "harness/cli/explanations.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/input/diagnostics.hpp"
#include "harness/input/nearest.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/catalogue.hpp"

namespace predrill::harness {

namespace {

namespace fs = std::filesystem;

using Column = Table::Column;
constexpr auto left = Table::Align::left;

std::string list_of(Topic first, Topic second, Table table, const TextStyle& style) {
  for (const Explanation& entry : explanations()) {
    if (entry.topic != first && entry.topic != second) continue;
    std::string name(entry.name);
    if (!entry.owner.empty()) name = std::string(entry.owner) + "." + name;
    std::vector<Table::Cell> row = {{name, Colour::bold}, std::string(entry.summary)};
    if (!entry.key.empty()) row.emplace_back(std::string(entry.key));
    table.add(std::move(row));
  }
  return table.text(style);
}

std::string list_faults(const TextStyle& style, const std::string&) {
  const Table table({{"fault"},
                     Column{"what happens", left, true},
                     Column{"what becomes of the leader key", left, true}});
  std::string text = list_of(Topic::fault, Topic::fault, table, style);
  for (const SystemKind* kind : system_kinds()) {
    Table faults({{"fault"},
                  {"of systems of the kind " + std::string(kind->name())},
                  Column{"what happens", left, true}});
    for (const FaultType& fault : kind->faults()) {
      faults.add({{std::string(fault.name), Colour::bold},
                  std::string(fault.title),
                  std::string(fault.does)});
    }
    text += "\n" + faults.text(style);
  }
  return text;
}

std::string list_measures(const TextStyle& style, const std::string&) {
  const Table table({{"measure"}, Column{"what it is", left, true}});
  return list_of(Topic::stage, Topic::measure, table, style);
}

std::string list_settings(const TextStyle& style, const std::string&) {
  const Table table({{"setting"}, Column{"what it is", left, true}, Column{"default", left, true}});
  return list_of(Topic::setting, Topic::setting, table, style);
}

std::string list_models(const TextStyle& style, const std::string&) {
  const Table table({{"model"}, Column{"what it stands for", left, true}});
  return list_of(Topic::model, Topic::model, table, style);
}

}  // namespace

std::string find_scenario_folder() {
  std::error_code error;
  if (fs::is_directory("scenarios", error)) return "scenarios";
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  constexpr int levels = 5;
  for (int i = 0; i < levels && folder.has_relative_path(); ++i) {
    for (const char* name : {"scenarios", "share/predrill/scenarios"}) {
      if (fs::is_directory(folder / name, error)) return fs::proximate(folder / name, error);
    }
    folder = folder.parent_path();
  }
  return "";
}

namespace {

std::string list_scenario_files(const TextStyle& style, const std::string& folder) {
  if (folder.empty()) return "There is no folder \"scenarios\" here or beside the program.\n";
  Table table({{"scenario"}, Column{"title", left, true}});
  for (const ListedScenario& scenario : list_scenarios(folder)) {
    table.add({{scenario.path.generic_string(), Colour::bold}, printable(scenario.title, 200)});
  }
  if (table.empty()) return "There are no scenarios in " + folder + ".\n";
  return table.text(style);
}

struct List {
  std::string_view name;
  std::string (*text)(const TextStyle& style, const std::string& scenario_folder);
};
constexpr std::array<List, 5> lists = {{{"faults", list_faults},
                                        {"measures", list_measures},
                                        {"settings", list_settings},
                                        {"models", list_models},
                                        {"scenarios", list_scenario_files}}};

}  // namespace

std::optional<std::string> text_of_list(std::string_view what, const TextStyle& style,
                                        const std::string& scenario_folder) {
  std::string text;
  for (const List& list : lists) {
    if (!what.empty() && edit_distance(what, list.name) != 0) continue;
    if (!text.empty()) text += '\n';
    text += list.text(style, scenario_folder);
  }
  if (text.empty()) return std::nullopt;
  return text;
}

int command_list(const std::string& what) {
  const auto text = text_of_list(what, style_of_output(), find_scenario_folder());
  if (text) {
    std::fputs(text->c_str(), stdout);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const List& list : lists) names.push_back(list.name);
  std::string message = "predrill list: there is no list of " + in_quotes(what);
  const std::string hint = did_you_mean(what, names);
  if (!hint.empty()) message += "; " + hint;
  message += "\nLists: ";
  for (const std::string_view name : names) {
    message += (name == names.front() ? "" : ", ") + std::string(name);
  }
  std::fputs((message + '\n').c_str(), stderr);
  return exit_usage;
}

}  // namespace predrill::harness
