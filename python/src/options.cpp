#include "python/src/options.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace ringbell::python {
namespace {

template <class Enum>
struct Word {
  const char* word;
  Enum meaning;
};

constexpr std::array kDoorbells{Word{"futex", core::DoorbellKind::futex},
                                Word{"eventfd", core::DoorbellKind::eventfd},
                                Word{"none", core::DoorbellKind::none}};
constexpr std::array kPlaces{Word{"folder", Place::folder}, Word{"group", Place::group},
                             Word{"abstract", Place::abstract}};
constexpr std::array kHugePages{Word{"never", HugePages::never}, Word{"prefer", HugePages::prefer},
                                Word{"require", HugePages::require}};
constexpr std::array kPolicies{Word{"lossy", TopicOptions::Policy::lossy},
                               Word{"lossless", TopicOptions::Policy::lossless}};
constexpr std::array kReplaces{Word{"when_dead", Replace::when_dead},
                               Word{"when_drained", Replace::when_drained}};
constexpr std::array kKinds{Word{"park", WaitOptions::Kind::park},
                            Word{"spin", WaitOptions::Kind::spin}};

template <class Enum, std::size_t count>
Enum meaning_of(const char* name, const std::string& word,
                const std::array<Word<Enum>, count>& words) {
  std::string list;
  for (const Word<Enum>& each : words) {
    if (word == each.word) return each.meaning;
    list += std::string(list.empty() ? "'" : ", '") + each.word + "'";
  }
  raise("invalid_argument", std::string(name) + " is '" + word + "'; it is one of " + list);
}

WaitOptions make_wait(const std::string& kind, const py::object& spin_budget,
                      const py::object& longest_sleep, bool yield_cpu, bool quick_wake,
                      bool within_quota) {
  return {.kind = meaning_of("kind", kind, kKinds),
          .spin_budget = timeout_of(spin_budget),
          .longest_sleep = timeout_of(longest_sleep),
          .yield = yield_cpu,
          .within_quota = within_quota,
          .quick_wake = quick_wake};
}

}  // namespace

py::object Keywords::pop(const char* name) {
  if (!given_.contains(name)) return {};
  return given_.attr("pop")(name);
}

std::string Keywords::word(const char* name) {
  std::string word;
  take(name, word);
  return word;
}

void Keywords::refuse(const char* name, const py::object& given) {
  const std::string shown = py::repr(given);
  if (PyLong_Check(given.ptr()) == 0) {
    throw py::type_error(std::string(name) + " cannot be " + shown);
  }
  raise("invalid_argument", std::string(name) + " is " + shown + ": that is out of its range");
}

void Keywords::take(const char* name, core::DoorbellKind& kind) {
  if (given_.contains(name)) kind = meaning_of(name, word(name), kDoorbells);
}
void Keywords::take(const char* name, std::optional<core::DoorbellKind>& kind) {
  if (!given_.contains(name)) return;
  if (given_[name].is_none()) {
    (void)pop(name);
  } else {
    kind = meaning_of(name, word(name), kDoorbells);
  }
}
void Keywords::take(const char* name, Place& place) {
  if (given_.contains(name)) place = meaning_of(name, word(name), kPlaces);
}
void Keywords::take(const char* name, Timeout& seconds) {
  if (const py::object given = pop(name)) seconds = timeout_of(given);
}
void Keywords::take(const char* name, HugePages& pages) {
  if (given_.contains(name)) pages = meaning_of(name, word(name), kHugePages);
}
void Keywords::take(const char* name, TopicOptions::Policy& policy) {
  if (given_.contains(name)) policy = meaning_of(name, word(name), kPolicies);
}
void Keywords::take(const char* name, Replace& replace) {
  if (given_.contains(name)) replace = meaning_of(name, word(name), kReplaces);
}

void Keywords::take(const char* name, core::TypeRecord& type) {
  const py::object given = pop(name);
  if (!given || given.is_none()) return;
  if (!py::isinstance<core::TypeRecord>(given)) refuse(name, given);
  type = given.cast<core::TypeRecord>();
}

void Keywords::finish() const {
  for (const auto& [name, value] : given_) {
    throw py::type_error("there is no option '" + name.cast<std::string>() + "' here");
  }
}

void take_options(Keywords& given, ChannelOptions& options) {
  given.take("capacity_bytes", options.capacity_bytes);
  given.take("record_alignment", options.record_alignment);
  given.take("payload_alignment", options.payload_alignment);
  given.take("timed", options.timed);
}

void take_options(Keywords& given, QueueOptions& options) {
  given.take("messages", options.messages);
  given.take("message_bytes", options.message_bytes);
  given.take("participants", options.participants);
  given.take("payload_alignment", options.payload_alignment);
}

void take_options(Keywords& given, TopicOptions& options) {
  given.take("policy", options.policy);
  given.take("messages", options.messages);
  given.take("message_bytes", options.message_bytes);
  given.take("subscribers", options.subscribers);
  given.take("publishers", options.publishers);
  given.take("payload_alignment", options.payload_alignment);
}

void take_options(Keywords& given, CollectorOptions& options) {
  given.take("contributors", options.contributors);
  given.take("capacity_bytes", options.capacity_bytes);
  given.take("record_alignment", options.record_alignment);
  given.take("payload_alignment", options.payload_alignment);
  given.take("timed", options.timed);
}

