// Where everything runs: zones, nodes, the network between them, and the members of the cluster:
// those that system.json names, or the pods of the manifest.
#include "harness/load/system_loader.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"
#include "harness/load/patroni_settings.hpp"
#include "harness/load/read_distribution.hpp"
#include "harness/load/read_rate.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Distribution;

MemberSpec SystemLoader::read_member(const Value& item) {
  Reader reader(item);
  MemberSpec member;
  assign(member.name, reader.required("name").text());
  const Value node = reader.optional("node");
  assign(member.node, node.text());
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const auto& n) { return n.first == member.node; });
  if (found != nodes_.end()) {
    member.zone = found->second;
    reader.ignore("zone");
    if (reader.has("zone")) reader.optional("zone").error("the zone is that of the node");
  } else if (node.exists() && !nodes_.empty()) {
    std::vector<std::string> names;
    for (const auto& entry : nodes_) names.push_back(entry.first);
    node.error("there is no node " + in_quotes(member.node), did_you_mean(member.node, names));
    reader.ignore("zone");
  } else {
    assign(member.zone, zone(reader.required("zone")));
  }
  assign(member.address, reader.optional("address").text());
  read_patroni_tags(reader.optional("tags"), member.tags);
  return member;
}

void SystemLoader::list_members(const Reader& cluster, const Value& members,
                                const ZalandoCluster& manifest, SystemSpec& spec) {
  for (const Value& item : members.items()) {
    MemberSpec member = read_member(item);
    for (const MemberSpec& other : spec.members) {
      if (other.name == member.name)
        item.error("the member " + in_quotes(other.name) + " is given twice");
    }
    spec.members.push_back(std::move(member));
  }
  if (!members.exists() && manifest.instances && !zones_.empty()) {
    // Pods of a StatefulSet, spread over the zones in their order.
    const std::string base = manifest_->name.empty() ? spec.name : manifest_->name;
    for (std::int64_t i = 0; i < *manifest.instances; ++i) {
      MemberSpec member;
      member.name = base + "-" + std::to_string(i);
      member.zone = zones_[static_cast<std::size_t>(i) % zones_.size()];
      spec.members.push_back(std::move(member));
    }
  }
  const Place place = members.exists() ? members.place() : cluster.value().place();
  if (spec.members.empty()) {
    context_.diagnostics.error(place, "cluster.members", "the cluster has no members");
  } else if (spec.members.size() > models::members_max) {
    context_.diagnostics.error(
        place, "cluster.members",
        "more than " + std::to_string(models::members_max) + " members are not modelled");
  } else if (manifest.instances &&
             static_cast<std::size_t>(*manifest.instances) != spec.members.size()) {
    context_.diagnostics.error(
        place, "cluster.members",
        std::to_string(spec.members.size()) + " members are named, numberOfInstances is " +
            std::to_string(*manifest.instances) + " (" + manifest.instances_place.text() + ")");
  }
}

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
  const Value shared = cluster.optional("one_machine");
  assign(spec.one_machine, shared.boolean());
  if (spec.one_machine) spec.patroni.machine = spec.postgres.machine = "machine";
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
    const Value linear = reader.optional("tcp_syn_linear_timeouts");
    if (assign(spec.syn_retries.linear, linear.integer(0, 127))) {
      context_.record(linear.path(), linear.place(), "tcp_syn_linear_timeouts");
    }
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

}  // namespace predrill::harness
