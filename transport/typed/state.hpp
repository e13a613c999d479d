// The ends of a state whose value is of a type; and states of that type by key.
//
//   auto writer = typed::StateWriter<Config>::create("config").value();
//   writer.set({.level = 3}).value();
//
//   auto reader = typed::StateReader<Config>::open("config").value();
//   while (reader.wait_changed().value_or(false)) use(**reader.get());
//
// A key of States is found by its value: the writer gives each new one the next free place, in
// which it stands beside the value.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <ringbell/transport/ends/message_size.hpp>
#include <ringbell/transport/ends/state.hpp>
#include <ringbell/transport/typed/end.hpp>

namespace ringbell::typed {

template <SendableMessage M>
class StateWriter : public Opened<StateWriter<M>, ringbell::StateWriter> {
 public:
  using Loan = typed::Loan<StateWriter, M>;
  static constexpr core::TypeRecord kType = type_of<M>();

  [[nodiscard]] static Result<StateWriter> create(std::string_view name, StateOptions options = {},
                                                  const WaitOptions& wait = {}) {
    return Base::made(ringbell::StateWriter::create(name, fitted(std::move(options)), wait));
  }
  [[nodiscard]] static StateOptions fitted(StateOptions options) {
    options.type = kType;
    if (kIsOne<M>) options.value_bytes = sizeof(Element<M>);
    return options;
  }

  // As the end of bytes': it is the newest from now on.
  [[nodiscard]] Result<void> set(Argument<M> value, std::uint32_t key = 0) {
    return this->bytes_.set(bytes_of<M>(value), key);
  }
  // Room in place, uninitialised; shown when it is sent. Empty: there is an error().
  [[nodiscard]] Loan loan(std::uint32_t key = 0) requires(kIsOne<M>) {
    return loan_bytes(sizeof(Element<M>), key);
  }
  [[nodiscard]] Loan loan_many(std::size_t count, std::uint32_t key = 0) requires(!kIsOne<M>) {
    const bool fits = count <= SIZE_MAX / sizeof(Element<M>);
    return loan_bytes(fits ? count * sizeof(Element<M>) : SIZE_MAX, key);
  }

 private:
  using Base = Opened<StateWriter<M>, ringbell::StateWriter>;
  friend Base;
  friend Loan;
  using Base::Base;

  [[nodiscard]] Loan loan_bytes(std::size_t size_bytes, std::uint32_t key) {
    if (is_loaned_) return Loan(fail_handle_held("a loan").value());
    const std::size_t most = this->bytes_.max_value_bytes();
    if (size_bytes > most) {
      return Loan(fail_size(size_bytes, most, "a value", "this state").value());
    }
    const std::optional<std::span<std::byte>> room = this->bytes_.claim(key);
    if (!room) return Loan(Error{ErrorCode::invalid_argument, 0, "there is no such key"});
    is_loaned_ = true;
    return Loan(*this, room_of<M>(room->first(size_bytes)));
  }
  bool send_loan(std::size_t size_bytes) noexcept {
    is_loaned_ = false;
    return this->bytes_.commit(size_bytes);
  }
  void drop_loan() noexcept {
    is_loaned_ = false;
    this->bytes_.abort();
  }

  bool is_loaned_ = false;
};

template <SendableMessage M>
class StateReader : public OpenedByName<StateReader<M>, ringbell::StateReader, StateOptions> {
 public:
  using Taken = typed::Taken<StateReader, M>;
  static constexpr core::TypeRecord kType = type_of<M>();
  static Result<StateReader> create(std::string_view, const StateOptions& = {},
                                    const WaitOptions& = {}) = delete;

