#include "harness/runbook/runbook_report.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "harness/report/number.hpp"
#include "harness/report/text_parts.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration stamp = 1s;  // resolution of a log's clock

struct Middle {
  std::size_t n = 0;
  sim::Duration p5{}, p50{}, p95{}, max{};
};

Middle middle_of(std::vector<sim::Duration> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](std::size_t percent) { return values[(values.size() - 1) * percent / 100]; };
  return {values.size(), at(5), at(50), at(95), values.back()};
}

bool is_inside(const ObservedDuration& row, const Middle& middle) {
  if (middle.n == 0) return false;
  switch (row.bound) {
    case ObservedDuration::Bound::at_most:
      return middle.p5 <= row.measured;
    case ObservedDuration::Bound::at_least:
      return middle.p95 >= row.measured;
    case ObservedDuration::Bound::exact:
      break;
  }
  return row.measured + stamp >= middle.p5 && row.measured - stamp <= middle.p95;
}

std::string share_of(std::size_t part, std::size_t all) {
  const double share = all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  // Few of many is not none, and all but a few is not all.
  const bool close = part != 0 && part != all && (share < 0.005 || share >= 0.995);
  return std::to_string(part) + " of " + std::to_string(all) + " (" +
         percent_text(share, close ? 1 : 0) + ")";
}

std::vector<Table::Cell> cells(const std::string& title, const Middle& middle) {
  return {title, time_text(middle.p5), time_text(middle.p50), time_text(middle.p95),
          time_text(middle.max)};
}

std::vector<Table::Column> quantile_columns(const std::string& title) {
  return {{title, Table::Align::left, true},
          {"p5", Table::Align::right},
          {"p50", Table::Align::right},
          {"p95", Table::Align::right},
          {"max", Table::Align::right}};
}

}  // namespace

std::vector<RowComparison> compare_rows(const RunbookSpec& spec,
                                        std::span<const RunbookOutcome> runs) {
  std::vector<RowComparison> rows;
  for (const ObservedDuration& row : spec.observed) {
    std::vector<sim::Duration> lengths;
    for (const RunbookOutcome& run : runs) {
      const sim::Duration* from = run.find_mark(row.from);
      const sim::Duration* to = run.find_mark(row.to);
      if (from != nullptr && to != nullptr) lengths.push_back(*to - *from);
    }
    const Middle middle = middle_of(std::move(lengths));
    rows.push_back({&row, middle.n, middle.p5, middle.p50, middle.p95, is_inside(row, middle)});
  }
  return rows;
}

std::size_t rows_inside(std::span<const RowComparison> rows) {
  return static_cast<std::size_t>(std::ranges::count(rows, true, &RowComparison::inside));
}

std::string rows_text(const RunbookSpec& spec, std::span<const RowComparison> rows,
                      const TextStyle& style) {
  if (rows.empty()) return "";
  Table table({{"row of the log", Table::Align::left, true},
               {"measured", Table::Align::right},
               {"p5", Table::Align::right},
               {"p50", Table::Align::right},
               {"p95", Table::Align::right},
               {"", Table::Align::left}});
  std::string notes;
  for (const RowComparison& one : rows) {
    using Bound = ObservedDuration::Bound;
    const std::string sign = one.row->bound == Bound::at_most    ? "<= "
                             : one.row->bound == Bound::at_least ? ">= "
                                                                 : "";
    const std::string measured = sign + time_text(one.row->measured);
    if (one.n == 0) {
      table.add({one.row->row, measured, "-", "-", "-", {"not simulated", Colour::yellow}});
    } else {
      table.add({one.row->row, measured, time_text(one.p5), time_text(one.p50), time_text(one.p95),
                 one.inside ? Table::Cell("inside", Colour::green)
                            : Table::Cell("outside", Colour::red)});
    }
    if (!one.row->remark.empty())
      notes += paragraph("- " + one.row->row + ": " + one.row->remark, style);
  }
  std::string text = table.text(style, 2);
  text += "  " + share_of(rows_inside(rows), rows.size()) +
          " measured durations lie inside the simulated 90 % interval";
  if (!spec.calibration.empty()) {
    text += spec.calibrated_here ? "; these rows were used to calibrate"
                                 : "; none of these rows was used to calibrate";
  }
  return text + "\n" + notes;
}

