// Every rule with a system that it objects to and one that it lets pass, what the example's files
// get to hear, and what that costs.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/lint/lint.hpp"
#include "harness/lint/lint_text.hpp"
#include "harness/load/load.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill::harness;

namespace {

SystemSpec clean_system(const std::vector<std::string>& settings = {},
                        const std::string& folder = "clean") {
  Diagnostics diagnostics;
  auto system = load_system(PREDRILL_SOURCE_DIR "/tests/harness/lint/fixtures/" + folder,
                            diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system.has_value());
  return *system;
}

// What makes a rule object; everything else is as in fixtures/clean.
struct Fixture {
  std::string_view rule;
  std::vector<std::string> settings;
  std::string folder = "clean";
};
const std::vector<Fixture>& failing() {
  static const std::vector<Fixture> fixtures = {
      {"patroni/zero-margin", {"patroni.retry_timeout=10"}},
      {"patroni/negative-margin", {"patroni.retry_timeout=12"}},
      {"patroni/ttl-below-minimum",
       {"patroni.ttl=15", "patroni.loop_wait=5", "patroni.retry_timeout=3"}},
      {"patroni/objective-below-expiry", {"objectives.rto.p99=10s"}},
      {"patroni/long-ttl", {"patroni.ttl=60"}},
      {"patroni/long-loop-wait", {"patroni.loop_wait=15"}},
      {"patroni/no-failsafe", {"patroni.failsafe_mode=false"}},
      {"patroni/asynchronous", {"patroni.synchronous_mode=false"}},
      {"patroni/strict-without-spare",
       {"patroni.synchronous_mode_strict=true", "cluster.members[2].tags={\"nosync\": true}"}},
      {"patroni/all-standbys-synchronous", {"patroni.synchronous_node_count=2"}},
      {"patroni/no-watchdog",
       {"patroni.watchdog_device=false", "patroni.watchdog={\"mode\": \"automatic\"}"}},
      {"patroni/early-watchdog",
       {"patroni.watchdog={\"mode\": \"required\", \"safety_margin\": 17}"}},
      {"patroni/no-rewind", {"patroni.use_pg_rewind=false"}},
      {"patroni/sync-names-reset", {"patroni.version=3.3.2"}},
      {"patroni/nobody-may-lead",
       {"cluster.members[1].tags={\"nofailover\": true}",
        "cluster.members[2].tags={\"nofailover\": true}"}},
      {"patroni/late-primary-start", {"patroni.primary_start_timeout=300"}},
      {"etcd/no-spare", {"dcs.members=[{\"name\": \"e1\", \"zone\": \"z2\"}]"}},
      {"etcd/even",
       {"dcs.members=[{\"name\": \"e1\", \"zone\": \"z1\"}, {\"name\": \"e2\", \"zone\": \"z2\"}, "
        "{\"name\": \"e3\", \"zone\": \"z3\"}, {\"name\": \"e4\", \"zone\": \"z3\"}]"}},
      {"etcd/one-zone", {"dcs.members[0].zone=z2", "dcs.members[2].zone=z2"}},
      {"etcd/slow-election", {"dcs.election_timeout=5s", "dcs.heartbeat_interval=500ms"}},
      {"cluster/one-zone", {"cluster.members[1].zone=z1", "cluster.members[2].zone=z1"}},
      {"cluster/sync-beside-primary", {"cluster.members[1].zone=z1"}},
      {"postgresql/late-wal-sender-timeout", {"postgresql.wal_sender_timeout=60s"}},
      {"postgresql/no-restart-after-crash", {"postgresql.restart_after_crash=off"}},
      {"postgresql/pools-above-max-connections", {"postgresql.max_connections=30"}},
      {"kubernetes/short-grace-period", {"kubernetes.termination_grace_period=1s"}},
      {"pgbouncer/slow-connect-timeout", {"pgbouncer.server_connect_timeout=15"}},
      {"pgbouncer/slow-login-retry", {"pgbouncer.server_login_retry=15"}},
      {"pgbouncer/dns-cached-beyond-failover", {"pgbouncer.dns_max_ttl=60"}},
      {"pgbouncer/missing-name-cached", {"pgbouncer.dns_nxdomain_ttl=15"}},
      {"pgbouncer/silent-servers", {"pgbouncer.tcp_user_timeout=0", "pgbouncer.tcp_keepidle=0"}},
      {"pgbouncer/single", {"pooler.zones=[\"z1\"]"}},
      {"pgbouncer/short-query-wait", {"pgbouncer.query_wait_timeout=10"}},
      {"pgbouncer/too-few-clients", {"pgbouncer.max_client_conn=50"}},
      {"haproxy/slow-check", {"haproxy.inter=10s"}},
      {"haproxy/keeps-sessions", {}},
      {"aurora/no-reader",
       {"aurora.instances=[{\"name\": \"a\", \"class\": \"db.r6g.large\"}]"},
       "clean-aurora"},
      {"aurora/one-zone", {"aurora.instances[1].zone=0"}, "clean-aurora"},
      {"aurora/readers-restart", {"aurora.engine_version=14.6"}, "clean-aurora"},
      {"jvm/dns-cached-beyond-failover",
       {"clients[\"networkaddress.cache.ttl\"]=30s"},
       "clean-aurora"},
      {"pgjdbc/any-server", {"clients.hikari.targetServerType=any"}, "clean-aurora"},
      {"pgjdbc/no-socket-timeout", {"clients.hikari.socketTimeout=0s"}, "clean-aurora"},
      {"dns/cached-beyond-ttl", {"clients.dns_cache=1m"}, "clean-rds"},
      {"rds/single-az", {"rds.MultiAZ=false"}, "clean-rds"},
      {"rds/no-storage-autoscaling", {"rds.MaxAllocatedStorage=100"}, "clean-rds"},
      {"haproxy/wrong-check", {}}};  // by the code below: --set cannot say these
  return fixtures;
}

SystemSpec system_of(const Fixture& fixture) {
  SystemSpec system = clean_system(fixture.settings, fixture.folder);
  if (fixture.rule == "haproxy/wrong-check") {
    system.haproxy->config.sections.front().check = predrill::models::RestPath::health;
  }
  if (fixture.rule == "haproxy/keeps-sessions") {
    system.haproxy->config.sections.front().on_marked_down_shutdown_sessions = false;
  }
  return system;
}

std::set<std::string> rules_of(const std::vector<LintFinding>& findings) {
  std::set<std::string> rules;
  for (const LintFinding& finding : findings) rules.emplace(finding.rule->id);
  return rules;
}

const LintFinding& finding_of(const std::vector<LintFinding>& findings, std::string_view rule) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const LintFinding& f) { return f.rule->id == rule; });
  REQUIRE(found != findings.end());
  return *found;
}

}  // namespace

