// A list of objects that know their neighbours and its length (PgBouncer's struct StatList).
#pragma once

#include <cstddef>

namespace predrill::models {

/// T has members `T* previous` and `T* next` and is in one list at a time.
template <class T>
class StatList {
 public:
  T* first() const { return first_; }
  T* last() const { return last_; }
  bool empty() const { return first_ == nullptr; }
  std::size_t count() const { return count_; }
  void prepend(T& item) {
    item.previous = nullptr;
    item.next = first_;
    (first_ != nullptr ? first_->previous : last_) = &item;
    first_ = &item;
    ++count_;
  }
  void append(T& item) {
    item.next = nullptr;
    item.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &item;
    last_ = &item;
    ++count_;
  }
  void remove(T& item) {
    (item.previous != nullptr ? item.previous->next : first_) = item.next;
    (item.next != nullptr ? item.next->previous : last_) = item.previous;
    item.previous = item.next = nullptr;
    --count_;
  }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace predrill::models
