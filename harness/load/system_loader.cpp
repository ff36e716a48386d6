#include "harness/load/system_loader.hpp"

#include <algorithm>

#include "harness/input/decimal.hpp"
#include "harness/input/nearest.hpp"
#include "harness/load/haproxy_cfg.hpp"
#include "harness/load/load.hpp"
#include "harness/load/patroni_settings.hpp"
#include "harness/load/patroni_yml.hpp"
#include "harness/load/pgbouncer_ini.hpp"
#include "harness/load/postgres_settings.hpp"
#include "harness/load/read_distribution.hpp"
#include "harness/load/read_objectives.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Distribution;

namespace {

// Sections of system.json that --set may name without the word "system".
constexpr std::array<std::string_view, 10> open_sections = {
    "cluster",  "network",  "dcs",   "service",    "pooler",
    "balancer", "workload", "probe", "kubernetes", "timings"};

bool read_into(Distribution& to, const Value& value, Quantity quantity = Quantity::duration) {
  auto found = read_distribution(value, quantity);
  if (!found) return false;
  to = std::move(*found);
  return true;
}

template <class Timings>
struct Timing {
  std::string_view key;
  Distribution Timings::*member;
  Quantity quantity = Quantity::duration;
};

template <class Timings, std::size_t n>
void read_table(const Value& value, const std::array<Timing<Timings>, n>& table, Timings& timings,
                LoadContext& context) {
  if (!value.exists()) return;
  Reader reader(value);
  for (const Timing<Timings>& timing : table) {
    const Value one = reader.optional(timing.key);
    if (read_into(timings.*timing.member, one, timing.quantity)) {
      context.record(one.path(), one.place(), timing.key);
    }
  }
}

using models::DiskTimings;
using models::PatroniTimings;
using models::PostgresTimings;

constexpr std::array<Timing<PostgresTimings>, 14> postgres_timings = {{
    {"fork", &PostgresTimings::fork},
    {"authentication", &PostgresTimings::authentication},
    {"query", &PostgresTimings::query},
    {"start", &PostgresTimings::start},
    {"replay_bytes_per_second", &PostgresTimings::replay_bytes_per_second, Quantity::bytes},
    {"promotion", &PostgresTimings::promotion},
    {"promotion_slow", &PostgresTimings::promotion_slow},
    {"archive_miss", &PostgresTimings::archive_miss},
    {"stop_sessions", &PostgresTimings::stop_sessions},
    {"shutdown_checkpoint", &PostgresTimings::shutdown_checkpoint},
    {"crash_notice", &PostgresTimings::crash_notice},
    {"walsender_delay", &PostgresTimings::walsender_delay},
    {"rewind", &PostgresTimings::rewind},
    {"copy_bytes_per_second", &PostgresTimings::copy_bytes_per_second, Quantity::bytes},
}};

constexpr std::array<Timing<PatroniTimings>, 8> patroni_timings = {{
    {"start", &PatroniTimings::start},
    {"rest_answer", &PatroniTimings::rest_answer},
    {"cycle", &PatroniTimings::cycle},
    {"promote_command", &PatroniTimings::promote_command},
    {"start_command", &PatroniTimings::start_command},
    {"rewind_check", &PatroniTimings::rewind_check},
    {"retry_jitter", &PatroniTimings::retry_jitter},
    {"postmaster_exit", &PatroniTimings::postmaster_exit},
}};

constexpr std::array<Timing<DiskTimings>, 2> disk_timings = {{
    {"fsync", &DiskTimings::fsync},
    {"write_bytes_per_second", &DiskTimings::write_bytes_per_second, Quantity::bytes},
}};

// "1.8GB/h": bytes per second.
std::optional<double> read_rate(const Value& value) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 9> sizes = {
      {{"B", 1},
       {"kB", std::uint64_t{1} << 10},
       {"MB", std::uint64_t{1} << 20},
       {"GB", std::uint64_t{1} << 30},
       {"TB", std::uint64_t{1} << 40},
       {"KiB", std::uint64_t{1} << 10},
       {"MiB", std::uint64_t{1} << 20},
       {"GiB", std::uint64_t{1} << 30},
       {"TiB", std::uint64_t{1} << 40}}};
  constexpr std::array<std::pair<std::string_view, int>, 3> times = {
      {{"s", 1}, {"min", 60}, {"h", 3600}}};
  const auto text = value.text();
  if (!text) return std::nullopt;
  const std::string_view all = *text;
  const std::size_t slash = std::min(all.find('/'), all.size());
  const std::size_t unit = std::min(all.find_first_of("BkKMGT"), slash);
  const auto amount = parse_decimal(all.substr(0, unit));
  const auto size = std::find_if(sizes.begin(), sizes.end(), [&](const auto& s) {
    return s.first == all.substr(unit, slash - unit);
  });
  const auto time = std::find_if(times.begin(), times.end(), [&](const auto& t) {
    return slash < all.size() && t.first == all.substr(slash + 1);
  });
  const auto bytes = amount && !amount->negative && size != sizes.end()
                         ? scaled(*amount, size->second)
                         : std::nullopt;
  if (!bytes || time == times.end()) {
    value.error("found " + in_quotes(*text) + " where a rate should stand",
                R"(write "512kB/s", "30MB/min" or "1.8GB/h")");
    return std::nullopt;
  }
  return static_cast<double>(bytes->value) / time->second;
}

