#include <algorithm>
#include <array>

#include "harness/input/nearest.hpp"
#include "harness/input/reader.hpp"
#include "harness/kinds/scenario_parts.hpp"
#include "harness/load/chaos_experiment.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/load/load.hpp"
#include "harness/load/read_distribution.hpp"
#include "harness/load/read_objectives.hpp"
#include "harness/load/system_loader.hpp"

namespace predrill::harness {

namespace {

using Role = Target::Role;

// What names in a scenario may stand for.
struct Names {
  const SystemSpec& system;
  const std::vector<std::string>& zones;
  /// The system had no errors, so a name that it lacks is a mistake of the scenario.
  bool complete;
};

constexpr std::string_view text_of_role(Role role) {
  switch (role) {
    case Role::named:
      return "a member";
    case Role::zone:
      return "a zone";
    default:
      break;
  }
  return "this part of the system";
}

void read_what_if(const Value& value, WhatIfSpec& spec) {
  Reader reader(value);
  for (const Value& item : reader.required("vary").items()) {
    if (auto text = item.text()) spec.vary.push_back(std::move(*text));
  }
  for (const Value& item : reader.optional("measure").items()) {
    if (auto text = item.text()) spec.measure.push_back(std::move(*text));
  }
  assign(spec.optimise, reader.optional("optimise").text());
  assign(spec.runs, reader.optional("runs").integer(1, 1'000'000));
}

class ScenarioReader {
 public:
  explicit ScenarioReader(const Names& names) : names_(names), kind_(names.system.kind) {}

  void read(Reader& root, ScenarioSpec& spec) {
    const Value faults = root.required("faults");
    for (const Value& item : faults.items()) {
      if (kind_ != nullptr) {
        read_kind_fault(item, *kind_, spec, names_.complete);
      } else {
        read_fault(item, spec);
      }
    }
    if (faults.exists() && faults.node()->is_list() && spec.faults.empty() &&
        faults.node()->items.empty()) {
      faults.error("the list is empty", "a scenario without a fault rehearses nothing");
    }
    const bool starts = std::any_of(spec.faults.begin(), spec.faults.end(),
                                    [](const FaultSpec& f) { return f.at.after.empty(); });
    if (!spec.faults.empty() && !starts) {
      faults.error("every fault waits for an event", "one must strike at a time of its own");
    }
    using namespace std::chrono_literals;
    assign(spec.run_for, root.optional("run_for").duration(1s, 240h));
    if (kind_ != nullptr) {
      read_kind_path(root.optional("path"), *kind_, spec);
    } else {
      read_path(root.optional("path"), spec);
    }
    read_objectives(root.optional("objectives"), spec.objectives);
    for (const Value& item : root.optional("disturbances").items()) read_disturbance(item, spec);
    for (const Value& item : root.optional("observed").items()) read_observed(item, spec);
    for (const Value& item : root.optional("remarks").items()) {
      if (auto remark = item.text()) spec.remarks.push_back(std::move(*remark));
    }
    if (const Value value = root.optional("what_if"); value.exists()) {
      read_what_if(value, spec.what_if);
    }
  }

 private:
  void read_fault(const Value& value, ScenarioSpec& spec) {
    Reader reader(value);
    FaultSpec fault;
    std::vector<std::string_view> kinds;
    for (const FaultForm& form : fault_forms()) kinds.push_back(form.name);
    const auto index = reader.required("inject").choice_index("a fault", kinds);
    const Value at = reader.optional("at");
    if (auto delay = read_distribution(at)) fault.at.delay = std::move(*delay);
    read_after(reader.optional("after"), fault);
    read_rate(reader, fault);
    if (value.node()->is_map() && !reader.has("at") && !reader.has("after") &&
        !reader.has("per_year") && !has_misspelt(value)) {
      value.error(R"(neither "at" nor "after" nor "per_year" says when the fault strikes)",
                  R"(write "at": "60s" or "after": "promotion_started")");
    }
    const Value on = reader.optional("on");
    if (!index) {
      // Which other keys belong here is not known.
      if (value.exists() && value.node()->is_map()) {
        for (const Member& member : value.node()->members) reader.ignore(member.key);
      }
      return;
    }
    const FaultForm& form = fault_forms()[*index];
    fault.kind = form.kind;
    fault.on.role = form.on;
    if (on.exists()) read_target(on, form.roles, fault.on, form.name);
    read_keys(reader, form, fault);
    reader.finish();
    check_applicable(value, fault);
    spec.faults.push_back(std::move(fault));
  }

