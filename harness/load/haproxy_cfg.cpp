#include "harness/load/haproxy_cfg.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"

namespace predrill::harness {

using models::HaproxyConfig;
using models::HaproxySection;
using models::RestPath;

namespace {

// Lines that have a meaning elsewhere, none for a failover.
constexpr std::array<std::string_view, 70> passed_over = {"acl",
                                                          "balance",
                                                          "bind",
                                                          "ca-base",
                                                          "capture",
                                                          "chroot",
                                                          "compression",
                                                          "cookie",
                                                          "cpu-map",
                                                          "crt-base",
                                                          "daemon",
                                                          "description",
                                                          "errorfile",
                                                          "errorfiles",
                                                          "external-check",
                                                          "filter",
                                                          "fullconn",
                                                          "gid",
                                                          "grace",
                                                          "group",
                                                          "hard-stop-after",
                                                          "hash-type",
                                                          "hold",
                                                          "http-request",
                                                          "http-response",
                                                          "id",
                                                          "log",
                                                          "log-format",
                                                          "log-send-hostname",
                                                          "log-tag",
                                                          "lua-load",
                                                          "maxpipes",
                                                          "maxsessrate",
                                                          "mode",
                                                          "monitor-uri",
                                                          "nameserver",
                                                          "nbproc",
                                                          "nbthread",
                                                          "no",
                                                          "node",
                                                          "parse-resolv-conf",
                                                          "peer",
                                                          "pidfile",
                                                          "rate-limit",
                                                          "resolve_retries",
                                                          "server-state-base",
                                                          "server-state-file",
                                                          "setenv",
                                                          "source",
                                                          "spread-checks",
                                                          "ssl-default-bind-ciphers",
                                                          "ssl-default-bind-ciphersuites",
                                                          "ssl-default-bind-options",
                                                          "ssl-default-server-ciphers",
                                                          "ssl-server-verify",
                                                          "stats",
                                                          "stick",
                                                          "stick-table",
                                                          "tcp-request",
                                                          "tcp-response",
                                                          "tune.bufsize",
                                                          "tune.maxaccept",
                                                          "tune.ssl.default-dh-param",
                                                          "uid",
                                                          "ulimit-n",
                                                          "unique-id-format",
                                                          "use-server",
                                                          "use_backend",
                                                          "user",
                                                          "default_backend"};

constexpr std::array<std::string_view, 10> read_here = {
    "maxconn",    "timeout",        "retries", "option",
    "http-check", "default-server", "server",  "load-server-state-from-file",
    "tcp-check",  "default_backend"};

constexpr std::array<std::pair<std::string_view, RestPath>, 14> rest_paths = {
    {{"/", RestPath::primary},
     {"/primary", RestPath::primary},
     {"/master", RestPath::primary},
     {"/read-write", RestPath::primary},
     {"/leader", RestPath::leader},
     {"/replica", RestPath::replica},
     {"/read-only", RestPath::read_only},
     {"/sync", RestPath::sync},
     {"/synchronous", RestPath::sync},
     {"/read-only-sync", RestPath::read_only_sync},
     {"/async", RestPath::async},
     {"/asynchronous", RestPath::async},
     {"/health", RestPath::health},
     {"/liveness", RestPath::liveness}}};

// What a `defaults` section hands on to the sections after it.
struct Defaults {
  HaproxySection section;
  bool has_check = false;
  std::uint32_t check_line = 0;
};

class HaproxyReader {
 public:
  HaproxyReader(const SystemSpec& system, HaproxySpec& out, LoadContext& context)
      : system_(system), config_(out.config), context_(context) {}

