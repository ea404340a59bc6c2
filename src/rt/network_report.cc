#include "rt/network_report.h"

#include <memory>

namespace sluice::rt {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLogInterval = 10s;

class Report {
 public:
  Report(Host& host, base::Metrics& metrics, base::Log log, const std::string& role)
      : host_(host),
        log_(std::move(log)),
        failed_(metrics.counter({"sluice_" + role + "_tls_handshakes_failed_total",
                                 "TLS handshakes of connecting peers that failed."})),
        taken_(reloads(metrics, role, "taken")),
        refused_(reloads(metrics, role, "refused")) {}

  void note(const NetworkEvent& event) {
    switch (event.kind) {
      case NetworkEvent::Kind::kHandshakeFailed:
        failed_.add();
        return warn(handshakes_, "TLS handshake failed", event);
      case NetworkEvent::Kind::kCertificatesTaken:
        taken_.add();
        return log_.info("certificates reloaded", {{"file", event.detail}});
      case NetworkEvent::Kind::kCertificatesRefused:
        refused_.add();
        return warn(certificates_, "new certificates refused, the old ones stay", event);
      case NetworkEvent::Kind::kNoCongestionControl:
        return log_.warn("congestion control not offered by the kernel, cubic is used",
                         {{"wanted", event.detail}});
    }
  }

 private:
  static base::Counter reloads(base::Metrics& metrics, const std::string& role,
                               const std::string& outcome) {
    return metrics.counter({"sluice_" + role + "_tls_reloads_total",
                            "Changed certificate files that were taken, or refused as broken."},
                           {{"outcome", outcome}});
  }
  void warn(base::OncePer& due, std::string_view what, const NetworkEvent& event) {
    if (const auto held_back = due.due(host_.clock().now().since_start)) {
      log_.warn(what, {{"why", event.detail}, {"held_back", *held_back}});
    }
  }

  Host& host_;
  base::Log log_;
  base::Counter failed_;
  base::Counter taken_;
  base::Counter refused_;
  base::OncePer handshakes_{kLogInterval};
  base::OncePer certificates_{kLogInterval};
};

}  // namespace

void report_network(Host& host, base::Metrics& metrics, const base::Log& log,
                    const std::string& role) {
  const auto report = std::make_shared<Report>(host, metrics, log, role);  // std::function copies
  host.network().watch([report](const NetworkEvent& event) { report->note(event); });
}

}  // namespace sluice::rt
