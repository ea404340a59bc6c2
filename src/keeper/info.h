// INFO's text, laid out as Redis lays it out, so that its tools and Sentinel can read a keeper.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "keeper/view.h"

namespace sluice::keeper {

// What a keeper says it is: clients choose by it which commands they may send.
inline constexpr std::string_view kRedisVersion = "7.0.15";

// `sections` as INFO's arguments; none means the default ones.
std::string format_info(const View& view, std::span<const std::string_view> sections, Moment at);

// The "Keeper" section alone, with its heading.
std::string format_keeper_section(const Status& status, Moment at);

// The words of INFO's slaveN lines (Redis: genRedisInfoString).
std::string_view word_of(ReplicaState state);
// The words of ROLE (Redis: roleCommand).
std::string_view word_of(LinkState state);

// Bytes received, and so the offset that INFO and ROLE report. 0 without a log.
repl::Offset received(const Status& status);

}  // namespace sluice::keeper
