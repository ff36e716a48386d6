// PostgreSQL's settings by name, as Patroni passes them on to the server.
#pragma once

#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// Reads a map of settings ("max_connections", ...) and reports what PostgreSQL rejects. Settings
/// of extensions (with a dot) are passed over.
void read_postgres_settings(const Node& map, SystemSpec&, LoadContext&);

}  // namespace predrill::harness
