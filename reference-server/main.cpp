// siokit-server: a Socket.IO server to test clients against.   SPDX-License-Identifier: MIT
// Reads the options, opens the listener, runs the chosen application, and ends cleanly when told to.
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>

#include "admin.hpp"
#include "command_line.hpp"
#include "misbehaviour.hpp"
#include "operations.hpp"
#include "pages.hpp"
#include "record_file.hpp"
#include "verbs/verbs.hpp"
#ifdef SIOKIT_SERVER_HTTP2
#include "siokit/net/http2.hpp"
#endif

namespace {

using nlohmann::json;

/// The text of a log line as a JSON string.
class json_text final : public spdlog::custom_flag_formatter {
 public:
  void format(spdlog::details::log_msg const& line, std::tm const&, spdlog::memory_buf_t& out) override {
    std::string const text = json(std::string_view(line.payload.data(), line.payload.size()))
                                 .dump(-1, ' ', false, json::error_handler_t::replace);
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_text>();
  }
};

void set_up_log(settings const& s) {
  spdlog::set_default_logger(s.log_file.empty() ? spdlog::stderr_logger_mt("siokit-server")
                                                : spdlog::basic_logger_mt("siokit-server", s.log_file));
  spdlog::flush_on(spdlog::level::trace);  // who reads the file wants the last line too
  spdlog::set_level(spdlog::level::from_str(s.log_level));
  auto lines = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  lines->add_flag<json_text>('j').set_pattern(
      s.log_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%j})"
                 : "%Y-%m-%d %H:%M:%S.%e %-5l %v");
  spdlog::set_formatter(std::move(lines));
}

siokit::server_options options_of(settings const& s) {
  namespace engineio = siokit::engineio;
  siokit::server_options out;
  out.host = s.host;
  out.port = s.port;
  out.path = s.path;
  out.add_trailing_slash = s.add_trailing_slash;
  out.ping_interval = s.ping_interval;
  out.ping_timeout = s.ping_timeout;
  out.upgrade_timeout = s.upgrade_timeout;
  out.connect_timeout = s.connect_timeout;
  out.max_http_buffer_size = s.max_http_buffer_size;
  out.transports.polling = s.transports.find("polling") != std::string::npos;
  out.transports.websocket = s.transports.find("websocket") != std::string::npos;
  out.allow_upgrades = s.allow_upgrades;
  out.allow_eio3 = s.allow_eio3;
  out.initial_packet = s.initial_packet;
  out.cors = s.cors;
  out.cookie = s.cookie;
  out.http_compression = s.http_compression;
  out.per_message_deflate = s.per_message_deflate;
  out.serve_client = s.serve_client;
  out.trusted_proxies = s.trusted_proxies;
  out.limits.max_attachments = static_cast<std::uint8_t>(s.max_attachments);
  out.outbox_bytes_max = s.outbox_bytes_max;
  out.outbox_messages_max = s.outbox_messages_max;
  if (s.slow_consumer == "drop") out.slow_consumer = siokit::slow_consumer::drop;
  out.sessions_per_address_max = s.sessions_per_address_max;
  auto const handshakes = static_cast<double>(s.handshakes_per_second);
  out.handshake_rate = {handshakes, 10 * handshakes};
  auto const packets = static_cast<double>(s.packets_per_second);
  out.packet_rate = {packets, 10 * packets};
  auto const bytes = static_cast<double>(s.bytes_per_second);
  out.byte_rate = {bytes, std::max(2 * bytes, static_cast<double>(s.max_http_buffer_size))};
  out.payload_packets_max = s.payload_packets_max;
  out.limits.namespaces_max = s.namespaces_max;
  out.keep_handshake = s.keep_handshake == "all"    ? engineio::keep_handshake::all
                       : s.keep_handshake == "none" ? engineio::keep_handshake::none
                                                    : engineio::keep_handshake::query_and_auth;
  out.limits.attachment_bytes_max = s.attachment_bytes_max;
  out.limits.json_depth_max = static_cast<std::uint16_t>(s.json_depth_max);
  out.limits.nsp_bytes_max = static_cast<decltype(out.limits.nsp_bytes_max)>(s.nsp_bytes_max);
  out.rooms_max = s.rooms_max;
  out.pending_acks_max = s.pending_acks_max;
  if (s.connection_state_recovery) {
    out.connection_state_recovery = siokit::recovery_config{
        .max_disconnection_duration = s.max_disconnection_duration, .skip_middlewares = s.skip_middlewares};
  }
  out.cleanup_empty_child_namespaces = s.cleanup_empty_child_namespaces;
  static siokit::msgpack_parser const msgpack;
  if (s.parser == "msgpack") out.parser = &msgpack;
  out.http = s.http;
#ifdef SIOKIT_SERVER_HTTP2
  if (s.http2) out.http.http2 = siokit::net::http2(s.http.http2);
#endif
  out.tls_cert = s.tls_cert;
  out.tls_key = s.tls_key;
  return out;
}