TEST_CASE("lint: a clean system passes every rule", "[lint]") {
  CHECK(rules_of(find_lint(clean_system())) == std::set<std::string>());
  CHECK(rules_of(find_lint(clean_system({}, "clean-aurora"))) == std::set<std::string>());
  CHECK(rules_of(find_lint(clean_system({}, "clean-rds"))) == std::set<std::string>());
}

TEST_CASE("lint: at least 25 rules, each with a failing fixture, a reason and a fix", "[lint]") {
  std::set<std::string_view> ids, tested;
  for (const LintRule& rule : lint_rules()) {
    CAPTURE(rule.id);
    CHECK(ids.insert(rule.id).second);
    CHECK(rule.find != nullptr);
    CHECK(rule.fix != nullptr);
    CHECK_FALSE(rule.why.empty());
  }
  for (const Fixture& fixture : failing()) tested.insert(fixture.rule);
  CHECK(ids.size() >= 25);
  CHECK(ids == tested);
}

TEST_CASE("lint: each rule objects to its fixture, at a file, and its fix satisfies it", "[lint]") {
  for (const Fixture& fixture : failing()) {
    CAPTURE(fixture.rule);
    SystemSpec system = system_of(fixture);
    const auto findings = find_lint(system);
    const LintFinding& finding = finding_of(findings, fixture.rule);
    CHECK_FALSE(finding.place.file.empty());
    CHECK((finding.place.line > 0 || finding.place.file.starts_with("--set ")));
    CHECK_FALSE(finding.hit.message.empty());
    CHECK_FALSE(finding.hit.fix.empty());
    finding.rule->fix(system);
    CHECK_FALSE(rules_of(find_lint(system)).contains(std::string(fixture.rule)));
  }
}

TEST_CASE("lint: every finding is simulated with and without its fix", "[lint]") {
  LintOptions options;
  options.runs = 6;
  for (const Fixture& fixture : failing()) {
    CAPTURE(fixture.rule);
    const SystemSpec system = system_of(fixture);
    auto findings = find_lint(system);
    std::erase_if(findings, [&](const LintFinding& f) { return f.rule->id != fixture.rule; });
    add_costs(findings, system, options);
    REQUIRE(findings.size() == 1);
    CAPTURE(cost_text(findings[0]));
    CHECK(findings[0].before.has_value());
    CHECK(findings[0].after.has_value());
    CHECK(findings[0].runs == 6);
  }
}