  void read_disturbance(const Value& value, ScenarioSpec& spec) {
    Reader reader(value);
    constexpr std::array<std::pair<std::string_view, FaultKind>, 7> kinds = {
        {{"freeze", FaultKind::freeze},
         {"partition", FaultKind::partition},
         {"latency", FaultKind::latency},
         {"packet_loss", FaultKind::packet_loss},
         {"dcs_quorum_loss", FaultKind::dcs_quorum_loss},
         {"dcs_slow", FaultKind::dcs_slow},
         {"disk_stall", FaultKind::disk_stall}}};
    const auto kind = reader.required("inject").choice("a disturbance", kinds);
    const Value on = reader.optional("on");
    Disturbance disturbance;
    assign(disturbance.per_year, reader.required("per_year").number(0, 1e7));
    if (auto length = read_distribution(reader.required("for"))) {
      disturbance.length = std::move(*length);
    }
    if (!kind) {
      if (value.exists() && value.node()->is_map()) {
        for (const Member& member : value.node()->members) reader.ignore(member.key);
      }
      return;
    }
    FaultForm form = form_of(*kind);
    form.keys &= ~std::uint32_t{fault_for};  // read above: its length is a distribution
    disturbance.fault.kind = form.kind;
    disturbance.fault.on.role = form.on;
    if (on.exists()) read_target(on, form.roles, disturbance.fault.on, form.name);
    read_keys(reader, form, disturbance.fault);
    reader.finish();
    check_applicable(value, disturbance.fault);
    spec.disturbances.push_back(std::move(disturbance));
  }

  void read_rate(Reader& reader, FaultSpec& fault) {
    const Value rate = reader.optional("per_year");
    if (!rate.exists()) return;
    // More than one a minute would be no failures between which anything works.
    constexpr double most = 365.25 * 1440;
    if (assign(fault.at.per_year, rate.number(0, most)) && fault.at.per_year == 0) {
      rate.error("it never strikes", "leave the fault out");
    }
    if (reader.has("at") || reader.has("after")) {
      rate.error("a fault at a rate has no moment", R"(leave "at" and "after" out)");
    }
  }

  // A key that may be meant for at or after is reported as unknown already.
  static bool has_misspelt(const Value& fault) {
    constexpr std::array<std::string_view, 3> keys = {"at", "after", "per_year"};
    const auto& members = fault.node()->members;
    return std::any_of(members.begin(), members.end(), [&](const Member& member) {
      return member.key != "on" && !nearest(member.key, keys).empty();
    });
  }

