// Names of types, as they are put together: the compiler does so, and a program could.
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <ringbell/ringbell.hpp>

namespace ringbell {

struct Tick {
  std::uint64_t number;
};

namespace {

struct Unnamed {
  std::uint32_t number;
};
struct Renamed {
  static constexpr std::string_view kTypeName = "market.Tick";
  std::uint64_t number;
};

template <class M>
std::string name_of() {
  typed_detail::Name name;
  typed_detail::add_name<M>(name);
  EXPECT_TRUE(name.fits());
  return name.text().data();
}

TEST(TypeNameTest, IsTheSameAtRunTime) {
  EXPECT_EQ(name_of<Tick>(), "ringbell::Tick");
  EXPECT_EQ(name_of<Tick>(), type_of<Tick>().name.data());
  EXPECT_EQ(name_of<Tick[]>(), type_of<Tick[]>().name.data());
  EXPECT_EQ(name_of<Unnamed>(), type_of<Unnamed>().name.data());
  EXPECT_EQ(name_of<Renamed>(), type_of<Renamed>().name.data());
  EXPECT_EQ(name_of<std::int64_t>(), "int64");
  EXPECT_EQ(name_of<std::uint16_t[]>(), "uint16[]");
  EXPECT_EQ(name_of<double>(), "float64");
  EXPECT_EQ((name_of<typed::state_detail::Entry<std::uint32_t, Renamed>>()),
            "uint32 => market.Tick");
}

TEST(TypeNameTest, ANameHas111BytesAtMost) {
  typed_detail::Name name;
  name.add(std::string(111, 'x'));
  EXPECT_TRUE(name.fits());
  EXPECT_EQ(name.text().data(), std::string(111, 'x'));
  name.add("y");
  EXPECT_FALSE(name.fits());
  name.add("z");
  EXPECT_FALSE(name.fits());
}

}  // namespace
}  // namespace ringbell
