// A `postgresql` resource of the Zalando Postgres Operator (acid.zalan.do/v1), and what the
// operator and its image spilo add to it.
#pragma once

#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// The manifest sorted by whom it concerns; nothing is interpreted yet.
struct ZalandoManifest {
  const Node* root = nullptr;
  const Node* spec = nullptr;
  Node patroni;
  Node postgresql;
  std::string name;
  std::string kubernetes_namespace;
};

/// Chooses the part of this kind in a file of several. The document must outlive the result;
/// nullopt if there is none.
std::optional<ZalandoManifest> find_zalando_manifest(const Document&, LoadContext&);

/// What operator and spilo set unless told otherwise; call before the settings are read.
void apply_spilo_defaults(SystemSpec&, LoadContext&);

/// The rest of the manifest: number of instances, resources, volume, the operator's own pooler.
struct ZalandoCluster {
  std::optional<std::int64_t> instances;
  Place instances_place;
  /// The pooler that the operator creates: how many pods, and the one configuration of all.
  std::optional<std::int64_t> pooler_instances;
  models::PgbouncerConfig pooler;
};
ZalandoCluster read_zalando_cluster(const ZalandoManifest&, SystemSpec&, LoadContext&);

}  // namespace predrill::harness
