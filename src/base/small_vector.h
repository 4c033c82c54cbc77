// SmallVector<T, N>: a vector of trivially copyable elements that allocates only past N of them. Dimensions,
// strides and axes live in it, so that a shape costs no heap in the run path.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

namespace ortolan {

template <typename T, size_t N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() = default;
  explicit SmallVector(size_t count, T fill = T{}) { resize(count, fill); }
  SmallVector(std::initializer_list<T> items) { Append(items.begin(), items.size()); }
  SmallVector(std::span<const T> items) { Append(items.data(), items.size()); }  // NOLINT: implicit by design
  template <typename It, typename = typename std::iterator_traits<It>::iterator_category>
  SmallVector(It first, It last) {
    for (; first != last; ++first) push_back(static_cast<T>(*first));
  }
  SmallVector(const SmallVector& other) { Append(other.data(), other.size()); }
  SmallVector(SmallVector&& other) noexcept { Take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) {
      size_ = 0;
      Append(other.data(), other.size());
    }
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      if (data_ != Inline()) delete[] data_;
      Take(other);
    }
    return *this;
  }
  ~SmallVector() {
    if (data_ != Inline()) delete[] data_;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T& front() { return data_[0]; }
  T& back() { return data_[size_ - 1]; }
  const T& front() const { return data_[0]; }
  const T& back() const { return data_[size_ - 1]; }

  void clear() { size_ = 0; }
  void reserve(size_t capacity) {
    if (capacity > capacity_) Grow(capacity);
  }
  void resize(size_t count, T fill = T{}) {
    reserve(count);
    if (count > size_) std::fill(data_ + size_, data_ + count, fill);
    size_ = count;
  }
  void push_back(T item) {
    if (size_ == capacity_) Grow(2 * capacity_);
    data_[size_++] = item;
  }
  void pop_back() { --size_; }
  void insert(const_iterator position, T item) {
    const size_t index = static_cast<size_t>(position - data_);
    push_back(item);
    std::rotate(data_ + index, data_ + size_ - 1, data_ + size_);
  }
  void erase(const_iterator position) {
    T* at = data_ + (position - data_);
    std::copy(at + 1, end(), at);
    --size_;
  }
  void Append(const T* items, size_t count) {
    reserve(size_ + count);
    std::copy(items, items + count, data_ + size_);
    size_ += count;
  }

  friend bool operator==(const SmallVector& a, const SmallVector& b) {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  T* Inline() { return inline_; }
  void Grow(size_t capacity) {
    T* fresh = new T[capacity];
    std::copy(data_, data_ + size_, fresh);
    if (data_ != Inline()) delete[] data_;
    data_ = fresh;
    capacity_ = capacity;
  }
  void Take(SmallVector& other) {
    size_ = other.size_;
    if (other.data_ == other.Inline()) {
      data_ = Inline();
      capacity_ = N;
      std::copy(other.data_, other.data_ + size_, data_);
    } else {
      data_ = other.data_;
      capacity_ = other.capacity_;
      other.data_ = other.Inline();
      other.capacity_ = N;
    }
    other.size_ = 0;
  }

  T inline_[N] = {};
  T* data_ = inline_;
  size_t size_ = 0;
  size_t capacity_ = N;
};

}  // namespace ortolan
