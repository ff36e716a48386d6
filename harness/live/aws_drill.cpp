#include "harness/live/aws_drill.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness/load/fault_forms.hpp"

namespace predrill::harness::live {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Wall = std::chrono::system_clock;

namespace {

constexpr std::string_view available = "available";

milliseconds since(Steady::time_point begin, Steady::time_point end) {
  return std::chrono::duration_cast<milliseconds>(end - begin);
}

bool all_available(const AwsClusterState& state) {
  return state.status == available && std::ranges::all_of(state.members, [](const AwsMember& one) {
           return one.status == available;
         });
}

// Why no drill may begin now; empty: it may.
std::string not_steady(const AwsClusterState& state) {
  if (state.status != available) return "the cluster is " + state.status;
  if (state.writer().empty()) return "no instance is the writer";
  for (const AwsMember& one : state.members) {
    if (one.status != available) return one.name + " is " + one.status;
  }
  return state.objections.empty() ? "" : state.objections.front();
}

// A failover needs a reader, in another AZ: where both share one, losing it would leave nothing.
std::string no_target(const AwsClusterState& state, const std::string& wanted) {
  const AwsMember* writer = state.find(state.writer());
  if (!wanted.empty()) {
    const AwsMember* target = state.find(wanted);
    if (target == nullptr) return "the cluster has no instance " + wanted;
    if (target->writer) return wanted + " is the writer already";
  }
  const bool elsewhere = std::ranges::any_of(state.members, [&](const AwsMember& one) {
    return !one.writer && one.status == available && one.zone != writer->zone;
  });
  return elsewhere ? "" : "no available reader lies in another Availability Zone than the writer";
}

std::string objection(const AwsClusterState& state, const RemotePlan& plan) {
  const std::string problem = not_steady(state);
  if (!problem.empty() || !plan.undo) return problem;
  return no_target(state, plan.instance);
}

// Polls after an accepted call and notes the first sight of each state.
class Watch {
 public:
  Watch(const AwsCluster& cluster, const AwsDrillOptions& options, AwsOperation& operation)
      : cluster_(cluster), options_(options), operation_(operation) {}

  void begin() {
    operation_.called = Wall::now();
    called_ = Steady::now();
    last_ = called_;
  }
  Steady::time_point called() const { return called_; }
  /// Until everything is available again and `done`, or the limit. `instance`: that is rebooted;
  /// empty for a failover.
  void until_finished(const std::string& instance) {
    const auto end = called_ + options_.limit;
    while (Steady::now() < end && !options_.stop() && !operation_.finished) {
      look(instance);
      if (!operation_.finished) std::this_thread::sleep_for(options_.poll);
    }
    if (options_.stop()) operation_.problem = "interrupted";
    if (!operation_.finished && !operation_.problem) {
      operation_.problem =
          "not available again within " + std::to_string(options_.limit.count()) + " min";
    }
    if (options_.stop()) return;
    read_events();
  }

 private:
  bool seen(const std::string& what) const {
    return std::ranges::find(operation_.seen, what, &AwsSeen::what) != operation_.seen.end();
  }
  void see(const std::string& what, Steady::time_point before, Steady::time_point after) {
    if (seen(what)) return;
    operation_.seen.push_back({what, since(called_, before), since(called_, after)});
    options_.tell(what);
  }

  // An answer says what was so at some instant between the call and its end.
  void look(const std::string& instance) {
    const auto asked = Steady::now();
    std::string problem;
    const auto state = cluster_.state(true, problem);
    const auto answered = Steady::now();
    if (!state) {
      options_.tell(problem);
      return;
    }
    const auto note = [&](const std::string& what) { see(what, last_, answered); };
    const std::string writer = state->writer();
    bool changed = writer != operation_.writer && !writer.empty();
    if (state->status != available) note("Status " + state->status);
    if (changed) note("IsClusterWriter: " + writer);
    for (const AwsMember& one : state->members) {
      if (one.status != available) note(one.name + ": " + one.status);
      if (one.name == instance && one.status != available) changed = true;
    }
    operation_.happened = operation_.happened || changed;
    if (operation_.happened && state->status == available) note("Status available");
    if (operation_.happened && all_available(*state)) {
      note("every instance available");
      operation_.finished = true;
    } else if (!operation_.happened && !instance.empty() && all_available(*state)) {
      // A reboot that is over before anybody looked has left its events.
      operation_.finished = rebooted(instance);
      operation_.happened = operation_.finished;
    }
    last_ = asked;
  }

  bool rebooted(const std::string& instance) {
    read_events();
    return std::ranges::any_of(operation_.events, [&](const AwsEvent& event) {
      return event.source == instance && event.message.find("restarted") != std::string::npos;
    });
  }

