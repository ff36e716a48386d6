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

void import_cluster(const Node& cluster, AwsImport& import, Diagnostics& diagnostics) {
  const std::string name = text_of(cluster, "DBClusterIdentifier");
  if (name.empty()) {
    diagnostics.error(cluster.place, "DBClusters", "a cluster without DBClusterIdentifier");
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
  const std::string engine = text_of(cluster, "Engine");
  if (!engine.empty() && engine != "aurora-postgresql") {
    diagnostics.error(cluster.place, "DBClusters.Engine", in_quotes(engine) + " is not simulated",
                      "aurora-postgresql is");
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

void import_instance(const Node& instance, AwsImport& import, Diagnostics& diagnostics) {
  const std::string id = text_of(instance, "DBInstanceIdentifier");
  if (id.empty()) {
    diagnostics.error(instance.place, "DBInstances", "an instance without DBInstanceIdentifier");
    return;
  }
  const std::string cluster = text_of(instance, "DBClusterIdentifier");
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

std::string aurora_json(const AwsImport& import) {
  const models::AuroraConfig& config = import.aurora.config;
  std::string out;
  for (const std::string& note : import.notes) out += "// " + note + "\n";
  for (const RdsEvent& event : import.events) {
    out += "// +" + sim::to_text(event.at) + " " + event.source + ": " + event.message + "\n";
  }
  for (const BlueGreenDeployment& one : import.deployments) {
    out += "// blue/green " + one.name + ": " + one.source + " -> " + one.target + ", " +
           one.status + "\n";
  }
  out += "{\n  \"aurora\": {\n    \"cluster\": " + sim::json_quoted(config.cluster) + ",\n";
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
  return out + "    ]\n  }\n}\n";
}

}  // namespace predrill::harness