  void read(const Document& document) {
    for (const Member& section : document.root().members) {
      const std::size_t blank = section.key.find(' ');
      const std::string kind = section.key.substr(0, blank);
      const std::string name = blank == std::string::npos ? kind : section.key.substr(blank + 1);
      if (kind == "global") {
        for (const Node& line : section.value.items) global(line);
      } else if (kind == "defaults") {
        defaults_ = {};
        for (const Node& line : section.value.items) settings(line, defaults_);
      } else if (kind == "listen" || kind == "backend") {
        backend(section, name);
      } else if (kind == "frontend") {
        for (const Node& line : section.value.items) {
          Defaults scratch = defaults_;
          settings(line, scratch);
        }
      }
    }
    if (config_.sections.empty()) {
      context_.diagnostics.error({document.root().place.file, 0, 0}, "haproxy",
                                 "no section has members of the cluster as servers",
                                 "a server is named like a member, or its address is a member or "
                                 "a node of the system");
    }
  }

 private:
  static const std::string& word(const Node& line, std::size_t i) {
    static const std::string none;
    return i < line.items.size() ? line.items[i].text : none;
  }
  Value value(const Node& line, std::size_t i, const std::string& path) {
    if (i >= line.items.size()) {
      context_.diagnostics.error(line.place, path, "a value is missing");
      return Value(nullptr, path, line.place, context_.diagnostics);
    }
    return node_value(line.items[i], path, context_.diagnostics);
  }
  void unknown(const Node& line) {
    const std::string& first = word(line, 0);
    if (std::find(passed_over.begin(), passed_over.end(), first) != passed_over.end()) return;
    std::vector<std::string_view> candidates(read_here.begin(), read_here.end());
    candidates.insert(candidates.end(), passed_over.begin(), passed_over.end());
    context_.diagnostics.warning(line.place, "haproxy", in_quotes(first) + " is unknown here",
                                 did_you_mean(first, candidates));
  }

  void global(const Node& line) {
    if (word(line, 0) == "maxconn") {
      assign(config_.maxconn, value(line, 1, "haproxy.maxconn").integer(1, INT32_MAX));
      context_.record("haproxy.maxconn", line.place, "maxconn");
    } else {
      unknown(line);
    }
  }

  // A line of defaults, listen, backend or frontend.
  void settings(const Node& line, Defaults& to) {
    const std::string& first = word(line, 0);
    if (first == "timeout") {
      timeout(line);
    } else if (first == "retries") {
      assign(config_.retries, value(line, 1, "haproxy.retries").integer(0, 1000));
    } else if (first == "option") {
      option(line, to);
    } else if (first == "http-check") {
      http_check(line, to);
    } else if (first == "default-server") {
      server_words(line, 1, to.section);
    } else if (first == "maxconn" || first == "tcp-check" ||
               first == "load-server-state-from-file") {
      return;
    } else {
      unknown(line);
    }
  }

  void timeout(const Node& line) {
    struct Timeout {
      std::string_view name;
      sim::Duration HaproxyConfig::*member;
    };
    static constexpr std::array<Timeout, 5> known = {{{"connect", &HaproxyConfig::timeout_connect},
                                                      {"check", &HaproxyConfig::timeout_check},
                                                      {"client", &HaproxyConfig::timeout_client},
                                                      {"server", &HaproxyConfig::timeout_server},
                                                      {"queue", &HaproxyConfig::timeout_queue}}};
    static constexpr std::array<std::string_view, 9> irrelevant = {
        "http-request", "http-keep-alive", "tunnel",  "client-fin", "server-fin",
        "tarpit",       "retry",           "resolve", "hold"};
    const std::string& name = word(line, 1);
    for (const Timeout& timeout : known) {
      if (timeout.name != name) continue;
      const std::string path = "haproxy.timeout_" + name;
      assign(config_.*timeout.member, value(line, 2, path).haproxy_time());
      context_.record(path, line.place, "timeout " + name);
      return;
    }
    if (std::find(irrelevant.begin(), irrelevant.end(), name) != irrelevant.end()) return;
    std::vector<std::string_view> names(irrelevant.begin(), irrelevant.end());
    for (const Timeout& timeout : known) names.push_back(timeout.name);
    context_.diagnostics.warning(line.place, "haproxy.timeout",
                                 in_quotes(name) + " is unknown to HAProxy",
                                 did_you_mean(name, names));
  }

