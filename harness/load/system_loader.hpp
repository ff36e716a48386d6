// Reads a system in three steps: gather every file it names, let settings of the command line
// change them, interpret what stands there then.
#pragma once

#include <filesystem>
#include <vector>

#include "harness/input/overrides.hpp"
#include "harness/load/load_context.hpp"
#include "harness/load/zalando_manifest.hpp"

namespace predrill::harness {

class SystemLoader {
 public:
  explicit SystemLoader(Diagnostics& diagnostics) : context_(diagnostics) {}
  SystemLoader(const SystemLoader&) = delete;
  SystemLoader& operator=(const SystemLoader&) = delete;

  /// Reads system.json (or the folder that holds it) and the files it names. False if that is not
  /// possible.
  bool gather(const std::filesystem::path& path);

  /// What --set may change: "" or "system" (the file itself) as wanted, "patroni", "postgresql",
  /// "pgbouncer", "haproxy", "manifest" and every section of system.json. Good for so many
  /// settings.
  std::vector<OverrideTarget> targets(bool as_root, std::size_t settings);

  /// Of use only if there are no errors in the diagnostics.
  SystemSpec interpret();

  /// What a scenario may name.
  const std::vector<std::string>& zones() const { return zones_; }

 private:
  void gather_calibration(const Node& calibration);
  void gather_files(const std::filesystem::path& folder);
  std::optional<Document> gather_file(const std::filesystem::path& folder, std::string_view key,
                                      Format format);
  void overlay(std::string_view key, Node& settings);
  void read_members(Reader& root, const ZalandoCluster&, SystemSpec&);
  void list_members(const Reader& cluster, const Value& members, const ZalandoCluster&,
                    SystemSpec&);
  MemberSpec read_member(const Value&);
  void read_network(const Value&, SystemSpec&);
  void read_zones(Reader& root);
  void read_dcs(const Value&, SystemSpec&);
  void read_service(const Value&, SystemSpec&);
  void read_pooler(const Value&, const ZalandoCluster&, SystemSpec&);
  void resolve_databases(SystemSpec&);
  void read_balancer(const Value&, SystemSpec&);
  void read_workload(const Value&, SystemSpec&);
  void read_probe(const Value&, SystemSpec&);
  void read_kubernetes(const Value&, SystemSpec&);
  void read_timings(const Value&, SystemSpec&);
  std::optional<std::string> zone(const Value&);
  std::vector<std::string> zone_list(const Value&);
  void check_whole(SystemSpec&);

  LoadContext context_;
  const SystemKind* kind_ = nullptr;  // null: a Patroni cluster
  std::optional<Document> system_, manifest_file_, patroni_file_, pgbouncer_file_, haproxy_file_,
      calibration_file_;
  std::optional<ZalandoManifest> manifest_;
  Node manifest_spec_;
  Node patroni_, postgresql_, pgbouncer_, databases_, haproxy_;
  const Node* tags_ = nullptr;
  std::optional<DcsSpec::Kind> dcs_of_patroni_;
  std::vector<std::string> zones_;
  std::vector<std::pair<std::string, std::string>> nodes_;  // name, zone
};

}  // namespace predrill::harness