bool same_host(const std::string& host, const std::string& service) {
  if (host == service) return true;
  // A cluster name may be cut after any label: "db", "db.ns", "db.ns.svc".
  return !host.empty() && service.size() > host.size() && service.starts_with(host) &&
         service[host.size()] == '.';
}

}  // namespace

bool SystemLoader::gather(const std::filesystem::path& path) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(path, error);
  const std::filesystem::path file = is_folder ? path / "system.json" : path;
  system_ = load_document(file, context_.diagnostics, Format::json);
  if (!system_) return false;
  context_.own_files.push_back(system_->file);
  context_.system_place = {system_->root().place.file, 0, 0};
  if (!system_->root().is_map()) {
    Reader(root_value(*system_, context_.diagnostics)).finish();
    return false;
  }
  gather_files(file.parent_path());
  return true;
}

void SystemLoader::gather_files(const std::filesystem::path& folder) {
  const Node none = empty_map(context_.system_place);
  patroni_ = postgresql_ = pgbouncer_ = databases_ = haproxy_ = none;
  manifest_file_ = gather_file(folder, "manifest", Format::yaml);
  patroni_file_ = gather_file(folder, "patroni", Format::yaml);
  pgbouncer_file_ = gather_file(folder, "pgbouncer", Format::ini);
  haproxy_file_ = gather_file(folder, "haproxy", Format::haproxy);
  if (manifest_file_) manifest_ = find_zalando_manifest(*manifest_file_, context_);
  if (manifest_) {
    manifest_spec_ = *manifest_->spec;
    manifest_->spec = &manifest_spec_;
    patroni_ = manifest_->patroni;
    postgresql_ = manifest_->postgresql;
  }
  if (patroni_file_) {
    PatroniYml yml = read_patroni_yml(*patroni_file_, context_);
    merge_into(patroni_, yml.patroni);
    merge_into(postgresql_, yml.postgresql);
    tags_ = yml.tags;
    dcs_of_patroni_ = yml.dcs;
  }
  if (pgbouncer_file_) {
    for (const Member& section : pgbouncer_file_->root().members) {
      if (section.key == "pgbouncer") merge_into(pgbouncer_, section.value);
      if (section.key == "databases") merge_into(databases_, section.value);
      if (section.key != "pgbouncer" && section.key != "databases" && section.key != "users" &&
          section.key != "peers") {
        constexpr std::array<std::string_view, 4> known = {"pgbouncer", "databases", "users",
                                                           "peers"};
        context_.diagnostics.warning(section.place, section.key, "a section unknown to PgBouncer",
                                     did_you_mean(section.key, known));
      }
    }
  }
  overlay("patroni", patroni_);
  overlay("postgresql", postgresql_);
  overlay("pgbouncer", pgbouncer_);
  overlay("haproxy", haproxy_);
  map_member(patroni_, "watchdog");
}

