// A user of the installed libraries: includes and links them, and computes something.
#include <cstdio>

#include "sim/random.hpp"
#include "sim/time.hpp"

int main() {
  using namespace predrill::sim;
  const auto ttl = parse_duration("1m30s");
  if (!ttl || *ttl != std::chrono::seconds(90)) return 1;
  Stream stream(1, "package", "test");
  if (stream.next() != stream.at(0)) return 1;
  std::puts(to_exact_text(*ttl).c_str());
}
