#include "harness/live/watch.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/live/http.hpp"

namespace predrill::harness::live {

using Json = nlohmann::json;
using namespace std::chrono_literals;

namespace {

struct LinePattern {
  HostKind kind;
  std::string_view text;
  std::string_view event;
};
// Lines of PostgreSQL 15, Patroni 3.0 to 3.3, HAProxy 2.6 and PgBouncer 1.18.
constexpr std::array<LinePattern, 25> patterns = {{
    {HostKind::member, "received promote request", "postgres.promotion_started"},
    {HostKind::member, "database system is ready to accept connections",
     "postgres.promotion_finished"},
    {HostKind::member, "database system is ready to accept read-only connections",
     "postgres.ready_read_only"},
    {HostKind::member, "received fast shutdown request", "postgres.fast_stop"},
    {HostKind::member, "received immediate shutdown request", "postgres.immediate_stop"},
    {HostKind::member, "database system is shut down", "postgres.shut_down"},
    {HostKind::member, "started streaming WAL from primary", "postgres.walreceiver_started"},
    {HostKind::member, "promoted self to leader by acquiring session lock", "patroni.promoting"},
    {HostKind::member, "promoted self to leader because I had the session lock",
     "patroni.promoting_had_lock"},
    {HostKind::member, "received switchover request", "patroni.switchover"},
    {HostKind::member, "Error communicating with DCS", "patroni.dcs_error"},
    {HostKind::member, "Postgresql is not running.", "patroni.crashed"},
    {HostKind::member, "all server processes terminated; reinitializing",
     "postgres.backend_crashed"},
    {HostKind::member, "demoting self because DCS is not accessible", "patroni.demoting_dcs"},
    {HostKind::member, "demoted self because DCS is not accessible", "patroni.demoted"},
    {HostKind::member, "demoting self because I do not have the lock",
     "patroni.demoting_not_leader"},
    {HostKind::member, "starting as readonly because i had the session lock",
     "patroni.starting_readonly"},
    {HostKind::member, "starting primary after failure", "patroni.starting_primary"},
    {HostKind::member, "starting as a secondary", "patroni.starting_secondary"},
    {HostKind::member, "doing crash recovery in a single user mode", "patroni.crash_recovery"},
    {HostKind::member, "running pg_rewind from", "patroni.rewinding"},
    {HostKind::member, "Leader key released", "patroni.key_released"},
    {HostKind::haproxy, " is UP,", "haproxy.server_up"},
    {HostKind::haproxy, " is DOWN,", "haproxy.server_down"},
    {HostKind::pgbouncer, "new connection to server", "pgbouncer.server_connected"},
}};

std::string end_of_prefix(std::string prefix) {
  ++prefix.back();
  return prefix;
}

// PgBouncer writes of a connection when TCP has it, but a server that is not there behind a router
// ends it before the login is over: such a one was of no use. "LOG S-0x55ac1c0380a0: ..."
std::string failed_login(std::string_view line) {
  constexpr int longest = 15;  // s; server_connect_timeout's default
  const std::size_t begin = line.find(" S-0x");
  const std::size_t age = line.find("(age=");
  if (begin == line.npos || age == line.npos) return "";
  const bool refused = line.find("closing because: login failed") != line.npos ||
                       line.find("closing because: server conn crashed?") != line.npos;
  if (!refused || std::atoi(std::string(line.substr(age + 5, 8)).c_str()) > longest) return "";
  return std::string(line.substr(begin, line.find(": ", begin) - begin));
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> time_of_line(std::string_view line) {
  const std::string text(line.substr(0, 40));
  std::tm date{};
  int fraction_begin = 0;
  char between = 0;
  const int found = std::sscanf(text.c_str(), "%4d-%2d-%2d%c%2d:%2d:%2d%n", &date.tm_year,
                                &date.tm_mon, &date.tm_mday, &between, &date.tm_hour, &date.tm_min,
                                &date.tm_sec, &fraction_begin);
  constexpr int fields = 7;
  if (found != fields || (between != ' ' && between != 'T')) return std::nullopt;
  date.tm_year -= 1900;
  date.tm_mon -= 1;
  std::int64_t nanoseconds = 0;
  auto at = static_cast<std::size_t>(fraction_begin);
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    std::int64_t unit = 100'000'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
      nanoseconds += (text[at] - '0') * unit;
    }
  }
  return std::chrono::system_clock::from_time_t(::timegm(&date)) +
         std::chrono::nanoseconds(nanoseconds);
}

std::string event_of_line(HostKind kind, std::string_view line) {
  for (const LinePattern& pattern : patterns) {
    if (pattern.kind == kind && line.find(pattern.text) != std::string_view::npos) {
      return std::string(pattern.event);
    }
  }
  return "";
}

// ---- the leader key -----------------------------------------------------------------------------

KeyWatch::KeyWatch(const LabPlan& plan, const TimeBase& base)
    : base_(base), prefix_("/service/" + plan.scope + "/") {
  for (const LabHost* etcd : plan.of(HostKind::etcd)) {
    threads_.emplace_back([this, address = etcd->address] { follow(address); });
  }
}

KeyWatch::~KeyWatch() {
  stop_ = true;
  threads_.clear();
}

// The connection ends with its member; another one is tried until the drill is over. A read that
// times out looks whether it is.
void KeyWatch::follow(const std::string& address) {
  Json ask;
  ask["create_request"]["key"] = base64(prefix_);
  ask["create_request"]["range_end"] = base64(end_of_prefix(prefix_));
  ask["create_request"]["progress_notify"] = true;
  while (!stop_) {
    std::string line;
    http_stream({.address = address,
                 .port = 2379,
                 .path = "/v3/watch",
                 .body = ask.dump(),
                 .timeout = 700ms},
                [&](std::string_view data) {
                  for (const char c : data) {
                    if (c != '\n') {
                      line += c;
                      continue;
                    }
                    take(line);
                    line.clear();
                  }
                  return !stop_.load();
                });
    std::this_thread::sleep_for(20ms);
  }
}

void KeyWatch::take(std::string_view line) {
  const sim::Duration now = base_.now();
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("result") || !json["result"].contains("events")) return;
  const std::lock_guard hold(mutex_);
  bool member_too = false;
  for (const Json& event : json["result"]["events"]) {
    const std::string key = from_base64(event["kv"].value("key", ""));
    const bool deleted = event.value("type", "PUT") == "DELETE";
    if (deleted && key.find("/members/") != std::string::npos) member_too = true;
  }
  for (const Json& event : json["result"]["events"]) {
    const Json& kv = event["kv"];
    if (from_base64(kv.value("key", "")) != prefix_ + "leader") continue;
    const long long revision = std::stoll(kv.value("mod_revision", "0"));
    if (by_revision_.contains(revision)) continue;  // another member told it
    LiveEvent found;
    found.at = now;
    found.host = "etcd";
    if (event.value("type", "PUT") == "DELETE") {
      // A lease takes all its keys with it; a member that gives the lead up keeps its own key.
      found.kind = member_too ? "dcs.leader_key_expired" : "dcs.leader_key_deleted";
    } else {
      found.text = from_base64(kv.value("value", ""));
      const bool created = kv.value("create_revision", "") == kv.value("mod_revision", "");
      found.kind = created ? "dcs.leader_key_created" : "dcs.leader_key_overwritten";
    }
    by_revision_[revision].push_back(found);
  }
}

