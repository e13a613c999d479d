// Contributor and Collector: many and one, each contributor's messages in order.
#include <ringbell/transport/ends/collector.hpp>

#include "python/src/ends.hpp"

namespace ringbell::python {

void bind_collector(py::module_& module) {
  py::class_<EndOf<Contributor>, Handle> contributor(
      module, "Contributor", "An end that writes to a collector, in a lane of its own.");
  def_create<Contributor, CollectorOptions>(contributor);
  def_open<Contributor>(contributor);
  def_common<Contributor>(contributor);
  def_send<Contributor>(contributor, "send");
  def_loan<Contributor>(contributor);
  contributor.def_property_readonly("lane", [](EndOf<Contributor>& self) {
    self.check();
    return self.end().lane();
  });

  py::class_<EndOf<Collector>, Handle> collector(module, "Collector",
                                                 "The end that reads what contributors write.");
  def_create<Collector, CollectorOptions>(collector);
  def_open<Collector>(collector);
  def_common<Collector>(collector);
  def_receive<Collector>(collector);
  collector
      .def_property_readonly(
          "lane",
          [](EndOf<Collector>& self) {
            self.check();
            return self.end().lane();
          },
          "Whose the message is that came last: Contributor.lane.")
      .def_property_readonly("corrupt_lanes", [](EndOf<Collector>& self) {
        self.check();
        return self.end().corrupt_lanes();
      });
}

}  // namespace ringbell::python