  void read_keys(Reader& reader, const FaultForm& form, FaultSpec& fault) {
    using namespace std::chrono_literals;
    const auto takes = [&](FaultKey key) { return (form.keys & key) != 0; };
    if (takes(fault_for)) {
      fault.length = form.needs_length ? reader.required("for").duration(1ns)
                                       : reader.optional("for").duration(1ns);
    }
    if (takes(fault_force)) assign(fault.force, reader.optional("force").boolean());
    if (takes(fault_grace_period)) read_grace(reader, fault);
    if (takes(fault_scope)) {
      constexpr std::array<std::pair<std::string_view, FaultSpec::Scope>, 4> scopes = {
          {{"host", FaultSpec::Scope::host},
           {"processes", FaultSpec::Scope::processes},
           {"postgres", FaultSpec::Scope::postgres},
           {"patroni", FaultSpec::Scope::patroni}}};
      assign(fault.scope, reader.optional("scope").choice("a scope", scopes));
    }
    if (takes(fault_from)) {
      const Value from = reader.optional("from");
      if (from.exists()) {
        fault.from.emplace();
        read_target(from, ~std::uint32_t{0}, *fault.from, form.name);
      }
    }
    if (takes(fault_one_way)) assign(fault.one_way, reader.optional("one_way").boolean());
    if (takes(fault_delay)) {
      if (auto extra = read_distribution(reader.required("delay"))) fault.extra = std::move(*extra);
    }
    if (takes(fault_loss)) {
      const Value loss = reader.required("loss");
      if (const auto ratio = loss.ratio()) {
        fault.probability =
            static_cast<double>(ratio->numerator) / static_cast<double>(ratio->denominator);
        if (ratio->numerator == 0) loss.error("nothing is lost", "write a share above zero");
      }
    }
    if (takes(fault_jump)) {
      const Value jump = reader.required("jump");
      if (assign(fault.jump, jump.duration(-8760h, 8760h)) && fault.jump == 0ns) {
        jump.error("the clock does not jump");
      }
    }
    if (takes(fault_bandwidth)) {
      const Value bandwidth = reader.required("bandwidth");
      if (assign(fault.bytes_per_second, bandwidth.bytes()) && fault.bytes_per_second == 0) {
        bandwidth.error("nothing would be sent", "write at least 1B per second");
      }
    }
    if (takes(fault_restart)) fault.restart = read_distribution(reader.optional("restart"));
    if (takes(fault_candidate)) {
      const Value candidate = reader.optional("candidate");
      if (const auto name = candidate.text()) {
        fault.candidate = *name;
        if (names_.complete && !find_member(*name)) {
          candidate.error("there is no member " + in_quotes(*name), near(*name));
        }
      }
    }
  }

  // kubectl: 0 without --force is sent as 1, and a period together with --force must be 0.
  void read_grace(Reader& reader, FaultSpec& fault) {
    using namespace std::chrono_literals;
    const Value grace = reader.optional("grace_period");
    const auto period = grace.duration(0s, 24h);
    if (!period) {
      if (fault.force) fault.grace_period = 0s;
      return;
    }
    if (*period % 1s != 0s) grace.error("kubectl takes whole seconds");
    if (fault.force && *period > 0s) {
      grace.error("kubectl refuses --force with a grace period above 0", "leave one of them out");
    }
    fault.grace_period = !fault.force && *period == 0s ? 1s : *period;
  }

  void read_after(const Value& value, FaultSpec& fault) {
    if (!value.exists()) return;
    std::vector<std::string_view> names;
    for (const Milestone& milestone : milestones()) names.push_back(milestone.name);
    if (const auto index = value.choice_index("a milestone", names)) {
      fault.at.after = names[*index];
    }
  }

  void read_target(const Value& value, std::uint32_t allowed, Target& target,
                   std::string_view fault) {
    const auto name = value.text();
    if (!name) return;
    const auto accept = [&](Role role, std::string member) {
      if ((allowed >> static_cast<unsigned>(role) & 1U) == 0) {
        value.error(std::string(fault) + " cannot strike " +
                        (role == Role::named || role == Role::zone ? std::string(text_of_role(role))
                                                                   : in_quotes(*name)),
                    "it strikes " + allowed_text(allowed));
      }
      target = {role, std::move(member)};
    };
    for (const RoleName& role : role_names()) {
      if (!role.name.empty() && role.name == *name) return accept(role.role, "");
    }
    if (find_member(*name)) return accept(Role::named, *name);
    if (std::find(names_.zones.begin(), names_.zones.end(), *name) != names_.zones.end()) {
      return accept(Role::zone, *name);
    }
    for (const MemberSpec& member : names_.system.members) {
      if (member.node == *name) return accept(Role::named, member.name);
    }
    if (!names_.complete) return;
    value.error("there is no " + in_quotes(*name) + " in the system", near(*name));
  }