void add_routes(siokit::server& io, settings const& s) {
  using siokit::net::http_reply;
  using siokit::net::http_request;
  std::string text(pages::page_html);  // it connects where this server answers
  std::string_view const mark = "/socket.io/";
  text.replace(text.find(mark), mark.size(), s.path);
  io.route("/", [text = std::move(text)](http_request const&, http_reply reply) {
    reply.send_ok("text/html; charset=utf-8", text);
  });
  io.route("/socketio.js", [](http_request const&, http_reply reply) {
    reply.send_ok("text/javascript; charset=utf-8", pages::socketio_js);
  });
  io.route("/health", [](http_request const&, http_reply reply) {
    reply.send_ok("application/json", R"({"status":"ok"})");
  });
}

/// The server listens on a port of its own, and what clients connect to is the relay.
tl::expected<std::string, std::string> listen_behind(std::optional<misbehaviour::relay>& faults,
                                                     siokit::server& io, settings const& s) {
  auto const server = io.listen({asio::ip::address_v4::loopback(), 0});
  if (!server) return tl::unexpected("cannot listen: " + server.error().message());
  std::string const host = s.host == "localhost" ? "127.0.0.1" : s.host;
  try {
    auto const at = faults.emplace(io.context(), *server).listen({asio::ip::make_address(host), s.port});
    return (at.address().is_v6() ? "http://[" + host + "]:" : "http://" + host + ":") +
           std::to_string(at.port());
  } catch (std::system_error const& error) {
    return tl::unexpected("cannot listen on " + s.host + ":" + std::to_string(s.port) + ": " +
                          error.code().message());
  }
}

/// Null without --record.
std::unique_ptr<record_file> make_recording(settings const& s) {
  using mask = siokit::engineio::recording_mask;
  if (s.record.empty()) return nullptr;
  mask const hidden = s.record_mask == "none"      ? mask::none
                      : s.record_mask == "secrets" ? mask::secrets
                                                   : mask::everything;
  return std::make_unique<record_file>(s.record, hidden, s.record_max);
}

/// Runs until a signal comes. Returns the exit code.
int serve(settings const& s, apps::app& chosen) {
  siokit::server_options options = options_of(s);
  if (s.cookie && s.cookie->same_site == siokit::engineio::same_site::none && !s.cookie->secure) {
    spdlog::warn("--cookie-same-site none without --cookie-secure: browsers drop such a cookie");
  }
  if (auto const problem = siokit::net::invalid_option(options)) {
    std::fprintf(stderr, "siokit-server: %s\n", problem->c_str());
    return 2;
  }
  raise_descriptor_limit();
  std::deque<session_log> counted(s.threads);
  auto const recording = make_recording(s);
  auto const options_of_shard = [&](std::size_t shard) {
    siokit::server_options out = options;
    out.observer = &counted[shard];
    out.recorder = recording.get();
    return out;
  };
  siokit::shards all(s.threads, options_of_shard, [](siokit::server&) {});
  siokit::server& io = all[0];
  admin const admins(io, s);
  serve_metrics(all, counted);
  serve_stats(all, s);
  std::vector<std::unique_ptr<apps::running>> running;
  for (std::size_t i = 0; i < all.size(); ++i) {
    add_routes(all[i], s);
    if (s.check_origin) refuse_strange_origins(all[i], s);
    running.push_back(chosen.start(all[i], s));
    log_sockets(all[i]);
  }
  std::optional<misbehaviour::relay> faults;
  // Before anybody is told that it is there: who starts a program may end it at once.
  signals const told(all, s.drain_timeout, [&] {
    faults.reset();
    all.for_each([&](siokit::server& each) { running[all.index_of(each)]->stop(); });
  });
  auto bound = s.allow_misbehaviour ? listen_behind(faults, io, s) : all.listen();
  // Now, for the recording of a server that holds the port may have this name.
  if (auto const opened =
          recording && bound ? recording->open(io.context()) : tl::expected<void, std::string>();
      !opened) {
    bound = tl::unexpected(opened.error());
  }
  if (!bound) {
    std::fprintf(stderr, "siokit-server: %s\n", bound.error().c_str());
    return 1;
  }
  verbs::announcement const announced(s, *bound);
  spdlog::info("app={}{} path={} url={}", s.app, s.app == "testbed" ? " contract=" + s.contract : "", s.path,
               *bound);
  std::printf("listening on %s\n", bound->c_str());
  std::fflush(stdout);
  all.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  settings s;
  std::unique_ptr<apps::app> app;
  if (int const code = read_command_line(argc, argv, s, app); code >= 0) return code;
  if (s.verb != "serve") return verbs::run(s, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);  // who reads the log may go
  set_up_log(s);
  return serve(s, *app);
} catch (std::exception const& error) {
  static_cast<void>(std::fprintf(stderr, "siokit-server: %s\n", error.what()));
  return 1;
}
