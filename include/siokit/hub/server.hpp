// siokit/hub/server.hpp - a Socket.IO server without I/O.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5; the words are those of the official server. Consumes the events of an
// engineio::server and calls the application's handlers; the only layer of the core where user code runs.
// Exception-neutral: what a handler throws leaves drain() or advance(), the hub stays consistent, call again.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "siokit/engineio/server.hpp"
#include "siokit/hub/config.hpp"
#include "siokit/hub/dynamic.hpp"
#include "siokit/hub/nsp.hpp"
#include "siokit/hub/socket_observer.hpp"
#include "siokit/socketio/server_session.hpp"

namespace siokit::inline v0::hub {

/// Twelve unpredictable bytes, from the host's CSPRNG: every id is made of them.
using random_source = unique_function<void(std::span<std::uint8_t, 12>)>;

class server {
 public:
  /// `engine` outlives the server. `random` is asked for 12 bytes per id.
  server(engineio::server& engine, server_config config, random_source random)
      : engine_(&engine),
        config_(std::move(config)),
        random_(std::move(random)),
        root_(&of("/")),
        lifeline_(*this) {
    join_cluster();
  }
  server(server const&) = delete;
  server& operator=(server const&) = delete;
  ~server() { leave_cluster(); }

  // For the host.

  /// Handles everything the engine has to tell. Call after every input to the engine.
  void drain(time_point now);
  /// Time passed: acknowledgements and connects that are overdue. Call beside engine.advance().
  void advance(time_point now);
  [[nodiscard]] time_point next_deadline() const noexcept {
    time_point const own = earliest(purge_at_, earliest(connects_.next_deadline(), acks_.next_deadline()));
    if (!cluster_) return own;
    return earliest(own, cluster_->inbox.empty() ? cluster_->next_deadline() : turn_time_);
  }
  /// Called when the application does something outside drain(), advance() and in_turn(): the host answers
  /// what time it is, drains and pulls the engine's outputs soon.
  void on_wake(unique_function<time_point()> callable) { wake_ = std::move(callable); }
  /// What its bus has for this server, which has the option `cluster`: see cluster_bus. Handled when the host
  /// drains; wakes it. Without memory for it nothing is changed, not even `what`.
  void receive(cluster_node from, cluster_message&& what);
  /// The socket whose handler is running, or has thrown: whose fault an exception is.
  [[nodiscard]] socket_ref running() const noexcept {
    return running_ ? socket_ref(lifeline_.ref(), running_) : socket_ref();
  }
  /// Runs `f()` as a handler of nobody: sockets that it disconnects live until it returns.
  template <class Callable>
  void in_turn(Callable&& f) {
    turn const scope(*this);
    f();
  }

  // For the application.

  /// The namespace of this name, made on first use. "chat" and "/chat" are the same.
  [[nodiscard]] nsp& of(std::string_view name);
  /// A parent of namespaces that are made when a client asks for them: see dynamic.hpp. `matcher`: bool
  /// f(std::string_view name), or void f(std::string_view name, std::string_view auth, nsp_decision). Parents
  /// are asked in the order in which they were made, for names that are not there yet.
  template <class Matcher>
  requires(!std::is_convertible_v<Matcher, std::string_view>) [[nodiscard]] nsp& of(Matcher&& matcher) {
    return add_parent(impl::make_matcher(std::forward<Matcher>(matcher)));
  }
  /// Hears of namespaces that are made.
  listener_id on_new_namespace(unique_function<void(nsp&)> callable) {
    auto const id = next_listener();
    on_new_namespace_.add(id, false, std::move(callable));
    return id;
  }
  /// Decides about handshakes before there is a session.
  void allow_request(allow_request_handler callable) { allow_request_.replace(std::move(callable)); }
  /// Hears of events whose arguments did not fit the parameters of their listener, which was not called.
  void on_bad_arguments(unique_function<void(socket&, std::string_view, error)> callable) {
    bad_arguments_.replace(std::move(callable));
  }
  /// Hears of all sockets, in place of the one before; null: nobody does. It outlives the server.
  void observe(socket_observer* by) noexcept { observer_ = by; }
  /// New handshakes are refused from now on, and sessions end with `server shutting down`: before close().
  void refuse_clients() noexcept { shutting_down_ = true; }
  /// Disconnects everybody with `server shutting down`; new handshakes are refused from now on.
  void close();

