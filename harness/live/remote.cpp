#include "harness/live/remote.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness/cli/output_files.hpp"
#include "harness/live/aws_drill.hpp"
#include "harness/load/fault_forms.hpp"

namespace predrill::harness::live {

using Json = nlohmann::json;
using namespace std::chrono_literals;

namespace {

using Plan = std::optional<RemotePlan>;

// What a command answers, if that is JSON.
std::optional<Json> ask(const std::vector<std::string>& argv, std::string& problem) {
  const CommandResult result = run_command(argv, "", 30s);
  Json json = Json::parse(result.output, nullptr, false);
  if (result.ok() && !json.is_discarded()) return json;
  problem = shell_text(argv) + ": ";
  problem += result.timed_out ? "no answer within 30 s"
             : result.ok()    ? "no JSON"
                              : "status " + std::to_string(result.status);
  if (!result.ok()) problem += ": " + result.output.substr(0, 300);
  return std::nullopt;
}

std::string fault_name(const FaultSpec& fault) {
  return std::string(form_of(fault.kind).name);
}

bool on_primary(const FaultSpec& fault, std::string& problem) {
  if (fault.on.role == Target::Role::primary) return true;
  problem = "only faults on the primary are possible at this target";
  return false;
}

Plan plan_patroni(const std::string& url, const FaultSpec& fault, std::string& problem) {
  if (fault.kind != FaultKind::switchover) {
    problem = fault_name(fault) +
              " needs the machine itself, Patroni's REST interface cannot do it"
              "; take command: with your own hooks";
    return std::nullopt;
  }
  const std::vector<std::string> look = {"curl", "-fsS", "-m", "5", url + "/cluster"};
  const auto cluster = ask(look, problem);
  if (!cluster) return std::nullopt;
  RemotePlan plan;
  std::string address;
  for (const Json& member : cluster->value("members", Json::array())) {
    const std::string state = member.value("state", "");
    if (state != "running" && state != "streaming") {
      problem = member.value("name", "?") + " is " + state + ": the cluster is not steady";
      return std::nullopt;
    }
    if (member.value("role", "") != "leader") continue;
    plan.primary = member.value("name", "");
    address = member.value("api_url", "");
  }
  if (plan.primary.empty()) {
    problem = url + " knows no leader";
    return std::nullopt;
  }
  plan.target = cluster->value("scope", plan.primary);
  Json body = {{"leader", plan.primary}};
  if (!fault.candidate.empty()) body["candidate"] = fault.candidate;
  const std::string base = address.substr(0, address.rfind('/'));
  plan.checks.push_back({look, "who leads, and is every member running"});
  plan.inject = {
      {"curl", "-fsS", "-m", "120", "-X", "POST", base + "/switchover", "-d", body.dump()},
      "the switchover"};
  plan.proof = {look, "another member leads"};
  return plan;
}

std::vector<std::string> kubectl(const std::string& space, std::vector<std::string> rest) {
  std::vector<std::string> argv = {"kubectl", "-n", space};
  argv.insert(argv.end(), rest.begin(), rest.end());
  return argv;
}

std::optional<RemoteStep> kubernetes_fault(const std::string& space, const std::string& pod,
                                           const FaultSpec& fault) {
  switch (fault.kind) {
    case FaultKind::pod_delete: {
      std::vector<std::string> rest = {"delete", "pod", pod, "--wait=false"};
      if (fault.grace_period >= sim::Duration{}) {
        const auto grace = std::chrono::duration_cast<std::chrono::seconds>(fault.grace_period);
        rest.push_back("--grace-period=" + std::to_string(grace.count()));
      }
      if (fault.force) rest.push_back("--force");
      return RemoteStep{kubectl(space, rest), "the pod is deleted; its StatefulSet makes it anew"};
    }
    case FaultKind::postmaster_kill:
      return RemoteStep{kubectl(space, {"exec", pod, "--", "sh", "-c",
                                        "kill -9 $(head -n 1 \"$PGDATA/postmaster.pid\")"}),
                        "SIGKILL to the postmaster"};
    case FaultKind::switchover: {
      std::vector<std::string> rest = {"exec",       pod,       "--",       "patronictl",
                                       "switchover", "--force", "--master", pod};
      if (!fault.candidate.empty()) rest.insert(rest.end(), {"--candidate", fault.candidate});
      return RemoteStep{kubectl(space, rest), "the switchover"};
    }
    default:
      return std::nullopt;
  }
}

Plan plan_kubernetes(const std::string& name, const FaultSpec& fault, std::string& problem) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) {
    problem = "say kubernetes:NAMESPACE/CLUSTER";
    return std::nullopt;
  }
  const std::string space = name.substr(0, slash);
  const std::string cluster = name.substr(slash + 1);
  const std::string all = "cluster-name=" + cluster;
  const auto pods =
      ask(kubectl(space, {"get", "pods", "-l", all + ",spilo-role=master", "-o", "json"}), problem);
  if (!pods) return std::nullopt;
  const Json items = pods->value("items", Json::array());
  if (items.size() != 1) {
    problem = "there are " + std::to_string(items.size()) + " pods with " + all +
              ",spilo-role=master in " + space + "; one is wanted";
    return std::nullopt;
  }
  RemotePlan plan;
  plan.target = name;
  plan.primary = items[0]["metadata"].value("name", "");
  const auto inject = kubernetes_fault(space, plan.primary, fault);
  if (!inject) {
    problem = fault_name(fault) + " cannot be done through kubectl; take command: with your hooks";
    return std::nullopt;
  }
  plan.inject = *inject;
  const bool exec = fault.kind != FaultKind::pod_delete;
  plan.checks.push_back(
      {kubectl(space, {"auth", "can-i", exec ? "create" : "delete", exec ? "pods/exec" : "pods"}),
       "the permission"});
  plan.checks.push_back(
      {kubectl(space, {"wait", "pod", "-l", all, "--for=condition=Ready", "--timeout=10s"}),
       "every pod is ready"});
  plan.proof = {kubectl(space, {"get", "pods", "-l", all, "-o",
                                "jsonpath={range .items[*]}{.metadata.uid} "
                                "{.metadata.labels.spilo-role} "
                                "{.status.containerStatuses[0].containerID}{\"\\n\"}{end}"}),
                "a pod, a container or a role has changed"};
  return plan;
}

