#include "harness/cli/explanations.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <catch2/catch.hpp>

#include "harness/cli/options.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/measure/stages.hpp"

using namespace predrill::harness;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::size_t sentences_of(std::string_view text) {
  std::size_t sentences = 1;
  for (std::size_t at = text.find(". "); at != std::string_view::npos;
       at = text.find(". ", at + 1)) {
    ++sentences;
  }
  return sentences;
}

std::vector<std::string_view> names_of(Topic topic) {
  std::vector<std::string_view> names;
  for (const Explanation& entry : explanations()) {
    if (entry.topic == topic) names.push_back(entry.name);
  }
  return names;
}

std::string name_of(std::string_view word) {
  const Explanation* entry = find_explanation(word);
  return entry == nullptr ? "" : std::string(entry->name);
}

}  // namespace

TEST_CASE("every fault that a scenario may inject is explained", "[explain]") {
  std::vector<std::string_view> injectable;
  for (const FaultForm& form : fault_forms()) injectable.push_back(form.name);
  CHECK(names_of(Topic::fault) == injectable);
}

TEST_CASE("every stage of an RTO is explained", "[explain]") {
  const std::vector<std::string_view> all(stage_names.begin(), stage_names.end());
  CHECK(names_of(Topic::stage) == all);
}

TEST_CASE("the settings that decide failovers are explained", "[explain]") {
  for (const char* name : {"ttl",
                           "loop_wait",
                           "retry_timeout",
                           "maximum_lag_on_failover",
                           "synchronous_mode",
                           "synchronous_mode_strict",
                           "synchronous_node_count",
                           "primary_start_timeout",
                           "primary_stop_timeout",
                           "failsafe_mode",
                           "check_timeline",
                           "use_pg_rewind",
                           "watchdog",
                           "nofailover",
                           "nosync",
                           "failover_priority",
                           "wal_sender_timeout",
                           "wal_receiver_timeout",
                           "checkpoint_timeout",
                           "max_wal_size",
                           "max_connections",
                           "synchronous_commit",
                           "default_pool_size",
                           "reserve_pool_size",
                           "reserve_pool_timeout",
                           "max_client_conn",
                           "query_wait_timeout",
                           "server_connect_timeout",
                           "server_login_retry",
                           "server_lifetime",
                           "server_idle_timeout",
                           "server_check_delay",
                           "dns_max_ttl",
                           "dns_nxdomain_ttl",
                           "tcp_keepalive",
                           "tcp_user_timeout",
                           "terminationGracePeriodSeconds",
                           "inter",
                           "fall",
                           "rise",
                           "fastinter",
                           "downinter",
                           "HealthCheckIntervalSeconds",
                           "UnhealthyThresholdCount",
                           "HealthyThresholdCount",
                           "deregistration_delay",
                           "cross_zone",
                           "unhealthy_state_routing"}) {
    INFO(name);
    const Explanation* entry = find_explanation(name);
    REQUIRE(entry != nullptr);
    CHECK(entry->name == name);
    CHECK(entry->topic == Topic::setting);
    CHECK_FALSE(entry->key.empty());  // the default
    CHECK(find_explanation(std::string(entry->owner) + "." + name) == entry);
  }
}

TEST_CASE("attributes of target groups are found by their names at AWS", "[explain]") {
  CHECK(name_of("deregistration_delay.timeout_seconds") == "deregistration_delay");
  CHECK(name_of("target_group.load_balancing.cross_zone.enabled") == "cross_zone");
  CHECK(name_of("target_health_state.unhealthy.connection_termination.enabled") ==
        "connection_termination");
  CHECK(name_of("target_group_health.dns_failover.minimum_healthy_targets.count") ==
        "dns_failover");
  CHECK(name_of("patroni.cross_zone").empty());
}

