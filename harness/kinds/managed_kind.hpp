// What the kinds of managed databases (Aurora, RDS) have in common: their clients' measures, the
// time of the API's status, and where a setting was read.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/run.hpp"
#include "harness/kinds/fault_schedule.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/managed/client_world.hpp"

namespace predrill::harness {

/// Reads the section "clients"; records where every value of both sections stood.
void read_managed_sections(Reader& root, std::string_view database, LoadContext& context,
                           DatabaseClients& clients);

/// The unit of what measure_clients() and the time of the API add to RunMeasures::values.
std::optional<MeasureUnit> managed_unit_of(std::string_view value);

/// Moves the journal into the outcome; outages and errors of each path, what the pool's and the
/// proxy's clients met, how stale reads were.
void measure_clients(models::Journal& journal, const DatabaseClients& clients, sim::Time until,
                     RunOutcome& outcome);

/// How often another instance acknowledges writes than the one before.
std::int64_t changes_of_writer(const models::Journal& journal);

/// When the first record of the kind was written; forever if there is none.
sim::Duration first_of(const std::vector<sim::Record>& records, const sim::Kind& kind);

/// From the fault until the last of these kinds has said available; zero: none has. What an
/// operator's script waits for, and no outage.
sim::Duration api_time(const sim::Trace& trace, const std::vector<sim::Record>& records,
                       sim::Time fault, std::span<const sim::Kind* const> kinds);

/// A setting as a report names it, with its file and line: "dns_ttl 5 s (system.json:18)".
std::string with_origin(const SystemSpec& system, const std::string& path, const std::string& text);

/// What the last stages of a path depend on: the client's own caches and pace.
std::string setting_of_clients(const ScenarioSpec& scenario, const DatabaseClients& clients,
                               const std::string& ttl_path, sim::Duration ttl);

}  // namespace predrill::harness
