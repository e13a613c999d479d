// From the structs of ringbell.h to those of transport/. Null gives the defaults. Errors:
// invalid_argument.
#pragma once

#include <ringbell/ringbell.h>
#include <ringbell/ringbell.hpp>

namespace ringbell::capi {

[[nodiscard]] Result<ChannelOptions> channel_options_of(const ringbell_channel_options* given);
[[nodiscard]] Result<WaitOptions> wait_options_of(const ringbell_wait_options* options);

}  // namespace ringbell::capi