  void read_events() {
    std::string problem;
    // Two clocks: what AWS dates a little before the call is of it, too.
    constexpr auto clocks_differ = 5s;
    std::vector<AwsEvent> events = cluster_.events(operation_.called - clocks_differ, problem);
    if (!problem.empty()) options_.tell(problem);
    std::string ignored;
    if (const auto state = cluster_.state(false, ignored)) {
      std::erase_if(events, [&](const AwsEvent& event) {
        return event.source != cluster_.identifier() && state->find(event.source) == nullptr;
      });
    }
    operation_.events = std::move(events);
  }

  const AwsCluster& cluster_;
  const AwsDrillOptions& options_;
  AwsOperation& operation_;
  Steady::time_point called_;
  Steady::time_point last_;  // the last question whose answer did not show what comes next
};

// Sends the call and watches. `refused`: nothing was changed.
AwsOperation operate(const AwsCluster& cluster, const AwsCluster::Argv& argv,
                     const std::string& what, const std::string& writer,
                     const std::string& instance, const AwsDrillOptions& options,
                     Problem& refused) {
  AwsOperation operation;
  operation.what = what;
  operation.writer = writer;
  options.tell(what);
  Watch watch(cluster, options, operation);
  watch.begin();
  const AwsReply reply = cluster.act(argv);
  if (!reply.accepted && !reply.unknown) {
    refused = reply.text;
    return operation;
  }
  const auto answered = since(watch.called(), Steady::now());
  const std::string call = reply.accepted ? "the call was accepted" : "the call got no answer";
  operation.seen.push_back({call, 0ms, answered});
  watch.until_finished(instance);
  return operation;
}

std::string wall_text(Wall::time_point at) {
  const auto all = std::chrono::duration_cast<milliseconds>(at.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(all / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min,
                parts.tm_sec, static_cast<int>(all % 1000));
  return text.data();
}

std::string seconds_of(milliseconds length) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(length.count()) / 1000);
  return text.data();
}

}  // namespace

std::optional<RemotePlan> plan_aws(const std::string& id, const FaultSpec& fault,
                                   std::string& problem) {
  const std::string name = fault.name.empty() ? std::string(form_of(fault.kind).name) : fault.name;
  const bool reboot = name == "reboot";
  if (!reboot && name != "switchover" && name != "failover") {
    problem =
        name + " is nothing that AWS does on request; a failover and a reboot of an instance are";
    return std::nullopt;
  }
  const AwsCluster cluster(id);
  const auto state = cluster.state(true, problem);
  if (!state) return std::nullopt;
  RemotePlan plan;
  plan.aws = true;
  plan.target = id;
  plan.primary = state->writer();
  std::string named = fault.targets.empty() ? fault.candidate : fault.targets.front();
  const auto is_role = [&](const char* role) { return named == role; };
  if (is_role("writer") || is_role("reader") || is_role("cluster")) {
    const auto reader = std::ranges::find(state->members, false, &AwsMember::writer);
    const bool one_of_two = is_role("reader") && reader != state->members.end();
    named = one_of_two ? reader->name : reboot ? plan.primary : "";
  }
  plan.instance = reboot && named.empty() ? plan.primary : named;
  plan.checks.push_back({cluster.describe_cluster(),
                         "Status available, nothing pending, outside of its windows, restorable"});
  plan.checks.push_back(
      {cluster.describe_instances(),
       reboot ? "every instance available" : "every instance available, a reader in another AZ"});
  plan.proof = {cluster.describe_cluster(), "again and again: Status, IsClusterWriter"};
  if (reboot) {
    plan.inject = {cluster.reboot(plan.instance), "the reboot of " + plan.instance};
  } else {
    plan.inject = {cluster.failover(plan.instance), "the failover"};
    plan.undo = RemoteStep{cluster.failover(plan.primary),
                           "afterwards, back to " + plan.primary + ": a second interruption"};
  }
  plan.measure.push_back({cluster.events_of_cluster(), "what AWS says when it was"});
  plan.measure.push_back({cluster.events_of_instances(), "the same of its instances"});
  problem = objection(*state, plan);
  if (!problem.empty()) {
    problem = id + ": " + problem;
    return std::nullopt;
  }
  return plan;
}

