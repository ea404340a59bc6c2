// A View that says what it was given: for tests and fuzzing of sessions.
#pragma once

#include <string>
#include <vector>

#include "keeper/view.h"

namespace sluice::keeper {

class FixedView final : public View {
 public:
  Status status() const override { return status_; }
  std::vector<ClientFacts> clients() const override { return clients_; }
  std::vector<Setting> settings() const override { return settings_; }
  const Credentials& credentials() const override { return credentials_; }
  std::vector<std::string> channels() const override { return channels_; }
  std::size_t subscribers(std::string_view channel) const override {
    return channel == "taken" ? 2 : 0;
  }
  std::size_t patterns() const override { return 1; }

  Status status_;
  std::vector<ClientFacts> clients_;
  std::vector<Setting> settings_;
  Credentials credentials_;
  std::vector<std::string> channels_;
};

}  // namespace sluice::keeper