std::string steps_text(const RunbookSpec& spec, std::span<const RunbookOutcome> runs,
                       const TextStyle& style) {
  std::vector<Table::Column> columns = quantile_columns("step");
  columns.push_back({"failed", Table::Align::right});
  Table table(columns);
  for (const RunbookStep& step : spec.steps) {
    std::vector<sim::Duration> lengths;
    std::size_t failed = 0;
    for (const RunbookOutcome& run : runs) {
      const sim::Duration* from = run.find_mark(step.name + ".begin");
      const sim::Duration* to = run.find_mark(step.name + ".end");
      if (from != nullptr && to != nullptr) lengths.push_back(*to - *from);
      if (std::ranges::find(run.failed_steps, step.name) != run.failed_steps.end()) ++failed;
    }
    std::vector<Table::Cell> row = cells(step.name + " " + step.title, middle_of(lengths));
    row.emplace_back(failed == 0 ? std::string("-") : share_of(failed, runs.size()));
    table.add(std::move(row));
  }
  std::vector<sim::Duration> whole;
  std::size_t completed = 0;
  for (const RunbookOutcome& run : runs) {
    if (run.completed) whole.push_back(run.length);
    if (run.completed) ++completed;
  }
  std::vector<Table::Cell> last = cells("the whole runbook", middle_of(whole));
  last.emplace_back("completed " + share_of(completed, runs.size()));
  table.add(std::move(last));
  return table.text(style, 2);
}

namespace {

// Which of the two settings decide it, and whether the file gives them is for its remarks to say.
std::string demoted_text(const RunbookSpec& spec, const std::string& share,
                         const TextStyle& style) {
  const DatabaseClients& clients = spec.aurora.clients;
  const bool any = clients.pool.driver.target_server_type == models::TargetServerType::any;
  return paragraph(
      "The pool kept connections to the demoted writer in " + share +
          " failovers: it accepts connections before the endpoint names the new one, and 25006 "
          "evicts none. That rests on networkaddress.cache.ttl " +
          sim::to_text(clients.jvm_dns_ttl) + " and targetServerType " +
          (any ? "any; with --set clients.hikari.targetServerType=primary there are none."
               : "as it is set."),
      style);
}

}  // namespace

std::string observers_text(const RunbookSpec& spec, std::span<const RunbookOutcome> runs,
                           const TextStyle& style) {
  struct Observer {
    const char* title;
    sim::Duration Interruption::*member;
  };
  static constexpr std::array<Observer, 6> observers = {{
      {"API: call until Status is available", &Interruption::api},
      {"API: call until IsClusterWriter changes", &Interruption::flip},
      {"client: call until the first commit after the gap", &Interruption::first_commit},
      {"client: without a commit (new connections)", &Interruption::direct},
      {"application on HikariCP: longest wait of a request", &Interruption::hikari_wait},
      {"RDS Proxy: longest wait of a statement", &Interruption::proxy_wait},
  }};
  std::map<std::string, std::vector<const Interruption*>> by_kind;
  std::uint64_t lost = 0;
  for (const RunbookOutcome& run : runs) {
    lost += run.lost;
    for (const Interruption& one : run.disturbances) by_kind[one.what].push_back(&one);
  }
  std::string text;
  for (const auto& [what, all] : by_kind) {
    Table table(quantile_columns(what + ", " + std::to_string(all.size()) +
                                 (all.size() == 1 ? " time" : " times")));
    std::map<const char*, Middle> middles;
    for (const Observer& observer : observers) {
      std::vector<sim::Duration> lengths;
      for (const Interruption* one : all) lengths.push_back(one->*observer.member);
      const Middle middle = middle_of(std::move(lengths));
      middles[observer.title] = middle;
      if (middle.max > 0s) table.add(cells(observer.title, middle));
    }
    text += table.text(style, 2);
    std::size_t with_failures = 0;
    std::size_t with_read_only = 0;
    std::size_t pool_read_only = 0;
    for (const Interruption* one : all) {
      if (one->hikari_failed > 0) ++with_failures;
      if (one->read_only > 0) ++with_read_only;
      if (one->hikari_read_only > 0) ++pool_read_only;
    }
    text += "  requests through the pool failed in " + share_of(with_failures, all.size()) +
            "; somebody reached a demoted writer (25006) in " +
            share_of(with_read_only, all.size()) + "\n";
    if (pool_read_only > 0) text += demoted_text(spec, share_of(pool_read_only, all.size()), style);
    const Middle& api = middles[observers[0].title];
    const Middle& client = middles[observers[3].title];
    if (what == "failover" && api.n > 0) {
      text += paragraph(
          "Status is the API's own time: it says failing-over seconds after the call, and "
          "available again only when the demoted instance has been settled (half of the runs: " +
              time_text(api.p50) +
              " after the call). A client that writes is without an answer "
              "from the moment the old writer closes until the endpoint names the new one (half of "
              "the runs: " +
              time_text(client.p50) +
              "). A log that reports call-to-available as the disruption reports API time.",
          style);
    }
  }
  if (!by_kind.empty()) {
    text += "  acknowledged writes that the volume lacks: " + std::to_string(lost) + "\n";
  }
  return text;
}