std::optional<Document> SystemLoader::gather_file(const std::filesystem::path& folder,
                                                  std::string_view key, Format format) {
  const Node* files = system_->root().find("files");
  const Node* name = files == nullptr ? nullptr : files->find(key);
  if (name == nullptr || !name->is_scalar() || name->text.empty()) return std::nullopt;
  const std::filesystem::path path = folder / name->text;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    std::vector<std::string> neighbours;
    for (std::filesystem::directory_iterator entry(path.parent_path(), error), end;
         !error && entry != end; entry.increment(error)) {
      neighbours.push_back(entry->path().filename().string());
    }
    std::sort(neighbours.begin(), neighbours.end());
    context_.diagnostics.error(
        name->place, "files." + std::string(key),
        "there is no file " + in_quotes(path.lexically_normal().string(), 200),
        did_you_mean(path.filename().string(), neighbours));
    return std::nullopt;
  }
  return load_document(path.lexically_normal(), context_.diagnostics, format);
}

// Settings of another program that stand in system.json itself win over those of its file.
void SystemLoader::overlay(std::string_view key, Node& settings) {
  const Node* own = system_->root().find(key);
  if (own != nullptr && own->is_map()) merge_into(settings, *own);
}

std::vector<OverrideTarget> SystemLoader::targets(bool as_root, std::size_t settings) {
  std::vector<OverrideTarget> all;
  Node& root = system_->root();
  // A setting may add a key; the sections must not move then.
  root.members.reserve(root.members.size() + open_sections.size() + settings);
  for (const std::string_view key : open_sections) {
    if (root.find(key) == nullptr) map_member(root, key);
  }
  all.push_back({as_root ? "" : "system", &root});
  const auto both = [&](const std::string& name, Node& node) {
    all.push_back({name, &node});
    all.push_back({"system." + name, &node});
  };
  both("patroni", patroni_);
  both("postgresql", postgresql_);
  both("pgbouncer", pgbouncer_);
  both("pgbouncer.databases", databases_);
  both("haproxy", haproxy_);
  if (manifest_) both("manifest", manifest_spec_);
  for (const std::string_view key : open_sections) {
    Node& section = *root.find(key);
    if (section.is_map()) all.push_back({std::string(key), &section});
  }
  return all;
}

SystemSpec SystemLoader::interpret() {
  Diagnostics& diagnostics = context_.diagnostics;
  SystemSpec spec;
  spec.file = system_->file;
  Reader root(root_value(*system_, diagnostics));
  root.ignore("$schema");
  root.optional("description").text();
  const Value name = root.required("name");
  assign(spec.name, name.text());
  const Value files = root.optional("files");
  if (files.exists()) {
    Reader reader(files);
    for (const std::string_view key : {"manifest", "patroni", "pgbouncer", "haproxy"}) {
      reader.optional(key).text();
    }
  }
  for (const std::string_view key : {"patroni", "postgresql", "pgbouncer", "haproxy"}) {
    const Value section = root.optional(key);
    if (section.exists()) section.entries();  // reports anything but a map
  }
  read_zones(root);

  ZalandoCluster cluster;
  if (manifest_) {
    apply_spilo_defaults(spec, context_);
    cluster = read_zalando_cluster(*manifest_, spec, context_);
    spec.service.name =
        manifest_->name + "." + manifest_->kubernetes_namespace + ".svc.cluster.local";
  }
  read_members(root, cluster, spec);
  read_network(root.optional("network"), spec);
  read_patroni_settings(patroni_, spec.patroni, context_);
  read_postgres_settings(postgresql_, spec, context_);
  if (tags_ != nullptr) {
    models::PatroniTags tags;
    read_patroni_tags(node_value(*tags_, "tags", diagnostics), tags);
    if (spec.members.size() == 1) spec.members[0].tags = tags;
  }
  read_dcs(root.optional("dcs"), spec);
  read_service(root.optional("service"), spec);
  read_balancer(root.optional("balancer"), spec);
  read_pooler(root.optional("pooler"), cluster, spec);
  read_workload(root.optional("workload"), spec);
  read_probe(root.optional("probe"), spec);
  read_objectives(root.optional("objectives"), spec.objectives);
  read_kubernetes(root.optional("kubernetes"), spec);
  read_timings(root.optional("timings"), spec);
  root.finish();
  check_whole(spec);
  spec.origins = context_.origins;
  return spec;
}

