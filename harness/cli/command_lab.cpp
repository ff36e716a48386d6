#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/live/lab.hpp"
#include "harness/live/network_namespace.hpp"
#include "harness/load/catalogue.hpp"
#include "harness/load/load.hpp"

namespace predrill::harness {

namespace {

using Clock = std::chrono::steady_clock;

int refuse(const std::string& why) {
  std::fprintf(stderr, "predrill: %s\n", why.c_str());
  return exit_refused;
}

int up(const LabCommand& command) {
  const std::filesystem::path config =
      command.config.empty() ? std::filesystem::path(find_scenario_folder()) / "lab" / "system.json"
                             : std::filesystem::path(command.config);
  Diagnostics diagnostics;
  const auto system = load_system(config, diagnostics, command.settings);
  if (!report(diagnostics) || !system) return exit_usage;
  std::vector<std::string> problems;
  auto plan = live::plan_lab(*system, command.name, problems);
  for (const std::string& problem : problems) {
    std::fprintf(stderr, "%s: error: %s\n", system->file.c_str(), problem.c_str());
  }
  if (!plan) return exit_usage;
  if (!command.patroni.empty()) plan->patroni = std::filesystem::absolute(command.patroni).string();
  if (const std::string doubt = live::doubt_about_patroni(*system, *plan); !doubt.empty()) {
    std::fprintf(stderr, "%s: error: %s\n", system->file.c_str(), doubt.c_str());
    return exit_usage;
  }
  live::LabLock lock(command.name);
  if (!lock.held()) return refuse("another predrill works on the lab " + command.name);
  const auto there = live::Lab::find(command.name);
  if (there && (there->plan().files != plan->files || there->plan().patroni != plan->patroni)) {
    return refuse("the lab " + command.name + " runs another configuration (" +
                  there->plan().system + "); `predrill lab down --name " + command.name +
                  "` first, or take another --name");
  }
  const auto begin = Clock::now();
  live::Lab lab(std::move(*plan));
  const auto problem = lab.up(
      [](const std::string& what) { std::fprintf(stderr, "predrill: lab: %s\n", what.c_str()); });
  if (problem) return refuse("the lab does not come up: " + *problem);
  std::printf("lab %s is up after %.1f s\n", command.name.c_str(),
              std::chrono::duration<double>(Clock::now() - begin).count());
  return exit_met;
}

int status(const LabCommand& command) {
  const auto lab = live::Lab::find(command.name);
  if (!lab) {
    std::printf("there is no lab %s\n", command.name.c_str());
    return exit_undecided;
  }
  const live::LabState state = lab->state();
  Table table({{"host"}, {"address"}, {"runs"}, {"role"}, {"state"}});
  for (const live::LabHost& host : lab->plan().hosts) {
    std::vector<Table::Cell> row = {host.name, host.address,
                                    host.kind == live::HostKind::client ? ""
                                    : lab->running(host)                ? "yes"
                                                                        : "no"};
    for (const live::MemberState& member : state.members) {
      if (member.name == host.name) row.insert(row.end(), {member.role, member.state});
    }
    table.add(std::move(row));
  }
  std::printf("lab %s, %s\n%s", command.name.c_str(), lab->plan().folder.c_str(),
              table.text(style_of_output(), 2).c_str());
  for (const std::string& problem : state.problems)
    std::printf("  not steady: %s\n", problem.c_str());
  return state.steady() ? exit_met : exit_missed;
}

int down(const LabCommand& command) {
  live::LabLock lock(command.name);
  if (!lock.held()) return refuse("another predrill works on the lab " + command.name);
  auto lab = live::Lab::find(command.name);
  if (!lab) {
    // Killed between making the folder and writing the plan: it is empty.
    std::error_code ignored;
    std::filesystem::remove(live::labs_folder() / command.name, ignored);
    lock.remove();
    std::printf("there is no lab %s\n", command.name.c_str());
    return exit_met;
  }
  if (const auto problem = lab->down()) return refuse("the lab is not down: " + *problem);
  lock.remove();
  std::printf("lab %s is down, nothing of it is left\n", command.name.c_str());
  return exit_met;
}

}  // namespace

int command_lab(const LabCommand& command) {
  if (command.action == "up") return up(command);
  if (command.action == "down") return down(command);
  return status(command);
}

}  // namespace predrill::harness
