// The members of the cluster: those that system.json names, or the pods of the manifest.
#include "harness/load/system_loader.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"
#include "harness/load/patroni_settings.hpp"

namespace predrill::harness {

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

}  // namespace predrill::harness