// ---- zones, nodes, members ----------------------------------------------------------------------

void SystemLoader::read_zones(Reader& root) {
  for (const Value& item : root.required("zones").items()) {
    const auto name = item.text();
    if (!name) continue;
    if (std::find(zones_.begin(), zones_.end(), *name) != zones_.end()) {
      item.error("the zone " + in_quotes(*name) + " is given twice");
    }
    zones_.push_back(*name);
  }
  for (const Value& item : root.optional("nodes").items()) {
    Reader node(item);
    const auto name = node.required("name").text();
    const auto where = zone(node.required("zone"));
    if (name) nodes_.emplace_back(*name, where.value_or(""));
  }
}

std::optional<std::string> SystemLoader::zone(const Value& value) {
  const auto name = value.text();
  if (!name) return std::nullopt;
  if (std::find(zones_.begin(), zones_.end(), *name) != zones_.end()) return name;
  value.error("there is no zone " + in_quotes(*name), did_you_mean(*name, zones_));
  return std::nullopt;
}

std::vector<std::string> SystemLoader::zone_list(const Value& value) {
  std::vector<std::string> out;
  for (const Value& item : value.items()) {
    if (auto found = zone(item)) out.push_back(std::move(*found));
  }
  return out;
}

void SystemLoader::read_members(Reader& root, const ZalandoCluster& manifest, SystemSpec& spec) {
  Reader cluster(root.optional("cluster"));
  list_members(cluster, cluster.optional("members"), manifest, spec);
  const auto member_index = [&](const Value& value) -> std::optional<std::size_t> {
    const auto wanted = value.text();
    if (!wanted) return std::nullopt;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < spec.members.size(); ++i) {
      if (spec.members[i].name == *wanted) return i;
      names.push_back(spec.members[i].name);
    }
    value.error("there is no member " + in_quotes(*wanted), did_you_mean(*wanted, names));
    return std::nullopt;
  };
  assign(spec.primary, member_index(cluster.optional("primary")));
  const Value sync = cluster.optional("sync_standby");
  spec.sync = member_index(sync);
  if (spec.sync) context_.record("cluster.sync_standby", sync.place(), "sync_standby");
  if (spec.sync && *spec.sync == spec.primary) {
    sync.error("the primary cannot be its own synchronous standby");
  }
  const Value size = cluster.optional("data_size");
  if (assign(spec.postgres.data_bytes, size.bytes())) {
    context_.record("cluster.data_size", size.place(), "data_size");
  }
  const Value cores = cluster.optional("cores");
  if (assign(spec.postgres.cores, cores.integer(1, 4096))) {
    context_.record("postgresql.cores", cores.place(), "cores");
  }
  const Value bandwidth = cluster.optional("replication_bandwidth");
  if (const auto rate = read_rate(bandwidth)) {
    spec.postgres.replication_bytes_per_second = static_cast<std::uint64_t>(*rate);
    context_.record("cluster.replication_bandwidth", bandwidth.place(), "replication_bandwidth");
  }
}

