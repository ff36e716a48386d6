#include "harness/aurora/aws_import.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "sim/trace_sinks.hpp"

namespace predrill::harness {

namespace {

std::string text_of(const Node& map, std::string_view key) {
  const Node* value = map.find(key);
  return value != nullptr && value->is_scalar() && value->kind != NodeKind::null ? value->text
                                                                                 : std::string();
}

const std::vector<Node>& items_of(const Node& map, std::string_view key) {
  static const std::vector<Node> none;
  const Node* value = map.find(key);
  return value != nullptr && value->is_list() ? value->items : none;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

models::AuroraInstanceConfig& instance_of(AwsImport& import, const std::string& name) {
  auto& all = import.aurora.config.instances;
  for (models::AuroraInstanceConfig& one : all) {
    if (lower(one.name) == lower(name)) return one;
  }
  all.push_back({.name = name, .instance_class = ""});
  return all.back();
}

void import_rds_cluster(const Node& cluster, const std::string& name, AwsImport& import) {
  RdsClusterDescription one;
  one.identifier = name;
  one.instance_class = text_of(cluster, "DBClusterInstanceClass");
  one.engine_version = text_of(cluster, "EngineVersion");
  one.allocated_storage = text_of(cluster, "AllocatedStorage");
  for (const Node& member : items_of(cluster, "DBClusterMembers")) {
    const bool writes = text_of(member, "IsClusterWriter") == "true";
    one.members.insert(writes ? one.members.begin() : one.members.end(),
                       text_of(member, "DBInstanceIdentifier"));
  }
  const std::string status = text_of(cluster, "Status");
  if (!status.empty() && status != "available") import.notes.push_back(name + " is " + status);
  import.rds_clusters.push_back(std::move(one));
}

void import_cluster(const Node& cluster, AwsImport& import, Diagnostics& diagnostics) {
  const std::string name = text_of(cluster, "DBClusterIdentifier");
  if (name.empty()) {
    diagnostics.error(cluster.place, "DBClusters", "a cluster without DBClusterIdentifier");
    return;
  }
  const std::string engine = text_of(cluster, "Engine");
  if (engine == "postgres") {
    import_rds_cluster(cluster, name, import);
    return;
  }
  if (import.has_cluster && import.aurora.config.cluster != name) {
    diagnostics.warning(cluster.place, "DBClusters",
                        "the file names another cluster, " + in_quotes(name) + ": left out");
    return;
  }
  import.has_cluster = true;
  import.aurora.config.cluster = name;
  const std::string version = text_of(cluster, "EngineVersion");
  if (!version.empty()) import.aurora.config.engine_version = version;
  if (!engine.empty() && engine != "aurora-postgresql") {
    diagnostics.error(cluster.place, "DBClusters.Engine", in_quotes(engine) + " is not simulated",
                      "aurora-postgresql and postgres are");
  }
  import.aurora.insights_advanced = text_of(cluster, "DatabaseInsightsMode") == "advanced";
  const std::string status = text_of(cluster, "Status");
  if (!status.empty() && status != "available") {
    import.notes.push_back(name + " is " + status);
  }
  for (const Node& member : items_of(cluster, "DBClusterMembers")) {
    const std::string id = text_of(member, "DBInstanceIdentifier");
    models::AuroraInstanceConfig& one = instance_of(import, id);
    const std::string tier = text_of(member, "PromotionTier");
    std::from_chars(tier.data(), tier.data() + tier.size(), one.promotion_tier);
    if (text_of(member, "IsClusterWriter") == "true") {
      auto& all = import.aurora.config.instances;
      const auto index = &one - all.data();
      std::rotate(all.begin(), all.begin() + index, all.begin() + index + 1);
    }
    const std::string group = text_of(member, "DBClusterParameterGroupStatus");
    if (!group.empty() && group != "in-sync") import.notes.push_back(id + ": parameters " + group);
  }
}

// What is under way or waits for a reboot.
void note_state(const Node& instance, const std::string& id, AwsImport& import) {
  const std::string status = text_of(instance, "DBInstanceStatus");
  if (!status.empty() && status != "available") import.notes.push_back(id + " is " + status);
  const Node* pending = instance.find("PendingModifiedValues");
  if (pending != nullptr && pending->is_map()) {
    for (const Member& one_change : pending->members) {
      import.notes.push_back(id + ": pending " + one_change.key +
                             (one_change.value.is_scalar() ? " " + one_change.value.text : ""));
    }
  }
  for (const Node& group : items_of(instance, "DBParameterGroups")) {
    const std::string apply = text_of(group, "ParameterApplyStatus");
    if (!apply.empty() && apply != "in-sync") import.notes.push_back(id + ": parameters " + apply);
  }
}

void import_instance(const Node& instance, AwsImport& import, Diagnostics& diagnostics) {
  const std::string id = text_of(instance, "DBInstanceIdentifier");
  if (id.empty()) {
    diagnostics.error(instance.place, "DBInstances", "an instance without DBInstanceIdentifier");
    return;
  }
  const std::string engine = text_of(instance, "Engine");
  const std::string cluster = text_of(instance, "DBClusterIdentifier");
  if (engine == "postgres") {
    RdsDescription one;
    one.identifier = id;
    one.cluster = cluster;
    one.instance_class = text_of(instance, "DBInstanceClass");
    one.engine_version = text_of(instance, "EngineVersion");
    one.zone = text_of(instance, "AvailabilityZone");
    one.secondary_zone = text_of(instance, "SecondaryAvailabilityZone");
    one.source = text_of(instance, "ReadReplicaSourceDBInstanceIdentifier");
    one.allocated_storage = text_of(instance, "AllocatedStorage");
    one.max_allocated_storage = text_of(instance, "MaxAllocatedStorage");
    one.multi_az = text_of(instance, "MultiAZ") == "true";
    import.rds_instances.push_back(std::move(one));
    note_state(instance, id, import);
    return;
  }
  if (!engine.empty() && engine != "aurora-postgresql") {
    diagnostics.error(instance.place, "DBInstances.Engine", in_quotes(engine) + " is not simulated",
                      "aurora-postgresql and postgres are");
    return;
  }
  if (import.has_cluster && !cluster.empty() && cluster != import.aurora.config.cluster) return;
  models::AuroraInstanceConfig& one = instance_of(import, id);
  one.instance_class = text_of(instance, "DBInstanceClass");
  if (models::find_instance_class(one.instance_class) == nullptr) {
    diagnostics.warning(instance.place, "DBInstances.DBInstanceClass",
                        in_quotes(one.instance_class) + " is not in the table of classes",
                        "its max_connections has to be given by the parameter group");
  }
  const std::string zone = text_of(instance, "AvailabilityZone");
  if (!zone.empty() && zone.back() >= 'a' && zone.back() <= 'z') {
    one.zone = static_cast<std::size_t>(zone.back() - 'a') % models::AuroraStorage::zones;
  }
  note_state(instance, id, import);
}

/// Nanoseconds since the epoch of "2026-05-14T18:09:56.123000+00:00" or "…Z".
std::optional<std::int64_t> instant_of(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t length) -> std::optional<std::int64_t> {
    if (at + length > text.size()) return std::nullopt;
    std::int64_t value = 0;
    const char* end = text.data() + at + length;
    const auto read = std::from_chars(text.data() + at, end, value);
    if (read.ptr != end) return std::nullopt;
    return value;
  };
  const std::array<std::optional<std::int64_t>, 6> parts = {
      number(0, 4), number(5, 2), number(8, 2), number(11, 2), number(14, 2), number(17, 2)};
  for (const auto& part : parts) {
    if (!part) return std::nullopt;
  }
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(*parts[0])),
                                        std::chrono::month(static_cast<unsigned>(*parts[1])),
                                        std::chrono::day(static_cast<unsigned>(*parts[2]))};
  if (!day.ok()) return std::nullopt;
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  std::int64_t value = (((days * 24 + *parts[3]) * 60 + *parts[4]) * 60 + *parts[5]) * second;
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = second;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      unit /= 10;
      value += (text[at] - '0') * unit;
    }
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const auto hours = number(at + 1, 2);
    const auto minutes = number(at + 4, 2);
    if (!hours || !minutes) return std::nullopt;
    const std::int64_t offset = (*hours * 60 + *minutes) * 60 * second;
    value += text[at] == '+' ? -offset : offset;
  }
  return value;
}

