#include "harness/live/aws_cli.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

namespace predrill::harness::live {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using Wall = std::chrono::system_clock;

namespace {

constexpr auto call_limit = 60s;
constexpr auto patience = 120s;
constexpr auto longest_pause = 16s;
constexpr auto backup_age_max = 1h;
constexpr int minutes_a_day = 24 * 60;

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

Json list_of(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() && found->is_array() ? *found : Json::array();
}

// The program writes its warnings before the document.
Json document_of(const std::string& output) {
  const std::size_t begin = output.find('{');
  if (begin == std::string::npos) return {};
  return Json::parse(output.substr(begin), nullptr, false);
}

std::string first_lines(std::string text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == ' ')) text.erase(0, 1);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(0, 400);
}

std::string what_it_said(const AwsCluster::Argv& argv, const CommandResult& result) {
  if (result.timed_out) return shell_text(argv) + ": no answer within 60 s";
  const std::string fault = aws_fault(result.output);
  const std::string said = first_lines(result.output);
  if (!fault.empty() || result.status == -1) return said;
  return shell_text(argv) + ": status " + std::to_string(result.status) + ": " + said;
}

void object(AwsClusterState& state, const Json& one, const std::string& name) {
  const auto pending = one.find("PendingModifiedValues");
  if (pending != one.end() && pending->is_object() && !pending->empty()) {
    state.objections.push_back(name + " has changes pending: " + pending->dump());
  }
  for (const char* window : {"PreferredBackupWindow", "PreferredMaintenanceWindow"}) {
    const std::string when = text_of(one, window);
    if (in_aws_window(when, Wall::now())) {
      state.objections.push_back(name + " is within its " + window + ", " + when + " UTC");
    }
  }
}

AwsClusterState cluster_state(const Json& one) {
  AwsClusterState state;
  state.arn = text_of(one, "DBClusterArn");
  state.status = text_of(one, "Status");
  for (const Json& member : list_of(one, "DBClusterMembers")) {
    const auto writes = member.find("IsClusterWriter");
    state.members.push_back({text_of(member, "DBInstanceIdentifier"),
                             writes != member.end() && writes->is_boolean() && writes->get<bool>(),
                             "", ""});
  }
  object(state, one, "the cluster");
  const auto restorable = aws_time(text_of(one, "LatestRestorableTime"));
  if (restorable && Wall::now() - *restorable > backup_age_max) {
    state.objections.push_back("the latest restorable time is more than an hour ago: " +
                               text_of(one, "LatestRestorableTime"));
  }
  return state;
}

}  // namespace

std::string AwsClusterState::writer() const {
  const auto found = std::ranges::find(members, true, &AwsMember::writer);
  return found == members.end() ? "" : found->name;
}

const AwsMember* AwsClusterState::find(const std::string& name) const {
  const auto found = std::ranges::find(members, name, &AwsMember::name);
  return found == members.end() ? nullptr : &*found;
}

AwsCluster::AwsCluster(std::string identifier, Stop stop)
    : identifier_(std::move(identifier)), stop_(std::move(stop)) {
  for (const char* name : {"AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL"}) {
    const char* value = std::getenv(name);
    if (endpoint_.empty() && value != nullptr) endpoint_ = value;
  }
}

AwsCluster::Argv AwsCluster::rds(Argv rest) const {
  Argv argv = {"aws"};
  if (!endpoint_.empty()) argv.insert(argv.end(), {"--endpoint-url", endpoint_});
  argv.push_back("rds");
  argv.insert(argv.end(), rest.begin(), rest.end());
  argv.insert(argv.end(), {"--output", "json"});
  return argv;
}

AwsCluster::Argv AwsCluster::describe_cluster() const {
  return rds({"describe-db-clusters", "--db-cluster-identifier", identifier_});
}

AwsCluster::Argv AwsCluster::describe_instances() const {
  return rds({"describe-db-instances", "--filters", "Name=db-cluster-id,Values=" + identifier_});
}

AwsCluster::Argv AwsCluster::events_of_cluster() const {
  return rds({"describe-events", "--source-type", "db-cluster", "--source-identifier", identifier_,
              "--duration", "60"});
}

AwsCluster::Argv AwsCluster::events_of_instances() const {
  return rds({"describe-events", "--source-type", "db-instance", "--duration", "60"});
}

// The program's own second attempt after a lost connection would find the cluster failing over and
// report a fault for a call that was accepted: one attempt, and whoever calls decides.
AwsCluster::Argv AwsCluster::failover(const std::string& target) const {
  Argv argv = rds({"failover-db-cluster", "--db-cluster-identifier", identifier_});
  if (!target.empty()) argv.insert(argv.end(), {"--target-db-instance-identifier", target});
  argv.insert(argv.begin(), {"env", "AWS_MAX_ATTEMPTS=1"});
  return argv;
}

AwsCluster::Argv AwsCluster::reboot(const std::string& instance) const {
  Argv argv = rds({"reboot-db-instance", "--db-instance-identifier", instance});
  argv.insert(argv.begin(), {"env", "AWS_MAX_ATTEMPTS=1"});
  return argv;
}

CommandResult AwsCluster::patient(const Argv& argv, std::string& fault) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::chrono::milliseconds pause = 1s;;
       pause = std::min<std::chrono::milliseconds>(pause * 2, longest_pause)) {
    CommandResult result = run_command(argv, "", call_limit);
    fault = result.ok() ? "" : aws_fault(result.output);
    const bool again = aws_throttled(fault) && std::chrono::steady_clock::now() + pause < end;
    if (!again || stop_()) return result;
    std::this_thread::sleep_for(pause);
  }
}

