#include "tools/command/look/exposition.hpp"

#include <array>
#include <filesystem>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <ringbell/transport/names/names.hpp>
#include <ringbell/transport/sleep/doorbell.hpp>

namespace ringbell::tools {
namespace {

enum class Type : std::uint8_t { gauge, counter };

// The samples of one family, as they are written. Names of rings and all labels are of characters
// that need no escape.
class Samples {
 public:
  Samples(std::string& text, const char* family) : text_(text), family_(family) {}

  void of(const RingFacts& ring) { ring_ = &ring; }
  template <class Value>
  void add(Value value, std::string_view more = {}) {
    add(ring_->name, more, value);
  }
  template <class Value>
  void add(std::string_view ring, std::string_view more, Value value) {
    fmt::format_to(std::back_inserter(text_), "{}{{ring=\"{}\"{}}} {}\n", family_, ring, more,
                   value);
  }
  // That of one participant.
  template <class Value>
  void add(const Side& side, Value value) {
    add(value, fmt::format(",participant=\"{}\"", side.number));
  }

 private:
  std::string& text_;
  const char* family_;
  const RingFacts* ring_ = nullptr;
};

struct Family {
  const char* name;  // a counter's without _total
  Type type;
  const char* help;
  void (*add)(const RingFacts& ring, Samples& samples);
};

// Participants by role, of which `counts(side)`. A role without any is there with 0.
template <class Counts>
void add_by_role(const RingFacts& ring, Samples& samples, Counts&& counts) {
  std::map<std::string, std::uint64_t> found;
  for (const Side& side : ring.sides) found[side.role] += counts(side) ? 1 : 0;
  for (const auto& [role, count] : found) samples.add(count, fmt::format(",role=\"{}\"", role));
}

// Each part of the ring that has bytes: all of a channel, or the lanes of a collector.
template <class Add>
void for_each_fill(const RingFacts& ring, Add&& add) {
  if (ring.fill) add(*ring.fill, std::string());
  for (const Side& side : ring.sides) {
    if (side.lane) add(*side.lane, fmt::format(",participant=\"{}\"", side.number));
  }
}

constexpr std::array kFamilies{
    Family{"ringbell_ring_info", Type::gauge, "What the ring is; always 1.",
           [](const RingFacts& ring, Samples& samples) {
             samples.add(
                 1, fmt::format(",kind=\"{}\",doorbell=\"{}\",backing=\"{}\"", name_of(ring.kind),
                                ringbell::name_of(ring.doorbell), name_of(ring.backing)));
           }},
    Family{"ringbell_ring_created_timestamp_seconds", Type::gauge,
           "When the ring was made, in seconds since 1970.",
           [](const RingFacts& ring, Samples& samples) {
             samples.add(static_cast<double>(ring.created_unix_ns) / 1e9);
           }},
    Family{"ringbell_memory_bytes", Type::gauge, "Size of the ring's file.",
           [](const RingFacts& ring, Samples& samples) { samples.add(ring.file_bytes); }},
    Family{"ringbell_capacity_bytes", Type::gauge, "Room for records: of a channel, or of a lane.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.geometry.capacity_bytes != 0) samples.add(ring.geometry.capacity_bytes);
           }},
    Family{"ringbell_capacity_messages", Type::gauge, "Places for messages.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.geometry.slot_count != 0) samples.add(ring.geometry.slot_count);
           }},
    Family{"ringbell_fill_ratio", Type::gauge,
           "How much of the capacity is not given back, by the slowest reader: 0 to 1.",
           [](const RingFacts& ring, Samples& samples) {
             if (const std::optional<Totals> totals = totals_of(ring)) samples.add(totals->fill);
           }},
    Family{"ringbell_lag_bytes", Type::gauge,
           "Bytes that were written and not given back, with headers and padding.",
           [](const RingFacts& ring, Samples& samples) {
             for_each_fill(ring, [&](const Fill& fill, const std::string& more) {
               samples.add(fill.bytes(), more);
             });
           }},
    Family{"ringbell_lag_messages", Type::gauge,
           "Messages that were written and not given back: all of a channel, a queue or a lane; of "
           "a lossless topic, by each reader.",
           [](const RingFacts& ring, Samples& samples) {
             for_each_fill(ring, [&](const Fill& fill, const std::string& more) {
               samples.add(fill.records, more);
             });
             if (ring.slots) samples.add(ring.slots->in.ready);
             for (const Side& side : ring.sides) {
               if (side.behind) samples.add(side, *side.behind);
             }
           }},
    Family{"ringbell_oldest_message_age_seconds", Type::gauge,
           "How long ago the oldest message of a timed channel was sent that is not given back.",
           [](const RingFacts& ring, Samples& samples) {
             if (!ring.fill || !ring.fill->oldest_age_ns) return;
             samples.add(static_cast<double>(*ring.fill->oldest_age_ns) / 1e9);
           }},
    Family{"ringbell_written_bytes", Type::counter,
           "Bytes that were written since the ring was made, with headers and padding.",
           [](const RingFacts& ring, Samples& samples) {
             for_each_fill(ring, [&](const Fill& fill, const std::string& more) {
               samples.add(fill.written_position, more);
             });
           }},
    Family{"ringbell_read_bytes", Type::counter,
           "Bytes that were given back since the ring was made, with headers and padding.",
           [](const RingFacts& ring, Samples& samples) {
             for_each_fill(ring, [&](const Fill& fill, const std::string& more) {
               samples.add(fill.read_position, more);
             });
           }},
    Family{"ringbell_written_messages", Type::counter,
           "Messages that were written since a topic or a queue was made.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.slots) samples.add(ring.slots->written);
             if (ring.published) samples.add(*ring.published);
           }},
    Family{"ringbell_read_messages", Type::counter,
           "Messages that were given back, or skipped, since a queue was made.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.slots) samples.add(ring.slots->read);
           }},
    Family{"ringbell_claimed_messages", Type::gauge,
           "Messages of a queue that their senders have claimed and not committed.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.slots) samples.add(ring.slots->in.claimed);
           }},
    Family{"ringbell_in_hand_messages", Type::gauge,
           "Messages of a queue that receivers have taken and not given back.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.slots) samples.add(ring.slots->in.taken);
           }},
    Family{"ringbell_redeliveries", Type::counter,
           "How often messages in the hand of dead receivers were made ready again.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.slots) samples.add(ring.slots->returned);
           }},
    Family{"ringbell_skipped_messages", Type::counter,
           "Messages of a queue that their senders claimed and died before they committed them.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.slots) samples.add(ring.slots->skipped);
           }},
    Family{"ringbell_calls", Type::counter, "Calls of each client since the service was made.",
           [](const RingFacts& ring, Samples& samples) {
             for (const Side& side : ring.sides) {
               if (side.calls) samples.add(side, side.calls->made);
             }
           }},
    Family{"ringbell_open_calls", Type::gauge, "Calls of a service that are not answered.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.kind == core::RingKind::call_group) samples.add(totals_of(ring)->lag);
           }},
    Family{"ringbell_participants", Type::gauge, "Ends that are there.",
           [](const RingFacts& ring, Samples& samples) {
             add_by_role(ring, samples, [](const Side& side) { return side.alive; });
           }},
    Family{"ringbell_parked_participants", Type::gauge, "Ends that sleep, or are about to.",
           [](const RingFacts& ring, Samples& samples) {
             add_by_role(ring, samples, [](const Side& side) { return side.parked; });
           }},
    Family{"ringbell_dead_participants", Type::gauge,
           "Ends that died and have neither been replaced nor cleared away.",
           [](const RingFacts& ring, Samples& samples) {
             add_by_role(ring, samples, [](const Side& side) {
               return side.state == core::SideState::open && !side.alive;
             });
           }},
    Family{"ringbell_subscribers", Type::gauge,
           "Subscribers of a lossy topic, which are no participants.",
           [](const RingFacts& ring, Samples& samples) {
             if (ring.readers) samples.add(*ring.readers);
           }},
};

