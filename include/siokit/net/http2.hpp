// siokit/net/http2.hpp - HTTP/2 for clients that come over TLS, by nghttp2.   SPDX-License-Identifier: MIT
// Spec: RFC 9113, without pushes and without WebSockets (RFC 8441): clients open those over HTTP/1.1.
// In: bytes of a connection. Out: its requests, as connections without a socket. Owns the session of nghttp2,
// and answers until they have left. A component of its own (siokit::http2), for those who have nghttp2 1.52.
//
//   siokit::server io({.tls_cert = "cert.pem", .tls_key = "key.pem", .http = {.http2 = net::http2()}});
#pragma once

#include <nghttp2/nghttp2.h>

#include <charconv>
#include <map>

#include "siokit/net/attach.hpp"
#include "siokit/net/turn.hpp"

namespace siokit::inline v0::net {

namespace impl {

class http2_session final : public http2_edge {
 public:
  explicit http2_session(connection& home);

  void receive(std::span<char const> in) override;
  void resume() override;
  void close_soon() override;
  void lose_streams() override {
    for (auto& [id, each] : streams_) {
      if (each.request) each.request->lose();
    }
  }
  void respond(std::int32_t id, unsigned status, std::span<header const> fields, std::string_view body,
               bool bodyless) override;
  void taken(std::int32_t id) override;
  void forget(std::int32_t id) noexcept override;

 private:
  struct stream {
    ref<connection> request;
    std::vector<owned_header> fields;  // of the request, with what HTTP/2 puts in place of its first line
    std::string body;                  // of the request, as HTTP/1.1 writes it, as far as it is not handed on
    std::string answer;
    std::size_t sent = 0;        // of the answer
    std::size_t head_bytes = 0;  // of the request
    std::size_t unread = 0;      // bytes that came, and that the peer has not yet been told to be read
    bool has_head = false;
    bool opened = false;
    bool chunked = false;
    bool answered = false;
    bool moved = false;  // some of the answer has left
    bool closed = false;
  };
  struct release {
    void operator()(nghttp2_session* object) const noexcept { nghttp2_session_del(object); }
  };
  static constexpr unsigned continuations_max = 16;  // frames of one head
  static constexpr unsigned records_at_once = 16;
  static constexpr std::size_t acks_max = 100;  // to PING and SETTINGS, which the peer does not read

  // Called by nghttp2, while it reads or writes. Nothing leaves them; what is to be done is written down.
  [[nodiscard]] static nghttp2_session_callbacks const* callbacks();
  template <class Work>
  static int note(void* self, std::int32_t id, Work&& work) noexcept;
  [[nodiscard]] int on_begin_frame(nghttp2_frame_hd const& frame) noexcept;
  void on_header(stream& s, std::string_view name, std::string_view value) const;
  static void on_data(stream& s, std::string_view data);
  static void on_end(stream& s, nghttp2_frame const& frame) noexcept;
  static ssize_t on_read(nghttp2_session*, std::int32_t id, std::uint8_t* to, std::size_t size,
                         std::uint32_t* flags, nghttp2_data_source*, void* self) noexcept;

  void work();
  void open(std::int32_t id, stream& s);
  [[nodiscard]] std::optional<std::string> request_of(std::int32_t id, stream const& s);
  void limit_resets();
  void end(std::uint32_t code) {
    ending_ = true;
    nghttp2_session_terminate_session(session_.get(), code);
  }
  [[nodiscard]] loop& shared() const noexcept { return *home_.loop_; }