void SystemLoader::read_network(const Value& value, SystemSpec& spec) {
  // sim::Network's default, said aloud: hosts of one zone, and of two.
  Distribution within = Distribution::constant(sim::Duration(100us))
                            .with_source("assumption: a switched network inside one zone");
  Distribution between = Distribution::constant(sim::Duration(500us))
                             .with_source("assumption: zones of one region, tens of kilometres");
  std::vector<ZoneLatency> pairs;
  if (value.exists()) {
    Reader reader(value);
    const auto take = [&](std::string_view key, Distribution& to) {
      const Value one = reader.optional(key);
      if (read_into(to, one)) context_.record(one.path(), one.place(), key);
    };
    take("within_zone", within);
    take("between_zones", between);
    for (const Value& item : reader.optional("pairs").items()) {
      Reader pair(item);
      const Value between_value = pair.required("between");
      const std::vector<std::string> ends = zone_list(between_value);
      if (between_value.exists() && between_value.node()->is_list() &&
          between_value.node()->items.size() != 2) {
        between_value.error("two zones should stand here");
      }
      const Value one_way = pair.required("one_way");
      auto latency = read_distribution(one_way);
      if (ends.size() != 2 || !latency) continue;
      for (const ZoneLatency& other : pairs) {
        const bool same = (other.a == ends[0] && other.b == ends[1]) ||
                          (other.a == ends[1] && other.b == ends[0]);
        if (same) item.error("the latency between these zones is given twice");
      }
      context_.record(one_way.path(), one_way.place(), "one_way");
      pairs.push_back({ends[0], ends[1], std::move(*latency)});
    }
  }
  for (std::size_t i = 0; i < zones_.size(); ++i) {
    for (std::size_t j = i; j < zones_.size(); ++j) {
      spec.latencies.push_back({zones_[i], zones_[j], i == j ? within : between});
      for (const ZoneLatency& pair : pairs) {
        const bool same = (pair.a == zones_[i] && pair.b == zones_[j]) ||
                          (pair.b == zones_[i] && pair.a == zones_[j]);
        if (same) spec.latencies.back().one_way = pair.one_way;
      }
    }
  }
}

// ---- what stands around the database ------------------------------------------------------------

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
  spec.service.kind = dcs.kind == DcsSpec::Kind::kubernetes ? ServiceSpec::Kind::endpoints
                                                            : ServiceSpec::Kind::pod_labels;
  if (!manifest_) spec.service.kind = ServiceSpec::Kind::none;
  if (dcs.kind == DcsSpec::Kind::kubernetes) {
    assign(dcs.api_servers, reader.optional("api_servers").integer(1, 100));
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
  if (!spec.pooler->databases.empty() && spec.pooler->databases.front().target == Whom::haproxy) {
    spec.pooler->target = PoolerSpec::Target::haproxy;
  }
}

// ---- load, probes, environment ------------------------------------------------------------------

void SystemLoader::read_workload(const Value& value, SystemSpec& spec) {
  WorkloadSpec& load = spec.workload;
  // An assumption that a report can show, where nothing was said.
  load.read_time = Distribution::lognormal_percentiles(0.5, 500us, 0.99, 10ms)
                       .with_source("assumption: point reads of a cached table");
  load.write_time = Distribution::lognormal_percentiles(0.5, 1ms, 0.99, 20ms)
                        .with_source("assumption: a small update without its commit");
  load.back_off = Distribution::uniform(sim::Duration(50ms), sim::Duration(150ms))
                      .with_source("assumption: 100 ms with jitter");
  Reader reader(value);
  const auto record = [&](const Value& one) {
    if (one.exists()) context_.record(one.path(), one.place(), one.path().substr(9));
  };
  const Value rate = reader.optional("transactions_per_second");
  assign(load.transactions_per_second, rate.number(0, 1e9));
  record(rate);
  const Value share = reader.optional("read_share");
  if (const auto ratio = share.ratio()) {
    load.read_share =
        static_cast<double>(ratio->numerator) / static_cast<double>(ratio->denominator);
  }
  record(share);
  const Value wal = reader.optional("wal_rate");
  assign(load.wal_bytes_per_second, read_rate(wal));
  record(wal);
  const Value connections = reader.optional("connections");
  assign(load.connections, connections.integer(0, 1'000'000));
  record(connections);
  read_into(load.read_time, reader.optional("read_time"));
  read_into(load.write_time, reader.optional("write_time"));
  read_into(load.back_off, reader.optional("back_off"));
  assign(load.attempts, reader.optional("attempts").integer(1, 1000));
  assign(load.single_transactions, reader.optional("single_transactions").boolean());
}

void SystemLoader::read_probe(const Value& value, SystemSpec& spec) {
  Reader reader(value);
  if (!zones_.empty()) spec.probe.zone = zones_.front();
  assign(spec.probe.interval, reader.optional("interval").duration(sim::Duration(1ms)));
  assign(spec.probe.timeout, reader.optional("timeout").duration(sim::Duration(1ms)));
  assign(spec.probe.zone, zone(reader.optional("zone")));
}