std::optional<AwsClusterState> AwsCluster::state(bool instances, std::string& problem) const {
  std::string fault;
  const CommandResult answer = patient(describe_cluster(), fault);
  const Json clusters = list_of(document_of(answer.output), "DBClusters");
  if (!answer.ok() || clusters.size() != 1) {
    problem = answer.ok() ? "there is no cluster " + identifier_
                          : what_it_said(describe_cluster(), answer);
    return std::nullopt;
  }
  AwsClusterState state = cluster_state(clusters[0]);
  if (!instances) return state;
  const CommandResult others = patient(describe_instances(), fault);
  if (!others.ok()) {
    problem = what_it_said(describe_instances(), others);
    return std::nullopt;
  }
  for (const Json& one : list_of(document_of(others.output), "DBInstances")) {
    const std::string name = text_of(one, "DBInstanceIdentifier");
    const auto member = std::ranges::find(state.members, name, &AwsMember::name);
    if (member == state.members.end()) continue;
    member->status = text_of(one, "DBInstanceStatus");
    member->zone = text_of(one, "AvailabilityZone");
    object(state, one, name);
  }
  return state;
}

std::vector<AwsEvent> AwsCluster::events(Wall::time_point since, std::string& problem) const {
  std::vector<AwsEvent> events;
  for (const Argv& argv : {events_of_cluster(), events_of_instances()}) {
    std::string fault;
    const CommandResult answer = patient(argv, fault);
    if (!answer.ok()) problem = what_it_said(argv, answer);
    for (const Json& one : list_of(document_of(answer.output), "Events")) {
      const auto at = aws_time(text_of(one, "Date"));
      if (!at || *at < since) continue;
      events.push_back({*at, text_of(one, "SourceIdentifier"), text_of(one, "Message")});
    }
  }
  std::ranges::stable_sort(events, {}, &AwsEvent::at);
  return events;
}

AwsReply AwsCluster::act(const Argv& argv) const {
  AwsReply reply;
  const CommandResult result = patient(argv, reply.fault);
  reply.accepted = result.ok();
  // No answer, or a connection that broke: nobody knows.
  reply.unknown = !result.ok() && reply.fault.empty() && result.status != -1;
  reply.text = result.ok() ? "accepted" : what_it_said(argv, result);
  return reply;
}

std::string aws_fault(const std::string& output) {
  constexpr std::string_view before = "An error occurred (";
  const std::size_t at = output.find(before);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + before.size();
  const std::size_t end = output.find(')', begin);
  return end == std::string::npos ? "" : output.substr(begin, end - begin);
}

bool aws_throttled(const std::string& fault) {
  constexpr std::array<std::string_view, 5> codes = {"Throttling", "ThrottlingException",
                                                     "ThrottledException", "RequestLimitExceeded",
                                                     "TooManyRequestsException"};
  return std::ranges::find(codes, fault) != codes.end();
}

std::optional<Wall::time_point> aws_time(const std::string& text) {
  tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  Wall::time_point at = Wall::from_time_t(::timegm(&parts));
  if (*rest == '.') {
    std::int64_t scale = 1'000'000'000;
    std::int64_t nanoseconds = 0;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest) {
      scale /= 10;
      nanoseconds += scale * (*rest - '0');
    }
    at += std::chrono::duration_cast<Wall::duration>(std::chrono::nanoseconds(nanoseconds));
  }
  // Z, or an offset: the program prints the zone of AWS, +00:00.
  if (*rest == '+' || *rest == '-') {
    tm offset{};
    if (::strptime(rest + 1, "%H:%M", &offset) == nullptr) return std::nullopt;
    const auto shift = std::chrono::minutes(offset.tm_hour * 60 + offset.tm_min);
    at += *rest == '+' ? -shift : shift;
  }
  return at;
}

bool in_aws_window(const std::string& window, Wall::time_point at) {
  const std::time_t seconds = Wall::to_time_t(at);
  tm now{};
  ::gmtime_r(&seconds, &now);
  constexpr std::array<std::string_view, 7> days = {"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat"};
  const auto minute_of = [&](std::string part, bool& weekly) -> std::optional<int> {
    int day = 0;
    if (part.size() == 9 && part[3] == ':') {
      const auto found = std::ranges::find(days, part.substr(0, 3));
      if (found == days.end()) return std::nullopt;
      day = static_cast<int>(found - days.begin());
      part.erase(0, 4);
      weekly = true;
    }
    tm parsed{};
    if (part.size() != 5 || ::strptime(part.c_str(), "%H:%M", &parsed) == nullptr) {
      return std::nullopt;
    }
    return day * minutes_a_day + parsed.tm_hour * 60 + parsed.tm_min;
  };
  const std::size_t dash = window.find('-');
  if (dash == std::string::npos) return false;
  bool weekly = false;
  const auto begin = minute_of(window.substr(0, dash), weekly);
  const auto end = minute_of(window.substr(dash + 1), weekly);
  if (!begin || !end) return false;
  const int minute = (weekly ? now.tm_wday * minutes_a_day : 0) + now.tm_hour * 60 + now.tm_min;
  return *begin <= *end ? *begin <= minute && minute < *end : minute >= *begin || minute < *end;
}

}  // namespace predrill::harness::live