  // The same verbs as on of("/").
  listener_id on_connection(connection_handler callable) { return root().on_connection(std::move(callable)); }
  listener_id on_disconnecting(disconnect_handler callable) {
    return root().on_disconnecting(std::move(callable));
  }
  listener_id on_disconnect(disconnect_handler callable) { return root().on_disconnect(std::move(callable)); }
  listener_id on_any(listeners::any_handler callable) { return root().on_any(std::move(callable)); }
  listener_id prepend_any(listeners::any_handler callable) { return root().prepend_any(std::move(callable)); }
  template <class Callable>
  listener_id on(std::string_view event, Callable&& callable) {
    return root().on(event, std::forward<Callable>(callable));
  }
  template <class Callable>
  listener_id once(std::string_view event, Callable&& callable) {
    return root().once(event, std::forward<Callable>(callable));
  }
  void off(listener_id which) noexcept { root().off(which); }
  void off(std::string_view event) noexcept { root().off(event); }
  void off() noexcept { root().off(); }
  void off_any() noexcept { root().off_any(); }
  void use(middleware callable) { root().use(std::move(callable)); }
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) {
    return root().emit(event, std::forward<Args>(args)...);
  }
  template <class... Args>
  result<void> send(Args&&... args) {
    return root().send(std::forward<Args>(args)...);
  }
  [[nodiscard]] broadcast to(room_names const& rooms) { return root().to(rooms); }
  [[nodiscard]] broadcast in(room_names const& rooms) { return root().to(rooms); }
  [[nodiscard]] broadcast except(room_names const& rooms) { return root().except(rooms); }
  [[nodiscard]] broadcast volatile_() { return root().volatile_(); }
  [[nodiscard]] broadcast timeout(duration within) { return root().timeout(within); }
  [[nodiscard]] broadcast compress(bool wanted) { return root().compress(wanted); }
  [[nodiscard]] broadcast local() { return root().local(); }
  void disconnect_sockets(bool close = false) { root().disconnect_sockets(close); }
  void sockets_join(room_names const& rooms) { root().sockets_join(rooms); }
  void sockets_leave(room_names const& rooms) { root().sockets_leave(rooms); }
  void fetch_sockets(unique_function<void(std::error_code, std::vector<remote_socket>)> call) {
    root().fetch_sockets(std::move(call));
  }
  template <class Callable>
  listener_id on_server_side(std::string_view event, Callable&& callable) {
    return root().on_server_side(event, std::forward<Callable>(callable));
  }
  template <class... Args>
  result<void> server_side_emit(std::string_view event, Args&&... args) {
    return root().server_side_emit(event, std::forward<Args>(args)...);
  }
  [[nodiscard]] socket* find(std::string_view id) const noexcept { return root_->find(id); }
  [[nodiscard]] std::vector<socket_ref> sockets() const { return root_->sockets(); }

