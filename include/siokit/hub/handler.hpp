// siokit/hub/handler.hpp - from a user's callable to one that takes an event.   SPDX-License-Identifier: MIT
// The parameters of the callable say what the event carries: socket& is the socket, ack the reply, args
// everything that is left, any other type one argument, read in order. Reading happens before the call: a
// handler runs only with arguments of its types. Generic lambdas have no parameter types to read; use one
// parameter `args` instead. Serves both sides: each has its own socket and ack. What a handler returns is
// of no interest, unless a binding knows how to run it on: net/awaitable.hpp.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <tuple>

#include "siokit/core/ref.hpp"
#include "siokit/core/unique_function.hpp"
#include "siokit/socketio/args.hpp"

namespace siokit::inline v0::hub {

using socketio::args;

/// An event listener, erased. The error says which argument did not fit; the callable was then not called.
template <class Socket, class Ack>
using event_handler = unique_function<result<void>(Socket&, args const&, Ack&)>;

/// What is called when an acknowledgement arrives, times out, or can no longer come.
using ack_handler = unique_function<void(std::error_code, args const&)>;

/// Specialised by a binding for results that run on after a handler has returned, such as an awaitable:
///   template <class Socket, class Keep>
///   static void start(Socket& s, Result result, Keep keep);  // `keep` lives as long as `result` runs
template <class Result>
struct handler_result;

namespace impl {

template <class... Types>
struct type_list {};

template <class Callable>
struct parameters_of {};
template <class Callable>
requires requires {
  &Callable::operator();
}
struct parameters_of<Callable> : parameters_of<decltype(&Callable::operator())> {};
template <class R, class... P>
struct parameters_of<R (*)(P...)> {
  using list = type_list<P...>;
};
template <class R, class... P>
struct parameters_of<R (*)(P...) noexcept> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...)> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...) const> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...) noexcept> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...) const noexcept> : parameters_of<R (*)(P...)> {};

template <class Callable>
using parameter_list = typename parameters_of<std::decay_t<Callable>>::list;

/// Something with a fixed list of parameters: a function or a lambda that is not generic.
template <class Callable>
concept has_parameters = requires {
  typename parameters_of<std::decay_t<Callable>>::list;
};

template <class P, class... Others>
inline constexpr bool is_one_of = (std::is_same_v<std::remove_cvref_t<P>, Others> || ...);

/// Whether a type borrows what it shows, or holds something that does.
template <class T>
inline constexpr bool is_view = false;
template <>
inline constexpr bool is_view<std::string_view> = true;
template <>
inline constexpr bool is_view<raw_json> = true;
template <>
inline constexpr bool is_view<args> = true;
template <class T, std::size_t N>
inline constexpr bool is_view<std::span<T, N>> = true;
template <class T, std::size_t N>
inline constexpr bool is_view<std::array<T, N>> = is_view<T>;
template <template <class...> class Holder, class... T>
inline constexpr bool is_view<Holder<T...>> = (is_view<T> || ...);

/// Whether a parameter is still good when the event is gone.
template <class P>
inline constexpr bool outlives_event = !std::is_reference_v<P> && !is_view<P>;

/// Holds one argument from before the call until after it.
template <class T>
class argument_holder {
 public:
  result<void> read(args const& in, std::size_t index) {
    auto value = in.template get<T>(index);
    if (!value) return tl::unexpected(value.error());
    value_ = std::move(*value);
    return {};
  }
  [[nodiscard]] T&& pass() noexcept { return std::move(value_); }

 private:
  T value_{};
};

/// A string is passed as it lies in the packet; only one with escapes is decoded into memory of its own.
template <>
class argument_holder<std::string_view> {
 public:
  result<void> read(args const& in, std::size_t index) {
    auto const plain = in.get<std::string_view>(index);
    if (plain) {
      view_ = *plain;
      return {};
    }
    if (plain.error().code != errc::argument_escaped) return tl::unexpected(plain.error());
    auto decoded = in.get<std::string>(index);
    if (!decoded) return tl::unexpected(decoded.error());
    decoded_ = std::move(*decoded);
    view_ = decoded_;
    return {};
  }
  [[nodiscard]] std::string_view pass() const noexcept { return view_; }

 private:
  std::string_view view_;
  std::string decoded_;
};

