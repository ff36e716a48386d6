// haproxy.cfg as far as it decides when a database is used.
#pragma once

#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// Reads listen and backend sections whose servers are members of the cluster (by their name, node
/// or address) and who are asked by `option httpchk`. Lines that concern something else are passed
/// over; unknown ones are listed.
void read_haproxy_cfg(const Document&, const SystemSpec&, HaproxySpec&, LoadContext&);

/// Settings given in system.json or on the command line, for all sections: inter, fall, rise,
/// fastinter, downinter, timeout_connect, timeout_check, timeout_queue, maxconn, retries,
/// on_marked_down.
void read_haproxy_settings(const Node& map, HaproxySpec&, LoadContext&);

}  // namespace predrill::harness
