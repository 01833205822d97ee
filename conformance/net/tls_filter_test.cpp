#include "siokit/net/tls_filter.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <array>
#include <filesystem>
#include <random>
#include <vector>

#include "siokit/net/tls_context.hpp"

namespace net_tls_filter_test {

using namespace siokit;
using net::tls_context;
using net::tls_filter;
using net::tls_role;

// --- Certificates, made for this run

template <auto Free>
struct releaser {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, releaser<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, releaser<X509_free>>;
using file_ptr = std::unique_ptr<std::FILE, releaser<std::fclose>>;

/// A certificate that signs itself.
certificate_ptr make_certificate(EVP_PKEY* key, char const* names, long valid_seconds) {
  certificate_ptr out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), valid_seconds);
  X509_set_pubkey(out.get(), key);
  auto const* const name = reinterpret_cast<unsigned char const*>("siokit test");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(out.get(), X509_get_subject_name(out.get()));
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
  X509_add_ext(out.get(), extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(out.get(), key, EVP_sha256());
  return out;
}

/// A folder with PEM files.
struct store {
  store() {
    path = std::filesystem::temp_directory_path() / ("siokit-tls-" + std::to_string(std::random_device{}()));
    std::filesystem::create_directory(path);
    write("server", "DNS:example.org,DNS:*.wild.example.org,DNS:part*.example.org,IP:127.0.0.1,IP:::1", 3600);
    write("other", "DNS:example.org", 3600);
    write("expired", "DNS:example.org", -60);
    file_ptr(std::fopen(file("garbage.pem").c_str(), "w"));
  }
  ~store() { std::filesystem::remove_all(path); }

  [[nodiscard]] std::string file(std::string const& name) const { return (path / name).string(); }

  void write(std::string const& name, char const* names, long valid_seconds) const {
    key_ptr const key(EVP_EC_gen("P-256"));
    certificate_ptr const certificate = make_certificate(key.get(), names, valid_seconds);
    PEM_write_X509(file_ptr(std::fopen(file(name + ".pem").c_str(), "w")).get(), certificate.get());
    PEM_write_PKCS8PrivateKey(file_ptr(std::fopen(file(name + ".key").c_str(), "w")).get(), key.get(),
                              nullptr, nullptr, 0, nullptr, nullptr);
    PEM_write_PKCS8PrivateKey(file_ptr(std::fopen(file(name + ".locked").c_str(), "w")).get(), key.get(),
                              EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  }

  std::filesystem::path path;
};

store const& files() {
  static store const instance;
  return instance;
}

tls_context server_context(std::string const& name = "server") {
  return net::make_server_context(files().file(name + ".pem"), files().file(name + ".key")).value();
}

tls_context client_context(int version = TLS1_3_VERSION, std::string const& trusted = "server") {
  tls_context out = net::make_client_context(files().file(trusted + ".pem")).value();
  SSL_CTX_set_max_proto_version(out.get(), version);
  return out;
}

// --- Two filters and what is between them

constexpr std::size_t whole = 1 << 30;

/// Feeds `cipher` in pieces, each from memory of its own, and appends what it says. False: the filter failed.
bool deliver(std::string_view cipher, tls_filter& to, std::string& plain, std::size_t piece = whole) {
  std::array<char, 1000> room;
  for (; !cipher.empty(); cipher.remove_prefix(std::min(piece, cipher.size()))) {
    std::string_view const part = cipher.substr(0, piece);
    std::vector<char> const copy(part.begin(), part.end());
    if (!to.feed(copy)) return false;
    for (;;) {
      auto const size = to.read(room);
      if (!size) return false;
      if (*size == 0) break;
      plain.append(room.data(), *size);
    }
  }
  return true;
}

std::string drained(tls_filter& from) {
  std::string out;
  bool const expected = from.pending_output() > 0;
  EXPECT_EQ(from.drain(out), expected);
  EXPECT_EQ(from.pending_output(), 0u);
  return out;
}

struct link {
  tls_context server_settings;
  tls_context client_settings;
  tls_filter server;
  tls_filter client;
  std::size_t piece;
  std::string at_server;  // what has arrived there
  std::string at_client;

