#include "sim/frame_pool.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "sim/large_memory.hpp"

namespace predrill::sim {

namespace {
// Set by tests before any thread starts. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
unsigned char fill_byte = 0;
}  // namespace

// Free blocks of threads that have ended, and every chunk, until the program ends.
struct FramePool::Reserve {
  std::mutex mutex;
  std::array<Block*, classes> heads{};
  std::vector<std::byte*> chunks;
  ~Reserve() {
    for (std::byte* chunk : chunks) release_large(chunk);
  }
  static Reserve& instance() {
    static Reserve reserve;
    return reserve;
  }
};

// Hands what the thread leaves behind to the others.
struct FramePool::Farewell {
  ~Farewell() {
    Reserve& reserve = Reserve::instance();
    const std::lock_guard lock(reserve.mutex);
    for (std::size_t i = 0; i < classes; ++i) {
      while (Block* block = lists_.heads[i]) {
        lists_.heads[i] = block->next;
        block->next = reserve.heads[i];
        reserve.heads[i] = block;
      }
    }
  }
};

void FramePool::set_fill(unsigned char byte) {
  fill_byte = byte;
  Reserve& reserve = Reserve::instance();
  const std::lock_guard lock(reserve.mutex);
  for (std::size_t i = 0; i < classes; ++i) {
    for (Block* first : {lists_.heads[i], reserve.heads[i]}) {
      for (Block* block = first; block != nullptr; block = block->next) {
        std::memset(static_cast<void*>(block + 1), byte, i * granule - sizeof(Block));
      }
    }
  }
}

std::size_t FramePool::blocks_taken() {
  return lists_.taken;
}

void* FramePool::refill(std::size_t size_class) {
  Lists& mine = lists_;
  static thread_local const Farewell farewell;
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

// Chunks double up to 64 MiB.
void FramePool::take_chunk(Lists& mine) {
  const std::size_t bytes =
      std::clamp(2 * mine.chunk_bytes, std::size_t{64} << 10, std::size_t{64} << 20);
  mine.chunk_bytes = bytes;
  auto* chunk = static_cast<std::byte*>(allocate_large(bytes));
  Reserve& reserve = Reserve::instance();
  const std::lock_guard lock(reserve.mutex);
  reserve.chunks.push_back(chunk);
  mine.chunk = chunk;
  mine.chunk_end = chunk + bytes;
}

}  // namespace predrill::sim
