// siokit/net/tls_filter.hpp - TLS 1.2 and 1.3 between bytes and bytes.   SPDX-License-Identifier: MIT
// OpenSSL without a socket. In: cipher bytes of the peer, plain bytes to send. Out: plain bytes, cipher
// bytes. OpenSSL reads in place from what was fed and writes to one string, freed when drained: an idle
// filter holds no buffer. Bounded against peers: OpenSSL buffers one record (16 KiB) and, in a handshake, one
// message of it; what a peer makes it answer afterwards (alerts, key updates) is no longer than what was fed.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "siokit/core/error.hpp"
#include "siokit/net/tls_context.hpp"

namespace siokit::inline v0::net {

enum class tls_role : std::uint8_t { server, client };

/// One TLS connection. OpenSSL points to it: neither copied nor moved.
///
/// The host, whenever bytes came: feed(), then read() until it returns 0, then drain() what is to be sent,
/// also when read() failed. A client has something to be sent at once.
class tls_filter {
 public:
  /// `settings`: shared with the filter. `host`, for clients, and then required: the DNS name or the IP
  /// address that the server's certificate must be made out for, unless `settings` turn verification off.
  /// `verify`: in place of what `settings` say.
  tls_filter(SSL_CTX* settings, tls_role role, std::string const& host = {}, std::optional<bool> verify = {});
  tls_filter(tls_filter const&) = delete;
  tls_filter& operator=(tls_filter const&) = delete;

  /// Lends cipher bytes until read() has returned 0 or an error.
  /// Errors: events_pending (local) when it has not yet; tls_failed (remote) for ever after a failure.
  [[nodiscard]] result<void> feed(std::span<char const> cipher) noexcept;

  /// Deciphers as much as there is room for; `plain` is not empty. 0: all that was fed is used up.
  /// Error, remote: tls_failed, and all that is left is the alert to be drained. See last_error().
  [[nodiscard]] result<std::size_t> read(std::span<char> plain) noexcept;

  /// Enciphers. Errors: wrong_state (local) before handshake_done() or after shutdown(), tls_failed (remote).
  [[nodiscard]] result<void> write(std::string_view plain) noexcept;

  /// Of a server, before the first feed(): its client may choose HTTP/2, if the settings have allow_http2().
  void offer_http2() noexcept { SSL_set_app_data(ssl_.get(), this); }
  /// Whether he did. Good after the handshake.
  [[nodiscard]] bool chose_http2() const noexcept {
    unsigned char const* name = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return size == 2 && name[0] == 'h' && name[1] == '2';
  }

  /// Says that nothing more will be written (close_notify). Nothing happens before the end of the handshake.
  void shutdown() noexcept;

  /// How many cipher bytes wait to be sent.
  [[nodiscard]] std::size_t pending_output() const noexcept { return out_.size(); }
  /// Appends the cipher bytes to be sent. False when there are none.
  bool drain(std::string& out) {
    if (out_.empty()) return false;
    out += std::exchange(out_, {});
    return true;
  }

  /// Whether the peer is who it should be, and write() is allowed.
  [[nodiscard]] bool handshake_done() const noexcept { return established_ && !failed_; }
  /// Whether the peer has said that it sends nothing more. A connection that ends without was cut.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// What went wrong, in the words of OpenSSL; empty while nothing has.
  [[nodiscard]] std::string last_error() const;

 private:
  struct release {
    void operator()(SSL* object) const noexcept { SSL_free(object); }
  };

  void start_client(std::string const& host) noexcept;
  [[nodiscard]] bool set_host(std::string const& host) noexcept;
  tl::unexpected<error> fail() noexcept;
  [[nodiscard]] static BIO_METHOD* bio_method();

