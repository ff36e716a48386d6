#include "harness/load/system_loader.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/load.hpp"
#include "harness/load/patroni_settings.hpp"
#include "harness/load/patroni_yml.hpp"
#include "harness/load/postgres_settings.hpp"
#include "harness/load/read_objectives.hpp"

namespace predrill::harness {

namespace {

// Sections of system.json that --set may name without the word "system".
constexpr std::array<std::string_view, 10> open_sections = {
    "cluster",  "network",  "dcs",   "service",    "pooler",
    "balancer", "workload", "probe", "kubernetes", "timings"};

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
  context_.folder = file.parent_path();
  kind_ = kind_of(system_->root());
  if (kind_ == nullptr) gather_files(file.parent_path());
  return true;
}

void SystemLoader::gather_files(const std::filesystem::path& folder) {
  const Node none = empty_map(context_.system_place);
  patroni_ = postgresql_ = pgbouncer_ = databases_ = haproxy_ = none;
  manifest_file_ = gather_file(folder, "manifest", Format::yaml);
  patroni_file_ = gather_file(folder, "patroni", Format::yaml);
  pgbouncer_file_ = gather_file(folder, "pgbouncer", Format::ini);
  haproxy_file_ = gather_file(folder, "haproxy", Format::haproxy);
  calibration_file_ = gather_file(folder, "calibration", Format::json);
  if (calibration_file_) gather_calibration(calibration_file_->root());
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

// Measured timings lie below those that stand in system.json itself.
void SystemLoader::gather_calibration(const Node& calibration) {
  const Node* measured = calibration.find("timings");
  if (measured == nullptr || !measured->is_map()) {
    context_.diagnostics.error(calibration.place, "timings",
                               "a calibration has measured timings, a map");
    return;
  }
  Node& own = map_member(system_->root(), "timings");
  for (const Member& section : measured->members) {
    if (!section.value.is_map()) continue;
    Node& wins = map_member(own, section.key);
    if (!wins.is_map()) continue;  // an error that is reported where it is read
    for (const Member& timing : section.value.members) {
      if (wins.find(timing.key) == nullptr) wins.members.push_back(timing);
    }
  }
}

std::optional<Document> SystemLoader::gather_file(const std::filesystem::path& folder,
                                                  std::string_view key, Format format) {
  const Node* files = system_->root().find("files");
  const Node* name = files == nullptr ? nullptr : files->find(key);
  if (name == nullptr || !name->is_scalar() || name->text.empty()) return std::nullopt;
  return load_named_file(*name, "files." + std::string(key), folder, format, context_.diagnostics);
}

// Settings of another program that stand in system.json itself win over those of its file.
void SystemLoader::overlay(std::string_view key, Node& settings) {
  const Node* own = system_->root().find(key);
  if (own != nullptr && own->is_map()) merge_into(settings, *own);
}

std::vector<OverrideTarget> SystemLoader::targets(bool as_root, std::size_t settings) {
  std::vector<OverrideTarget> all;
  Node& root = system_->root();
  if (kind_ != nullptr) {
    root.members.reserve(root.members.size() + settings);
    all.push_back({as_root ? "" : "system", &root});
    for (Member& member : root.members) {
      const bool is_section = member.value.is_map() || member.value.is_list();
      if (is_section && member.key != "objectives") all.push_back({member.key, &member.value});
    }
    return all;
  }
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
  if (kind_ != nullptr) {
    spec.kind = kind_;
    spec.of_kind = kind_->read(root, context_);
    read_objectives(root.optional("objectives"), spec.objectives);
    root.finish();
    spec.origins = context_.origins;
    return spec;
  }
  const Value files = root.optional("files");
  if (files.exists()) {
    Reader reader(files);
    for (const std::string_view key :
         {"manifest", "patroni", "pgbouncer", "haproxy", "calibration"}) {
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

// Rules that no single file breaks.
void SystemLoader::check_whole(SystemSpec& spec) {
  Diagnostics& diagnostics = context_.diagnostics;
  if (spec.patroni.synchronous_mode && spec.members.size() < 2) {
    diagnostics.warning(context_.place_of("patroni.synchronous_mode"), "patroni.synchronous_mode",
                        "there is no second member that could be synchronous");
  }
  if (spec.sync && !spec.patroni.synchronous_mode) {
    diagnostics.warning(context_.place_of("cluster.sync_standby"), "cluster.sync_standby",
                        "without effect: synchronous_mode is off");
    spec.sync.reset();
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
