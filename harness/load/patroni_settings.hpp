// Patroni's settings by name, wherever they were written: a Zalando manifest, patroni.yml, the
// dynamic configuration, system.json or the command line.
#pragma once

#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// Reads a map of Patroni settings ("ttl", "watchdog", ...) and says what Patroni will change in
/// them. The values are left as written: the model adjusts them when it starts.
void read_patroni_settings(const Node& map, models::PatroniConfig&, LoadContext&);

/// Tags of a member (patroni.yml: tags).
void read_patroni_tags(const Value&, models::PatroniTags&);

/// What behaves like release "3.3.2"; nullopt: no version, or one that nobody has looked at.
std::optional<models::PatroniVersion> patroni_version(std::string_view text);
/// "3.3.2", "3.0.4", "4.1"; an error for versions that nobody has looked at.
std::optional<models::PatroniVersion> read_patroni_version(const Value&);

}  // namespace predrill::harness