  explicit link(tls_context with = client_context(), std::string const& host = "example.org",
                std::size_t pieces = whole, tls_context serving = server_context())
      : server_settings(std::move(serving)),
        client_settings(std::move(with)),
        server(server_settings.get(), tls_role::server),
        client(client_settings.get(), tls_role::client, host),
        piece(pieces) {}

  /// Until both are silent. False: one of them failed, what it had to say about that has arrived.
  bool exchange() {
    bool fine = true;
    while (server.pending_output() + client.pending_output() > 0) {
      fine = deliver(drained(client), server, at_server, piece) && fine;
      fine = deliver(drained(server), client, at_client, piece) && fine;
    }
    return fine;
  }
  void connect() {
    ASSERT_TRUE(exchange()) << client.last_error() << server.last_error();
    ASSERT_TRUE(server.handshake_done() && client.handshake_done());
    ASSERT_EQ(server.last_error() + client.last_error(), "");
  }
};

std::string noise(std::size_t size) {
  std::minstd_rand random(1);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

// --- What works

struct tls_filter_each : testing::TestWithParam<std::tuple<int, std::size_t>> {
  link wire{client_context(std::get<0>(GetParam())), "example.org", std::get<1>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(versions_and_pieces, tls_filter_each,
                         testing::Combine(testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                                          testing::Values(std::size_t{1}, std::size_t{7}, std::size_t{5000},
                                                          whole)));

TEST_P(tls_filter_each, carries_messages_both_ways) {
  wire.connect();
  ASSERT_TRUE(wire.client.write("hello"));
  ASSERT_TRUE(wire.client.write(" server"));
  ASSERT_TRUE(wire.client.write(""));
  ASSERT_TRUE(wire.server.write("hello client"));
  ASSERT_TRUE(wire.exchange());
  EXPECT_EQ(wire.at_server, "hello server");
  EXPECT_EQ(wire.at_client, "hello client");
}

TEST_P(tls_filter_each, carries_much) {
  wire.connect();
  std::string const much = noise(std::get<1>(GetParam()) < 100 ? 100'000 : 1'000'000);
  ASSERT_TRUE(wire.client.write(much));
  ASSERT_TRUE(wire.server.write(much));
  ASSERT_TRUE(wire.exchange());
  EXPECT_TRUE(wire.at_server == much);
  EXPECT_TRUE(wire.at_client == much);
}

TEST_P(tls_filter_each, tells_the_end_from_a_cut) {
  wire.connect();
  ASSERT_TRUE(wire.client.write("last words"));
  ASSERT_TRUE(wire.exchange());
  EXPECT_FALSE(wire.server.closed());
  wire.client.shutdown();
  wire.client.shutdown();
  EXPECT_EQ(wire.client.write("more").error(), (error{errc::wrong_state, side::local, 0}));
  ASSERT_TRUE(wire.exchange());
  EXPECT_TRUE(wire.server.closed());
  EXPECT_FALSE(wire.client.closed());
  EXPECT_EQ(wire.at_server, "last words");

  wire.server.shutdown();
  ASSERT_TRUE(wire.exchange());
  EXPECT_TRUE(wire.client.closed());
  EXPECT_EQ(wire.server.last_error() + wire.client.last_error(), "");
}

TEST_P(tls_filter_each, still_sends_to_a_peer_that_said_its_last) {
  wire.connect();
  wire.client.shutdown();
  ASSERT_TRUE(wire.exchange());
  ASSERT_TRUE(wire.server.closed());
  ASSERT_TRUE(wire.server.write("answer"));
  ASSERT_TRUE(wire.exchange());
  EXPECT_EQ(wire.at_client, "answer");
}

TEST_P(tls_filter_each, notices_a_byte_that_was_changed) {
  wire.connect();
  ASSERT_TRUE(wire.client.write("transfer 100"));
  std::string cipher = drained(wire.client);
  cipher[cipher.size() - 3] ^= 1;
  EXPECT_FALSE(deliver(cipher, wire.server, wire.at_server, wire.piece));
  EXPECT_EQ(wire.at_server, "");
  EXPECT_EQ(wire.server.last_error(), "decryption failed or bad record mac");
  EXPECT_GT(wire.server.pending_output(), 0u);
  EXPECT_FALSE(wire.exchange());
  EXPECT_NE(wire.client.last_error().find("alert bad record mac"), std::string::npos)
      << wire.client.last_error();
}

TEST(tls_filter, gives_what_came_before_a_fault) {
  link wire;
  wire.connect();
  ASSERT_TRUE(wire.client.write("good"));
  std::string const good = drained(wire.client);
  EXPECT_FALSE(deliver(good + good, wire.server, wire.at_server));
  EXPECT_EQ(wire.at_server, "good");
}

TEST(tls_filter, fills_the_room_it_is_given) {
  link wire;
  wire.connect();
  std::string const much = noise(40'000);
  ASSERT_TRUE(wire.client.write(much));
  std::string const cipher = drained(wire.client);
  ASSERT_TRUE(wire.server.feed(cipher));
  std::vector<char> room(50'000);
  EXPECT_EQ(wire.server.read(room), much.size());
  EXPECT_EQ(wire.server.read(room), 0u);
}

TEST(tls_filter, wants_to_be_read_before_it_is_fed_again) {
  link wire;
  wire.connect();
  ASSERT_TRUE(wire.client.write("ab"));
  std::string const cipher = drained(wire.client);
  ASSERT_TRUE(wire.server.feed(cipher));
  EXPECT_EQ(wire.server.feed(cipher).error(), (error{errc::events_pending, side::local, 0}));
  std::array<char, 10> room;
  EXPECT_EQ(wire.server.read(room), 2u);
}

TEST(tls_filter, writes_nothing_before_the_handshake_is_done) {
  link wire;
  EXPECT_EQ(wire.client.write("early").error(), (error{errc::wrong_state, side::local, 0}));
  EXPECT_EQ(wire.server.write("early").error(), (error{errc::wrong_state, side::local, 0}));
  wire.server.shutdown();
  EXPECT_EQ(wire.server.pending_output(), 0u);
  wire.connect();
}

TEST(tls_filter, is_not_confused_by_errors_of_others) {
  link wire;
  ERR_raise(ERR_LIB_USER, 42);
  wire.connect();
  ERR_raise(ERR_LIB_USER, 42);
  ASSERT_TRUE(wire.client.write("hello"));
  ERR_raise(ERR_LIB_USER, 42);
  ASSERT_TRUE(wire.exchange());
  EXPECT_EQ(wire.at_server, "hello");
}

// --- Who is there

TEST(tls_filter, verifies_the_name_of_the_server) {
  struct {
    char const* host;
    char const* failure;
  } const cases[] = {
      {"example.org", ""},
      {"EXAMPLE.org", ""},
      {"a.wild.example.org", ""},
      {"127.0.0.1", ""},
      {"::1", ""},
      {"example.com", "certificate verify failed: hostname mismatch"},
      {"a.b.wild.example.org", "certificate verify failed: hostname mismatch"},
      {"partly.example.org", "certificate verify failed: hostname mismatch"},
      {"127.0.0.2", "certificate verify failed: IP address mismatch"},
  };
  for (int const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (auto const& [host, failure] : cases) {
      link wire(client_context(version), host);
      bool const expected = *failure == '\0';
      EXPECT_EQ(wire.exchange(), expected) << host;
      EXPECT_EQ(wire.client.last_error(), failure) << host;
      EXPECT_EQ(wire.client.handshake_done(), expected) << host;
      if (expected) continue;
      EXPECT_EQ(wire.client.write("x").error(), (error{errc::tls_failed, side::remote, 0}));
      // The server is told why.
      EXPECT_NE(wire.server.last_error().find("alert"), std::string::npos) << wire.server.last_error();
    }
  }
}

TEST(tls_filter, trusts_only_whom_it_was_told_to) {
  link untrusted(client_context(TLS1_3_VERSION, "other"));
  EXPECT_FALSE(untrusted.exchange());
  EXPECT_TRUE(untrusted.client.last_error().starts_with("certificate verify failed: self"))
      << untrusted.client.last_error();

  link unknown(net::make_client_context().value());
  EXPECT_FALSE(unknown.exchange());
  EXPECT_TRUE(unknown.client.last_error().starts_with("certificate verify failed: self"))
      << unknown.client.last_error();

  link expired(client_context(TLS1_3_VERSION, "expired"), "example.org", whole, server_context("expired"));
  EXPECT_FALSE(expired.exchange());
  EXPECT_EQ(expired.client.last_error(), "certificate verify failed: certificate has expired");
}

TEST(tls_filter, leaves_verification_off_when_the_settings_say_so) {
  tls_context const settings = client_context(TLS1_3_VERSION, "other");
  SSL_CTX_set_verify(settings.get(), SSL_VERIFY_NONE, nullptr);
  link wire(settings, "example.com");
  wire.connect();
}

TEST(tls_filter, wants_the_name_of_the_server) {
  using namespace std::string_literals;
  for (std::string const& host : {""s, "a\0b"s, std::string(300, 'a')}) {
    tls_filter client(client_context().get(), tls_role::client, host);
    EXPECT_EQ(client.pending_output(), 0u);
    EXPECT_NE(client.last_error(), "") << host;
    std::array<char, 10> room;
    EXPECT_EQ(client.read(room).error().code, errc::tls_failed);
  }
}

TEST(tls_filter, sends_the_name_but_no_address) {
  for (auto const& [host, sent] : {std::pair{"example.org", true}, {"127.0.0.1", false}}) {
    tls_filter client(client_context().get(), tls_role::client, host);
    EXPECT_EQ(drained(client).find(host) != std::string::npos, sent) << host;
  }
}

// --- Wrong peers

/// A client of OpenSSL without the rules of the filter.
struct raw_client {
  explicit raw_client(int version) : settings(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(settings.get(), 0);
    SSL_CTX_set_min_proto_version(settings.get(), version);
    SSL_CTX_set_max_proto_version(settings.get(), version);
    ssl.reset(SSL_new(settings.get()));
    SSL_set_bio(ssl.get(), in = BIO_new(BIO_s_mem()), out = BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl.get());
  }
  std::string drain() {
    std::string text(BIO_ctrl_pending(out), '\0');
    if (!text.empty()) BIO_read(out, text.data(), static_cast<int>(text.size()));
    return text;
  }
  /// Steps the handshake until it ends or fails, returns what SSL_get_error says then.
  int handshake(tls_filter& server) {
    for (int i = 0; i < 10; ++i) {
      ERR_clear_error();
      int const done = SSL_do_handshake(ssl.get());
      int const why = SSL_get_error(ssl.get(), done);
      reason = ERR_GET_REASON(ERR_peek_last_error());
      std::string ignored;
      (void)deliver(drain(), server, ignored);
      std::string const answer = drained(server);
      BIO_write(in, answer.data(), static_cast<int>(answer.size()));
      if (why != SSL_ERROR_WANT_READ) return why;
    }
    return SSL_ERROR_WANT_READ;
  }

  tls_context settings;
  std::unique_ptr<SSL, releaser<SSL_free>> ssl;
  BIO* in;
  BIO* out;
  int reason = 0;  // why the handshake failed
};

TEST(tls_filter, speaks_no_tls_before_1_2_whatever_the_settings) {
  tls_context const lenient = server_context();
  SSL_CTX_set_security_level(lenient.get(), 0);
  SSL_CTX_set_min_proto_version(lenient.get(), TLS1_VERSION);
  SSL_CTX_set_cipher_list(lenient.get(), "ALL");
  tls_filter server(lenient.get(), tls_role::server);
  raw_client client(TLS1_1_VERSION);
  EXPECT_NE(client.handshake(server), SSL_ERROR_NONE);
  EXPECT_EQ(server.last_error(), "unsupported protocol");
}

TEST(tls_filter, does_not_renegotiate_whatever_the_settings) {
  tls_context const settings = server_context();
  SSL_CTX_clear_options(settings.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_options(settings.get(), SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  tls_filter server(settings.get(), tls_role::server);
  raw_client client(TLS1_2_VERSION);
  ASSERT_EQ(client.handshake(server), SSL_ERROR_NONE);
  ASSERT_EQ(SSL_renegotiate(client.ssl.get()), 1);
  EXPECT_EQ(client.handshake(server), SSL_ERROR_SSL);
  EXPECT_EQ(client.reason, SSL_R_NO_RENEGOTIATION);
}

TEST(tls_filter, answers_key_updates_with_no_more_than_it_was_fed) {
  tls_context const settings = server_context();
  tls_filter server(settings.get(), tls_role::server);
  raw_client client(TLS1_3_VERSION);
  ASSERT_EQ(client.handshake(server), SSL_ERROR_NONE);
  std::string flood;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client.ssl.get()), 1);
    flood += client.drain();
  }
  std::string plain;
  (void)deliver(flood, server, plain);
  EXPECT_LE(server.pending_output(), flood.size());
  EXPECT_EQ(plain, "");
}

TEST(tls_filter, survives_garbage) {
  std::string const garbage[] = {
      "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
      std::string(100, '\0'),
      noise(100'000),
      "\x16\x03\x01\xff\xff" + noise(70'000),
      "\x17\x03\x03\x40\x00" + noise(20'000),
  };
  for (tls_role const role : {tls_role::server, tls_role::client}) {
    for (std::string const& bytes : garbage) {
      for (std::size_t const piece : {std::size_t{1}, whole}) {
        tls_context const settings = role == tls_role::server ? server_context() : client_context();
        tls_filter filter(settings.get(), role, "example.org");
        std::string plain;
        EXPECT_FALSE(deliver(bytes, filter, plain, piece));
        EXPECT_EQ(plain, "");
        EXPECT_NE(filter.last_error(), "");
        EXPECT_EQ(filter.feed({}).error(), (error{errc::tls_failed, side::remote, 0}));
        EXPECT_LT(filter.pending_output(), 1000u);
      }
    }
  }
}

TEST(tls_filter, survives_any_changed_byte_of_a_handshake) {
  link const model;
  tls_filter hello(model.client_settings.get(), tls_role::client, "example.org");
  std::string const first = drained(hello);
  for (std::size_t i = 0; i < first.size(); ++i) {
    std::string changed = first;
    changed[i] = static_cast<char>(changed[i] ^ 0x41);
    tls_filter server(model.server_settings.get(), tls_role::server);
    std::string plain;
    (void)deliver(changed, server, plain);
    EXPECT_FALSE(server.handshake_done());
    EXPECT_EQ(plain, "");
  }
}

TEST(tls_filter, waits_for_the_rest_of_what_was_cut) {
  link wire;
  std::string const hello = drained(wire.client);
  for (std::size_t size = 0; size < hello.size(); ++size) {
    tls_filter server(wire.server_settings.get(), tls_role::server);
    std::string plain;
    EXPECT_TRUE(deliver(hello.substr(0, size), server, plain));
    EXPECT_EQ(server.pending_output(), 0u);
    EXPECT_FALSE(server.closed());
  }
}

// --- Settings

TEST(tls_context, names_the_file_at_fault) {
  struct {
    std::string certificate;
    std::string key;
    std::string failure;
  } const cases[] = {
      {"missing.pem", "server.key", "missing.pem: No such file or directory"},
      {"server.pem", "missing.key", "missing.key: No such file or directory"},
      {"garbage.pem", "server.key", "garbage.pem: no start line"},
      {"server.pem", "garbage.pem", "garbage.pem: "},
      {"server.key", "server.key", "server.key: no start line"},
      {"server.pem", "other.key", "other.key: key values mismatch"},
      {"server.pem", "server.locked", "server.locked: "},
  };
  for (auto const& c : cases) {
    auto const made = net::make_server_context(files().file(c.certificate), files().file(c.key));
    ASSERT_FALSE(made) << c.failure;
    EXPECT_TRUE(made.error().starts_with(files().file(c.failure))) << made.error();
    EXPECT_GT(made.error().size(), files().file(c.failure).size() - 1);
  }
  auto const client = net::make_client_context(files().file("missing.pem"));
  EXPECT_EQ(client.error(), files().file("missing.pem") + ": No such file or directory");
}

TEST(tls_context, is_shared) {
  SSL_CTX* const own = SSL_CTX_new(TLS_server_method());
  tls_context const shared = net::share_tls_context(own);
  SSL_CTX_free(own);
  tls_filter const filter(shared.get(), tls_role::server);
  EXPECT_FALSE(filter.handshake_done());
  EXPECT_FALSE(tls_context());
}

}  // namespace net_tls_filter_test
