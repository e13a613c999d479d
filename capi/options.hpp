// From the structs of ringbell.h to those of transport/. Null gives the defaults. Errors:
// invalid_argument.
#pragma once

#include <cstdint>

#include <ringbell/ringbell.h>
#include <ringbell/ringbell.hpp>

namespace ringbell::capi {

[[nodiscard]] Result<ChannelOptions> channel_options_of(const ringbell_channel_options* given);
[[nodiscard]] Result<TopicOptions> topic_options_of(const ringbell_topic_options* given);
[[nodiscard]] Result<QueueOptions> queue_options_of(const ringbell_queue_options* given);
[[nodiscard]] Result<CollectorOptions> collector_options_of(
    const ringbell_collector_options* given);
[[nodiscard]] Result<ServiceOptions> service_options_of(const ringbell_service_options* given);
[[nodiscard]] Result<StateOptions> state_options_of(const ringbell_state_options* given);
[[nodiscard]] Result<WaitOptions> wait_options_of(const ringbell_wait_options* options);
// All but the time-out.
[[nodiscard]] Result<ConnectOptions> connect_options_of(const ringbell_connect_options* given);
// `place` is one of enum ringbell_place.
[[nodiscard]] Result<Place> place_of(std::int64_t place);

}  // namespace ringbell::capi
