// Internet addresses as the kernel takes them, and the sockets made for them.
#pragma once

#include <asio/ip/tcp.hpp>
#include <optional>
#include <string>

#include "base/endpoint.h"
#include "base/result.h"
#include "rt/descriptor.h"
#include "rt/socket_tuning.h"

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

// No delay for small writes, and what `tuning` says. Before connect() or listen(), as the window's
// scale is settled then. False if the congestion control is not to be had: it is cubic then.
bool tune_socket(int fd, const SocketTuning& tuning);

// See Stream.
void put_off_probe(int fd);
void set_unsent_low(int fd, std::uint32_t bytes);

// "connection refused" and the like, in the words people search for.
std::string reason(int number);

}  // namespace sluice::rt