TEST_CASE("an entry is complete and its related names exist", "[explain]") {
  std::set<std::string_view> names;
  for (const Explanation& entry : explanations()) {
    INFO(entry.name);
    CHECK(names.insert(entry.name).second);
    CHECK(find_explanation(entry.name) == &entry);
    CHECK_FALSE(entry.source.empty());
    CHECK_FALSE(entry.summary.empty());
    CHECK(entry.summary.size() <= 70);
    CHECK_FALSE(entry.summary.ends_with('.'));
    CHECK(entry.text.ends_with('.'));
    CHECK(sentences_of(entry.text) >= 3);
    CHECK(sentences_of(entry.text) <= 9);
    CHECK(entry.owner.empty() == (entry.topic != Topic::setting));
    CHECK(entry.key.empty() == (entry.topic != Topic::fault && entry.topic != Topic::setting));
    CHECK_FALSE(entry.related[0].empty());
    for (const std::string_view related : entry.related) {
      INFO(related);
      CHECK(related != entry.name);
      CHECK(name_of(related) == related);
    }
  }
}

TEST_CASE("what costs time says how much", "[explain]") {
  for (const Explanation& entry : explanations()) {
    if (entry.topic != Topic::fault && entry.topic != Topic::stage) continue;
    INFO(entry.name);
    const bool says = entry.text.find_first_of("0123456789") != std::string_view::npos ||
                      entry.text.find("RTO = ") != std::string_view::npos;
    CHECK(says);
  }
}

TEST_CASE("no entry mentions a path of a machine", "[explain]") {
  // In parts, so that this file names no such path either.
  const std::array<std::string, 5> folders = {
      "/ho"
      "me/",
      "/wo"
      "rk/",
      "/t"
      "mp/",
      "/ro"
      "ot/",
      ".m"
      "d"};
  for (const Explanation& entry : explanations()) {
    for (const std::string_view text : {entry.summary, entry.key, entry.text, entry.source}) {
      INFO(text);
      for (const std::string& folder : folders) {
        CHECK(text.find(folder) == std::string_view::npos);
      }
    }
  }
}

TEST_CASE("an entry fits the terminal", "[explain]") {
  for (const std::size_t width : {40U, 60U, 80U, 100U, 200U}) {
    for (const Explanation& entry : explanations()) {
      INFO(entry.name << " at " << width);
      for (const std::string& line : lines_of(text_of(entry, {.width = width}))) {
        CHECK(display_width(line) <= std::min<std::size_t>(width, 100));
        CHECK_FALSE(line.ends_with(' '));
      }
    }
  }
}

TEST_CASE("an entry reads as a page", "[explain]") {
  const std::string text = text_of(*find_explanation("dns_nxdomain_ttl"), {.width = 80});
  const auto lines = lines_of(text);
  CHECK(lines[0] ==
        "dns_nxdomain_ttl (setting of pgbouncer): how long a failed lookup is believed");
  CHECK(lines[1].empty());
  CHECK(text.find("\nDefault:    15 s\n") != std::string::npos);
  CHECK(text.find("\nRelated:    dns_max_ttl, server_login_retry, dns\n") != std::string::npos);
  CHECK(text.ends_with("\nSource:     pgbouncer src/dnslookup.c got_result_gai(), 1.22\n"));
  CHECK(text_of(*find_explanation("lag"), {})
            .find("\nLeader key: kept\nKeys:       at, after, on, for, ") != std::string::npos);
  const std::string in_colour = text_of(*find_explanation("ttl"), {.width = 80, .colour = true});
  CHECK(in_colour.starts_with(coloured("ttl", Colour::bold, {.colour = true}) + " (setting"));
}

