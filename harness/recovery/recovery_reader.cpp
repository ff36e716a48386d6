#include <array>

#include "harness/input/document.hpp"
#include "harness/input/overrides.hpp"
#include "harness/input/reader.hpp"
#include "harness/load/read_distribution.hpp"
#include "harness/load/read_rate.hpp"
#include "harness/recovery/recovery.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::pair<std::string_view, RecoveryWay>, 11> ways = {
    {{"multi_az_failover", RecoveryWay::multi_az_failover},
     {"multi_az_cluster", RecoveryWay::multi_az_cluster},
     {"pitr", RecoveryWay::pitr},
     {"snapshot", RecoveryWay::snapshot},
     {"protected", RecoveryWay::protected_},
     {"none", RecoveryWay::none},
     {"wal_g", RecoveryWay::wal_g},
     {"repack_kill", RecoveryWay::repack_kill},
     {"switchover", RecoveryWay::switchover},
     {"abandon", RecoveryWay::abandon},
     {"roll_back", RecoveryWay::roll_back}}};

void read_bytes(double& to, const Value& value) {
  if (const auto bytes = value.bytes()) to = static_cast<double>(*bytes);
}

void read_rds(const Value& section, RecoveryCase& one) {
  if (!section.exists()) return;
  Reader reader(section);
  read_into(one.rds.decide, reader.optional("decide"));
  read_into(one.rds.provision, reader.optional("provision"));
  read_into(one.rds.snapshot_age, reader.optional("snapshot_age"));
  read_into(one.rds.repoint, reader.optional("repoint"));
  read_bytes(one.rds.size_bytes, reader.optional("size"));
  assign(one.rds.wal_bytes_per_second, read_rate(reader.optional("wal_rate")));
  one.failover.wal_bytes_per_second = one.rds.wal_bytes_per_second;
}

void read_walg(const Value& section, RecoveryCase& one) {
  if (!section.exists()) return;
  Reader reader(section);
  read_bytes(one.walg.base_bytes, reader.optional("base"));
  read_bytes(one.walg.compressed_bytes, reader.optional("compressed"));
  read_bytes(one.walg.extra_wal_bytes, reader.optional("extra_wal"));
  assign(one.walg.has_delta, reader.optional("delta").boolean());
  read_into(one.walg.since_backup, reader.optional("since_backup"));
  assign(one.walg.wal_bytes_per_second, read_rate(reader.optional("wal_rate")));
  assign(one.archive_timeout, reader.optional("archive_timeout").duration());
  read_into(one.archive_command, reader.optional("archive_command"));
}

void read_blue_green(const Value& section, RecoveryCase& one) {
  if (!section.exists()) return;
  Reader reader(section);
  models::BlueGreenConfig& config = one.blue_green;
  assign(config.managed, reader.optional("managed").boolean());
  assign(config.engine_version, reader.optional("engine_version").text());
  assign(config.logical_replication, reader.optional("rds.logical_replication").boolean());
  assign(config.custom_parameter_group, reader.optional("custom_parameter_group").boolean());
  assign(config.self_managed_replication, reader.optional("own_logical_publisher").boolean());
  assign(config.ddl_since_creation, reader.optional("ddl_since_creation").boolean());
  assign(config.writes_on_green, reader.optional("writes_on_green").boolean());
  assign(config.reverse_replication, reader.optional("reverse_replication").boolean());
  assign(config.switchover_timeout, reader.optional("switchover_timeout").duration());
  read_bytes(config.backlog_bytes, reader.optional("backlog"));
  assign(config.wal_bytes_per_second, read_rate(reader.optional("wal_rate")));
  assign(config.apply_bytes_per_second, read_rate(reader.optional("apply_rate")));
  assign(config.long_transaction, reader.optional("long_transaction").duration());
  read_into(config.guardrails, reader.optional("guardrails"));
  read_into(config.rename, reader.optional("rename"));
  read_into(config.dns, reader.optional("dns"));
  for (const std::string& reason : models::validate(config)) section.error(reason);
}

RecoveryCase read_case(const Value& value) {
  Reader reader(value);
  RecoveryCase one;
  assign(one.name, reader.required("case").text());
  assign(one.way, reader.required("way").choice("a way to recover", ways));
  assign(one.why, reader.optional("why").text());
  read_into(one.deploy, reader.optional("deploy"));
  read_into(one.after, reader.optional("after"));
  read_into(one.cut_over, reader.optional("cut_over"));
  read_into(one.long_transaction, reader.optional("long_transaction"));
  read_rds(reader.optional("rds"), one);
  read_walg(reader.optional("wal_g"), one);
  read_blue_green(reader.optional("blue_green"), one);
  return one;
}

}  // namespace

bool is_recovery_file(const std::filesystem::path& path) {
  Diagnostics quiet;
  const auto document = load_document(path, quiet, Format::json);
  return document && document->root().is_map() && document->root().find("recovery") != nullptr;
}

Loaded<RecoverySpec> load_recovery(const std::filesystem::path& path,
                                   std::span<const std::string> settings,
                                   Diagnostics& diagnostics) {
  auto document = load_document(path, diagnostics, Format::json);
  if (!document || !apply_overrides(*document, settings, diagnostics)) return std::nullopt;
  RecoverySpec spec;
  spec.name = path.stem().string();
  spec.file = document->file;
  Reader root(root_value(*document, diagnostics));
  root.ignore("$schema");
  root.optional("description").text();
  assign(spec.title, root.required("name").text());
  const Value section = root.required("recovery");
  if (section.exists()) {
    Reader reader(section);
    assign(spec.rto, reader.optional("rto").duration(1s));
    assign(spec.rpo, reader.optional("rpo").duration());
    const Value cases = reader.required("cases");
    for (const Value& item : cases.items()) spec.cases.push_back(read_case(item));
    if (cases.exists() && spec.cases.empty()) cases.error("the list is empty");
  }
  for (const Value& item : root.optional("remarks").items()) {
    if (auto remark = item.text()) spec.remarks.push_back(std::move(*remark));
  }
  root.finish();
  if (diagnostics.has_errors()) return std::nullopt;
  return spec;
}

}  // namespace predrill::harness
