#include <array>

#include "harness/aurora/aurora_spec.hpp"
#include "harness/load/read_distribution.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

struct Timing {
  std::string_view name;
  sim::Distribution models::AuroraTimings::*member;
};

constexpr std::array<Timing, 18> timing_names = {{
    {"failover_state", &models::AuroraTimings::failover_state},
    {"writer_closes", &models::AuroraTimings::writer_closes},
    {"writer_flips", &models::AuroraTimings::writer_flips},
    {"settle", &models::AuroraTimings::settle},
    {"dns_publish", &models::AuroraTimings::dns_publish},
    {"detect_host", &models::AuroraTimings::detect_host},
    {"promote", &models::AuroraTimings::promote},
    {"engine_restart", &models::AuroraTimings::engine_restart},
    {"recreate_instance", &models::AuroraTimings::recreate_instance},
    {"reader_reboot", &models::AuroraTimings::reader_reboot},
    {"writer_reboot", &models::AuroraTimings::writer_reboot},
    {"class_swap_start", &models::AuroraTimings::class_swap_start},
    {"class_swap", &models::AuroraTimings::class_swap},
    {"enhanced_monitoring", &models::AuroraTimings::enhanced_monitoring},
    {"parameters_live", &models::AuroraTimings::parameters_live},
    {"snapshot", &models::AuroraTimings::snapshot},
    {"insights_change", &models::AuroraTimings::insights_change},
    {"replica_lag", &models::AuroraTimings::replica_lag},
}};

void read_instance(const Value& value, models::AuroraConfig& config) {
  Reader reader(value);
  models::AuroraInstanceConfig one;
  one.zone = config.instances.size() % models::AuroraStorage::zones;
  assign(one.name, reader.required("name").text());
  const Value its_class = reader.required("class");
  const auto names = models::instance_class_names();
  if (const auto index = its_class.choice_index("an instance class of the table", names)) {
    one.instance_class = names[*index];
  }
  assign(one.zone, reader.optional("zone").integer(0, 2));
  assign(one.promotion_tier, reader.optional("promotion_tier").integer(0, 15));
  config.instances.push_back(std::move(one));
}

}  // namespace

void read_aurora_timings(const Value& section, models::AuroraTimings& timings) {
  if (!section.exists()) return;
  Reader reader(section);
  for (const Timing& one : timing_names) {
    read_into(timings.*one.member, reader.optional(one.name));
  }
}

void read_aurora(const Value& section, AuroraSpec& spec) {
  if (!section.exists()) return;
  Reader reader(section);
  models::AuroraConfig& config = spec.config;
  assign(config.cluster, reader.required("cluster").text());
  assign(config.engine_version, reader.optional("engine_version").text());
  for (const Value& item : reader.required("instances").items()) read_instance(item, config);
  assign(config.dns_ttl, reader.optional("dns_ttl").duration(0s, 1h));
  assign(config.cluster_cache_management, reader.optional("apg_ccm_enabled").boolean());
  assign(config.fenced_silently, reader.optional("fenced_silently").boolean());
  constexpr std::array<std::pair<std::string_view, bool>, 2> modes = {
      {{"standard", false}, {"advanced", true}}};
  assign(spec.insights_advanced, reader.optional("DatabaseInsightsMode").choice("a mode", modes));
  read_aurora_timings(reader.optional("timings"), spec.timings);
  for (const std::string& problem : models::validate(config)) section.error(problem);
}

}  // namespace predrill::harness