TEST_CASE("names are found as people write them", "[explain]") {
  CHECK(name_of("TTL") == "ttl");
  CHECK(name_of("patroni.ttl") == "ttl");
  CHECK(name_of("spec.patroni.ttl") == "ttl");
  CHECK(name_of("bootstrap.dcs.loop_wait") == "loop_wait");
  CHECK(name_of("pgbouncer.server_login_retry") == "server_login_retry");
  CHECK(name_of("PgBouncer.Server-Login-Retry") == "server_login_retry");
  CHECK(name_of("postgresql.parameters.max_connections") == "max_connections");
  CHECK(name_of("patroni.postgresql.max_wal_size") == "max_wal_size");
  CHECK(name_of("node-loss") == "node_loss");
  CHECK(name_of("termination_grace_period_seconds") == "terminationGracePeriodSeconds");
  CHECK(name_of("kubernetes endpoints") == "kubernetes_dcs");
  CHECK(name_of("master_start_timeout") == "primary_start_timeout");
  CHECK(name_of("rpo.rows") == "rpo");
  CHECK(name_of("patroni.watchdog.mode") == "watchdog");
  CHECK(name_of("PostgreSQL") == "postgres");
  CHECK(name_of("patroni") == "patroni");

  CHECK(name_of("").empty());
  CHECK(name_of(".").empty());
  CHECK(name_of("patroni.").empty());
  CHECK(name_of("patroni.nonsense").empty());
  CHECK(name_of("pgbouncer.ttl").empty());
  CHECK(name_of("patroni.node_loss").empty());
  CHECK(name_of("ttl.seconds").empty());
}

TEST_CASE("an unknown name gets the names that may have been meant", "[explain]") {
  using Names = std::vector<std::string>;
  CHECK(similar_explanations("tll") == Names{"ttl"});
  CHECK(similar_explanations("node_los").front() == "node_loss");
  CHECK(similar_explanations("patroni.lop_wait") == Names{"patroni.loop_wait"});
  CHECK(similar_explanations("pgbouncer.ttl").front() == "patroni.ttl");
  const Names kubernetes = similar_explanations("kubernetes");
  CHECK(kubernetes == Names{"kubernetes_dcs", "kubernetes_service"});
  CHECK(similar_explanations("timeout").size() == 5);
  CHECK(similar_explanations("timeout", 2).size() == 2);
  CHECK(similar_explanations("qqqqqqqq").empty());
  CHECK(similar_explanations("").empty());
  CHECK(similar_explanations(std::string(100000, 'x')).empty());
}

TEST_CASE("the lists name everything once", "[explain]") {
  const TextStyle style{.width = 120};
  const std::string all = *text_of_list("", style, std::string(PREDRILL_SOURCE_DIR) + "/scenarios");
  const auto lines = lines_of(all);
  for (const Explanation& entry : explanations()) {
    std::string name(entry.name);
    if (!entry.owner.empty()) name = std::string(entry.owner) + "." + name;
    INFO(name);
    // Kinds of systems may share the name of a fault: each lists its own.
    const auto of_kinds = std::ranges::count_if(system_kinds(), [&](const SystemKind* kind) {
      return entry.topic == Topic::fault && kind->find_fault(entry.name) != nullptr;
    });
    CHECK(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.starts_with(name + " ");
          }) == 1 + of_kinds);
  }
  CHECK(all.find("/drills/node-loss.json") != std::string::npos);
  // The title beside the longest of all paths.
  const std::string wide =
      *text_of_list("scenarios", {.width = 400}, std::string(PREDRILL_SOURCE_DIR) + "/scenarios");
  CHECK(wide.find("user-profile-db: the primary's node loses power") != std::string::npos);
  for (const std::string& line : lines) CHECK(display_width(line) <= 120);
}

TEST_CASE("a list of one kind has only that", "[explain]") {
  const auto faults = text_of_list("Faults", {}, "");
  REQUIRE(faults);
  CHECK(faults->find("what becomes of the leader key") != std::string::npos);
  CHECK(faults->find("\nnode_loss ") != std::string::npos);
  CHECK(faults->find("\netcd ") == std::string::npos);
  CHECK(text_of_list("models", {}, "")->find("\netcd ") != std::string::npos);
  CHECK_FALSE(text_of_list("fault", {}, ""));
  CHECK(text_of_list("scenarios", {}, "")->starts_with("There is no folder"));
}

TEST_CASE("the commands say by their status whether they knew the name", "[explain]") {
  CHECK(command_explain("nonsense") == 2);
  CHECK(command_list("nonsense") == 2);
}