void SystemLoader::read_kubernetes(const Value& value, SystemSpec& spec) {
  KubernetesSpec& kubernetes = spec.kubernetes;
  kubernetes.sigterm_delay =
      Distribution::uniform(sim::Duration(50ms), sim::Duration(150ms))
          .with_source("estimate: watch, kubelet and CRI call, about 0.1 s in all");
  kubernetes.kill_delay = Distribution::uniform(sim::Duration(0ms), sim::Duration(200ms))
                              .with_source("estimate: containerd's SIGKILL after the deadline");
  kubernetes.pod_recreation =
      Distribution::uniform(sim::Duration(3s), sim::Duration(45s))
          .with_source("assumption up to the 40 s of the drill log of 2025-10-09");
  kubernetes.volume_attach = Distribution::uniform(sim::Duration(10s), sim::Duration(60s))
                                 .with_source("assumption: detach and attach of a cloud volume");
  kubernetes.node_boot =
      Distribution::uniform(sim::Duration(68s), sim::Duration(138s))
          .with_source("log of 2025-09-14: 8 + 22 + 38 s by stages, 138 s in all");
  if (!value.exists()) return;
  Reader reader(value);
  assign(kubernetes.present, reader.optional("present").boolean());
  const auto time = [&](std::string_view key, sim::Duration& to) {
    const Value one = reader.optional(key);
    if (assign(to, one.duration())) context_.record(one.path(), one.place(), key);
  };
  time("termination_grace_period", kubernetes.termination_grace_period);
  time("grace_floor", kubernetes.grace_floor);
  const auto delay = [&](std::string_view key, Distribution& to) {
    const Value one = reader.optional(key);
    if (read_into(to, one)) context_.record(one.path(), one.place(), key);
  };
  delay("sigterm_delay", kubernetes.sigterm_delay);
  delay("kill_delay", kubernetes.kill_delay);
  delay("pod_recreation", kubernetes.pod_recreation);
  delay("volume_attach", kubernetes.volume_attach);
  delay("node_boot", kubernetes.node_boot);
}

void SystemLoader::read_timings(const Value& value, SystemSpec& spec) {
  if (!value.exists()) return;
  Reader reader(value);
  read_table(reader.optional("postgresql"), postgres_timings, spec.postgres_timings, context_);
  read_table(reader.optional("patroni"), patroni_timings, spec.patroni_timings, context_);
  read_table(reader.optional("disk"), disk_timings, spec.disk, context_);
}

// Rules that no single file breaks.
void SystemLoader::check_whole(const SystemSpec& spec) {
  Diagnostics& diagnostics = context_.diagnostics;
  if (spec.patroni.synchronous_mode && spec.members.size() < 2) {
    diagnostics.warning(context_.place_of("patroni.synchronous_mode"), "patroni.synchronous_mode",
                        "there is no second member that could be synchronous");
  }
  if (spec.sync && !spec.patroni.synchronous_mode) {
    diagnostics.error(context_.place_of("cluster.sync_standby"), "cluster.sync_standby",
                      "synchronous_mode is off, so there is no synchronous standby",
                      "leave it out or switch synchronous_mode on");
  }
  if (spec.workload.single_transactions && spec.workload.connections == 0) {
    diagnostics.error(context_.system_place, "workload.connections",
                      "single transactions need connections that carry them");
  }
}

Loaded<SystemSpec> load_system(const std::filesystem::path& path, Diagnostics& diagnostics,
                               std::span<const std::string> settings) {
  SystemLoader loader(diagnostics);
  if (!loader.gather(path)) return std::nullopt;
  const std::vector<OverrideTarget> targets = loader.targets(true, settings.size());
  if (!apply_overrides(targets, settings, diagnostics)) return std::nullopt;
  SystemSpec spec = loader.interpret();
  if (diagnostics.has_errors()) return std::nullopt;
  return spec;
}

}  // namespace predrill::harness
