#include "sim/large_memory.hpp"

#include <sys/mman.h>

#include <cstdlib>

#include "sim/assert.hpp"

namespace predrill::sim {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t alignment_min = 256;
}  // namespace

void* allocate_large(std::size_t bytes) {
  const std::size_t alignment = bytes >= huge_page ? huge_page : alignment_min;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  SIM_ASSERT(memory != nullptr, "out of memory");
  if (rounded >= huge_page) madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

void release_large(void* memory) noexcept {
  std::free(memory);
}

}  // namespace predrill::sim
