// What stands around the database: the DCS, the service, the load balancer, the pooler.
#include "harness/load/system_loader.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "harness/input/nearest.hpp"
#include "harness/load/haproxy_cfg.hpp"
#include "harness/load/pgbouncer_ini.hpp"

namespace predrill::harness {

namespace {

bool same_host(const std::string& host, const std::string& service) {
  if (host == service) return true;
  // A cluster name may be cut after any label: "db", "db.ns", "db.ns.svc".
  return !host.empty() && service.size() > host.size() && service.starts_with(host) &&
         service[host.size()] == '.';
}

}  // namespace

void SystemLoader::read_dcs(const Value& value, SystemSpec& spec) {
  Reader reader(value);
  DcsSpec& dcs = spec.dcs;
  // The operator's default is the Kubernetes API; etcd needs etcd_host (pkg/cluster/k8sres.go).
  if (manifest_) dcs.kind = DcsSpec::Kind::kubernetes;
  if (dcs_of_patroni_) dcs.kind = *dcs_of_patroni_;
  constexpr std::array<std::pair<std::string_view, DcsSpec::Kind>, 2> kinds = {
      {{"etcd", DcsSpec::Kind::etcd}, {"kubernetes", DcsSpec::Kind::kubernetes}}};
  const Value kind = reader.optional("kind");
  if (assign(dcs.kind, kind.choice("a DCS", kinds))) {
    context_.record("dcs.kind", kind.place(), "kind");
  }
  // The master service has no selector: Patroni or spilo's callback writes its endpoints
  // (pkg/cluster/k8sres.go, generateService).
  spec.service.kind = manifest_ ? ServiceSpec::Kind::endpoints : ServiceSpec::Kind::none;
  if (dcs.kind == DcsSpec::Kind::kubernetes) {
    assign(dcs.api_servers, reader.optional("api_servers").integer(1, 100));
    constexpr std::array<std::string_view, 6> of_etcd = {
        "version", "heartbeat_interval", "pre_vote", "election_timeout", "members", "leader"};
    for (const std::string_view key : of_etcd) {
      if (reader.has(key)) reader.optional(key).warning("without effect: a setting of etcd");
    }
    return;
  }
  constexpr std::array<std::pair<std::string_view, models::EtcdVersion>, 3> versions = {
      {{"3.4", models::EtcdVersion::v3_4},
       {"3.5", models::EtcdVersion::v3_5},
       {"3.6", models::EtcdVersion::v3_6}}};
  models::EtcdVersion version = dcs.etcd.version;
  assign(version, reader.optional("version").choice("a version of etcd", versions));
  dcs.etcd = models::EtcdConfig::of(version);
  const auto time = [&](std::string_view key, sim::Duration& to) {
    const Value one = reader.optional(key);
    if (assign(to, one.duration())) context_.record("dcs." + std::string(key), one.place(), key);
  };
  time("heartbeat_interval", dcs.etcd.heartbeat_interval);
  time("election_timeout", dcs.etcd.election_timeout);
  assign(dcs.etcd.pre_vote, reader.optional("pre_vote").boolean());
  std::vector<std::string> names;
  for (const Value& item : reader.optional("members").items()) {
    Reader member(item);
    const auto name = member.required("name").text();
    const auto where = zone(member.required("zone"));
    if (!name) continue;
    if (std::find(names.begin(), names.end(), *name) != names.end()) {
      item.error("the member " + in_quotes(*name) + " is given twice");
    }
    names.push_back(*name);
    dcs.members.emplace_back(*name, where.value_or(""));
  }
  if (!reader.has("members")) {
    for (std::size_t i = 0; i < 3 && !zones_.empty(); ++i) {
      names.push_back("etcd-" + std::to_string(i));
      dcs.members.emplace_back(names.back(), zones_[i % zones_.size()]);
    }
    context_.record_default("dcs.members", "default", "three members, spread over the zones");
  }
  const Value leader = reader.optional("leader");
  if (const auto name = leader.text()) {
    const auto found = std::find(names.begin(), names.end(), *name);
    if (found == names.end()) {
      leader.error("there is no member " + in_quotes(*name), did_you_mean(*name, names));
    } else {
      dcs.leader = static_cast<std::size_t>(found - names.begin());
    }
  }
  constexpr std::size_t etcd_members_max = 9;
  if (value.exists() && (dcs.members.empty() || dcs.members.size() > etcd_members_max)) {
    value.error("an etcd cluster has 1 to 9 members");
  }
  context_.report(validate(dcs.etcd), "dcs", Severity::error);
}

void SystemLoader::read_service(const Value& value, SystemSpec& spec) {
  Reader reader(value);
  constexpr std::array<std::pair<std::string_view, ServiceSpec::Kind>, 4> kinds = {
      {{"endpoints", ServiceSpec::Kind::endpoints},
       {"pod_labels", ServiceSpec::Kind::pod_labels},
       {"dns", ServiceSpec::Kind::dns},
       {"none", ServiceSpec::Kind::none}}};
  const Value kind = reader.optional("kind");
  if (assign(spec.service.kind, kind.choice("a kind of service", kinds))) {
    context_.record("service.kind", kind.place(), "kind");
  }
  assign(spec.service.name, reader.optional("name").text());
  const Value ttl = reader.optional("ttl");
  if (assign(spec.service.ttl, ttl.duration())) context_.record("service.ttl", ttl.place(), "ttl");
  if (ttl.exists() && spec.service.kind != ServiceSpec::Kind::dns) {
    ttl.warning("without effect: only a service of kind dns has a record");
  }
}

void SystemLoader::read_balancer(const Value& value, SystemSpec& spec) {
  Reader reader(value);
  const Value zones = reader.optional("zones");
  const std::vector<std::string> where = zone_list(zones);
  if (!haproxy_file_) {
    if (zones.exists()) {
      zones.error("there is no haproxy.cfg", "name it in files: \"haproxy\": \"haproxy.cfg\"");
    }
    if (!haproxy_.members.empty()) {
      context_.diagnostics.error(haproxy_.members.front().place, "haproxy",
                                 "there is no haproxy.cfg whose settings these could be");
    }
    return;
  }
  spec.haproxy.emplace();
  spec.haproxy->zones = where;
  if (where.empty() && !zones_.empty()) spec.haproxy->zones = {zones_.front()};
  read_haproxy_cfg(*haproxy_file_, spec, *spec.haproxy, context_);
  read_haproxy_settings(haproxy_, *spec.haproxy, context_);
}

void SystemLoader::read_pooler(const Value& value, const ZalandoCluster& cluster,
                               SystemSpec& spec) {
  Reader reader(value);
  const Value zones = reader.optional("zones");
  const std::vector<std::string> where = zone_list(zones);
  const Value version = reader.optional("version");
  const auto minor = read_pgbouncer_version(version);
  // The file itself is on the pooler's host. What it holds decides what a SCRAM login costs there.
  constexpr std::array<std::pair<std::string_view, bool>, 2> contents = {
      {{"secrets", false}, {"passwords", true}}};
  const auto passwords =
      reader.optional("auth_file").choice("what auth_file holds", contents).value_or(false);
  if (!pgbouncer_file_ && !cluster.pooler_instances) {
    if (zones.exists()) {
      zones.error("there is no pgbouncer.ini",
                  "name it in files: \"pgbouncer\": \"pgbouncer.ini\"");
    }
    if (!pgbouncer_.members.empty()) {
      context_.diagnostics.error(pgbouncer_.members.front().place, "pgbouncer",
                                 "there is no pgbouncer.ini whose settings these could be");
    }
    return;
  }
  spec.pooler.emplace();
  if (!pgbouncer_file_) {
    spec.pooler->config = cluster.pooler;
    Member every{"*", context_.system_place, {}};
    every.value.kind = NodeKind::plain;
    every.value.text = "host=" + spec.service.name;
    every.value.place = context_.system_place;
    databases_.members.push_back(std::move(every));
  }
  spec.pooler->zones = where;
  const std::size_t wanted =
      pgbouncer_file_ ? 1 : static_cast<std::size_t>(*cluster.pooler_instances);
  for (std::size_t i = 0; where.empty() && i < wanted && !zones_.empty(); ++i) {
    spec.pooler->zones.push_back(zones_[i % zones_.size()]);
  }
  assign(spec.pooler->config.version_minor, minor);
  read_pgbouncer_ini(pgbouncer_, databases_, *spec.pooler, context_);
  models::PgbouncerAuth& auth = spec.pooler->config.auth_type;
  if (passwords && auth == models::PgbouncerAuth::scram_secret) {
    auth = models::PgbouncerAuth::scram_plaintext;
  }
  resolve_databases(spec);
}

// Finds whom each host= names: the service, HAProxy (localhost or "haproxy"), or members.
void SystemLoader::resolve_databases(SystemSpec& spec) {
  using Whom = PoolerDatabase::Target;
  for (std::size_t i = 0; i < spec.pooler->databases.size(); ++i) {
    PoolerDatabase& database = spec.pooler->databases[i];
    const std::string path = "pgbouncer.databases." + spec.pooler->config.databases[i].name;
    for (const std::string& host : database.hosts) {
      if (!spec.service.name.empty() && same_host(host, spec.service.name)) {
        database.target = Whom::service;
        if (spec.service.kind == ServiceSpec::Kind::none) {
          context_.diagnostics.error(database.place, path,
                                     in_quotes(host) + " is the service, whose kind is none");
        }
        continue;
      }
      const bool near_haproxy = host == "localhost" || host == "127.0.0.1" || host == "haproxy" ||
                                host.starts_with("haproxy.");
      if (spec.haproxy && near_haproxy) {
        database.target = Whom::haproxy;
        continue;
      }
      const auto member =
          std::find_if(spec.members.begin(), spec.members.end(), [&](const MemberSpec& m) {
            return same_host(m.name, host) || same_host(host, m.name) || m.address == host ||
                   m.node == host;
          });
      if (member != spec.members.end()) {
        database.target = Whom::members;
        database.members.push_back(static_cast<models::MemberId>(member - spec.members.begin()));
        continue;
      }
      std::vector<std::string> names;
      for (const MemberSpec& m : spec.members) names.push_back(m.name);
      if (!spec.service.name.empty()) names.push_back(spec.service.name);
      std::string hint = did_you_mean(host, names);
      if (hint.empty()) {
        hint = spec.service.name.empty() ? "name the service: \"service\": {\"name\": ...}"
                                         : "the service is " + spec.service.name;
      }
      context_.diagnostics.error(database.place, path,
                                 in_quotes(host) + " is neither the service nor a member", hint);
    }
  }
}

}  // namespace predrill::harness