// {"name": …, "check": [argv], "inject": [argv], "proof": [argv], "undo": [argv]}
Plan plan_command(const std::string& file, const FaultSpec&, std::string& problem) {
  std::ifstream stream(file);
  const Json json = Json::parse(stream, nullptr, false);
  const auto argv = [&json](const char* key) {
    const Json value = json.value(key, Json::array());
    const bool texts = value.is_array() && std::all_of(value.begin(), value.end(),
                                                       [](auto& one) { return one.is_string(); });
    return texts ? value.get<std::vector<std::string>>() : std::vector<std::string>{};
  };
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string()) {
    problem = file +
              ": hooks are {\"name\": …, \"check\": […], \"inject\": […], \"proof\": […], "
              "\"undo\": […]}";
    return std::nullopt;
  }
  RemotePlan plan;
  plan.target = json["name"];
  plan.inject = {argv("inject"), "the fault"};
  plan.proof = {argv("proof"), "its output must change"};
  if (!argv("check").empty()) plan.checks.push_back({argv("check"), "all is well"});
  if (!argv("undo").empty()) plan.undo = RemoteStep{argv("undo"), "as it was"};
  for (const RemoteStep* needed : {&plan.inject, &plan.proof}) {
    if (needed->argv.empty()) problem = file + ": \"inject\" and \"proof\" are needed, as lists";
  }
  if (plan.checks.empty()) problem = file + ": \"check\" is needed, as a list";
  if (!problem.empty()) return std::nullopt;
  return plan;
}

Problem check_all(const RemotePlan& plan) {
  for (const RemoteStep& step : plan.checks) {
    if (Problem problem = must_run(step.argv, "", 60s)) return problem;
  }
  return std::nullopt;
}

}  // namespace