  // A copy of the newest value; nothing: there is none yet. Errors: as the end of bytes' get();
  // also corrupt, if it is none of this type.
  [[nodiscard]] Result<std::optional<Element<M>>> get(std::uint32_t key = 0) requires(kIsOne<M>) {
    if (this->bytes_.max_value_bytes() != sizeof(Element<M>)) {
      return fail_message_type(this->bytes_.max_value_bytes(), kType);
    }
    std::array<std::byte, sizeof(Element<M>)> value;  // NOLINT: get() fills it
    const Result<std::optional<std::size_t>> size = this->bytes_.get(value, key);
    if (!size) return tl::unexpected(size.error());
    if (!*size) return std::nullopt;
    if (**size != sizeof(Element<M>)) return fail_message_type(**size, kType);
    return std::bit_cast<Element<M>>(value);
  }
  // The newest value where it stands: it stays as it is until the handle goes. Empty: there is none
  // yet, or there is an error(): as the end of bytes' look().
  [[nodiscard]] Taken look(std::uint32_t key = 0) {
    if (is_taken_) return Taken(fail_handle_held("a value").value());
    Result<std::optional<std::span<const std::byte>>> value = this->bytes_.look(key);
    if (!value) return Taken(std::move(value.error()));
    if (!*value) return Taken();
    if (!is_one_of<M>((*value)->size())) {
      const std::size_t size_bytes = (*value)->size();
      this->bytes_.release();
      return Taken(fail_message_type(size_bytes, kType).value());
    }
    is_taken_ = true;
    return Taken(*this, view_of<M>(**value));
  }

  // As the end of bytes'.
  [[nodiscard]] bool changed(std::uint32_t key = 0) const noexcept {
    return this->bytes_.changed(key);
  }
  [[nodiscard]] Result<bool> wait_changed(Timeout timeout = kForever, std::uint32_t key = 0) {
    return this->bytes_.wait_changed(timeout, key);
  }

 private:
  using Base = OpenedByName<StateReader<M>, ringbell::StateReader, StateOptions>;
  friend typename Base::Maker;
  friend Taken;
  using Base::Base;

  void drop_taken() noexcept {
    is_taken_ = false;
    this->bytes_.release();
  }

  bool is_taken_ = false;
};

namespace state_detail {

// What stands in a place of States.
template <Sendable Key, Sendable T>
struct Entry {
  Key key;
  T value;
};

}  // namespace state_detail
}  // namespace ringbell::typed

// It is named by its parts.
template <class Key, class T>
struct ringbell::TypeInfo<ringbell::typed::state_detail::Entry<Key, T>> {
  static constexpr void name(typed_detail::Name& name) {
    TypeInfo<Key>::name(name);
    name.add(" => ");
    TypeInfo<T>::name(name);
  }
  static consteval std::uint64_t version() { return TypeInfo<T>::version(); }
};

namespace ringbell::typed {

// Values by key: at most StateOptions::keys of them, each set and read as a state of its own.
template <Sendable Key, Sendable T>
requires std::equality_comparable<Key>
class StatesWriter {
  using Entry = state_detail::Entry<Key, T>;

 public:
  [[nodiscard]] static Result<StatesWriter> create(std::string_view name,
                                                   const StateOptions& options,
                                                   const WaitOptions& wait = {}) {
    return from(StateWriter<Entry>::create(name, options, wait));
  }
  [[nodiscard]] static Result<StatesWriter> open(State state, const WaitOptions& wait = {}) {
    return from(StateWriter<Entry>::open(std::move(state), wait));
  }
  [[nodiscard]] static StateOptions fitted(StateOptions options) {
    return StateWriter<Entry>::fitted(std::move(options));
  }

  // Errors: no_place, if the key is new and all places have one; as StateWriter::set().
  [[nodiscard]] Result<void> set(const Key& key, const T& value) {
    const auto found = std::find(keys_.begin(), keys_.end(), key);
    const auto place = static_cast<std::uint32_t>(found - keys_.begin());
    if (place == entries_.bytes().keys()) {
      return tl::unexpected(
          Error{ErrorCode::no_place, 0, "all places have a key; StateOptions::keys says how many"});
    }
    Result<void> done = entries_.set({key, value}, place);
    if (done && found == keys_.end()) keys_.push_back(key);
    return done;
  }
  [[nodiscard]] ringbell::StateWriter& bytes() noexcept { return entries_.bytes(); }