AwsOutcome execute_aws(const RemotePlan& plan, const AwsDrillOptions& options) {
  AwsOutcome outcome;
  if (options.confirm != plan.target) {
    outcome.refused = "not confirmed: --confirm has to be the target's name, " + plan.target;
    return outcome;
  }
  const AwsCluster cluster(plan.target, options.stop);
  std::string problem;
  const auto state = cluster.state(true, problem);
  if (state) problem = objection(*state, plan);
  if (state && problem.empty() && state->writer() != plan.primary) {
    problem = state->writer() + " has become the writer meanwhile";
  }
  if (!problem.empty()) {
    outcome.refused = plan.target + ": " + problem;
    return outcome;
  }
  if ((outcome.refused = write_undo(plan, options.undo_file))) return outcome;
  const std::string what = !plan.undo              ? "reboot of " + plan.instance
                           : plan.instance.empty() ? "failover"
                                                   : "failover to " + plan.instance;
  AwsOperation operation = operate(cluster, plan.inject.argv, what, plan.primary,
                                   plan.undo ? "" : plan.instance, options, outcome.refused);
  std::error_code ignored;
  if (outcome.refused) {
    std::filesystem::remove(options.undo_file, ignored);
    return outcome;
  }
  outcome.left_over = operation.problem;
  outcome.operations.push_back(std::move(operation));
  if (outcome.left_over) return outcome;
  if (plan.undo) {
    outcome.left_over = recover_aws(plan.target, plan.primary, options, &outcome.operations);
  }
  if (!outcome.left_over) std::filesystem::remove(options.undo_file, ignored);
  return outcome;
}

Problem recover_aws(const std::string& id, const std::string& writer,
                    const AwsDrillOptions& options, std::vector<AwsOperation>* operations) {
  const AwsCluster cluster(id, options.stop);
  const auto end = Steady::now() + options.limit;
  std::string problem;
  std::optional<AwsClusterState> state;
  // A call that was accepted may show in no status yet: a writer that is back is seen twice.
  constexpr int answers_alike = 2;
  for (int steady = 0; steady < answers_alike;) {
    state = cluster.state(true, problem);
    steady = state && all_available(*state) ? steady + 1 : 0;
    if (options.stop()) return "interrupted; --recover goes on";
    if (Steady::now() > end) {
      return id + " is not steady: " + (state ? not_steady(*state) : problem);
    }
    if (steady < answers_alike) std::this_thread::sleep_for(options.poll);
  }
  if (writer.empty() || state->writer() == writer) return std::nullopt;
  Problem refused;
  AwsOperation back = operate(cluster, cluster.failover(writer), "back to " + writer,
                              state->writer(), "", options, refused);
  if (refused) return refused;
  const Problem failed = back.problem;
  if (operations != nullptr) operations->push_back(std::move(back));
  return failed;
}

std::string aws_text(const std::vector<AwsOperation>& operations) {
  std::string text;
  for (const AwsOperation& one : operations) {
    text += one.what + ", called at " + wall_text(one.called) + " UTC, writer " + one.writer + "\n";
    for (const AwsSeen& seen : one.seen) {
      std::array<char, 200> line{};
      std::snprintf(line.data(), line.size(), "  %-44s %7s to %6s s\n", seen.what.c_str(),
                    seconds_of(seen.after).c_str(), seconds_of(seen.by).c_str());
      text += line.data();
    }
    if (!one.events.empty()) text += "  events, by the clock of AWS\n";
    for (const AwsEvent& event : one.events) {
      const auto after = std::chrono::duration_cast<milliseconds>(event.at - one.called);
      std::array<char, 80> line{};
      std::snprintf(line.data(), line.size(), "    %s  %+8.1f s  ", wall_text(event.at).c_str(),
                    static_cast<double>(after.count()) / 1000);
      text += line.data() + event.source + ": " + event.message + "\n";
    }
  }
  return text;
}

std::string aws_json(const std::string& cluster, const std::vector<AwsOperation>& operations) {
  using Json = nlohmann::ordered_json;
  Json all = Json::array();
  for (const AwsOperation& one : operations) {
    Json seen = Json::array();
    for (const AwsSeen& state : one.seen) {
      seen.push_back({{"what", state.what},
                      {"after_s", static_cast<double>(state.after.count()) / 1000},
                      {"by_s", static_cast<double>(state.by.count()) / 1000}});
    }
    Json events = Json::array();
    for (const AwsEvent& event : one.events) {
      const auto after = std::chrono::duration_cast<milliseconds>(event.at - one.called);
      events.push_back({{"after_s", static_cast<double>(after.count()) / 1000},
                        {"source", event.source},
                        {"message", event.message}});
    }
    all.push_back({{"operation", one.what},
                   {"writer_before", one.writer},
                   {"called_utc", wall_text(one.called)},
                   {"happened", one.happened},
                   {"finished", one.finished},
                   {"seen", seen},
                   {"events", events}});
  }
  return Json({{"target", "aws:" + cluster}, {"operations", all}}).dump(1) + "\n";
}

}  // namespace predrill::harness::live