  std::span<char const> in_;  // of the caller
  std::string out_;
  std::unique_ptr<SSL, release> ssl_;
  unsigned long failure_ = 0;  // of OpenSSL, 0 when it has not told
  bool established_ = false;
  bool failed_ = false;
  bool closed_ = false;
};

inline tls_filter::tls_filter(SSL_CTX* settings, tls_role role, std::string const& host,
                              std::optional<bool> verify)
    : ssl_(SSL_new(settings)) {
  BIO* const bio = ssl_ ? BIO_new(bio_method()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  // Whoever made the settings.
  SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_set_options(ssl_.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (SSL_get_min_proto_version(ssl_.get()) < TLS1_2_VERSION) {
    SSL_set_min_proto_version(ssl_.get(), TLS1_2_VERSION);
  }
  if (verify) {
    SSL_set_verify(ssl_.get(), *verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                   SSL_get_verify_callback(ssl_.get()));
  }
  if (role == tls_role::client) {
    start_client(host);
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

inline void tls_filter::start_client(std::string const& host) noexcept {
  SSL_set_connect_state(ssl_.get());
  ERR_clear_error();
  if (!set_host(host)) {
    (void)fail();
    return;
  }
  ERR_clear_error();
  int const done = SSL_do_handshake(ssl_.get());
  if (done != 1 && SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) (void)fail();
}

inline bool tls_filter::set_host(std::string const& host) noexcept {
  if (host.empty()) return false;
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return true;
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
}

inline result<void> tls_filter::feed(std::span<char const> cipher) noexcept {
  if (failed_) return remote_error(errc::tls_failed);
  if (!in_.empty()) return local_error(errc::events_pending);
  if (!closed_) in_ = cipher;
  return {};
}

inline result<std::size_t> tls_filter::read(std::span<char> plain) noexcept {
  std::size_t total = 0;
  while (!failed_ && !closed_ && total < plain.size()) {
    std::size_t size = 0;
    ERR_clear_error();
    int const done = SSL_read_ex(ssl_.get(), plain.data() + total, plain.size() - total, &size);
    total += size;
    if (done == 1) continue;
    int const why = SSL_get_error(ssl_.get(), done);
    if (why == SSL_ERROR_WANT_READ) break;
    if (why == SSL_ERROR_ZERO_RETURN) {
      closed_ = true;
      in_ = {};
    } else {
      (void)fail();
    }
  }
  // Asked here and kept: OpenSSL is back in its handshake while a message such as a key update is incomplete.
  if (SSL_is_init_finished(ssl_.get()) == 1) established_ = true;
  if (failed_ && total == 0) return remote_error(errc::tls_failed);
  return total;
}

inline result<void> tls_filter::write(std::string_view plain) noexcept {
  if (failed_) return remote_error(errc::tls_failed);
  bool const open = (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) == 0;
  if (!open || !handshake_done()) return local_error(errc::wrong_state);
  if (plain.empty()) return {};
  std::size_t size = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &size) != 1) return fail();
  return {};
}

inline void tls_filter::shutdown() noexcept {
  // A second call would wait for the answer of the peer.
  if (!handshake_done() || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0) (void)fail();
}

inline std::string tls_filter::last_error() const {
  if (!failed_) return {};
  if (failure_ == 0) return established_ ? "the peer interrupts a message" : "missing or unusable host name";
  std::string out = impl::tls_error_text(failure_);
  if (ERR_GET_REASON(failure_) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    out.append(": ").append(X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get())));
  }
  return out;
}

inline tl::unexpected<error> tls_filter::fail() noexcept {
  failed_ = true;
  failure_ = ERR_peek_last_error();  // the others are details of ciphers
  in_ = {};
  ERR_clear_error();
  return remote_error(errc::tls_failed);
}

/// Source and sink in one: in_ and out_ of the filter.
inline BIO_METHOD* tls_filter::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "siokit");
    if (out == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(out, [](BIO* bio, char* to, int size) {
      std::span<char const>& in = static_cast<tls_filter*>(BIO_get_data(bio))->in_;
      BIO_clear_retry_flags(bio);
      if (in.empty()) {
        BIO_set_retry_read(bio);
        return -1;
      }
      std::size_t const taken = std::min(in.size(), static_cast<std::size_t>(size));
      std::memcpy(to, in.data(), taken);
      in = in.subspan(taken);
      return static_cast<int>(taken);
    });
    BIO_meth_set_write(out, [](BIO* bio, char const* from, int size) {
      BIO_clear_retry_flags(bio);
      try {
        static_cast<tls_filter*>(BIO_get_data(bio))->out_.append(from, static_cast<std::size_t>(size));
      } catch (...) {
        return -1;
      }
      return size;
    });
    BIO_meth_set_ctrl(out, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
    return out;
  }();
  return method;
}

}  // namespace siokit::inline v0::net