TEST_CASE("lint: the costs that references predict", "[lint]") {
  // (reference: what-if table of timeouts; PgBouncer's retry and DNS rules)
  struct Expected {
    std::string_view rule;
    double least, most;  // seconds that the fix saves
  };
  LintOptions options;
  options.runs = 60;
  for (const Expected& expected : std::vector<Expected>{
           {"patroni/long-ttl", 25, 35},     // ttl 60 against 30
           {"patroni/no-failsafe", 20, 80},  // demoted, and elected again after the quorum is back
           {"pgbouncer/slow-login-retry", 1, 16},
           {"haproxy/slow-check", 4, 25}}) {
    CAPTURE(expected.rule);
    const auto fixture = std::find_if(failing().begin(), failing().end(),
                                      [&](const Fixture& f) { return f.rule == expected.rule; });
    const SystemSpec system = system_of(*fixture);
    auto findings = find_lint(system);
    std::erase_if(findings, [&](const LintFinding& f) { return f.rule->id != expected.rule; });
    add_costs(findings, system, options);
    REQUIRE(findings.size() == 1);
    CAPTURE(cost_text(findings[0]));
    REQUIRE(findings[0].before.has_value());
    const double saved = *findings[0].before - *findings[0].after;
    CHECK(saved >= expected.least);
    CHECK(saved <= expected.most);
  }
}

TEST_CASE("lint: Patroni's defaults have no margin", "[lint]") {
  SystemSpec system = clean_system();
  system.patroni = predrill::models::PatroniConfig();
  const auto findings = find_lint(system);
  CHECK(finding_of(findings, "patroni/zero-margin").hit.message ==
        "loop_wait 10 s + 2 x retry_timeout 10 s = ttl 30 s: nothing is left for the demotion of a "
        "primary that loses the DCS");
}

TEST_CASE("lint: nobody is told to use a failsafe mode that has a defect", "[lint]") {
  SystemSpec system = clean_system();
  system.patroni.failsafe_mode = false;
  system.patroni.version = predrill::models::PatroniVersion::v3_0_2;
  const auto findings = find_lint(system);
  CHECK(finding_of(findings, "patroni/no-failsafe").hit.fix.starts_with("Patroni 3.1.1 or later"));
}

TEST_CASE("lint: the example's files get what the references predict", "[lint]") {
  const auto findings = find_lint(fixture::example_system());
  CHECK(rules_of(findings) ==
        std::set<std::string>{
            "patroni/zero-margin", "patroni/objective-below-expiry", "patroni/no-failsafe",
            "patroni/no-watchdog", "patroni/sync-names-reset", "patroni/late-primary-start",
            "postgresql/late-wal-sender-timeout", "pgbouncer/slow-connect-timeout",
            "pgbouncer/silent-servers", "pgbouncer/single"});
  const LintFinding& margin = finding_of(findings, "patroni/zero-margin");
  CHECK(std::filesystem::path(margin.place.file).filename() == "postgresql.yaml");
  CHECK(margin.place.line == 95);
  CHECK(margin.is_set);
  const LintFinding& failsafe = finding_of(findings, "patroni/no-failsafe");
  CHECK(std::filesystem::path(failsafe.place.file).filename() == "postgresql.yaml");
  CHECK_FALSE(failsafe.is_set);
  CHECK(failsafe.hit.fix == "failsafe_mode: true");
  const LintFinding& connect = finding_of(findings, "pgbouncer/slow-connect-timeout");
  CHECK(std::filesystem::path(connect.place.file).filename() == "pgbouncer.ini");
  CHECK(connect.place.line == 25);
}

TEST_CASE("lint: as text, JSON and SARIF", "[lint]") {
  const SystemSpec system = fixture::example_system();
  auto findings = find_lint(system);
  std::erase_if(findings, [](const LintFinding& f) { return f.rule->id != "patroni/zero-margin"; });
  LintOptions options;
  options.runs = 2;
  add_costs(findings, system, options);
  const std::string text = lint_text(findings, system, {});
  CHECK(text.find("postgresql.yaml:95: warning: No margin between the Patroni timeouts") !=
        std::string::npos);
  CHECK(text.find("cost: two primaries after partition ") != std::string::npos);
  const auto json = nlohmann::json::parse(lint_json(findings, system, options, "0.1.0"));
  CHECK(json.at("findings").at(0).at("line") == 95);
  CHECK(json.at("findings").at(0).at("before_s").is_number());
  const auto sarif = nlohmann::json::parse(lint_sarif(findings, "0.1.0"));
  const auto& run = sarif.at("runs").at(0);
  CHECK(run.at("tool").at("driver").at("rules").size() == lint_rules().size());
  CHECK(run.at("results")
            .at(0)
            .at("locations")
            .at(0)
            .at("physicalLocation")
            .at("region")
            .at("startLine") == 95);
}
