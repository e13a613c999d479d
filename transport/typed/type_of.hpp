// Which types travel as they are, and what a region's type record says of one.
//
//   struct Quote { std::uint64_t number; double price; };     // "Quote", 16 bytes, alignment 8
//
// The name is the compiler's, without unnamed namespaces; arithmetic types are named by their bits
// ("uint32", "float64"), which is the same for every compiler. A type has another name, or a
// version of its own, as members or by a TypeInfo:
//
//   struct Quote { ... static constexpr std::string_view kTypeName = "market.Quote";
//                      static constexpr std::uint64_t kTypeVersion = 2; };
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ringbell/core/layout.hpp>
#include <ringbell/core/ring_shape.hpp>

namespace ringbell {
namespace typed_detail {

template <class T>
consteval bool has_pointer();

// Stands for the initialiser of a member in an aggregate: of any, or of one without a pointer.
struct Any {
  template <class T>
  constexpr operator T() const noexcept;  // NOLINT(google-explicit-constructor): that is its use
};
struct AnyWithoutPointer {
  template <class T>
  requires(!has_pointer<T>()) constexpr operator T()
      const noexcept;  // NOLINT(google-explicit-constructor): that is its use
};

// Whether T takes as many initialisers, the one at `at` for no pointer.
template <class T, std::size_t at, std::size_t... index>
consteval bool takes(std::index_sequence<index...> /*count*/) {
  return requires { T{std::conditional_t<index == at, AnyWithoutPointer, Any>{}...}; };
}
template <class T, std::size_t count, std::size_t at = count>
inline constexpr bool kTakes = takes<T, at>(std::make_index_sequence<count>());

// How many: its members, each element of an array by itself.
template <class T, std::size_t count>
consteval std::size_t initialisers() {
  if constexpr (count == 0 || kTakes<T, count>) {
    return count;
  } else {
    return initialisers<T, count - 1>();
  }
}

// Where a member has a pointer, AnyWithoutPointer does not fit; or it fits a member of that member,
// and then there is place for one more than there are.
template <class T, std::size_t count, std::size_t... at>
consteval bool has_pointer_at(std::index_sequence<at...> /*each*/) {
  return (... || (!kTakes<T, count, at> || kTakes<T, count + 1, at>));
}

// As far as C++20 can tell: not in what is no aggregate, nor beyond the first members.
template <class T>
consteval bool has_pointer() {
  constexpr std::size_t kMembersLookedAt = 48;
  if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_reference_v<T>) {
    return true;
  } else if constexpr (std::is_array_v<T>) {
    return has_pointer<std::remove_all_extents_t<T>>();
  } else if constexpr (std::is_class_v<T> && std::is_aggregate_v<T>) {
    constexpr std::size_t kCount = initialisers<T, kMembersLookedAt>();
    if constexpr (kCount == kMembersLookedAt) {  // one more says nothing
      return !kTakes<T, kCount, 0>;
    } else {
      return has_pointer_at<T, kCount>(std::make_index_sequence<kCount>());
    }
  } else {
    return false;
  }
}

}  // namespace typed_detail

// What may travel: the other side gets its bytes and nothing else. What is in those must mean the
// same there: the same definition in both programs, or a file format.
template <class T>
concept Sendable = std::is_object_v<T> && !std::is_array_v<T> && !std::is_pointer_v<T> &&
                   !std::is_member_pointer_v<T> && std::is_trivially_copyable_v<T> &&
                   std::is_copy_assignable_v<T> && alignof(T) <= core::kMostPayloadAlignment &&
                   !typed_detail::has_pointer<T>();

