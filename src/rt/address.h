// Internet addresses as the kernel takes them, and the sockets made for them.
#pragma once

#include <asio/ip/tcp.hpp>
#include <optional>
#include <string>

#include "base/endpoint.h"
#include "base/result.h"
#include "rt/descriptor.h"

namespace sluice::rt {

using Address = asio::ip::tcp::endpoint;

// The address if `endpoint` names one by number; else a resolver has to be asked.
std::optional<Address> numeric_address(const base::Endpoint& endpoint);

// "10.0.0.7:6379"; an IPv4 address that came in through an IPv6 socket is shown as IPv4.
base::Endpoint to_endpoint(const Address& address);

Address peer_address(int fd);
Address local_address(int fd);

// A stream socket for the family of `address`: non-blocking, not inherited by children.
Result<UniqueFd> make_socket(const Address& address);

// No delay for small writes, and probes that find a dead peer within about two minutes.
void tune_socket(int fd);

// "connection refused" and the like, in the words people search for.
std::string reason(int number);

}  // namespace sluice::rt
