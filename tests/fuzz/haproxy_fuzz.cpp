#include "tests/fuzz/walk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace predrill;
  fuzz::parse_and_read(fuzz::as_text(data, size), harness::Format::haproxy);
  return 0;
}