  static std::string allowed_text(std::uint32_t allowed) {
    std::string out;
    for (const RoleName& role : role_names()) {
      if ((allowed >> static_cast<unsigned>(role.role) & 1U) == 0) continue;
      if (!out.empty()) out += ", ";
      out += role.name.empty() ? text_of_role(role.role) : role.name;
    }
    return out;
  }

  bool find_member(const std::string& name) const {
    return std::any_of(names_.system.members.begin(), names_.system.members.end(),
                       [&](const MemberSpec& member) { return member.name == name; });
  }

  std::string near(const std::string& word) const {
    std::vector<std::string> known;
    for (const RoleName& role : role_names()) {
      if (!role.name.empty()) known.emplace_back(role.name);
    }
    for (const MemberSpec& member : names_.system.members) {
      known.push_back(member.name);
      if (!member.node.empty()) known.push_back(member.node);
    }
    known.insert(known.end(), names_.zones.begin(), names_.zones.end());
    return did_you_mean(word, known);
  }

  // Faults that this system cannot have.
  void check_applicable(const Value& value, const FaultSpec& fault) {
    if (!names_.complete) return;
    const SystemSpec& system = names_.system;
    const bool of_etcd = fault.kind == FaultKind::dcs_leader_kill ||
                         fault.kind == FaultKind::dcs_no_space || fault.on.role == Role::dcs_leader;
    if (of_etcd && system.dcs.kind != DcsSpec::Kind::etcd) {
      value.error("the system's DCS is not etcd");
    }
    if (fault.on.role == Role::pooler && !system.pooler) value.error("the system has no PgBouncer");
    if (fault.on.role == Role::haproxy && !system.haproxy) value.error("the system has no HAProxy");
    const bool of_kubernetes =
        fault.kind == FaultKind::pod_delete || fault.kind == FaultKind::containerd_deadlock;
    if (of_kubernetes && !system.kubernetes.present) {
      value.error("the system does not run on Kubernetes");
    }
    const bool of_standby =
        fault.on.role == Role::sync_standby || fault.on.role == Role::async_standby ||
        fault.on.role == Role::any_standby || fault.on.role == Role::all_standbys;
    if (of_standby && system.members.size() < 2) value.error("the system has no standby");
    if (fault.on.role == Role::sync_standby && !system.patroni.synchronous_mode) {
      value.warning("synchronous_mode is off: the first standby is taken");
    }
    if (fault.kind == FaultKind::switchover && system.members.size() < 2) {
      value.error("there is nobody to switch over to");
    }
  }

  void read_path(const Value& value, ScenarioSpec& spec) {
    const SystemSpec& system = names_.system;
    spec.path = system.usual_path();
    constexpr std::array<std::string_view, 4> paths = {"pgbouncer", "haproxy", "direct", "read"};
    if (value.exists()) {
      const auto index = value.choice_index("a path of clients", paths);
      if (!index) return;
      spec.path = paths[*index];
    }
    if (!names_.complete) return;
    if (!system.probe.asks(spec.path)) {
      value.error("nobody probes " + in_quotes(spec.path) + ", the path that is judged",
                  "add it to \"probe.paths\" or name another \"path\"");
    }
    if (!value.exists()) return;
    if (spec.path == "pgbouncer" && !system.pooler) value.error("the system has no PgBouncer");
    if (spec.path == "haproxy" && !system.haproxy) value.error("the system has no HAProxy");
  }

