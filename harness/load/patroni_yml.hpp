// patroni.yml, or a dynamic configuration as `patronictl show-config` prints it.
#pragma once

#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// What a Patroni configuration says, sorted by whom it concerns; nothing is interpreted yet.
struct PatroniYml {
  Node patroni;     // settings of Patroni, dynamic ones first, local ones over them
  Node postgresql;  // parameters of PostgreSQL, likewise
  const Node* tags = nullptr;
  std::optional<DcsSpec::Kind> dcs;
};

/// The document must outlive the result.
PatroniYml read_patroni_yml(const Document&, LoadContext&);

}  // namespace predrill::harness
