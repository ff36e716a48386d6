#include "tests/fuzz/walk.hpp"

#include <cstdlib>
#include <set>

#include "harness/input/reader.hpp"
#include "harness/input/utf8.hpp"

namespace predrill::fuzz {
namespace {

using namespace harness;

void read_value(const Value& value) {
  static constexpr std::array<std::string_view, 2> names = {"node_loss", "pod_delete"};
  value.text();
  value.boolean();
  value.integer(1, 100);
  value.number(0, 1);
  value.ratio();
  value.duration();
  value.bytes();
  value.choice_index("a fault", names);
  value.postgres_duration(std::chrono::milliseconds(1));
  value.postgres_bytes(8192);
  value.postgres_boolean();
  value.patroni_seconds();
  value.pgbouncer_seconds();
  value.haproxy_time();
  value.quoted_integer();
  value.kubernetes_bytes();
}

void walk(const Value& value, std::size_t depth, const Limits& limits) {
  const Node& node = *value.node();
  require(node.place.line >= 1 && node.place.column >= 1);
  require(depth <= limits.depth);
  require(node.items.empty() || node.is_list());
  require(node.members.empty() || node.is_map());
  read_value(value);
  if (node.is_list()) {
    for (const Value& item : value.items()) walk(item, depth + 1, limits);
  }
  if (node.is_map()) {
    for (const auto& [key, member] : value.entries()) walk(member, depth + 1, limits);
    Reader reader(value);
    reader.required("name");
  }
}

}  // namespace

void require(bool promise) {
  if (!promise) std::abort();
}

std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

void read_everything(const Node& node, Diagnostics& diagnostics) {
  walk(node_value(node, "", diagnostics), 0, Limits());
}

void parse_and_read(std::string_view text, Format format) {
  // Small limits, so that small inputs reach them.
  Limits limits;
  limits.depth = 16;
  limits.values = 2'000;
  limits.alias_values = 500;
  Diagnostics diagnostics;
  const auto document = parse_document(text, "fuzz", format, diagnostics, limits);
  require(document.has_value() || diagnostics.has_errors());
  if (document) {
    Diagnostics read;
    for (const Node& part : document->parts) {
      walk(node_value(part, "", read), 0, limits);
      if (format == Format::ini) {
        for (const Member& section : part.members) {
          for (const Member& line : section.value.members) {
            parse_connection_string(line.value, line.key, read);
          }
        }
      }
    }
    diagnostics.merge(read);
  }
  const std::string printed = diagnostics.text();
  require(find_invalid_utf8(printed) == std::string_view::npos);
}

}  // namespace predrill::fuzz
