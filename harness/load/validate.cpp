#include "harness/load/validate.hpp"

#include <algorithm>

#include "harness/load/chaos_experiment.hpp"
#include "harness/load/haproxy_cfg.hpp"
#include "harness/load/kubernetes_manifests.hpp"
#include "harness/load/load.hpp"
#include "harness/load/patroni_settings.hpp"
#include "harness/load/patroni_yml.hpp"
#include "harness/load/pgbouncer_ini.hpp"
#include "harness/load/postgres_settings.hpp"
#include "harness/load/target_groups.hpp"
#include "harness/load/zalando_manifest.hpp"
#include "harness/recovery/recovery.hpp"
#include "harness/runbook/runbook.hpp"

namespace predrill::harness {

namespace {

constexpr int exit_bad_input = 2;

bool is_scenario(const Document& document) {
  const Node& root = document.root();
  return root.is_map() && (root.find("system") != nullptr || root.find("faults") != nullptr);
}

// A configuration file by itself: what it says is checked, whom it names is not known.
void validate_yaml(const Document& document, LoadContext& context) {
  SystemSpec spec;
  if (document.find_kind("postgresql") == nullptr && has_kubernetes_workloads(document)) {
    KubernetesManifests manifests;
    read_kubernetes_manifests(document, manifests, context);
    for (const KubernetesManifests::Service& service : manifests.services) {
      LoadContext one(context.diagnostics);
      one.system_place = service.place;
      if (service.load_balancer) check_target_group(service.target_group, one);
    }
    return;
  }
  if (document.find_kind("postgresql") != nullptr ||
      document.root().find("apiVersion") != nullptr) {
    auto manifest = find_zalando_manifest(document, context);
    if (!manifest) return;
    apply_spilo_defaults(spec, context);
    read_zalando_cluster(*manifest, spec, context);
    read_patroni_settings(manifest->patroni, spec.patroni, context);
    read_postgres_settings(manifest->postgresql, spec, context);
    return;
  }
  const PatroniYml yml = read_patroni_yml(document, context);
  read_patroni_settings(yml.patroni, spec.patroni, context);
  read_postgres_settings(yml.postgresql, spec, context);
  if (yml.tags != nullptr) {
    models::PatroniTags tags;
    read_patroni_tags(node_value(*yml.tags, "tags", context.diagnostics), tags);
  }
}

void validate_ini(const Document& document, LoadContext& context) {
  const Node none = empty_map(context.system_place);
  const Node* settings = document.root().find("pgbouncer");
  const Node* databases = document.root().find("databases");
  PoolerSpec pooler;
  read_pgbouncer_ini(settings == nullptr ? none : *settings,
                     databases == nullptr ? none : *databases, pooler, context);
}

void validate_haproxy(const Document& document, LoadContext& context) {
  SystemSpec spec;
  for (const Member& section : document.root().members) {
    for (const Node& line : section.value.items) {
      if (line.items.size() < 2 || line.items[0].text != "server") continue;
      const std::string& name = line.items[1].text;
      const bool known = std::any_of(spec.members.begin(), spec.members.end(),
                                     [&](const MemberSpec& m) { return m.name == name; });
      if (!known) spec.members.emplace_back().name = name;
    }
  }
  HaproxySpec haproxy;
  read_haproxy_cfg(document, spec, haproxy, context);
}

// What `aws elbv2` prints: each group on its own, or the attributes of one.
bool validate_elbv2(const Document& document, LoadContext& context) {
  const Node& root = document.root();
  const Node* groups = root.is_map() ? root.find("TargetGroups") : nullptr;
  if (groups != nullptr) {
    if (!groups->is_list() || groups->items.empty()) read_target_groups(document, "", context);
    for (const Node& group : groups->items) {
      const Node* name = group.is_map() ? group.find("TargetGroupName") : nullptr;
      LoadContext one(context.diagnostics);
      one.system_place = group.place;
      const std::size_t errors = context.diagnostics.errors();
      const auto config = read_target_groups(document, name == nullptr ? "" : name->text, one);
      if (config && context.diagnostics.errors() == errors) check_target_group(*config, one);
    }
    return true;
  }
  if (!root.is_map() || root.find("Attributes") == nullptr) return false;
  auto config = models::TargetGroupConfig::network_defaults();
  read_target_group_attributes(document, config, context);
  if (context.diagnostics.has_errors()) return true;
  // Attributes do not name their group; only an application load balancer's has an algorithm.
  if (context.places.contains("target_group.load_balancing.algorithm.type")) {
    config.balancer = models::BalancerType::application;
    config.protocol = models::TargetProtocol::http;
  }
  check_target_group(config, context);
  return true;
}

}  // namespace

void validate_file(const std::filesystem::path& path, Diagnostics& diagnostics) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    load_system(path, diagnostics);
    return;
  }
  if (format_of(path) == Format::json) {
    Diagnostics quiet;
    const auto document = load_document(path, quiet, Format::json);
    if (!document) {
      diagnostics.merge(quiet);
      return;
    }
    LoadContext context(diagnostics);
    context.system_place = {document->root().place.file, 0, 0};
    if (validate_elbv2(*document, context)) return;
    if (is_runbook_file(path)) {
      load_runbook(path, {}, diagnostics);
    } else if (is_recovery_file(path)) {
      load_recovery(path, {}, diagnostics);
    } else if (is_calibration_file(path)) {
      check_calibration(path, diagnostics);
    } else if (is_scenario(*document) || is_chaos_experiment(*document)) {
      load_scenario(path, {}, diagnostics);
    } else {
      load_system(path, diagnostics);
    }
    return;
  }
  const auto document = load_document(path, diagnostics);
  if (!document) return;
  if (is_chaos_experiment(*document)) {
    load_scenario(path, {}, diagnostics);
    return;
  }
  LoadContext context(diagnostics);
  context.system_place = {document->root().place.file, 0, 0};
  switch (document->format) {
    case Format::yaml:
      validate_yaml(*document, context);
      break;
    case Format::ini:
      validate_ini(*document, context);
      break;
    case Format::haproxy:
      validate_haproxy(*document, context);
      break;
    case Format::json:
      break;
  }
}

Validation validate_files(std::span<const std::filesystem::path> paths) {
  Validation out;
  for (const std::filesystem::path& path : paths) {
    Diagnostics diagnostics;
    validate_file(path, diagnostics);
    out.text += diagnostics.text();
    const auto count = [](std::size_t n, const char* what) {
      return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
    };
    out.text += path.string() + ": ";
    if (diagnostics.has_errors()) {
      out.exit_status = exit_bad_input;
      out.text += count(diagnostics.errors(), "error");
      if (diagnostics.warnings() > 0) out.text += ", " + count(diagnostics.warnings(), "warning");
    } else {
      out.text +=
          diagnostics.warnings() > 0 ? "good, " + count(diagnostics.warnings(), "warning") : "good";
    }
    out.text += "\n";
  }
  return out;
}

}  // namespace predrill::harness