namespace typed_detail {

template <class T>
consteval std::string_view compilers_name() {
  // g++ writes "... [with T = NAME; std::string_view = ...]", clang "... [T = NAME]".
  const std::string_view text = __PRETTY_FUNCTION__;
  const std::size_t begin = text.find("T = ") + 4;
  const std::size_t end = std::min(text.find("; ", begin), text.rfind(']'));
  return text.substr(begin, end - begin);
}

// A name as it is put together, at compile time.
class Name {
 public:
  constexpr void add(std::string_view text) {
    for (const char letter : text) add(letter);
  }
  constexpr void add_number(std::uint64_t number) {
    if (number > 9) add_number(number / 10);
    add(static_cast<char>('0' + number % 10));
  }
  // Of a type in an unnamed namespace, what comes after that: each program has its own.
  constexpr void add_without_unnamed(std::string_view text) {
    for (const std::string_view unnamed : {"{anonymous}::", "(anonymous namespace)::"}) {
      if (const std::size_t at = text.find(unnamed); at != std::string_view::npos) {
        add_without_unnamed(text.substr(0, at));
        add_without_unnamed(text.substr(at + unnamed.size()));
        return;
      }
    }
    add(text);
  }
  [[nodiscard]] constexpr bool fits() const { return size_ < text_.size(); }
  [[nodiscard]] constexpr const auto& text() const { return text_; }

 private:
  constexpr void add(char letter) {
    if (size_ < text_.size()) text_[size_] = letter;
    ++size_;
  }

  decltype(core::TypeRecord::name) text_{};
  std::size_t size_ = 0;
};

}  // namespace typed_detail

// A type's name and version, for those that cannot have members: to be specialised.
template <class T>
struct TypeInfo {
  static constexpr void name(typed_detail::Name& name) {
    if constexpr (requires { std::string_view(T::kTypeName); }) {
      name.add(T::kTypeName);
    } else if constexpr (std::is_floating_point_v<T>) {
      name.add("float");
      name.add_number(sizeof(T) * 8);
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> &&
                         !std::is_same_v<T, char>) {
      name.add(std::is_signed_v<T> ? "int" : "uint");
      name.add_number(sizeof(T) * 8);
    } else {
      name.add_without_unnamed(typed_detail::compilers_name<T>());
    }
  }
  static consteval std::uint64_t version() {
    if constexpr (requires { std::uint64_t{T::kTypeVersion}; }) {
      return T::kTypeVersion;
    } else {
      return 0;
    }
  }
};

namespace typed_detail {

// M is T, or T[] for any number of them in a message.
template <class M>
using ElementOf = std::remove_extent_t<M>;
template <class M>
inline constexpr bool kIsOne = !std::is_unbounded_array_v<M>;

template <class M>
constexpr void add_name(Name& name) {
  TypeInfo<ElementOf<M>>::name(name);
  if (!kIsOne<M>) name.add("[]");
}

}  // namespace typed_detail

// T, or T[]: a message of any number of them.
template <class M>
concept SendableMessage = Sendable<typed_detail::ElementOf<M>> && std::rank_v<M>
== (typed_detail::kIsOne<M> ? 0 : 1);

// What the region of a ring of M says: for the `type` of the options of any ring.
template <SendableMessage M>
[[nodiscard]] consteval core::TypeRecord type_of() {
  using T = typed_detail::ElementOf<M>;
  constexpr typed_detail::Name kName = [] {
    typed_detail::Name name;
    typed_detail::add_name<M>(name);
    return name;
  }();
  static_assert(kName.fits(), "the type's name has more than 111 bytes: give it a kTypeName");
  return {.name = kName.text(),
          .size_bytes = sizeof(T),
          .alignment = alignof(T),
          .version = TypeInfo<T>::version()};
}

// The same of a service: the record has the request's size, and the response's is in the name.
template <SendableMessage Request, SendableMessage Response>
[[nodiscard]] consteval core::TypeRecord type_of_call() {
  using In = typed_detail::ElementOf<Request>;
  using Out = typed_detail::ElementOf<Response>;
  constexpr typed_detail::Name kName = [] {
    typed_detail::Name name;
    typed_detail::add_name<Request>(name);
    name.add(" -> ");
    typed_detail::add_name<Response>(name);
    name.add(" ");
    name.add_number(sizeof(Out));
    if (TypeInfo<Out>::version() != 0) {
      name.add(".");
      name.add_number(TypeInfo<Out>::version());
    }
    return name;
  }();
  static_assert(kName.fits(), "the types' names have more than 111 bytes: give them a kTypeName");
  return {.name = kName.text(),
          .size_bytes = sizeof(In),
          .alignment = std::max<std::uint32_t>(alignof(In), alignof(Out)),
          .version = TypeInfo<In>::version()};
}

}  // namespace ringbell