template <>
class argument_holder<std::optional<std::string_view>> {
 public:
  result<void> read(args const& in, std::size_t index) {
    auto const json = in.raw(index);
    there_ = json && json_kind_at(*json) != json_kind::null;
    return there_ ? text_.read(in, index) : result<void>{};
  }
  [[nodiscard]] std::optional<std::string_view> pass() const noexcept {
    return there_ ? std::optional(text_.pass()) : std::nullopt;
  }

 private:
  argument_holder<std::string_view> text_;
  bool there_ = false;
};

/// What is left.
template <>
class argument_holder<args> {
 public:
  result<void> read(args const& in, std::size_t index) {
    rest_ = in.slice(index);
    return {};
  }
  [[nodiscard]] args const& pass() const noexcept { return rest_; }

 private:
  args rest_;
};

/// A parameter that is no argument.
struct no_argument {
  static result<void> read(args const&, std::size_t) noexcept { return {}; }
};

/// The socket itself, also as the class that a binding derives from it.
template <class P, class Socket>
inline constexpr bool is_socket = std::is_base_of_v<Socket, std::remove_cvref_t<P>>;

/// socket_ref, for the sockets of a server.
template <class P, class Socket>
inline constexpr bool is_reference_to = false;
template <class P, class Socket>
requires requires(Socket& s) {
  s.ref();
}
inline constexpr bool is_reference_to<P, Socket> =
    std::is_same_v<std::remove_cvref_t<P>, decltype(std::declval<Socket&>().ref())>;

template <class P, class... Others>
using holder_of =
    std::conditional_t<is_one_of<P, Others...>, no_argument, argument_holder<std::remove_cvref_t<P>>>;

/// For each parameter, the index of the argument it reads.
template <class... Holder>
[[nodiscard]] constexpr std::array<std::size_t, sizeof...(Holder) + 1> argument_indices() noexcept {
  std::array<std::size_t, sizeof...(Holder) + 1> indices{};
  std::array<bool, sizeof...(Holder) + 1> const counts{
      !is_one_of<Holder, no_argument, argument_holder<args>>..., false};
  for (std::size_t i = 0; i < sizeof...(Holder); ++i) indices[i + 1] = indices[i] + (counts[i] ? 1 : 0);
  return indices;
}

/// Reads what the holders hold; stops at the first argument that does not fit.
template <class... Holder>
[[nodiscard]] result<void> read_all(std::tuple<Holder...>& held, args const& in) {
  constexpr auto indices = argument_indices<Holder...>();
  result<void> outcome;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    [[maybe_unused]] auto const good = [&](result<void> one) {
      if (!one) outcome = one;
      return one.has_value();
    };
    static_cast<void>((good(std::get<I>(held).read(in, indices[I])) && ...));
  }
  (std::index_sequence_for<Holder...>{});
  return outcome;
}

template <class P, class Holder, class Socket, class Ack>
decltype(auto) pass(Holder& held, Socket& to, Ack& reply) {
  if constexpr (is_socket<P, Socket>) {
    return static_cast<std::remove_cvref_t<P>&>(to);
  } else if constexpr (is_reference_to<P, Socket>) {
    return to.ref();
  } else if constexpr (is_one_of<P, Ack>) {
    return std::move(reply);
  } else {
    return held.pass();
  }
}

template <class Callable>
struct kept_callable final : counted {
  explicit kept_callable(Callable given) : call(std::move(given)) {}
  Callable call;
};

/// Reads the arguments and calls.
template <class... P, class Callable, class Socket, class Ack, class Then>
[[nodiscard]] result<void> call_with(Callable& call, Socket& s, args const& in, Ack& reply, Then&& then) {
  std::tuple<std::conditional_t<is_socket<P, Socket> || is_reference_to<P, Socket>, no_argument,
                                holder_of<P, Ack>>...>
      held;
  auto const outcome = read_all(held, in);
  if (!outcome) return outcome;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    then([&]() -> decltype(auto) { return call(impl::pass<P>(std::get<I>(held), s, reply)...); });
  }
  (std::index_sequence_for<P...>{});
  return {};
}