  void option(const Node& line, Defaults& to) {
    const std::string& name = word(line, 1);
    if (name == "redispatch") config_.redispatch = true;
    if (name == "pgsql-check" || name == "tcp-check" || name == "mysql-check") {
      context_.diagnostics.warning(line.place, "haproxy.option",
                                   "the check " + in_quotes(name) +
                                       " is not modelled: it cannot tell a primary from a replica",
                                   "option httpchk asks Patroni");
    }
    if (name != "httpchk") return;
    to.has_check = true;
    // option httpchk | httpchk <uri> | httpchk <method> <uri> [<version>]
    std::string uri = "/";
    if (line.items.size() == 3) uri = word(line, 2);
    if (line.items.size() > 3) uri = word(line, 3);
    check_uri(line, uri, to);
  }

  void http_check(const Node& line, Defaults& to) {
    if (word(line, 1) != "send") return;
    for (std::size_t i = 2; i + 1 < line.items.size(); ++i) {
      if (word(line, i) == "uri") check_uri(line, word(line, i + 1), to);
    }
  }

  void check_uri(const Node& line, const std::string& uri, Defaults& to) {
    const std::string path = uri.substr(0, uri.find('?'));
    for (const auto& [name, rest] : rest_paths) {
      if (name == path) {
        to.section.check = rest;
        return;
      }
    }
    std::vector<std::string_view> names;
    for (const auto& entry : rest_paths) names.push_back(entry.first);
    context_.diagnostics.error(line.place, "haproxy.httpchk",
                               in_quotes(uri) + " is no health check of Patroni's REST API",
                               did_you_mean(path, names));
  }