std::optional<RemotePlan> plan_remote(const std::string& on, const FaultSpec& fault,
                                      std::string& problem) {
  const std::size_t colon = on.find(':');
  const std::string kind = on.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : on.substr(colon + 1);
  if (name.empty()) {
    problem = "found \"" + on +
              "\" where a target should stand; write lab, patroni:URL, "
              "kubernetes:NAMESPACE/CLUSTER, aws:DB-CLUSTER or command:HOOKS.json";
    return std::nullopt;
  }
  if (kind == "command") return plan_command(name, fault, problem);
  if (kind == "aws") return plan_aws(name, fault, problem);
  if (!fault.name.empty()) {
    problem = fault.name + " is a fault of another kind of system than " + kind + " drives";
    return std::nullopt;
  }
  if (!on_primary(fault, problem)) return std::nullopt;
  if (kind == "patroni") return plan_patroni(name, fault, problem);
  if (kind == "kubernetes") return plan_kubernetes(name, fault, problem);
  problem = "there is no kind of target \"" + kind + "\"";
  return std::nullopt;
}

std::string dry_run_text(const RemotePlan& plan) {
  std::string text = "target " + plan.target;
  if (!plan.primary.empty()) text += ", primary now " + plan.primary;
  text += "\n";
  const auto line = [&text](const RemoteStep& step) {
    text += "  # " + step.purpose + "\n  " + shell_text(step.argv) + "\n";
  };
  for (const RemoteStep& step : plan.checks) line(step);
  if (!plan.aws) line(plan.proof);
  line(plan.inject);
  if (plan.aws) line(plan.proof);
  for (const RemoteStep& step : plan.measure) line(step);
  if (plan.undo) line(*plan.undo);
  return text + "Nothing that changes anything has been run. --execute --confirm '" + plan.target +
         "' runs it.\n";
}

RemoteOutcome execute(const RemotePlan& plan, const std::string& confirm,
                      const std::string& undo_file) {
  RemoteOutcome outcome;
  if (confirm != plan.target) {
    outcome.refused = "not confirmed: --confirm has to be the target's name, " + plan.target;
    return outcome;
  }
  if (Problem problem = check_all(plan)) {
    outcome.refused = "not all is well before the fault: " + *problem;
    return outcome;
  }
  const std::string before = run_command(plan.proof.argv).output;
  if (Problem problem = write_undo(plan, undo_file)) {
    outcome.refused = problem;
    return outcome;
  }
  const Problem injected = must_run(plan.inject.argv, "", 180s);
  for (int i = 0; i < 60 && !injected && !outcome.proved; ++i) {
    outcome.proved = run_command(plan.proof.argv).output != before;
    if (!outcome.proved) std::this_thread::sleep_for(1s);
  }
  outcome.left_over = recover_remote(undo_file);
  if (injected && !outcome.left_over) outcome.left_over = injected;
  return outcome;
}

Problem write_undo(const RemotePlan& plan, const std::string& undo_file) {
  std::error_code ignored;
  if (std::filesystem::exists(undo_file, ignored)) {
    return "an earlier drill was interrupted, see " + undo_file + "; --recover first";
  }
  Json note = {{"target", plan.target}, {"undo", Json::array()}, {"check", Json::array()}};
  if (plan.undo) note["undo"] = plan.undo->argv;
  if (plan.aws) note["aws"] = {{"cluster", plan.target}, {"writer", plan.undo ? plan.primary : ""}};
  for (const RemoteStep& step : plan.checks) note["check"].push_back(step.argv);
  OutputFiles files;
  files.add(undo_file, note.dump(1) + "\n");
  return files.write();
}

Problem recover_remote(const std::string& undo_file) {
  std::ifstream stream(undo_file);
  const Json note = Json::parse(stream, nullptr, false);
  if (!note.is_object()) return "there is nothing to recover in " + undo_file;
  std::error_code ignored;
  if (note.contains("aws")) {
    const Json& aws = note["aws"];
    Problem problem = recover_aws(aws.value("cluster", ""), aws.value("writer", ""), {}, nullptr);
    if (!problem) std::filesystem::remove(undo_file, ignored);
    return problem;
  }
  const auto undo = note.value("undo", std::vector<std::string>{});
  if (!undo.empty()) {
    if (Problem problem = must_run(undo, "", 180s)) return problem;
  }
  Problem problem;
  for (int i = 0; i < 60; ++i) {
    problem = std::nullopt;
    for (const auto& check : note.value("check", std::vector<std::vector<std::string>>{})) {
      if (!problem) problem = must_run(check, "", 60s);
    }
    if (!problem) break;
    std::this_thread::sleep_for(1s);
  }
  if (problem) return problem;
  std::filesystem::remove(undo_file, ignored);
  return std::nullopt;
}

}  // namespace predrill::harness::live
