// pgbouncer.ini: the settings of [pgbouncer] and the lines of [databases].
#pragma once

#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// Reads the settings and the databases. `pooler.config.version_minor` must be set before. Reports
/// what PgBouncer refuses or ignores.
void read_pgbouncer_ini(const Node& settings, const Node& databases, PoolerSpec& pooler,
                        LoadContext&);

/// "1.22" or "1.22.1" as 22.
std::optional<std::int32_t> read_pgbouncer_version(const Value&);

}  // namespace predrill::harness
