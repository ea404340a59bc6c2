#include "rt/tcp_figures.h"

#include <array>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sluice::rt {

std::optional<TcpFigures> tcp_figures(int fd) {
  tcp_info info{};  // an older kernel fills a part of it
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  TcpFigures figures;
  figures.rtt = std::chrono::microseconds(info.tcpi_rtt);
  figures.rtt_var = std::chrono::microseconds(info.tcpi_rttvar);
  figures.rtt_min = std::chrono::microseconds(info.tcpi_min_rtt);
  figures.retransmits = info.tcpi_total_retrans;
  figures.reorderings = info.tcpi_reord_seen;
  figures.delivery_bytes_s = info.tcpi_delivery_rate;
  figures.is_app_limited = info.tcpi_delivery_rate_app_limited != 0;
  figures.cwnd_bytes = std::uint64_t{info.tcpi_snd_cwnd} * info.tcpi_snd_mss;
  figures.unacked_bytes = std::uint64_t{info.tcpi_unacked} * info.tcpi_snd_mss;
  figures.unsent_bytes = info.tcpi_notsent_bytes;
  figures.acked_bytes = info.tcpi_bytes_acked;
  figures.arrived_bytes = std::uint64_t{info.tcpi_delivered} * info.tcpi_snd_mss;
  figures.received_bytes = info.tcpi_bytes_received;
  std::array<char, 16> name{};  // TCP_CA_NAME_MAX
  length = name.size() - 1;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) == 0) {
    figures.congestion_control = name.data();
  }
  return figures;
}

}  // namespace sluice::rt