  void read_observed(const Value& value, ScenarioSpec& spec) {
    Reader reader(value);
    Observed row;
    row.at = reader.optional("at").duration(-std::chrono::hours(24));
    assign(row.precision, reader.optional("precision").duration());
    assign(row.event, reader.required("event").text());
    const Value matches = reader.optional("matches");
    if (matches.exists()) {
      assign(row.matches,
             read_milestone(matches, kind_ == nullptr ? milestones() : kind_->milestones()));
    }
    const Value measure = reader.optional("measure");
    assign(row.measure, measure.text());
    const Value logged = reader.optional("logged");
    if (const auto figure = logged.number(0)) row.logged = *figure;
    if (measure.exists() && (row.at || matches.exists())) {
      measure.error("a figure has no time", "leave \"at\" and \"matches\" out");
    }
    if (logged.exists() && !measure.exists()) {
      logged.error("it is not said what was logged", "add \"measure\"");
    }
    assign(row.remark, reader.optional("remark").text());
    spec.observed.push_back(std::move(row));
  }

  const Names& names_;
  const SystemKind* kind_;
};

}  // namespace

namespace {

std::size_t settings_of_file(const Document& document) {
  const Node* set = document.root().find("set");
  return set == nullptr ? 0 : set->members.size();
}

// "set": {"workloads[0].replicas": 4}: as with --set, before those of the command line.
std::vector<std::string> own_settings(const Document& document, Diagnostics& diagnostics) {
  std::vector<std::string> settings;
  const Node* set = document.root().find("set");
  if (set == nullptr) return settings;
  if (!set->is_map()) {
    diagnostics.error(set->place, "set",
                      "found " + std::string(kind_text(set->kind)) + " where settings should stand",
                      R"(write {"workloads[0].replicas": 4})");
    return settings;
  }
  for (const Member& member : set->members) {
    if (!member.value.is_scalar()) {
      diagnostics.error(member.value.place, "set." + member.key,
                        "found " + std::string(kind_text(member.value.kind)) +
                            " where a text or a number should stand",
                        "write a list or map as text");
      continue;
    }
    settings.push_back(member.key + "=" + member.value.text);
  }
  return settings;
}

}  // namespace

Loaded<ScenarioSpec> load_scenario(const std::filesystem::path& path,
                                   std::span<const std::string> settings,
                                   Diagnostics& diagnostics) {
  auto document = load_scenario_document(path, diagnostics);
  if (!document) return std::nullopt;
  ScenarioSpec spec;
  spec.name = path.stem().string();
  spec.file = document->file;
  const Node* system = document->root().find("system");
  if (system == nullptr || !system->is_scalar() || system->text.empty()) {
    Reader root(root_value(*document, diagnostics));
    root.required("system").text();
    for (const Member& member : document->root().members) root.ignore(member.key);
    return std::nullopt;
  }
  const std::filesystem::path system_path = (path.parent_path() / system->text).lexically_normal();
  std::error_code error;
  if (!std::filesystem::exists(system_path, error)) {
    diagnostics.error(system->place, "system",
                      "there is no file " + in_quotes(system_path.string(), 200),
                      "the path starts at the folder of the scenario");
    return std::nullopt;
  }
  SystemLoader loader(diagnostics);
  if (!loader.gather(system_path)) return std::nullopt;
  std::vector<OverrideTarget> targets =
      loader.targets(false, settings.size() + settings_of_file(*document));
  targets.push_back({"", &document->root()});
  std::vector<std::string> all_settings = own_settings(*document, diagnostics);
  all_settings.insert(all_settings.end(), settings.begin(), settings.end());
  if (!apply_overrides(targets, all_settings, diagnostics)) return std::nullopt;
  spec.system = loader.interpret();
  const bool complete = !diagnostics.has_errors();

  Reader root(root_value(*document, diagnostics));
  root.ignore("$schema");
  root.optional("description").text();
  root.ignore("set");
  assign(spec.title, root.required("name").text());
  root.required("system").text();
  const Names names{spec.system, loader.zones(), complete};
  ScenarioReader(names).read(root, spec);
  root.finish();
  if (diagnostics.has_errors()) return std::nullopt;
  return spec;
}

}  // namespace predrill::harness
