#include "harness/load/patroni_settings.hpp"

#include "harness/input/decimal.hpp"

namespace predrill::harness {

using models::PatroniConfig;
using models::PatroniVersion;
using models::WatchdogConfig;

namespace {

using Entry = Setting<PatroniConfig>;

// "3.3.2" as 30302; nullopt if it is no version.
std::optional<int> version_number(std::string_view text) {
  std::array<int, 3> parts{};
  std::size_t part = 0;
  bool digit = false;
  for (const char c : text) {
    if (c == '.' && digit && part < 2) {
      ++part;
      digit = false;
    } else if (c >= '0' && c <= '9' && parts[part] < 100) {
      parts[part] = parts[part] * 10 + (c - '0');
      digit = true;
    } else {
      return std::nullopt;
    }
  }
  if (!digit) return std::nullopt;
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

// The word that a version is written as: JSON text, or a bare 3.1 of YAML.
std::optional<std::string> version_text(const Value& value) {
  if (value.exists() && value.node()->kind == NodeKind::number) return value.node()->text;
  return value.text();
}

// Releases in rising order, each with the group of PatroniVersion that behaves like it.
struct Release {
  int from;
  PatroniVersion version;
};
constexpr std::array<Release, 7> releases = {{{30002, PatroniVersion::v3_0_2},
                                              {30100, PatroniVersion::v3_1},
                                              {30200, PatroniVersion::v3_2},
                                              {30300, PatroniVersion::v3_3_2},
                                              {30307, PatroniVersion::v3_3_7},
                                              {40000, PatroniVersion::v4_0},
                                              {40006, PatroniVersion::v4_1}}};
constexpr int releases_end = 40200;

constexpr std::array<std::pair<std::string_view, WatchdogConfig::Mode>, 3> watchdog_modes = {
    {{"off", WatchdogConfig::Mode::off},
     {"automatic", WatchdogConfig::Mode::automatic},
     {"required", WatchdogConfig::Mode::required}}};

void read_watchdog(const Value& value, PatroniConfig& config) {
  constexpr std::array<std::string_view, 1> known = {"device"};
  Reader reader(value, {"Patroni", known});
  const Value mode = reader.optional("mode");
  if (mode.exists() && mode.node()->kind == NodeKind::boolean) {
    config.watchdog.mode = WatchdogConfig::Mode::off;  // YAML reads a bare off as false
  } else {
    assign(config.watchdog.mode, mode.choice("a watchdog mode", watchdog_modes));
  }
  const Value margin = reader.optional("safety_margin");
  if (margin.exists() && margin.node()->text == "-1") {
    config.watchdog.safety_margin = std::chrono::seconds(-1);
  } else {
    assign(config.watchdog.safety_margin, margin.patroni_seconds());
  }
  reader.ignore("device");
}

// A word off may arrive as a boolean or as a word.
void read_synchronous_mode(const Value& value, PatroniConfig& config) {
  if (value.node()->text == "quorum") {
    value.error("quorum commit of Patroni 4 is not modelled", "write true or false");
    return;
  }
  assign(config.synchronous_mode, value.postgres_boolean());
}

void read_supervisor(const Value& value, PatroniConfig& config) {
  constexpr std::array<std::pair<std::string_view, bool>, 2> names = {
      {{"none", false}, {"spilo", true}}};
  assign(config.supervisor.restarts, value.choice("a supervisor", names));
}

template <auto member>
void seconds(const Value& value, PatroniConfig& config) {
  assign(config.*member, value.patroni_seconds());
}
template <auto member>
void boolean(const Value& value, PatroniConfig& config) {
  assign(config.*member, value.postgres_boolean());
}

constexpr std::array<Entry, 25> table = {{
    {"ttl", seconds<&PatroniConfig::ttl>},
    {"loop_wait", seconds<&PatroniConfig::loop_wait>},
    {"retry_timeout", seconds<&PatroniConfig::retry_timeout>},
    {"maximum_lag_on_failover",
     [](const Value& v, PatroniConfig& c) {
       assign(c.maximum_lag_on_failover, v.postgres_bytes(1));
     }},
    {"maximum_lag_on_syncnode",
     [](const Value& v, PatroniConfig& c) {
       assign(c.maximum_lag_on_syncnode, v.quoted_integer(-1));
     }},
    {"synchronous_mode", read_synchronous_mode},
    {"synchronous_mode_strict", boolean<&PatroniConfig::synchronous_mode_strict>},
    {"synchronous_node_count",
     [](const Value& v, PatroniConfig& c) {
       assign(c.synchronous_node_count, v.quoted_integer(INT32_MIN, INT32_MAX));
     }},
    {"primary_start_timeout", seconds<&PatroniConfig::primary_start_timeout>},
    {"master_start_timeout", seconds<&PatroniConfig::primary_start_timeout>},
    {"primary_stop_timeout", seconds<&PatroniConfig::primary_stop_timeout>},
    {"master_stop_timeout", seconds<&PatroniConfig::primary_stop_timeout>},
    {"member_slots_ttl", seconds<&PatroniConfig::member_slots_ttl>},
    {"failsafe_mode", boolean<&PatroniConfig::failsafe_mode>},
    {"check_timeline", boolean<&PatroniConfig::check_timeline>},
    {"use_pg_rewind", boolean<&PatroniConfig::use_pg_rewind>},
    {"use_slots", boolean<&PatroniConfig::use_slots>},
    {"remove_data_directory_on_diverged_timelines",
     boolean<&PatroniConfig::remove_data_directory_on_diverged_timelines>},
    {"watchdog", read_watchdog},
    {"watchdog_device",
     [](const Value& v, PatroniConfig& c) { assign(c.watchdog.device, v.boolean()); }},
    {"supervisor", read_supervisor},
    {"version",
     [](const Value& v, PatroniConfig& c) { assign(c.version, read_patroni_version(v)); }},
    {"name", [](const Value& v, PatroniConfig&) { v.text(); }},
    {"namespace", [](const Value& v, PatroniConfig&) { v.text(); }},
    {"scope", [](const Value& v, PatroniConfig&) { v.text(); }},
}};

constexpr std::array<std::string_view, 15> irrelevant = {
    "initdb", "pg_hba",    "pg_ident",       "log",    "ctl",   "restapi", "users",     "database",
    "method", "post_init", "post_bootstrap", "pgpass", "citus", "raft",    "kubernetes"};
constexpr std::array<std::string_view, 10> not_modelled = {
    "slots",
    "ignore_slots",
    "standby_cluster",
    "pause",
    "create_replica_methods",
    "synchronous_standby_names",
    "callbacks",
    "use_unix_socket",
    "nostream",
    "remove_data_directory_on_rewind_failure"};

}  // namespace

std::optional<PatroniVersion> patroni_version(std::string_view text) {
  const std::optional<int> number = version_number(text);
  if (!number || *number < releases.front().from || *number >= releases_end) return std::nullopt;
  PatroniVersion found = releases.front().version;
  for (const Release& release : releases) {
    if (*number >= release.from) found = release.version;
  }
  return found;
}

std::optional<PatroniVersion> read_patroni_version(const Value& value) {
  const std::optional<std::string> text = version_text(value);
  if (!text) return std::nullopt;
  if (!version_number(*text)) {
    value.error(in_quotes(*text) + " is not a version", R"(write "3.3.2")");
    return std::nullopt;
  }
  const std::optional<PatroniVersion> found = patroni_version(*text);
  if (!found) {
    value.error("Patroni " + printable(*text) + " is not modelled", "3.0.2 to 4.1.x are");
  }
  return found;
}

void read_patroni_tags(const Value& value, models::PatroniTags& tags) {
  if (!value.exists()) return;
  constexpr std::array<std::string_view, 2> known = {"replicatefrom", "nostream"};
  Reader reader(value, {"Patroni", known});
  assign(tags.nofailover, reader.optional("nofailover").boolean());
  assign(tags.nosync, reader.optional("nosync").boolean());
  assign(tags.noloadbalance, reader.optional("noloadbalance").boolean());
  assign(tags.clonefrom, reader.optional("clonefrom").boolean());
  assign(tags.failover_priority,
         reader.optional("failover_priority").quoted_integer(INT32_MIN, INT32_MAX));
}

void read_patroni_settings(const Node& map, PatroniConfig& config, LoadContext& context) {
  const std::size_t errors = context.diagnostics.errors();
  read_settings(map, {"patroni", "Patroni", irrelevant, not_modelled}, table, config, context);
  for (const auto& [old_name, name] :
       {std::pair("patroni.master_start_timeout", "patroni.primary_start_timeout"),
        std::pair("patroni.master_stop_timeout", "patroni.primary_stop_timeout")}) {
    if (const auto found = context.origins.find(old_name); found != context.origins.end()) {
      context.origins[name] = found->second;
      context.places[name] = context.places[old_name];
    }
  }
  if (context.diagnostics.errors() > errors) return;
  PatroniConfig adjusted = config;
  context.report(adjust(adjusted), "patroni", Severity::warning);
}

}  // namespace predrill::harness