 private:
  explicit StatesWriter(StateWriter<Entry> entries) : entries_(std::move(entries)) {}
  [[nodiscard]] static Result<StatesWriter> from(Result<StateWriter<Entry>> entries) {
    if (!entries) return tl::unexpected(std::move(entries.error()));
    StatesWriter writer(std::move(*entries));
    // What a writer before it has set: its keys stay where they are.
    const Region& region = writer.bytes().region();
    core::StateMemory<const std::byte> memory = region.state_view();
    core::State<>::Reader reader(memory);
    std::array<std::byte, sizeof(Entry)> entry;  // NOLINT: get() fills it
    while (writer.keys_.size() < memory.keys && memory.value_bytes <= sizeof entry &&
           reader.get(static_cast<std::uint32_t>(writer.keys_.size()), entry)) {
      writer.keys_.push_back(std::bit_cast<Entry>(entry).key);
    }
    return writer;
  }

  StateWriter<Entry> entries_;
  std::vector<Key> keys_;  // of each place that has one
};

template <Sendable Key, Sendable T>
requires std::equality_comparable<Key>
class StatesReader {
  using Entry = state_detail::Entry<Key, T>;

 public:
  [[nodiscard]] static Result<StatesReader> open(std::string_view name,
                                                 Timeout timeout = kOpenTimeout,
                                                 const WaitOptions& wait = {}) {
    return from(StateReader<Entry>::open(name, timeout, wait));
  }
  [[nodiscard]] static Result<StatesReader> open(State state, const WaitOptions& wait = {}) {
    return from(StateReader<Entry>::open(std::move(state), wait));
  }

  // A copy of the newest value of this key; nothing: it has none yet. Errors: as
  // StateReader::get().
  [[nodiscard]] Result<std::optional<T>> get(const Key& key) {
    const Result<std::optional<std::uint32_t>> place = place_of(key);
    if (!place) return tl::unexpected(place.error());
    if (!*place) return std::nullopt;
    const Result<std::optional<Entry>> entry = entries_.get(**place);
    if (!entry) return tl::unexpected(entry.error());
    if (!*entry) return std::nullopt;
    if (!((*entry)->key == key)) {
      return tl::unexpected(Error{ErrorCode::corrupt, 0, "a place of this state changed its key"});
    }
    places_[**place].had = true;
    return (*entry)->value;
  }
  // Whether there is a newer value of this key than get() has given, or it has its first one.
  [[nodiscard]] Result<bool> changed(const Key& key) {
    const Result<std::optional<std::uint32_t>> place = place_of(key);
    if (!place) return tl::unexpected(place.error());
    return *place && (!places_[**place].had || entries_.changed(**place));
  }
  [[nodiscard]] ringbell::StateReader& bytes() noexcept { return entries_.bytes(); }

 private:
  explicit StatesReader(StateReader<Entry> entries) : entries_(std::move(entries)) {}
  [[nodiscard]] static Result<StatesReader> from(Result<StateReader<Entry>> entries) {
    if (!entries) return tl::unexpected(std::move(entries.error()));
    return StatesReader(std::move(*entries));
  }

  // Nothing: no place has it yet. What this one has not looked at is looked at now: places are
  // taken in order, and for good.
  [[nodiscard]] Result<std::optional<std::uint32_t>> place_of(const Key& key) {
    const auto known = std::find_if(places_.begin(), places_.end(),
                                    [&](const Place& place) { return place.key == key; });
    if (known != places_.end()) return static_cast<std::uint32_t>(known - places_.begin());
    while (places_.size() < entries_.bytes().keys()) {
      const auto place = static_cast<std::uint32_t>(places_.size());
      const Result<std::optional<Entry>> entry = entries_.get(place);
      if (!entry) return tl::unexpected(entry.error());
      if (!*entry) break;
      places_.push_back({(*entry)->key});
      if (places_.back().key == key) return place;
    }
    return std::nullopt;
  }

  struct Place {
    Key key;
    bool had = false;  // its value, by get()
  };

  StateReader<Entry> entries_;
  std::vector<Place> places_;
};

}  // namespace ringbell::typed
