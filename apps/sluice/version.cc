#include "roles.h"

namespace sluice {

std::string version() {
  const std::string_view commit = SLUICE_COMMIT;
  std::string text = "sluice " SLUICE_VERSION;
  if (!commit.empty()) text += " (" + std::string(commit) + ")";
  return text;
}

}  // namespace sluice
