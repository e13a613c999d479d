#include "tests/model/mutation.hpp"

#include <fmt/format.h>

namespace ringbell::model {

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::load:
      return "load";
    case Operation::store:
      return "store";
    case Operation::read_modify_write:
      return "read-modify-write";
    case Operation::fence:
      return "fence";
  }
  return "?";
}

const char* name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

std::memory_order Mutation::weakened(std::memory_order order) const {
  if (takes == Takes::fence) return std::memory_order_relaxed;
  const bool takes_acquire = takes == Takes::acquire;
  switch (order) {
    case std::memory_order_acquire:
      return takes_acquire ? std::memory_order_relaxed : order;
    case std::memory_order_release:
      return takes_acquire ? order : std::memory_order_relaxed;
    case std::memory_order_acq_rel:
      return takes_acquire ? std::memory_order_release : std::memory_order_acquire;
    default:
      return order;
  }
}

std::string Mutation::name() const {
  if (takes == Takes::store) return fmt::format("{}: {}'s store left out", label, role);
  const char* taken = takes == Takes::acquire   ? "acquire"
                      : takes == Takes::release ? "release"
                                                : "seq_cst";
  return fmt::format("{}: {}'s {} without {}", label, role, name_of(operation), taken);
}

std::vector<Mutation> mutations_of(const std::set<Site>& sites) {
  std::set<Mutation> all;
  for (const Site& site : sites) {
    if (is_check(site.label) && site.operation == Operation::store) {
      all.insert({site.role, site.label, site.operation, Mutation::Takes::store});
      continue;
    }
    for (const auto takes :
         {Mutation::Takes::acquire, Mutation::Takes::release, Mutation::Takes::fence}) {
      if (takes == Mutation::Takes::fence && site.order != std::memory_order_seq_cst) continue;
      Mutation mutation{site.role, site.label, site.operation, takes};
      if (mutation.weakened(site.order) != site.order) all.insert(std::move(mutation));
    }
  }
  return {all.begin(), all.end()};
}

}  // namespace ringbell::model