void import_events(const Node& root, AwsImport& import, Diagnostics& diagnostics) {
  std::vector<std::pair<std::int64_t, RdsEvent>> dated;
  for (const Node& node : items_of(root, "Events")) {
    RdsEvent event;
    event.date = text_of(node, "Date");
    event.source = text_of(node, "SourceIdentifier");
    event.message = text_of(node, "Message");
    const auto at = instant_of(event.date);
    if (!at) {
      diagnostics.error(node.place, "Events.Date", in_quotes(event.date) + " is not a date",
                        "2026-05-14T18:09:56.123000+00:00");
      continue;
    }
    dated.emplace_back(*at, std::move(event));
  }
  std::ranges::stable_sort(dated, {}, &std::pair<std::int64_t, RdsEvent>::first);
  for (auto& [at, event] : dated) {
    event.at = sim::Duration(at - dated.front().first);
    import.events.push_back(std::move(event));
  }
}

void import_deployment(const Node& node, AwsImport& import) {
  BlueGreenDeployment one;
  one.identifier = text_of(node, "BlueGreenDeploymentIdentifier");
  one.name = text_of(node, "BlueGreenDeploymentName");
  one.source = text_of(node, "Source");
  one.target = text_of(node, "Target");
  one.status = text_of(node, "Status");
  for (const Node& detail : items_of(node, "SwitchoverDetails")) {
    one.members.push_back({text_of(detail, "SourceMember"), text_of(detail, "TargetMember"),
                           text_of(detail, "Status")});
  }
  if (one.status != "AVAILABLE") {
    import.notes.push_back("blue/green deployment " + one.name + " is " + one.status);
  }
  import.deployments.push_back(std::move(one));
}

}  // namespace