void begin(std::string& text, const char* name, Type type, const char* help, Exposition format) {
  const bool counter = type == Type::counter;
  const char* const suffix = counter && format == Exposition::prometheus ? "_total" : "";
  fmt::format_to(std::back_inserter(text), "# TYPE {0}{1} {2}\n# HELP {0}{1} {3}\n", name, suffix,
                 counter ? "counter" : "gauge", help);
}

}  // namespace

Tried<RingsSeen> look_at_all() {
  const Result<std::vector<names::Entry>> entries = names::list();
  if (!entries) return give_up(entries.error());
  RingsSeen seen;
  for (const names::Entry& entry : *entries) {
    if (entry.kind == names::Kind::listener) continue;
    Tried<RingFacts> facts = look_at(entry.name);
    if (facts) {
      seen.rings.push_back(std::move(*facts));
      continue;
    }
    // What has gone since it was listed is no damage.
    std::error_code none;
    if (!std::filesystem::exists(
            entry.folder + "/" + entry.name + (entry.newer.empty() ? ".ring" : ""), none))
      continue;
    seen.unreadable.push_back(entry.name);
    seen.complaints.push_back(std::move(facts.error().message));
  }
  return seen;
}

std::string exposition_of(const RingsSeen& seen, Exposition format) {
  std::string text;
  for (const Family& family : kFamilies) {
    std::string samples;
    const std::string name =
        std::string(family.name) + (family.type == Type::counter ? "_total" : "");
    Samples into(samples, name.c_str());
    for (const RingFacts& ring : seen.rings) {
      into.of(ring);
      family.add(ring, into);
    }
    if (samples.empty()) continue;
    begin(text, family.name, family.type, family.help, format);
    text += samples;
  }
  if (!seen.unreadable.empty()) {
    constexpr const char* kName = "ringbell_unreadable_ring";
    begin(text, kName, Type::gauge, "A ring that is damaged or of another version; always 1.",
          format);
    Samples into(text, kName);
    for (const std::string& name : seen.unreadable) into.add(name, {}, 1);
  }
  if (format == Exposition::openmetrics) text += "# EOF\n";
  return text;
}

}  // namespace ringbell::tools
