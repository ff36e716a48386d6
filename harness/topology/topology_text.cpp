#include "harness/topology/topology_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace predrill::harness {

namespace {

std::string names_of(const Topology& topology, const std::vector<std::size_t>& list) {
  std::string text;
  for (const std::size_t i : list) {
    text += (text.empty() ? "" : ", ") + topology.components()[i].name;
  }
  return text;
}

std::string writes_text(const Reach& reach) {
  if (!reach.writes) return reach.direct_writes ? "end on this path" : "end";
  return reach.leader_kept ? "go on" : "after a failover";
}

}  // namespace

std::string why_it_matters(const Topology& topology, std::size_t component) {
  const Component& one = topology.components()[component];
  const Reach reach = topology.without({component});
  std::string text = one.name + " (" + std::string(to_text(one.kind)) + "): ";
  if (!reach.writes) {
    return text + (reach.direct_writes
                       ? "has no substitute on the clients' path; the primary itself goes on"
                       : "without it nobody can write until it is back");
  }
  if (!reach.leader_kept) return text + "holds the primary: writes stop until another one leads";
  return text + "has a substitute; nothing has to fail over";
}

std::string why_faults_matter(const Topology& topology, const SystemSpec& system,
                              const std::vector<std::string>& faults, const TextStyle& style) {
  const std::string primary = system.members[system.primary].name;
  const std::string standby =
      system.sync ? system.members[*system.sync].name
                  : system.members[(system.primary + 1) % system.members.size()].name;
  const auto struck = [&](const std::string& fault) -> std::string {
    if (fault == "pgbouncer_kill") return "pgbouncer-0";
    if (fault == "standby_loss") return system.members.size() > 1 ? standby : "";
    if (fault == "az_loss") return system.members[system.primary].zone;
    if (fault == "dcs_leader_kill") {
      return system.dcs.members.empty() ? "" : system.dcs.members[system.dcs.leader].first;
    }
    for (const char* of_primary :
         {"pod_delete", "node_loss", "node_reboot", "freeze", "partition"}) {
      if (fault == of_primary) return primary;
    }
    return "";
  };
  std::vector<std::pair<std::size_t, std::string>> lines;  // component, faults
  for (const std::string& fault : faults) {
    const std::size_t component = topology.index_of(struck(fault));
    if (component == topology.components().size()) continue;
    const auto found = std::find_if(lines.begin(), lines.end(),
                                    [&](const auto& line) { return line.first == component; });
    if (found == lines.end()) {
      lines.emplace_back(component, fault);
    } else {
      found->second += ", " + fault;
    }
  }
  std::string out;
  for (const auto& [component, names] : lines) {
    const std::string text = names + ": " + why_it_matters(topology, component);
    for (const std::string& line : wrap(text, style.width - 2)) out += "  " + line + "\n";
  }
  return out;
}

std::string topology_text(const Topology& topology, const TextStyle& style) {
  const auto& components = topology.components();
  std::string out;
  Table table({{"when this is lost for good"},
               {"kind"},
               {"with it", Table::Align::left, true},
               {"writes"},
               {"reads"}});
  for (const BlastRadius& radius : topology.blast_radii()) {
    const Component& one = components[radius.component];
    const Colour colour = radius.reach.writes ? Colour::plain : Colour::red;
    table.add({{one.name, colour},
               std::string(to_text(one.kind)),
               names_of(topology, radius.lost),
               {writes_text(radius.reach), colour},
               radius.reach.reads ? "go on" : "end"});
  }
  out += table.text(style);
  const auto title = [&](const std::string& text) {
    return "\n" + coloured(text, Colour::bold, style) + "\n";
  };
  out += title("Single points of failure");
  const std::vector<std::size_t> alone = topology.single_points_of_failure();
  if (alone.empty()) out += "  none: writes survive the loss of any one part\n";
  for (const std::size_t i : alone) {
    for (const std::string& line : wrap(why_it_matters(topology, i), style.width - 2)) {
      out += "  " + line + "\n";
    }
  }
  out += title("Smallest sets whose loss ends writes");
  std::size_t larger = 0;
  for (const auto& cut : topology.minimal_cuts()) {
    if (cut.size() > 2) {
      ++larger;
    } else {
      out += "  " + names_of(topology, cut) + "\n";
    }
  }
  if (larger > 0) out += "  and " + std::to_string(larger) + " sets of three (--format json)\n";
  out += "  at least " + std::to_string(topology.minimum_cut()) +
         " of the parts on the clients' path (maximum flow)\n";
  out += title("When a zone is cut off");
  Table splits({{"zone"},
                {"DCS majority"},
                {"may lead inside"},
                {"may lead outside"},
                {"clients"},
                {"their writes"}});
  for (const Split& split : topology.zone_splits()) {
    splits.add({split.zone,
                split.has_quorum        ? "inside"
                : split.rest_has_quorum ? "outside"
                                        : "nowhere",
                names_of(topology, split.primaries_inside),
                names_of(topology, split.primaries_outside),
                split.clients_inside ? "inside" : "outside",
                split.clients_write ? "go on, or after a failover" : "end until it heals"});
  }
  return out + splits.text(style, 2);
}

std::string topology_json(const Topology& topology, const std::string& system) {
  using Json = nlohmann::ordered_json;
  const auto& components = topology.components();
  const auto names = [&](const std::vector<std::size_t>& list) {
    Json json = Json::array();
    for (const std::size_t i : list) json.push_back(components[i].name);
    return json;
  };
  Json json;
  json["format"] = "predrill.topology/1";
  json["system"] = system;
  Json radii = Json::array();
  for (const BlastRadius& radius : topology.blast_radii()) {
    Json one;
    one["component"] = components[radius.component].name;
    one["kind"] = to_text(components[radius.component].kind);
    one["lost_with_it"] = names(radius.lost);
    one["writes"] = radius.reach.writes;
    one["direct_writes"] = radius.reach.direct_writes;
    one["reads"] = radius.reach.reads;
    one["failover"] = !radius.reach.leader_kept;
    radii.push_back(std::move(one));
  }
  json["blast_radius"] = std::move(radii);
  json["single_points_of_failure"] = names(topology.single_points_of_failure());
  json["articulation_points"] = names(topology.articulation_points());
  json["minimum_cut"] = topology.minimum_cut();
  Json cuts = Json::array();
  for (const auto& cut : topology.minimal_cuts()) cuts.push_back(names(cut));
  json["minimal_cuts"] = std::move(cuts);
  Json splits = Json::array();
  for (const Split& split : topology.zone_splits()) {
    Json one;
    one["zone"] = split.zone;
    one["majority_inside"] = split.has_quorum;
    one["majority_outside"] = split.rest_has_quorum;
    one["may_lead_inside"] = names(split.primaries_inside);
    one["may_lead_outside"] = names(split.primaries_outside);
    one["clients_inside"] = split.clients_inside;
    one["clients_write"] = split.clients_write;
    splits.push_back(std::move(one));
  }
  json["zone_cut_off"] = std::move(splits);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace predrill::harness