std::string races_text(std::span<const RunbookOutcome> runs, const TextStyle& style) {
  std::size_t with_race = 0;
  const RunbookOutcome* first = nullptr;
  for (const RunbookOutcome& run : runs) {
    if (run.races.empty()) continue;
    ++with_race;
    if (first == nullptr) first = &run;
  }
  std::string text = "  a wait ended in success before what it was meant for had happened in " +
                     share_of(with_race, runs.size()) + " runs";
  if (first == nullptr) return text + "\n";
  text += ", first with --seed " + std::to_string(first->seed) + "\n";
  Table table({{"since the call", Table::Align::right}, {"what", Table::Align::left, true}});
  const WaitRace& race = first->races.front();
  table.add({"0 s", "step " + race.step + ": the call is accepted"});
  for (const WaitRace& one : first->races) {
    if (one.called != race.called) continue;
    table.add({time_text(one.returned - race.called), one.command + " returns success"});
  }
  if (race.flipped != sim::forever) {
    table.add({time_text(race.flipped - race.called), "the writer changes"});
  }
  if (race.completed != sim::forever) {
    table.add({time_text(race.completed - race.called), "Status is available again"});
  }
  return text + table.text(style, 2);
}

RunMeasures to_measures(const RunbookOutcome& outcome) {
  RunMeasures run;
  run.seed = outcome.seed;
  run.fingerprint = outcome.fingerprint;
  run.fault = sim::Duration{};
  run.of_database = false;
  for (const auto& [name, at] : outcome.marks) {
    const bool known =
        std::ranges::find(run.milestones, name, &NamedTime::name) != run.milestones.end();
    if (!known) run.milestones.push_back({name, at});
  }
  const auto add = [&](const std::string& name, MeasureUnit unit, std::int64_t value) {
    run.values.push_back({name, unit, value});
  };
  add("runbook", MeasureUnit::time, outcome.length.count());
  add("steps_failed", MeasureUnit::count, static_cast<std::int64_t>(outcome.failed_steps.size()));
  add("races", MeasureUnit::count, static_cast<std::int64_t>(outcome.races.size()));
  add("lost_writes", MeasureUnit::count, static_cast<std::int64_t>(outcome.lost));
  std::map<std::string, int> numbers;
  for (const Interruption& one : outcome.disturbances) {
    std::string name = one.what == "failover" ? "failover" : "writer_reboot";
    const int number = ++numbers[name];
    if (number > 1) name += "#" + std::to_string(number);
    add(name + ".api", MeasureUnit::time, one.api.count());
    add(name + ".flip", MeasureUnit::time, one.flip.count());
    add(name + ".first_commit", MeasureUnit::time, one.first_commit.count());
    add(name + ".without_commit", MeasureUnit::time, one.direct.count());
    add(name + ".hikari_wait", MeasureUnit::time, one.hikari_wait.count());
    add(name + ".hikari_failed", MeasureUnit::count, static_cast<std::int64_t>(one.hikari_failed));
    if (one.proxy_wait == 0s) continue;
    add(name + ".proxy_wait", MeasureUnit::time, one.proxy_wait.count());
    add(name + ".proxy_failed", MeasureUnit::count, static_cast<std::int64_t>(one.proxy_failed));
  }
  if (outcome.lost > 0) {
    run.violations.push_back({"acknowledged writes are missing from the volume", false});
  }
  return run;
}

}  // namespace predrill::harness
