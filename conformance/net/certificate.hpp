// A certificate for nobody in particular, signed by itself.   SPDX-License-Identifier: MIT
#pragma once

#include <openssl/ec.h>
#include <openssl/x509.h>

#include "siokit/net/tls_context.hpp"

namespace siokit::test {

[[nodiscard]] inline net::tls_context server_context() {
  static net::tls_context const context = [] {
    net::tls_context out = net::impl::make_tls_context(TLS_server_method());
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(out.get(), certificate);
    SSL_CTX_use_PrivateKey(out.get(), key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return out;
  }();
  return context;
}

}  // namespace siokit::test
