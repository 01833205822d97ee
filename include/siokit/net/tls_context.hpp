// siokit/net/tls_context.hpp - settings of TLS with sane defaults.   SPDX-License-Identifier: MIT
// In: names of PEM files. Out: an SSL_CTX of OpenSSL, or a sentence that names option and file at fault.
// asio::ssl::context can hold the same settings: share_tls_context(context.native_handle()).
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <tl/expected.hpp>

#include "siokit/version.hpp"

namespace siokit::inline v0::net {

/// Shared by all connections that it serves. Null: no TLS.
using tls_context = std::shared_ptr<SSL_CTX>;

namespace impl {

/// What an error code of OpenSSL says.
[[nodiscard]] inline std::string tls_error_text(unsigned long code) {
  if (ERR_GET_LIB(code) == ERR_LIB_SYS) return std::generic_category().message(ERR_GET_REASON(code));
  char const* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error of OpenSSL";
}

/// TLS 1.2 with forward secrecy or TLS 1.3, and little memory for idle connections.
[[nodiscard]] inline tls_context make_tls_context(SSL_METHOD const* method) {
  tls_context out(SSL_CTX_new(method), SSL_CTX_free);
  if (!out) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(out.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(out.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(out.get(), SSL_MODE_RELEASE_BUFFERS);
  // Sessions are resumed by tickets, which the clients keep.
  SSL_CTX_set_session_cache_mode(out.get(), SSL_SESS_CACHE_OFF);
  // Nobody is there to be asked for a passphrase.
  SSL_CTX_set_default_passwd_cb(out.get(), [](char*, int, int, void*) { return -1; });
  return out;
}

/// The oldest error of this thread, which is the cause, behind the names of an option and its file.
[[nodiscard]] inline tl::unexpected<std::string> tls_file_error(std::string const& option,
                                                                std::string const& file) {
  return tl::unexpected(option + ": " + file + ": " + tls_error_text(ERR_get_error()));
}

[[nodiscard]] inline tl::expected<void, std::string> use_certificate(tls_context const& settings,
                                                                     std::string const& cert_file,
                                                                     std::string const& key_file) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(settings.get(), cert_file.c_str()) != 1) {
    return tls_file_error("tls_cert", cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(settings.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tls_file_error("tls_key", key_file);
  }
  return {};
}

}  // namespace impl

/// Lets clients choose between HTTP/2 and HTTP/1.1 by ALPN, on connections of a host with the option http2;
/// on others nothing is chosen. make_server_context() has done so; settings of the caller's own need it.
inline void allow_http2(tls_context const& settings) {
  auto const choose = [](SSL* ssl, unsigned char const** out, unsigned char* size,
                         unsigned char const* offers, unsigned int offers_size, void*) {
    static constexpr unsigned char known[] = "\x02h2\x08http/1.1";
    if (SSL_get_app_data(ssl) == nullptr) return SSL_TLSEXT_ERR_NOACK;
    int const chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), size, known, sizeof(known) - 1,
                                             offers, offers_size);
    return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
  };
  SSL_CTX_set_alpn_select_cb(settings.get(), choose, nullptr);
}

/// Settings that the caller has made, e.g. by asio::ssl::context.
[[nodiscard]] inline tls_context share_tls_context(SSL_CTX* settings) {
  SSL_CTX_up_ref(settings);
  return {settings, SSL_CTX_free};
}

/// Settings of a server: a certificate with its chain, and its private key, both PEM. The key has no
/// passphrase.
[[nodiscard]] inline tl::expected<tls_context, std::string> make_server_context(std::string const& cert_file,
                                                                                std::string const& key_file) {
  tls_context out = impl::make_tls_context(TLS_server_method());
  allow_http2(out);
  return impl::use_certificate(out, cert_file, key_file).map([&] { return out; });
}

/// Settings of a client that verifies its servers, against the trust store of the system or, if given,
/// against the certificates in `ca_file` alone. With a certificate of its own, if given.
[[nodiscard]] inline tl::expected<tls_context, std::string> make_client_context(
    std::string const& ca_file = {}, std::string const& cert_file = {}, std::string const& key_file = {}) {
  tls_context out = impl::make_tls_context(TLS_client_method());
  SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER, nullptr);
  ERR_clear_error();
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(out.get()) != 1)
      return impl::tls_file_error("tls_ca", "trust store");
  } else if (SSL_CTX_load_verify_locations(out.get(), ca_file.c_str(), nullptr) != 1) {
    return impl::tls_file_error("tls_ca", ca_file);
  }
  if (cert_file.empty()) return out;
  return impl::use_certificate(out, cert_file, key_file).map([&] { return out; });
}

}  // namespace siokit::inline v0::net
