// siokit/hub/handler.hpp - from a user's callable to one that takes an event.   SPDX-License-Identifier: MIT
// The parameters of the callable say what the event carries: socket& is the socket, ack the reply, args
// everything that is left, any other type one argument, read in order. Reading happens before the call: a
// handler runs only with arguments of its types. Generic lambdas have no parameter types to read; use one
// parameter `args` instead.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>

#include "siokit/core/unique_function.hpp"
#include "siokit/hub/socket_ref.hpp"
#include "siokit/socketio/args.hpp"

namespace siokit::inline v0::hub {

using socketio::args;

/// An event listener, erased. The error says which argument did not fit; the callable was then not called.
using event_handler = unique_function<result<void>(socket&, args const&, ack&)>;

/// What is called when an acknowledgement arrives, times out, or can no longer come.
using ack_handler = unique_function<void(std::error_code, args const&)>;

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

template <class P>
inline constexpr bool is_argument =
    !std::is_same_v<std::remove_cvref_t<P>, socket> && !std::is_same_v<std::remove_cvref_t<P>, ack> &&
    !std::is_same_v<std::remove_cvref_t<P>, args> && !std::is_same_v<std::remove_cvref_t<P>, std::error_code>;

/// Holds one parameter of a handler from before the call until after it.
template <class P>
class parameter {
 public:
  result<void> read(socket&, args const& in, ack&, std::size_t index) {
    auto value = in.template get<std::remove_cvref_t<P>>(index);
    if (!value) return tl::unexpected(value.error());
    value_.emplace(std::move(*value));
    return {};
  }
  [[nodiscard]] std::remove_cvref_t<P>&& pass() noexcept { return std::move(*value_); }

 private:
  std::optional<std::remove_cvref_t<P>> value_;
};

/// A string is passed as it lies in the packet; only one with escapes is decoded into memory of its own.
template <>
class parameter<std::string_view> {
 public:
  result<void> read(socket&, args const& in, ack&, std::size_t index) {
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
class parameter<std::string_view const&> : public parameter<std::string_view> {};

template <>
class parameter<socket&> {
 public:
  result<void> read(socket& s, args const&, ack&, std::size_t) noexcept {
    socket_ = &s;
    return {};
  }
  [[nodiscard]] socket& pass() const noexcept { return *socket_; }

 private:
  socket* socket_ = nullptr;
};

template <>
class parameter<ack> {
 public:
  result<void> read(socket&, args const&, ack& reply, std::size_t) noexcept {
    reply_ = &reply;
    return {};
  }
  [[nodiscard]] ack pass() const noexcept { return std::move(*reply_); }

 private:
  ack* reply_ = nullptr;
};
template <>
class parameter<ack&&> : public parameter<ack> {};

template <>
class parameter<args> {
 public:
  result<void> read(socket&, args const& in, ack&, std::size_t index) {
    rest_ = in.slice(index);
    return {};
  }
  [[nodiscard]] args const& pass() const noexcept { return rest_; }

 private:
  args rest_;
};
template <>
class parameter<args const&> : public parameter<args> {};

/// For each parameter, the index of the argument it reads.
template <class... P>
[[nodiscard]] constexpr std::array<std::size_t, sizeof...(P) + 1> argument_indices() noexcept {
  std::array<std::size_t, sizeof...(P) + 1> indices{};
  std::array<bool, sizeof...(P) + 1> const counts{is_argument<P>..., false};
  for (std::size_t i = 0; i < sizeof...(P); ++i) indices[i + 1] = indices[i] + (counts[i] ? 1 : 0);
  return indices;
}

template <class Callable, class... P>
[[nodiscard]] event_handler erase_handler(Callable&& callable, type_list<P...>) {
  return [call = std::forward<Callable>(callable)](socket& s, args const& in,
                                                   ack& reply) mutable -> result<void> {
    constexpr auto indices = argument_indices<P...>();
    std::tuple<parameter<P>...> held;
    result<void> outcome;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      // Stops at the first argument that does not fit.
      static_cast<void>(((outcome = std::get<I>(held).read(s, in, reply, indices[I])) && ...));
      if (outcome) call(std::get<I>(held).pass()...);
    }
    (std::index_sequence_for<P...>{});
    return outcome;
  };
}

template <class Callable, class... P>
[[nodiscard]] ack_handler erase_ack(Callable&& callable, type_list<std::error_code, P...>) {
  return [call = std::forward<Callable>(callable)](std::error_code failure, args const& in) mutable {
    constexpr auto indices = argument_indices<P...>();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      std::tuple<std::optional<std::remove_cvref_t<P>>...> values;
      auto const read = [&](auto& value, std::size_t index) {
        using type = typename std::remove_reference_t<decltype(value)>::value_type;
        if constexpr (std::is_same_v<type, args>) {
          value.emplace(in.slice(index));
        } else {
          auto got = in.template get<type>(index);
          if (got) value.emplace(std::move(*got));
          if (!got && !failure) failure = make_error_code(got.error().code);
        }
      };
      if (!failure) (read(std::get<I>(values), indices[I]), ...);
      // A failure comes with default values, as the parameters must be passed something.
      call(failure, failure ? std::remove_cvref_t<P>{} : std::move(*std::get<I>(values))...);
    }
    (std::index_sequence_for<P...>{});
  };
}

/// Without an error_code in front, the callable hears of answers only, as in the JavaScript API.
template <class Callable, class... P>
[[nodiscard]] ack_handler erase_ack(Callable&& callable, type_list<P...>) {
  auto with_code = erase_ack(
      [call = std::forward<Callable>(callable)](std::error_code failure, P... values) mutable {
        if (!failure) call(std::forward<P>(values)...);
      },
      type_list<std::error_code, P...>{});
  return with_code;
}

}  // namespace impl

/// Makes a listener of any callable with a fixed list of parameters.
template <class Callable>
[[nodiscard]] event_handler make_event_handler(Callable&& callable) {
  static_assert(
      impl::has_parameters<Callable>,
      "a listener needs fixed parameter types; take one parameter siokit::args to receive anything");
  return impl::erase_handler(std::forward<Callable>(callable), impl::parameter_list<Callable>{});
}

/// Makes an acknowledgement callback of a callable: f(T...) or f(std::error_code, T...).
template <class Callable>
[[nodiscard]] ack_handler make_ack_handler(Callable&& callable) {
  return impl::erase_ack(std::forward<Callable>(callable), impl::parameter_list<Callable>{});
}

}  // namespace siokit::inline v0::hub
