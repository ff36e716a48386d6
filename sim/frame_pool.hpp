// Memory of coroutine frames and messages: free lists by size class, one set per thread, cut from
// chunks that the program keeps. A block may be returned on another thread than it was taken on;
// what a thread leaves behind serves the next one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace predrill::sim {

class FramePool {
 public:
  static void* allocate(std::size_t bytes) {
    const std::size_t size_class = (bytes + granule - 1) / granule;
    if (size_class >= classes) [[unlikely]]
      return ::operator new(bytes);
    Block*& head = lists_.heads[size_class];
    if (head == nullptr) [[unlikely]]
      return refill(size_class);
    Block* block = head;
    head = block->next;
    return block;
  }

  static void release(void* memory, std::size_t bytes) noexcept {
    const std::size_t size_class = (bytes + granule - 1) / granule;
    if (size_class >= classes) [[unlikely]] {
      ::operator delete(memory);
      return;
    }
    Block*& head = lists_.heads[size_class];
    head = ::new (memory) Block{head};
  }

  /// Blocks taken from the system by this thread so far (for tests: flat when warm).
  static std::size_t blocks_taken();

  /// Fills what is free, and new blocks, with this byte (tests: a run must not depend on old
  /// memory).
  static void set_fill(unsigned char byte);

 private:
  static constexpr std::size_t granule = 64;  // a cache line
  static constexpr std::size_t classes = 33;  // up to 2 KiB

  struct Block {
    Block* next;
  };
  struct Lists {
    std::array<Block*, classes> heads;
    std::byte* chunk;  // not yet cut: [chunk, chunk_end)
    std::byte* chunk_end;
    std::size_t chunk_bytes;  // of the newest
    std::size_t taken;
  };
  struct Reserve;
  struct Farewell;

  // One pool per thread is the point. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
  static inline constinit thread_local Lists lists_{};
  static void* refill(std::size_t size_class);
  static void take_chunk(Lists& mine);
};

/// Base of a type whose objects come from the pool.
struct Pooled {
  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept {
    FramePool::release(memory, bytes);
  }
};

}  // namespace predrill::sim