  // Parameters of server and default-server lines.
  void server_words(const Node& line, std::size_t from, HaproxySection& to) {
    for (std::size_t i = from; i < line.items.size(); ++i) {
      const std::string& name = word(line, i);
      const std::string path = "haproxy." + name;
      if (name == "inter" || name == "fastinter" || name == "downinter") {
        sim::Duration& member = name == "inter"       ? to.inter
                                : name == "fastinter" ? to.fastinter
                                                      : to.downinter;
        assign(member, value(line, ++i, path).haproxy_time());
      } else if (name == "rise" || name == "fall") {
        assign(name == "rise" ? to.rise : to.fall, value(line, ++i, path).integer(1, 1000));
      } else if (name == "maxconn") {
        assign(to.maxconn, value(line, ++i, path).integer(0, INT32_MAX));
      } else if (name == "on-marked-down") {
        to.on_marked_down_shutdown_sessions = word(line, ++i) == "shutdown-sessions";
      } else if (name == "on-marked-up") {
        to.on_marked_up_shutdown_backup_sessions = word(line, ++i) == "shutdown-backup-sessions";
      } else {
        if (takes_value(name)) ++i;
        continue;
      }
      context_.record(path, line.place, name);
    }
  }
  static bool takes_value(const std::string& name) {
    constexpr std::array<std::string_view, 16> names = {
        "port",        "addr",      "weight",  "maxqueue", "minconn",     "slowstart",
        "resolvers",   "init-addr", "observe", "on-error", "error-limit", "agent-port",
        "agent-inter", "ca-file",   "crt",     "verify"};
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  void backend(const Member& section, const std::string& name) {
    Defaults own = defaults_;
    own.section.name = name;
    std::vector<const Node*> servers;
    for (const Node& line : section.value.items) {
      if (word(line, 0) == "server" || word(line, 0) == "server-template") {
        servers.push_back(&line);
      } else {
        settings(line, own);
      }
    }
    bool any_member = false;
    bool checked = false;
    for (const Node* line : servers) {
      const auto member = member_of(*line);
      if (!member) continue;
      any_member = true;
      own.section.servers.push_back(*member);
      for (const Node& word : line->items) checked = checked || word.text == "check";
    }
    if (!any_member) return;
    for (const Node* line : servers) {
      if (member_of(*line)) {
        server_words(*line, 3, own.section);
      } else {
        context_.diagnostics.error(line->place, "haproxy." + name,
                                   in_quotes(word(*line, 1)) + " is no member of the cluster");
      }
    }
    const auto& default_server = section.value.items;
    for (const Node& line : default_server) {
      if (word(line, 0) != "default-server") continue;
      for (const Node& w : line.items) checked = checked || w.text == "check";
    }
    if (!checked || !own.has_check) {
      context_.diagnostics.error(
          section.place, "haproxy." + name,
          checked ? "its servers are not asked for their role" : "its servers are not checked",
          checked ? "add: option httpchk OPTIONS /primary" : "add the word check to each server");
    }
    config_.sections.push_back(std::move(own.section));
  }

  // server <name> <address>[:port] ...
  std::optional<models::MemberId> member_of(const Node& line) const {
    const std::string& name = word(line, 1);
    const std::string host = word(line, 2).substr(0, word(line, 2).rfind(':'));
    const std::string label = host.substr(0, host.find('.'));
    for (std::size_t i = 0; i < system_.members.size(); ++i) {
      const MemberSpec& member = system_.members[i];
      const bool same = member.name == name || member.name == host || member.name == label ||
                        (!member.node.empty() && (member.node == host || member.node == label)) ||
                        (!member.address.empty() && member.address == host);
      if (same) return static_cast<models::MemberId>(i);
    }
    return std::nullopt;
  }

  const SystemSpec& system_;
  HaproxyConfig& config_;
  LoadContext& context_;
  Defaults defaults_;
};

template <auto member>
void time(const Value& value, HaproxyConfig& config) {
  assign(config.*member, value.haproxy_time());
}
template <auto member>
void each_time(const Value& value, HaproxyConfig& config) {
  const auto found = value.haproxy_time();
  for (HaproxySection& section : config.sections) assign(section.*member, found);
}
template <auto member>
void each_integer(const Value& value, HaproxyConfig& config) {
  const auto found = value.integer(1, 1000);
  for (HaproxySection& section : config.sections) assign(section.*member, found);
}

constexpr std::array<Setting<HaproxyConfig>, 13> table = {{
    {"inter", each_time<&HaproxySection::inter>},
    {"fastinter", each_time<&HaproxySection::fastinter>},
    {"downinter", each_time<&HaproxySection::downinter>},
    {"rise", each_integer<&HaproxySection::rise>},
    {"fall", each_integer<&HaproxySection::fall>},
    {"timeout_connect", time<&HaproxyConfig::timeout_connect>},
    {"timeout_check", time<&HaproxyConfig::timeout_check>},
    {"timeout_client", time<&HaproxyConfig::timeout_client>},
    {"timeout_server", time<&HaproxyConfig::timeout_server>},
    {"timeout_queue", time<&HaproxyConfig::timeout_queue>},
    {"retries", [](const Value& v, HaproxyConfig& c) { assign(c.retries, v.integer(0, 1000)); }},
    {"maxconn",
     [](const Value& v, HaproxyConfig& c) { assign(c.maxconn, v.integer(1, INT32_MAX)); }},
    {"on_marked_down_shutdown_sessions",
     [](const Value& v, HaproxyConfig& c) {
       const auto found = v.boolean();
       for (HaproxySection& section : c.sections) {
         assign(section.on_marked_down_shutdown_sessions, found);
       }
     }},
}};

}  // namespace

void read_haproxy_cfg(const Document& document, const SystemSpec& system, HaproxySpec& out,
                      LoadContext& context) {
  HaproxyReader(system, out, context).read(document);
}

void read_haproxy_settings(const Node& map, HaproxySpec& out, LoadContext& context) {
  read_settings(map, {"haproxy", "HAProxy", {}, {}}, table, out.config, context);
}

}  // namespace predrill::harness
