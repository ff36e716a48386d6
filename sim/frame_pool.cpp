#include "sim/frame_pool.hpp"

#include <cstring>

namespace predrill::sim {

namespace {
// Set by tests before any thread starts. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
unsigned char fill_byte = 0;
}  // namespace

void FramePool::set_fill(unsigned char byte) {
  fill_byte = byte;
}

std::size_t FramePool::blocks_taken() {
  return lists().taken;
}

void* FramePool::refill(std::size_t size_class) {
  ++lists().taken;
  const std::size_t bytes = size_class * granule;
  void* memory = ::operator new(bytes);
  std::memset(memory, fill_byte, bytes);
  return memory;
}

FramePool::Lists::~Lists() {
  for (Block* head : heads) {
    while (head != nullptr) {
      Block* next = head->next;
      ::operator delete(head);
      head = next;
    }
  }
}

}  // namespace predrill::sim
