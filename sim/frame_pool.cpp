#include "sim/frame_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "sim/assert.hpp"

namespace predrill::sim {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;
// Set by tests before any thread starts. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
unsigned char fill_byte = 0;
}  // namespace

// Free blocks of threads that have ended, and every chunk, until the program ends.
struct FramePool::Reserve {
  std::mutex mutex;
  std::array<Block*, classes> heads{};
  std::vector<std::byte*> chunks;
  ~Reserve() {
    for (std::byte* chunk : chunks) std::free(chunk);
  }
  static Reserve& instance() {
    static Reserve reserve;
    return reserve;
  }
};

void FramePool::set_fill(unsigned char byte) {
  fill_byte = byte;
}

std::size_t FramePool::blocks_taken() {
  return lists().taken;
}

void* FramePool::refill(std::size_t size_class) {
  Lists& mine = lists();
  Reserve& reserve = Reserve::instance();
  {
    const std::lock_guard lock(reserve.mutex);
    std::swap(mine.heads[size_class], reserve.heads[size_class]);
  }
  if (Block* block = mine.heads[size_class]) {
    mine.heads[size_class] = block->next;
    return block;
  }
  const std::size_t bytes = size_class * granule;
  if (static_cast<std::size_t>(mine.chunk_end - mine.chunk) < bytes) take_chunk(mine);
  std::byte* block = mine.chunk;
  mine.chunk += bytes;
  ++mine.taken;
  std::memset(block, fill_byte, bytes);
  return block;
}

// Chunks double up to 64 MiB; large ones ask for huge pages, because a run with many processes
// otherwise spends its time on address translation.
void FramePool::take_chunk(Lists& mine) {
  const std::size_t bytes = mine.next_chunk;
  mine.next_chunk = std::min(bytes * 2, std::size_t{64} << 20);
  auto* chunk = static_cast<std::byte*>(std::aligned_alloc(std::min(bytes, huge_page), bytes));
  SIM_ASSERT(chunk != nullptr, "no memory for processes");
  if (bytes >= huge_page) madvise(chunk, bytes, MADV_HUGEPAGE);
  Reserve& reserve = Reserve::instance();
  const std::lock_guard lock(reserve.mutex);
  reserve.chunks.push_back(chunk);
  mine.chunk = chunk;
  mine.chunk_end = chunk + bytes;
}

FramePool::Lists::~Lists() {
  Reserve& reserve = Reserve::instance();
  const std::lock_guard lock(reserve.mutex);
  for (std::size_t i = 0; i < classes; ++i) {
    while (Block* block = heads[i]) {
      heads[i] = block->next;
      block->next = reserve.heads[i];
      reserve.heads[i] = block;
    }
  }
}

}  // namespace predrill::sim
