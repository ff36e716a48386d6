// Memory of the tables that grow with the number of pending events or processes. Large blocks ask
// for huge pages: a run with many processes otherwise spends its time on address translation.
#pragma once

#include <cstddef>

namespace predrill::sim {

/// At least `bytes`, aligned to 256 bytes or, from 2 MiB on, to 2 MiB. Never null.
void* allocate_large(std::size_t bytes);
void release_large(void* memory) noexcept;

/// For std::vector.
template <class T>
struct LargeAllocator {
  using value_type = T;
  LargeAllocator() = default;
  template <class U>
  explicit LargeAllocator(const LargeAllocator<U>& /*other*/) {}
  T* allocate(std::size_t count) { return static_cast<T*>(allocate_large(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t /*count*/) noexcept { release_large(memory); }
  friend bool operator==(const LargeAllocator& /*a*/, const LargeAllocator& /*b*/) { return true; }
};

}  // namespace predrill::sim