std::vector<LiveEvent> KeyWatch::events() const {
  const std::lock_guard hold(mutex_);
  std::vector<LiveEvent> all;
  for (const auto& [revision, events] : by_revision_) {
    all.insert(all.end(), events.begin(), events.end());
  }
  return all;
}

// ---- logs ---------------------------------------------------------------------------------------

LogWatch::LogWatch(const LabPlan& plan, const TimeBase& base) : plan_(plan), base_(base) {
  for (const LabHost& host : plan_.hosts) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(plan_.log(host), error);
    begin_[host.name] = error ? 0 : size;
  }
}

std::vector<LiveEvent> LogWatch::events() const {
  std::vector<LiveEvent> all;
  for (const LabHost& host : plan_.hosts) {
    std::ifstream file(plan_.log(host));
    file.seekg(static_cast<std::streamoff>(begin_.at(host.name)));
    std::string line;
    while (std::getline(file, line)) {
      const auto at = time_of_line(line);
      if (!at) continue;
      if (const std::string failed = failed_login(line); !failed.empty()) {
        const auto its_begin = std::find_if(all.rbegin(), all.rend(), [&](const LiveEvent& event) {
          return event.kind == "pgbouncer.server_connected" &&
                 event.text.find(failed + ':') != event.text.npos;
        });
        if (its_begin != all.rend()) all.erase(std::next(its_begin).base());
      }
      std::string kind = event_of_line(host.kind, line);
      if (kind.empty()) continue;
      all.push_back({base_.of(*at), host.name, std::move(kind), line.substr(0, 200)});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const LiveEvent& a, const LiveEvent& b) { return a.at < b.at; });
  return all;
}

Delays LogWatch::delays() const {
  Delays all;
  for (const LabHost* host : plan_.of(HostKind::member)) {
    std::ifstream file(plan_.log(*host));
    file.seekg(static_cast<std::streamoff>(begin_.at(host->name)));
    add_delays(file, all);
  }
  return all;
}

std::optional<sim::Duration> LogWatch::last_renewal(const std::string& host,
                                                    sim::Duration at) const {
  constexpr std::streamoff enough = 64 * 1024;  // many cycles
  const LabHost* member = plan_.find(host);
  if (member == nullptr) return std::nullopt;
  std::ifstream file(plan_.log(*member));
  file.seekg(0, std::ios::end);
  file.seekg(std::max<std::streamoff>(0, static_cast<std::streamoff>(file.tellg()) - enough));
  std::optional<sim::Duration> last, in_this_cycle;
  std::string line;
  const auto says = [&line](const std::string& what) { return line.find(what) != line.npos; };
  while (std::getline(file, line)) {
    const bool ends = says("INFO: no action. I am (" + host + "), the leader");
    // A cycle that changes /sync renews the key first and sleeps for two seconds afterwards.
    const bool goes_on = says("INFO: Assigning synchronous standby status") ||
                         says("INFO: Updating synchronous privilege");
    if (!ends && !goes_on) continue;
    const auto when = time_of_line(line);
    if (!when || base_.of(*when) > at) continue;
    if (!in_this_cycle) last = base_.of(*when);
    in_this_cycle = ends ? std::nullopt : last;
  }
  return last;
}

}  // namespace predrill::harness::live