template <class Socket, class Ack, class Callable, class... P>
[[nodiscard]] auto erase_handler(Callable&& callable, type_list<P...>) {
  static_assert(((!std::is_same_v<P, Ack&>)&&...), "an ack is taken by value: it may be kept, and moved");
  static_assert(((!is_socket<P, Socket> || std::is_reference_v<P>)&&...),
                "a socket is taken by reference; ref() may be kept");
  using result_type = std::invoke_result_t<std::decay_t<Callable>&, P...>;
  if constexpr (is_task<result_type>) {
    static_assert((outlives_event<P> && ...),
                  "this handler runs on when the event is gone: take values, and a socket_ref");
    ref const kept(new kept_callable<std::decay_t<Callable>>(std::forward<Callable>(callable)));
    return [kept](Socket& s, args const& in, Ack& reply) -> result<void> {
      return call_with<P...>(kept->call, s, in, reply,
                             [&](auto&& run) { handler_result<result_type>::start(s, run(), kept); });
    };
  } else {
    return [call = std::forward<Callable>(callable)](Socket& s, args const& in,
                                                     Ack& reply) mutable -> result<void> {
      return call_with<P...>(call, s, in, reply, [](auto&& run) { static_cast<void>(run()); });
    };
  }
}

template <class Callable, class... P>
[[nodiscard]] ack_handler erase_ack(Callable&& callable, type_list<std::error_code, P...>) {
  return [call = std::forward<Callable>(callable)](std::error_code failure, args const& in) mutable {
    std::tuple<holder_of<P>...> held;  // of a failure they hold default values
    if (!failure) {
      if (auto const outcome = read_all(held, in); !outcome) failure = make_error_code(outcome.error().code);
    }
    std::apply([&](auto&... each) { call(failure, each.pass()...); }, held);
  };
}

/// Without an error_code in front, the callable hears of answers only, as in the JavaScript API.
template <class Callable, class... P>
[[nodiscard]] ack_handler erase_ack(Callable&& callable, type_list<P...>) {
  return [call = std::forward<Callable>(callable)](std::error_code failure, args const& in) mutable {
    std::tuple<holder_of<P>...> held;
    if (failure || !read_all(held, in)) return;
    std::apply([&](auto&... each) { call(each.pass()...); }, held);
  };
}

template <class List, class... Args>
inline constexpr bool is_list_of = false;
template <class... P, class... Args>
inline constexpr bool is_list_of<type_list<P...>, Args...> =
    std::is_same_v<type_list<std::remove_cvref_t<P>...>, type_list<std::remove_cvref_t<Args>...>>;

/// Has just these parameters, not others that they convert to, and is done when it returns.
template <class Callable, class... Args>
inline constexpr bool is_called_with = [] {
  if constexpr (has_parameters<Callable>) {
    if constexpr (is_list_of<parameter_list<Callable>, Args...>) {
      return !is_task<std::invoke_result_t<Callable&, Args...>>;
    }
  }
  return false;
}();

template <class... Args>
inline constexpr bool ends_in_callback = false;
template <class First, class... Rest>
inline constexpr bool ends_in_callback<First, Rest...> = sizeof...(Rest) == 0 ? has_parameters<First>
                                                                              : ends_in_callback<Rest...>;

/// Calls `then(callback, others...)`, where the callback is the last of `args`.
template <class Then, class... Args>
decltype(auto) with_callback(Then&& then, Args&&... args) {
  constexpr std::size_t last = sizeof...(Args) - 1;
  return [&]<std::size_t... I>(std::index_sequence<I...>, auto all)->decltype(auto) {
    return then(std::get<last>(std::move(all)), std::get<I>(all)...);
  }
  (std::make_index_sequence<last>{}, std::forward_as_tuple(std::forward<Args>(args)...));
}

}  // namespace impl

/// Makes a listener of any callable with a fixed list of parameters.
template <class Socket, class Ack, class Callable>
[[nodiscard]] event_handler<Socket, Ack> make_event_handler(Callable&& callable) {
  static_assert(
      impl::has_parameters<Callable>,
      "a listener needs fixed parameter types; take one parameter siokit::args to receive anything");
  return impl::erase_handler<Socket, Ack>(std::forward<Callable>(callable), impl::parameter_list<Callable>{});
}

/// Makes an acknowledgement callback of a callable: f(T...) or f(std::error_code, T...).
template <class Callable>
[[nodiscard]] ack_handler make_ack_handler(Callable&& callable) {
  return impl::erase_ack(std::forward<Callable>(callable), impl::parameter_list<Callable>{});
}

}  // namespace siokit::inline v0::hub
