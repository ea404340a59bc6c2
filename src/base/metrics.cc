#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sstream>

#include "base/check.h"

namespace sluice::base {
namespace {

bool is_well_formed(const std::string& name) {
  if (!name.starts_with("sluice_")) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

void check_form(const MetricName& name, const MetricLabels& labels) {
  CHECK(is_well_formed(name.name));
  for (const auto& [key, value] : labels) {
    CHECK(!key.empty() && key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == key.npos);
    CHECK(!key.starts_with("__"));
  }
}

}  // namespace

void Counter::add(double amount) {
  counter_->Increment(amount);
}

double Counter::value() const {
  return counter_->Value();
}

void Gauge::set(double value) {
  gauge_->Set(value);
}

void Gauge::add(double amount) {
  gauge_->Increment(amount);
}

double Gauge::value() const {
  return gauge_->Value();
}

void Histogram::observe(double value) {
  histogram_->Observe(value);
}

std::vector<double> latency_buckets_seconds() {
  std::vector<double> buckets{0.0001};
  while (buckets.back() < 30) buckets.push_back(2 * buckets.back());
  return buckets;
}

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>()) {}

Metrics::~Metrics() = default;

Counter Metrics::counter(const MetricName& name, const MetricLabels& labels) {
  check_form(name, labels);
  CHECK(name.name.ends_with("_total"));
  auto& family = prometheus::BuildCounter().Name(name.name).Help(name.help).Register(*registry_);
  return Counter{family.Add(labels)};
}

Gauge Metrics::gauge(const MetricName& name, const MetricLabels& labels) {
  check_form(name, labels);
  CHECK(!name.name.ends_with("_total"));
  auto& family = prometheus::BuildGauge().Name(name.name).Help(name.help).Register(*registry_);
  return Gauge{family.Add(labels)};
}

Histogram Metrics::histogram(const MetricName& name, const std::vector<double>& buckets,
                             const MetricLabels& labels) {
  check_form(name, labels);
  auto& family = prometheus::BuildHistogram().Name(name.name).Help(name.help).Register(*registry_);
  return Histogram{family.Add(labels, buckets)};
}

std::string Metrics::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, registry_->Collect());
  return std::move(out).str();
}

}  // namespace sluice::base