void import_aws(const Document& document, AwsImport& import, Diagnostics& diagnostics) {
  const Node& root = document.root();
  bool known = false;
  for (const std::string_view key :
       {"DBClusters", "DBInstances", "Events", "BlueGreenDeployments"}) {
    known = known || root.find(key) != nullptr;
  }
  if (!known) {
    diagnostics.error(root.place, "",
                      "none of DBClusters, DBInstances, Events, "
                      "BlueGreenDeployments stands in the file",
                      "save what aws rds describe-db-clusters --output json prints");
    return;
  }
  for (const Node& one : items_of(root, "DBClusters")) import_cluster(one, import, diagnostics);
  for (const Node& one : items_of(root, "DBInstances")) import_instance(one, import, diagnostics);
  import_events(root, import, diagnostics);
  for (const Node& one : items_of(root, "BlueGreenDeployments")) import_deployment(one, import);
}

namespace {

std::string key_and(std::string_view key, const std::string& value, bool quoted = true) {
  if (value.empty()) return "";
  return "    \"" + std::string(key) + "\": " + (quoted ? sim::json_quoted(value) : value) + ",\n";
}

std::string aurora_section(const AwsImport& import) {
  const models::AuroraConfig& config = import.aurora.config;
  std::string out = "  \"aurora\": {\n    \"cluster\": " + sim::json_quoted(config.cluster) + ",\n";
  out += "    \"engine_version\": " + sim::json_quoted(config.engine_version) + ",\n";
  if (import.aurora.insights_advanced) out += "    \"DatabaseInsightsMode\": \"advanced\",\n";
  out += "    \"instances\": [\n";
  for (std::size_t i = 0; i < config.instances.size(); ++i) {
    const models::AuroraInstanceConfig& one = config.instances[i];
    out += "      { \"name\": " + sim::json_quoted(one.name) +
           ", \"class\": " + sim::json_quoted(one.instance_class) +
           ", \"zone\": " + std::to_string(one.zone) +
           ", \"promotion_tier\": " + std::to_string(one.promotion_tier) + " }";
    out += i + 1 < config.instances.size() ? ",\n" : "\n";
  }
  return out + "    ]\n  }\n";
}

const RdsDescription* instance_named(const AwsImport& import, const std::string& name) {
  const auto found = std::ranges::find(import.rds_instances, name, &RdsDescription::identifier);
  return found == import.rds_instances.end() ? nullptr : &*found;
}

// "name" and its zone, and its class if that is another one.
std::string member_line(const std::string& name, const RdsDescription* one,
                        const std::string& usual_class) {
  std::string out = "      { \"DBInstanceIdentifier\": " + sim::json_quoted(name);
  if (one != nullptr && !one->zone.empty()) {
    out += ", \"AvailabilityZone\": " + sim::json_quoted(one->zone);
  }
  const bool other = one != nullptr && !usual_class.empty() && one->instance_class != usual_class;
  if (other) out += ", \"DBInstanceClass\": " + sim::json_quoted(one->instance_class);
  return out + " }";
}

std::string list_of(std::string_view key, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string out = "    \"" + std::string(key) + "\": [\n";
  for (const std::string& line : lines) out += line + (&line == &lines.back() ? "\n" : ",\n");
  return out + "    ],\n";
}

// The first cluster, or the first instance that follows no other one and belongs to no cluster.
std::string rds_section(const AwsImport& import) {
  std::string out = "  \"rds\": {\n";
  if (!import.rds_clusters.empty()) {
    const RdsClusterDescription& cluster = import.rds_clusters.front();
    std::vector<std::string> members;
    for (const std::string& name : cluster.members) {
      members.push_back(member_line(name, instance_named(import, name), ""));
    }
    out += key_and("DBClusterIdentifier", cluster.identifier) +
           key_and("DBClusterInstanceClass", cluster.instance_class) +
           key_and("EngineVersion", cluster.engine_version) +
           key_and("AllocatedStorage", cluster.allocated_storage, false) +
           list_of("DBClusterMembers", members);
  } else {
    const auto& all = import.rds_instances;
    const auto source = std::ranges::find_if(
        all, [](const RdsDescription& one) { return one.source.empty() && one.cluster.empty(); });
    const RdsDescription& one = source == all.end() ? all.front() : *source;
    std::vector<std::string> replicas;
    for (const RdsDescription& other : all) {
      if (other.source != one.identifier) continue;
      replicas.push_back(member_line(other.identifier, &other, one.instance_class));
    }
    out += key_and("DBInstanceIdentifier", one.identifier) +
           key_and("DBInstanceClass", one.instance_class) +
           key_and("EngineVersion", one.engine_version) +
           key_and("MultiAZ", one.multi_az ? "true" : "false", false) +
           key_and("AvailabilityZone", one.zone) +
           key_and("SecondaryAvailabilityZone", one.secondary_zone) +
           key_and("AllocatedStorage", one.allocated_storage, false) +
           key_and("MaxAllocatedStorage", one.max_allocated_storage, false) +
           list_of("read_replicas", replicas);
  }
  out.erase(out.size() - 2, 1);  // the last comma
  return out + "  }\n";
}

}  // namespace