  /// The namespace of this name, null when there is none.
  [[nodiscard]] nsp* find_nsp(std::string_view name) const noexcept {
    auto const known = nsps_.find(name);
    return known == nsps_.end() ? nullptr : known->second.get();
  }
  /// All namespaces there are.
  [[nodiscard]] std::vector<nsp*> nsps() const {
    std::vector<nsp*> all;
    all.reserve(nsps_.size());
    for (auto const& [name, space] : nsps_) all.push_back(space.get());
    return all;
  }
  [[nodiscard]] engineio::server& engine() noexcept { return *engine_; }
  [[nodiscard]] std::size_t connections() const noexcept { return connection_count_; }
  /// Connected sockets of all namespaces.
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t all = 0;
    for (auto const& [name, space] : nsps_) all += space->size();
    return all;
  }

 protected:
  /// Whether this is the base of a binding's server, which runs what handlers return.
  bool runs_tasks_ = false;
  /// The session whose event was lost when something was thrown outside all handlers, for want of memory: it
  /// can't go on. Empty when there is none, and when asked again.
  [[nodiscard]] handle take_unserved() noexcept {
    handle const session = std::exchange(unserved_, {});
    return in_handlers_ == 0 ? session : handle{};
  }

 private:
  friend class socket;
  friend class nsp;
  friend class broadcast;
  friend class socket_emit;
  friend class socket_ref;
  friend class packet_next;
  friend class nsp_decision;
  friend class ack;
  friend class next;
  friend class admission;
  friend class server_ack;
  friend class remote_socket;

  static constexpr std::uint32_t none = UINT32_MAX;

  /// The Socket.IO side of one Engine.IO session; its index is the slot of the session.
  struct connection {
    explicit connection(handle session, server_config const& config, time_point now, bool revision3)
        : engine(session), protocol(config.limits, revision3 ? 4 : 5, config.parser), opened(now) {}
    handle engine;
    socketio::server_session protocol;
    time_point opened;
    std::uint32_t first_socket = none;
    errc failure = errc::ok;  // what the peer did wrong on the Socket.IO level
  };
  struct closing {
    std::uint32_t connection;
    disconnect_reason reason;
    error detail;
  };
  /// A socket on its way out: what is still to be told. When a handler throws, the rest follows later.
  struct ending {
    enum class step : std::uint8_t {
      disconnecting,
      own_disconnecting,
      leave_rooms,
      acks,
      disconnect,
      own_disconnect,
      done
    };
    std::uint32_t socket;
    disconnect_reason reason;
    bool was_connected;  // else nobody has heard of it
    step next;
    std::vector<std::string> left;  // rooms that it is out of, which is still to be told
  };
  /// A namespace without a name of its own.
  struct parent {
    parent(server& owner, std::string name, nsp_matcher matcher)
        : space(owner, std::move(name), true), match(std::move(matcher)) {}
    nsp space;
    nsp_matcher match;
  };
  /// A client whose namespace may be made by this parent, or one after it.
  struct asking {
    handle session;
    std::string name, auth;
    std::size_t parent;
  };
  /// From the first input of a turn to its last handler; what ended in it is destroyed at its end. A turn of
  /// the application's own wakes the host.
  class turn {
   public:
    explicit turn(server& hub) : hub_(hub) {
      static_cast<void>(hub_.now());
      begin();
    }
    turn(server& hub, time_point now) noexcept : hub_(hub) {
      hub_.turn_time_ = now;
      begin();
    }
    turn(turn const&) = delete;
    turn& operator=(turn const&) = delete;
    ~turn() {
      if (--hub_.depth_ > 0) return;
      if (!hub_.graveyard_.empty() || !hub_.ended_connections_.empty()) hub_.bury();
    }

   private:
    void begin() noexcept {
      if (hub_.depth_++ > 0) return;
      hub_.running_ = {};
      hub_.in_handlers_ = 0;
    }
    server& hub_;
  };

  [[nodiscard]] nsp& root() noexcept { return *root_; }
  [[nodiscard]] sid make_id(std::uint32_t counter);
  /// The time of the present turn, or the host's when a verb is used outside one.
  [[nodiscard]] time_point now();
  [[nodiscard]] listener_id next_listener() noexcept { return {++listener_count_}; }
  [[nodiscard]] connection* find_connection(handle session) noexcept;
  [[nodiscard]] socket* find_socket(handle at) const noexcept;

  void expire(time_point now);
  void on_engine_event(engineio::event const& in, time_point now);
  void fail(connection& from, error why, time_point now);
  void on_message(connection& from, engineio::event const& in);
  void on_upgraded(handle session);
  void on_packet(connection& from, socketio::event const& in);
  void on_connect(connection& from, socketio::event const& in);
  void on_received(socket& to, socketio::event const& in);
  void on_acknowledged(socket& to, socketio::event const& in);
  void deliver(socket& to, std::string_view name, args const& arguments, ack& reply);
  void pass_middlewares(siokit::ref<impl::held_event> held);
  [[nodiscard]] bool tells_outgoing(socket const& to) const noexcept {
    return observer_ != nullptr || (to.extras_ && !to.extras_->outgoing.empty());
  }
  void tell_outgoing(std::span<socket_ref const> sent_to, message const& packet);
  void join_cluster();
  void leave_cluster() noexcept;
  void publish(cluster_message const& what);
  bool answer_to(cluster_node asker, cluster_message what);
  std::size_t ask_others(cluster_message what, duration within, impl::awaited& whole);
  void ask_servers(nsp& from, message const& packet, responses_handler call);
  void read_letters(time_point now);
  void give_up(impl::cluster_member::question& what, std::size_t pieces, errc why);
  void on_lost(impl::cluster_member::letter const& in);
  void on_answer(impl::cluster_member::letter const& in);
  [[nodiscard]] nsp* find_level(std::string_view cluster_name) noexcept;
  void on_order(impl::cluster_member::letter const& in);
  void refuse_order(impl::cluster_member::letter const& in);
  void repeat(cluster_message const& what, broadcast const& to);
  void answer_broadcast(impl::cluster_member::letter const& in, broadcast const& to);
  void request_admission(handle session);
  void admit(handle session, sid given);

  [[nodiscard]] std::unique_ptr<nsp> make_nsp(std::string name);
  nsp& add_parent(nsp_matcher match);
  void ask_parents(asking what);
  void join_child(asking const& what);
  void reject(connection& from, std::string_view nsp);
  void ask_later();
  void join(nsp& space, connection& owner, std::string_view auth);
  bool restore(socket& candidate, std::string_view auth);
  [[nodiscard]] bool find_missed(socket& candidate, std::unordered_set<std::string_view> const& rooms) const;
  void keep(socket& which, disconnect_reason reason);
  void log(nsp& space, message packet, std::vector<std::string> rooms, std::vector<std::string> except);
  void purge(time_point now);
  socket& make_socket(nsp& space, connection& owner, std::string_view auth);
  void name_after_session(socket& which);
  void note_id(socket const& which);
  void run_middleware(socket& candidate, std::uint32_t index);
  void accept(socket& candidate);
  void refuse(socket& candidate, std::string_view message, std::string_view data_json, bool at_once);
  template <class Visit>
  void dispatch(socket& to, std::string_view event, Visit&& call);
  /// Runs a handler of `who`. When it throws, running() goes on naming him.
  template <class Callable>
  void run_for(handle who, Callable&& handler) {
    handle const before = std::exchange(running_, who);
    ++in_handlers_;
    handler();
    --in_handlers_;
    running_ = before;
  }

  /// A packet in the form that all clients speak: what is given to the engine.
  [[nodiscard]] result<message> encoded(message packet) const {
    return socketio::encode_for(config_.parser, std::move(packet));
  }
  /// Every packet that is not a broadcast goes this way.
  result<void> send_packet(handle session, message packet);
  result<void> send_packet(socket& to, message packet);
  result<void> send_event(socket& to, message const& packet, bool logged = false);
  [[nodiscard]] bool drops(handle session, message const& form) const noexcept;
  result<void> expect_ack(socket& from, std::uint64_t id, duration within, ack_handler call);
  void disconnect(socket& which, bool close);
  void unlink(socket& which);
  void withdraw(socket& which) noexcept;
  void leave_rooms(socket& which, std::vector<std::string> names);
  void finish(socket& which, disconnect_reason reason, error detail);
  void start_ending(socket& which, disconnect_reason reason, error detail);
  void run_endings(std::size_t until);
  [[nodiscard]] bool ends_due() const noexcept { return !endings_.empty() || !closing_.empty(); }
  void finish_closing();
  void bury();

  engineio::server* engine_;
  server_config config_;
  message_pool pool_;
  random_source random_;
  listener_list<unique_function<void(nsp&)>> on_new_namespace_;
  std::unordered_map<std::string_view, std::unique_ptr<nsp>> nsps_;  // keys are views of the names inside
  nsp* root_;                                                        // "/" always exists
  std::deque<parent> parents_;
  std::vector<asking> ask_later_;
  std::size_t child_count_ = 0;
  time_point purge_at_ = never;
  slot_table<std::optional<connection>> connections_;
  std::size_t connection_count_ = 0;
  std::vector<std::unique_ptr<socket>> sockets_;
  std::vector<std::uint32_t> free_sockets_;
  std::vector<std::uint32_t> graveyard_;
  // Slots of sockets whose ids do not tell them: those of revision 4, and those that came back.
  std::unordered_map<std::string_view, std::uint32_t> foreign_ids_;
  std::vector<closing> closing_;
  std::vector<ending> endings_;
  std::vector<connection> ended_connections_;  // a handler may still read what came over them
  deadline_lanes connects_{1};
  deadline_heap acks_;
  listener_list<allow_request_handler> allow_request_;
  listener_list<unique_function<void(socket&, std::string_view, error)>> bad_arguments_;
  unique_function<time_point()> wake_;
  socket_observer* observer_ = nullptr;
  std::unique_ptr<impl::cluster_member> cluster_;
  handle running_;                 // the socket whose handler runs
  handle unserved_;                // whose event was lost
  std::uint32_t in_handlers_ = 0;  // of the application, one called by another
  time_point turn_time_{};
  std::uint64_t listener_count_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t mark_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t id_count_ = 0;
  bool shutting_down_ = false;
  lifeline<server> lifeline_;  // last, so that it ends first: what is kept for later then finds nobody
};

}  // namespace siokit::inline v0::hub

#include "siokit/hub/cluster_verbs.hpp"
#include "siokit/hub/dispatch.hpp"
#include "siokit/hub/joining.hpp"
#include "siokit/hub/nsp_verbs.hpp"
#include "siokit/hub/verbs.hpp"