void take_options(Keywords& given, ServiceOptions& options) {
  given.take("clients", options.clients);
  given.take("tickets", options.tickets);
  given.take("message_bytes", options.message_bytes);
}

void take_options(Keywords& given, StateOptions& options) {
  given.take("value_bytes", options.value_bytes);
  given.take("keys", options.keys);
  given.take("readers_in_place", options.readers_in_place);
}

std::string text_of(const ChannelOptions& options) {
  return "capacity_bytes=" + std::to_string(options.capacity_bytes) +
         ", record_alignment=8, payload_alignment=8 (up to 64), timed=False;\nby name "
         "replace='when_dead' ('when_drained'), without one path=None (a file), seals=False";
}

std::string text_of(const QueueOptions& options) {
  return "messages=" + std::to_string(options.messages) +
         " (that fit), message_bytes=" + std::to_string(options.message_bytes) +
         " (the largest), participants=" + std::to_string(options.participants) +
         ", payload_alignment=8";
}

std::string text_of(const TopicOptions& options) {
  return "policy='lossy' ('lossless'), messages=" + std::to_string(options.messages) +
         " (that are kept), message_bytes=" + std::to_string(options.message_bytes) +
         " (the largest), subscribers=" + std::to_string(options.subscribers) +
         ", publishers=1 (several of a lossless one: subscribers=64), payload_alignment=8";
}

std::string text_of(const CollectorOptions& options) {
  return "contributors=" + std::to_string(options.contributors) +
         ", capacity_bytes=" + std::to_string(options.capacity_bytes) +
         " (of each), record_alignment=8, payload_alignment=8, timed=False";
}

std::string text_of(const ServiceOptions& options) {
  return "clients=" + std::to_string(options.clients) + ", tickets=0 (of each client)" +
         ", message_bytes=" + std::to_string(options.message_bytes) + " (the largest)";
}

std::string text_of(const StateOptions& options) {
  return "value_bytes=" + std::to_string(options.value_bytes) +
         " (the largest), keys=1, readers_in_place=0 (those that may look(), at a time)";
}

namespace {

core::TypeRecord make_type(const std::string& name, std::uint32_t size_bytes,
                           std::uint32_t alignment, std::uint64_t version) {
  core::TypeRecord type{{}, size_bytes, alignment, version};
  if (name.empty() || name.size() >= type.name.size() || size_bytes == 0 || alignment == 0 ||
      alignment > core::kMostPayloadAlignment || (alignment & (alignment - 1)) != 0) {
    raise("invalid_argument",
          "a Type has a name of 1 to 111 bytes, a size, and an alignment of 1, 2, 4 ... 64");
  }
  std::copy(name.begin(), name.end(), type.name.begin());
  return type;
}

void bind_type(py::module_& module) {
  using Type = core::TypeRecord;
  py::class_<Type>(
      module, "Type",
      "The type of a ring's messages, as a typed end of C++ writes it into the ring and asks for "
      "it: its name there\n(\"Quote\", \"float64\"), its size and alignment in bytes, and a "
      "version "
      "of the application's own. A ring that was made for\nanother type is an OtherRingError, "
      "which "
      "names both.\n\nRaises: InvalidArgumentError.")
      .def(py::init(&make_type), py::arg("name"), py::arg("size_bytes"), py::arg("alignment"),
           py::arg("version") = 0)
      .def_property_readonly("name", [](const Type& type) { return std::string(type.name.data()); })
      .def_readonly("size_bytes", &Type::size_bytes)
      .def_readonly("alignment", &Type::alignment)
      .def_readonly("version", &Type::version)
      .def("__eq__",
           [](const Type& type, const py::object& other) {
             return py::isinstance<Type>(other) && type == other.cast<const Type&>();
           })
      .def("__hash__",
           [](const Type& type) {
             return py::hash(py::make_tuple(std::string(type.name.data()), type.size_bytes,
                                            type.alignment, type.version));
           })
      .def("__repr__", [](const Type& type) {
        return "Type('" + std::string(type.name.data()) + "', " + std::to_string(type.size_bytes) +
               ", " + std::to_string(type.alignment) + ", " + std::to_string(type.version) + ")";
      });
}

}  // namespace

void bind_options(py::module_& module) {
  bind_type(module);
  const WaitOptions standard;
  const auto seconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
  };
  py::class_<WaitOptions>(
      module, "Wait",
      "How an end waits. kind: 'park' (spin for spin_budget seconds, then sleep) or 'spin' (never "
      "sleep; needs a\nCPU to itself). longest_sleep: how late a death is noticed, in seconds. "
      "yield_cpu: give the CPU away between\ntwo looks. quick_wake: keep idle CPUs awake; costs "
      "power. within_quota: spin no more than the\nCPU quota of its control groups "
      "bears.\n\nRaises: InvalidArgumentError.")
      .def(py::init(&make_wait), py::kw_only(), py::arg("kind") = "park",
           py::arg("spin_budget") = seconds(standard.spin_budget),
           py::arg("longest_sleep") = seconds(standard.longest_sleep),
           py::arg("yield_cpu") = standard.yield, py::arg("quick_wake") = standard.quick_wake,
           py::arg("within_quota") = standard.within_quota);
}

}  // namespace ringbell::python
