// siokit/core/message.hpp - a packet encoded once, shared by everybody it is sent to.
// SPDX-License-Identifier: MIT
// One reference-counted block holds the packet as the WebSocket frames a server
// sends: the text frame, then one binary frame per attachment. The same bytes without their frame headers are
// the Engine.IO packets, so that no transport needs a second encoding of text. A handle is one pointer; a
// block belongs to one thread (plain reference count).
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "siokit/core/bytes.hpp"
#include "siokit/core/frame_header.hpp"

namespace siokit::inline v0 {

namespace impl {
class block_shelf;

/// Head of a message block; the bytes follow it. [begin, end) are the frames.
struct message_block {
  std::uint32_t references = 1;
  std::uint32_t begin : 31 = 0;
  std::uint32_t compress : 1 = true;
  std::uint32_t end = 0;
  std::uint32_t capacity = 0;
  message_block* compressed = nullptr;  // another form of the same, of which this one holds a reference
  block_shelf* home = nullptr;          // where it goes when nobody needs it any more

  void begin_at(std::size_t at) noexcept { begin = static_cast<std::uint32_t>(at) & 0x7FFF'FFFF; }
  [[nodiscard]] char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }

  [[nodiscard]] static message_block* create(std::size_t capacity) {
    auto* memory = ::operator new(sizeof(message_block) + capacity);
    return ::new (memory) message_block{.capacity = static_cast<std::uint32_t>(capacity)};
  }
  static void release(message_block* block) noexcept {
    while (block != nullptr && --block->references == 0) free(std::exchange(block, block->compressed));
  }
  static void free(message_block* block) noexcept;
};

/// Some blocks of one size, the free ones linked by `compressed`. Ends with its pool and the last of them.
class block_shelf {
 public:
  /// Of a block: an event of the usual size fits.
  static constexpr std::size_t capacity = 256 - sizeof(message_block);

  /// `asked`: at most capacity. That is what the message counts as, and all the room it has. When all blocks
  /// are in use, as when somebody does not read, one of the heap.
  [[nodiscard]] message_block* take(std::size_t asked) {
    message_block* const block = first_ == nullptr ? add() : first_;
    if (block == nullptr) return message_block::create(asked);
    first_ = block->compressed;
    return ::new (static_cast<void*>(block))
        message_block{.capacity = static_cast<std::uint32_t>(asked), .home = this};
  }
  void put_back(message_block* block) noexcept {
    block->compressed = std::exchange(first_, block);
    if (closed_) close();
  }
  void close() noexcept {
    closed_ = true;
    for (; first_ != nullptr; --blocks_) ::operator delete(std::exchange(first_, first_->compressed));
    if (blocks_ == 0) delete this;
  }

 private:
  static constexpr std::uint32_t blocks_max = 64;

  [[nodiscard]] message_block* add() {
    if (blocks_ == blocks_max) return nullptr;
    message_block* const block = message_block::create(capacity);
    ++blocks_;
    return block;
  }

  message_block* first_ = nullptr;
  std::uint32_t blocks_ = 0;
  bool closed_ = false;
};

inline void message_block::free(message_block* block) noexcept {
  block->home == nullptr ? ::operator delete(block) : block->home->put_back(block);
}
}  // namespace impl

/// Memory of small messages, kept for those that come after them, so that a server at work allocates none:
/// 16 KiB at most. Its messages may outlive it. Not thread safe: belongs to one shard, as they do.
class message_pool {
 public:
  message_pool() : shelf_(new impl::block_shelf) {}
  message_pool(message_pool const&) = delete;
  message_pool& operator=(message_pool const&) = delete;
  ~message_pool() { shelf_->close(); }

 private:
  friend class message_builder;
  impl::block_shelf* shelf_;
};

/// The Engine.IO packets of a message, in order: a forward-only walk over its frames. Borrows the message.
class packet_walk {
 public:
  explicit packet_walk(std::string_view frames) noexcept : rest_(frames) {}

  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }

  /// The next packet: text with its type character, or the bytes of an attachment. Precondition: !done().
  [[nodiscard]] frame next() noexcept {
    auto const kind =
        (static_cast<unsigned char>(rest_[0]) & 0x0F) == 1 ? frame_kind::text : frame_kind::binary;
    auto const [head, size] = read_frame_header(rest_);
    frame const packet{kind, rest_.substr(head, size)};
    rest_.remove_prefix(head + size);
    return packet;
  }

 private:
  std::string_view rest_;
};

/// A shared, immutable, encoded packet. Copying adds a reference. Not thread safe: belongs to one shard.
class message {
 public:
  message() noexcept = default;
  message(message const& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) ++block_->references;
  }
  message(message&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  message& operator=(message other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~message() { impl::message_block::release(block_); }

  explicit operator bool() const noexcept { return block_ != nullptr; }

  /// The packet as unmasked WebSocket frames, ready for the wire of a server. Lives as long as the message.
  [[nodiscard]] std::string_view frames() const noexcept {
    return block_ == nullptr ? std::string_view{}
                             : std::string_view{block_->bytes() + block_->begin, block_->end - block_->begin};
  }
  /// Whether the transport may compress it, if it does that: `compress` of the official server.
  [[nodiscard]] bool compress() const noexcept { return block_ != nullptr && block_->compress; }
  /// Says that compressing it is not worth the time. Before it is given to anybody. Precondition: not empty.
  void no_compress() noexcept { block_->compress = false; }
  /// The same packet with its frames compressed, once somebody has kept that; empty before.
  [[nodiscard]] message compressed() const noexcept {
    message form(block_ == nullptr ? nullptr : block_->compressed);
    if (form) ++form.block_->references;
    return form;
  }
  /// Keeps a compressed form, which lives as long as the message, for all it is still to be sent to.
  /// Preconditions: not empty; none is kept yet; `form` keeps none itself.
  void keep_compressed(message form) const noexcept {
    block_->compressed = std::exchange(form.block_, nullptr);
  }
  /// About how much memory it holds, in bytes: what a queue that keeps it is to count. A compressed form,
  /// which may come and is no larger, is not in it.
  [[nodiscard]] std::size_t cost() const noexcept {
    constexpr std::size_t place_in_queue = 16, of_allocator = 16;
    return block_ == nullptr ? 0 : sizeof(*block_) + block_->capacity + place_in_queue + of_allocator;
  }
  /// How many bytes its block has room for, which is what cost() grows with.
  [[nodiscard]] std::uint32_t capacity() const noexcept { return block_ == nullptr ? 0 : block_->capacity; }
  /// The same packet as Engine.IO packets, for polling and for hosts with a WebSocket library of their own.
  [[nodiscard]] packet_walk packets() const noexcept { return packet_walk(frames()); }
  [[nodiscard]] std::size_t packet_count() const noexcept {
    std::size_t count = 0;
    for (auto all = packets(); !all.done(); ++count) static_cast<void>(all.next());
    return count;
  }

 private:
  friend class message_builder;
  explicit message(impl::message_block* block) noexcept : block_(block) {}

  impl::message_block* block_ = nullptr;
};
static_assert(sizeof(message) == sizeof(void*));

/// Writes one message: first the text (append at its end, prepend at its front), then close_text(), then
/// attachments. Throws std::bad_alloc when memory ends or the message would exceed 4 GiB.
class message_builder {
 public:
  /// `head_room`: how many bytes prepend() may be given in all. `size_hint`: expected size of the appended
  /// text. `pool`: where its memory comes from if it is small; null: from the heap.
  explicit message_builder(std::size_t head_room, std::size_t size_hint = 112, message_pool* pool = nullptr)
      : block_(pool != nullptr && head_room + size_hint <= impl::block_shelf::capacity - header_room
                   ? pool->shelf_->take(header_room + head_room + size_hint)
                   : impl::message_block::create(header_room + head_room + size_hint)) {
    block_->end = static_cast<std::uint32_t>(header_room + head_room);
    block_->begin_at(block_->end);
  }
  message_builder(message_builder const&) = delete;
  message_builder& operator=(message_builder const&) = delete;
  ~message_builder() { impl::message_block::release(block_); }

  void append(char const* data, std::size_t size) {
    if (size > piece_max) [[unlikely]]
      return append_in_pieces(data, size);
    if (size != 0) std::memmove(room(size), data, size);
  }
  void append(std::string_view text) { append(text.data(), text.size()); }
  void push_back(char c) { *room(1) = c; }

  /// Puts `text` before everything written so far. Precondition: fits into the head room.
  void prepend(std::string_view text) noexcept {
    block_->begin_at(block_->begin - text.size());
    std::memcpy(block_->bytes() + block_->begin, text.data(), text.size());
  }

  /// Ends the text: writes the frame header into the room before it.
  void close_text() noexcept { close(0x81); }
  /// The same when what was written is a binary packet.
  void close_binary() noexcept { close(0x82); }

  /// Adds an attachment behind the text. Copies it: the message outlives the argument it came from.
  void attach(bytes_view data) { add_frame(0x82, as_text(data)); }
  /// Adds a frame with this first byte.
  void add_frame(std::uint8_t first_byte, std::string_view payload) {
    char head[header_room];
    append(head, write_frame_header(head, first_byte, payload.size(), false));
    append(payload);
  }

  [[nodiscard]] message finish() noexcept { return message(std::exchange(block_, nullptr)); }
  /// The same, counted as if its block had room for so much.
  [[nodiscard]] message finish(std::uint32_t capacity) noexcept {
    block_->capacity = capacity;
    return finish();
  }

  static constexpr std::size_t header_room = 10;  ///< the longest header of an unmasked frame

 private:
  void close(std::uint8_t first_byte) noexcept {
    std::size_t const size = block_->end - block_->begin;
    block_->begin_at(block_->begin - frame_header_size(size));
    write_frame_header(block_->bytes() + block_->begin, first_byte, size, false);
  }

  // The C library copies more than some 2 KiB by `rep movsb` where the processor calls that fast. Those of
  // AMD since Zen 3 do, and take up to twenty times as long where the target is a few bytes ahead of the
  // source modulo 4096. As memmove, for GCC has a `rep movsq` for a memcpy of a size that it can bound.
  static constexpr std::size_t piece_max = 2048;
  void append_in_pieces(char const* data, std::size_t size) {
    for (char* to = room(size); size != 0;) {
      std::size_t const piece = std::min(size, piece_max);
      std::memmove(to, data, piece);
      to += piece, data += piece, size -= piece;
    }
  }

  // Where the next `size` bytes are to be written.
  [[nodiscard]] char* room(std::size_t size) {
    std::size_t const end = block_->end, needed = end + size;
    if (needed > block_->capacity) grow(needed);
    block_->end = static_cast<std::uint32_t>(needed);
    return block_->bytes() + end;
  }

  void grow(std::size_t needed) {
    std::size_t const limit = UINT32_MAX;
    if (needed > limit) throw_too_large();
    std::size_t const grown =
        std::min(limit, std::max<std::size_t>(needed, std::size_t{block_->capacity} * 2));
    auto* larger = impl::message_block::create(grown);
    larger->begin = block_->begin;
    larger->end = block_->end;
    std::memcpy(larger->bytes() + block_->begin, block_->bytes() + block_->begin,
                block_->end - block_->begin);
    impl::message_block::release(std::exchange(block_, larger));
  }

  // Asks for more than can exist, so that the failure is the one that `new` gives, exceptions on or off.
  [[noreturn]] static void throw_too_large() {
    static_cast<void>(::operator new(PTRDIFF_MAX));
    std::terminate();
  }

  impl::message_block* block_;
};

/// A message of the frames() of another one, which costs as much as one of this capacity().
[[nodiscard]] inline message message_of_frames(std::string_view frames, std::uint32_t capacity) {
  message_builder builder(frames.size(), 0);
  builder.prepend(frames);
  return builder.finish(capacity);
}

/// A message of one text packet, as given: type character and data.
[[nodiscard]] inline message text_message(std::string_view packet) {
  message_builder builder(0, packet.size());
  builder.append(packet);
  builder.close_text();
  return builder.finish();
}

/// A message of one binary packet.
[[nodiscard]] inline message binary_message(bytes_view packet) {
  message_builder builder(0, packet.size() + 10);
  builder.attach(packet);
  return builder.finish();
}

}  // namespace siokit::inline v0