std::string aws_json(const AwsImport& import) {
  std::string out;
  for (const std::string& note : import.notes) out += "// " + note + "\n";
  for (const RdsEvent& event : import.events) {
    out += "// +" + sim::to_text(event.at) + " " + event.source + ": " + event.message + "\n";
  }
  for (const BlueGreenDeployment& one : import.deployments) {
    out += "// blue/green " + one.name + ": " + one.source + " -> " + one.target + ", " +
           one.status + "\n";
  }
  const bool is_rds = !import.rds_instances.empty() || !import.rds_clusters.empty();
  const bool is_aurora = !import.aurora.config.instances.empty();
  const std::string name = is_aurora                      ? import.aurora.config.cluster
                           : !import.rds_clusters.empty() ? import.rds_clusters.front().identifier
                           : is_rds                       ? import.rds_instances.front().identifier
                                                          : "";
  if (!is_rds && !is_aurora) return out;
  out += "{\n  \"name\": " + sim::json_quoted(name) + ",\n";
  return out + (is_aurora ? aurora_section(import) : rds_section(import)) + "}\n";
}

std::vector<std::string> unfilled_of(const AwsImport& import) {
  std::vector<std::string> missing;
  const bool is_rds = !import.rds_instances.empty() || !import.rds_clusters.empty();
  if (!is_rds || !import.aurora.config.instances.empty()) return missing;
  missing.emplace_back(
      "FreeStorageSpace (CloudWatch), growth_per_hour and wal_per_hour: assumed "
      "half of the storage, none, and 2.4 GB");
  missing.emplace_back("\"clients\": the pool, its time-outs and DNS caches");
  return missing;
}

}  // namespace predrill::harness
