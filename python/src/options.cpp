#include "python/src/options.hpp"

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
void Keywords::take(const char* name, HugePages& pages) {
  if (given_.contains(name)) pages = meaning_of(name, word(name), kHugePages);
}
void Keywords::take(const char* name, TopicOptions::Policy& policy) {
  if (given_.contains(name)) policy = meaning_of(name, word(name), kPolicies);
}
void Keywords::take(const char* name, Replace& replace) {
  if (given_.contains(name)) replace = meaning_of(name, word(name), kReplaces);
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
  given.take("payload_alignment", options.payload_alignment);
}

void take_options(Keywords& given, CollectorOptions& options) {
  given.take("contributors", options.contributors);
  given.take("capacity_bytes", options.capacity_bytes);
  given.take("record_alignment", options.record_alignment);
  given.take("payload_alignment", options.payload_alignment);
}

void take_options(Keywords& given, ServiceOptions& options) {
  given.take("clients", options.clients);
  given.take("tickets", options.tickets);
  given.take("message_bytes", options.message_bytes);
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
         ", payload_alignment=8";
}

std::string text_of(const CollectorOptions& options) {
  return "contributors=" + std::to_string(options.contributors) +
         ", capacity_bytes=" + std::to_string(options.capacity_bytes) +
         " (of each), record_alignment=8, payload_alignment=8";
}

std::string text_of(const ServiceOptions& options) {
  return "clients=" + std::to_string(options.clients) + ", tickets=0 (of each client)" +
         ", message_bytes=" + std::to_string(options.message_bytes) + " (the largest)";
}

void bind_options(py::module_& module) {
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