  connection& home_;  // which owns this
  std::unique_ptr<nghttp2_session, release> session_;
  std::map<std::int32_t, stream> streams_;
  std::vector<std::int32_t> touched_;  // streams for which there is something to be done
  std::size_t requests_ = 0;           // streams that have a connection
  time_point resets_since_{};
  std::uint32_t resets_ = 0;
  unsigned continuations_ = 0;
  bool began_ = false;   // there was a request
  bool going_ = false;   // there shall be no more
  bool ending_ = false;  // the peer has broken the rules
};

// --- What nghttp2 says

/// Does what a callback is for, if the stream is known.
template <class Work>
int http2_session::note(void* self, std::int32_t id, Work&& work) noexcept {
  auto& me = *static_cast<http2_session*>(self);
  try {
    if (auto const found = me.streams_.find(id); found != me.streams_.end()) {
      work(me, found->second);
      if (me.touched_.empty() || me.touched_.back() != id) me.touched_.push_back(id);
    }
    return 0;
  } catch (...) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

inline nghttp2_session_callbacks const* http2_session::callbacks() {
  static nghttp2_session_callbacks const* const instance = [] {
    nghttp2_session_callbacks* out = nullptr;
    if (nghttp2_session_callbacks_new(&out) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_frame_callback(
        out, [](nghttp2_session*, nghttp2_frame_hd const* frame, void* self) {
          return static_cast<http2_session*>(self)->on_begin_frame(*frame);
        });
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        out, [](nghttp2_session*, nghttp2_frame const* frame, void* self) {
          try {
            static_cast<http2_session*>(self)->streams_.try_emplace(frame->hd.stream_id);
            return 0;
          } catch (...) {
            return static_cast<int>(NGHTTP2_ERR_CALLBACK_FAILURE);
          }
        });
    nghttp2_session_callbacks_set_on_header_callback(
        out, [](nghttp2_session*, nghttp2_frame const* frame, std::uint8_t const* name, std::size_t name_size,
                std::uint8_t const* value, std::size_t value_size, std::uint8_t, void* self) {
          return note(self, frame->hd.stream_id, [&](http2_session& me, stream& s) {
            me.on_header(s, {reinterpret_cast<char const*>(name), name_size},
                         {reinterpret_cast<char const*>(value), value_size});
          });
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        out, [](nghttp2_session* session, std::uint8_t, std::int32_t id, std::uint8_t const* data,
                std::size_t size, void* self) {
          nghttp2_session_consume_connection(session, size);  // each stream has its own limit
          return note(self, id, [&](http2_session&, stream& s) {
            on_data(s, {reinterpret_cast<char const*>(data), size});
          });
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        out, [](nghttp2_session*, nghttp2_frame const* frame, void* self) {
          auto const& hd = frame->hd;
          bool const nothing = hd.type == NGHTTP2_DATA && hd.length == 0 && (hd.flags & 1) == 0;
          if (hd.type == NGHTTP2_RST_STREAM || nothing) ++static_cast<http2_session*>(self)->resets_;
          return note(self, hd.stream_id, [&](http2_session&, stream& s) { on_end(s, *frame); });
        });
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
        out, [](nghttp2_session*, nghttp2_frame const*, int, void* self) {
          ++static_cast<http2_session*>(self)->resets_;
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        out, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
          return note(self, id, [](http2_session&, stream& s) { s.closed = true; });
        });
    // Who is answered before he has sent all of his request need not send the rest.
    nghttp2_session_callbacks_set_on_frame_send_callback(
        out, [](nghttp2_session* session, nghttp2_frame const* frame, void*) {
          auto const& hd = frame->hd;
          bool const last = (hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS) && (hd.flags & 1) != 0;
          if (!last || nghttp2_session_get_stream_remote_close(session, hd.stream_id) != 0) return 0;
          return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, hd.stream_id, NGHTTP2_NO_ERROR);
        });
    return out;
  }();
  return instance;
}

inline int http2_session::on_begin_frame(nghttp2_frame_hd const& frame) noexcept {
  continuations_ = frame.type == NGHTTP2_CONTINUATION ? continuations_ + 1 : 0;
  return continuations_ > continuations_max ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/// What is beyond the limit is not kept: open() refuses the request.
inline void http2_session::on_header(stream& s, std::string_view name, std::string_view value) const {
  if (s.has_head) return;  // a trailer
  if (s.head_bytes > shared().options().head.head_bytes_max) return;
  s.head_bytes += name.size() + value.size() + 4;
  s.fields.push_back({std::string(name), std::string(value)});
}

inline void http2_session::on_data(stream& s, std::string_view data) {
  if (s.answered || data.empty()) return;
  s.unread += data.size();
  if (!s.chunked) {
    s.body += data;
    return;
  }
  char size[16];
  s.body.append(size, std::to_chars(size, size + sizeof(size), data.size(), 16).ptr);
  s.body.append("\r\n").append(data).append("\r\n");
}

/// A frame has ended, the head perhaps, and the request perhaps.
inline void http2_session::on_end(stream& s, nghttp2_frame const& frame) noexcept {
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  bool const last = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!std::exchange(s.has_head, true)) {
    s.chunked = !last;
    for (auto const& [name, value] : s.fields) s.chunked = s.chunked && name != "content-length";
  } else if (last && s.chunked) {
    s.body += "0\r\n\r\n";
  }
}

inline ssize_t http2_session::on_read(nghttp2_session*, std::int32_t id, std::uint8_t* to, std::size_t size,
                                      std::uint32_t* flags, nghttp2_data_source*, void* self) noexcept {
  ssize_t taken = NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // the stream is reset
  int const failed = note(self, id, [&](http2_session&, stream& s) {
    std::size_t const count = std::min(size, s.answer.size() - s.sent);
    s.sent += s.answer.copy(reinterpret_cast<char*>(to), count, s.sent);
    s.moved = true;
    if (s.sent == s.answer.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    taken = static_cast<ssize_t>(count);
  });
  return failed != 0 ? failed : taken;
}

// --- Reading

inline http2_session::http2_session(connection& home) : home_(home), resets_since_(shared().now()) {
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, acks_max);
  int const failed = nghttp2_session_server_new2(&session, callbacks(), this, option);
  nghttp2_option_del(option);
  if (failed != 0) throw std::bad_alloc();
  session_.reset(session);
  auto const& options = shared().options();
  auto const head_max = std::min<std::size_t>(options.head.head_bytes_max, INT32_MAX);
  nghttp2_settings_entry const settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.http2.streams_max},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(head_max)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
}

inline void http2_session::receive(std::span<char const> in) {
  if (ending_) return;
  constexpr auto period = std::chrono::seconds(10);
  if (shared().now() >= later(resets_since_, period)) {
    resets_since_ = shared().now();
    resets_ = 0;
  }
  auto const* const bytes = reinterpret_cast<std::uint8_t const*>(in.data());
  auto const failure = nghttp2_session_mem_recv(session_.get(), bytes, in.size());
  if (failure == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
  if (failure < 0) {
    end(failure == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
  }
  limit_resets();
  resume();
}

/// So that nobody has more begun than is ever answered. It also limits the resets of our own that wait for a
/// peer who does not read, as acks_max does with what he asks for in frames of control.
inline void http2_session::limit_resets() {
  if (!ending_ && resets_ > shared().options().http2.resets_max) end(NGHTTP2_ENHANCE_YOUR_CALM);
}

/// Does what the callbacks have written down.
inline void http2_session::work() {
  for (std::int32_t const id : touched_) {
    auto const found = streams_.find(id);
    if (found == streams_.end()) continue;
    stream& s = found->second;
    if (s.has_head && !s.opened && !s.closed) open(id, s);
    if (s.request && !s.body.empty()) s.request->receive_more(std::exchange(s.body, {}));
    if (std::exchange(s.moved, false) && s.request) s.request->arm(shared().options().write_timeout);
    if (!s.closed) continue;
    if (s.request) --requests_, s.request->lose();
    streams_.erase(found);
  }
  touched_.clear();
}

inline void http2_session::open(std::int32_t id, stream& s) {
  began_ = s.opened = true;
  if (going_) {  // the peer will be told that it is not served
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  if (s.head_bytes > shared().options().head.head_bytes_max) return respond(id, 431, {}, {}, false);
  nghttp2_extpri const in_turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};  // no answer waits for the end of another
  nghttp2_session_change_extpri_stream_priority(session_.get(), id, &in_turns, 1);
  auto text = request_of(id, s);
  s.fields = {};
  if (!text) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  s.request = ref<connection>(new connection(shared(), net::impl::stream(shared().context().get_executor())));
  s.request->start_stream(home_, id, std::move(*text));
  ++requests_;
}

/// The head of the request in the words of HTTP/1.1; nothing, if there are none for it.
inline std::optional<std::string> http2_session::request_of(std::int32_t id, stream const& s) {
  attached_request in;
  std::string cookies;  // each of which may have come by itself
  std::vector<header>& fields = shared().fields;
  fields.assign(1, {"host", {}});
  for (auto const& [name, value] : s.fields) {
    if (name == ":method") {
      in.method = value;
    } else if (name == ":path") {
      in.target = value;
    } else if (name == ":authority" || (name == "host" && fields[0].value.empty())) {
      fields[0].value = value;
    } else if (name == "cookie") {
      cookies.append(cookies.empty() ? "" : "; ").append(value);
    } else if (name == "expect" && same_header_name(value, "100-continue")) {
      static char name_text[] = ":status", value_text[] = "100";
      nghttp2_nv const status{reinterpret_cast<std::uint8_t*>(name_text),
                              reinterpret_cast<std::uint8_t*>(value_text), 7, 3, NGHTTP2_NV_FLAG_NONE};
      nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, id, nullptr, &status, 1, nullptr);
    } else if (name[0] != ':' && name != "host") {
      fields.push_back({name, value});
    }
  }
  if (!cookies.empty()) fields.push_back({"cookie", cookies});
  in.headers = fields;
  auto text = request_text(in, false);
  if (text && s.chunked) text->insert(text->size() - 2, "Transfer-Encoding: chunked\r\n");
  return text;
}

inline void http2_session::taken(std::int32_t id) {
  auto const found = streams_.find(id);
  if (home_.loop_ == nullptr || found == streams_.end() || found->second.unread == 0) return;
  nghttp2_session_consume_stream(session_.get(), id, std::exchange(found->second.unread, 0));
  shared().resume_later(home_);
}

// --- Writing

inline void http2_session::respond(std::int32_t id, unsigned status, std::span<header const> fields,
                                   std::string_view body, bool bodyless) {
  auto const found = streams_.find(id);
  if (found == streams_.end() || home_.loop_ == nullptr) return;
  std::string const code = std::to_string(status), length = std::to_string(body.size());
  std::vector<owned_header> lower;
  lower.reserve(fields.size());
  std::vector<nghttp2_nv> out;
  auto const add = [&out](std::string_view name, std::string_view value) {
    auto const bytes = [](std::string_view text) {  // nghttp2 only reads them
      return const_cast<std::uint8_t*>(reinterpret_cast<std::uint8_t const*>(text.data()));
    };
    out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  };
  add(":status", code);
  for (auto const& [name, value] : fields) {
    std::string& small = lower.emplace_back(owned_header{std::string(name), {}}).name;
    for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    bool const of_connection =
        small == "connection" || small == "keep-alive" || small == "proxy-connection" || small == "upgrade";
    if (!of_connection) add(small, value);
  }
  if (status != 204 && status != 304) add("content-length", length);
  stream& s = found->second;
  s.answered = true;
  if (!bodyless) s.answer = body;
  nghttp2_data_provider const source{{}, &http2_session::on_read};
  nghttp2_submit_response(session_.get(), id, out.data(), out.size(), s.answer.empty() ? nullptr : &source);
  shared().resume_later(home_);
}

inline void http2_session::forget(std::int32_t id) noexcept {
  auto const found = streams_.find(id);
  if (found == streams_.end()) return;
  --requests_;
  streams_.erase(found);
  if (home_.loop_ == nullptr || !shared().running()) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  shared().resume_later(home_);
}

inline void http2_session::resume() {
  work();
  std::string& out = shared().text;
  unsigned records = 0;
  for (bool more = true; more && !home_.backlog_ && !home_.broken_;) {
    std::uint8_t const* piece = nullptr;
    out.clear();
    while (more && out.size() < tls_record_max) {
      auto const size = nghttp2_session_mem_send(session_.get(), &piece);
      more = size > 0;
      if (more) out.append(reinterpret_cast<char const*>(piece), static_cast<std::size_t>(size));
      if (size < 0) ending_ = true;
    }
    if (out.empty()) break;
    home_.write(out);
    if (++records < records_at_once) continue;
    home_.wait_writable();  // the others shall have their turn
    break;
  }
  work();  // streams may have ended thereby
  using phase = http_state::phase;
  bool const over =
      (nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0) ||
      (going_ && requests_ == 0);
  if (ending_ || (over && !home_.backlog_)) {
    lose_streams();
    return home_.finish();
  }
  if (home_.backlog_) {
    home_.wait_for(phase::answered);
    if (records > 0) home_.arm(shared().options().write_timeout);
    return;
  }
  if (began_) home_.wait_for(requests_ > 0 ? phase::answer : phase::idle);
}

inline void http2_session::close_soon() {
  if (!std::exchange(going_, true)) {
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR, nullptr,
                          0);
  }
  shared().resume_later(home_);
}

}  // namespace impl

/// The option http2 of a host, with HTTP/2 on.
[[nodiscard]] inline http2_options http2(http2_options options = {}) {
  options.make = [](impl::connection& home) -> std::unique_ptr<impl::http2_edge> {
    return std::make_unique<impl::http2_session>(home);
  };
  return options;
}

}  // namespace siokit::inline v0::net
