#include "rt/tls_contexts.h"

#include <sys/stat.h>
#include <utility>

namespace sluice::rt {

TlsContexts::Stamp TlsContexts::stamp_of(const std::string& path) {
  struct stat found{};
  if (path.empty() || ::stat(path.c_str(), &found) != 0) return {};
  return {.inode = found.st_ino,
          .bytes = found.st_size,
          .changed_ns = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

TlsContexts::Stamps TlsContexts::stamps_of(const TlsFiles& files) {
  return {stamp_of(files.cert), stamp_of(files.key), stamp_of(files.ca)};
}

Result<TlsContext> TlsContexts::make(const TlsFiles& files, Side side) {
  return side == Side::kServer ? TlsContext::server(files) : TlsContext::client(files);
}

Result<TlsContext> TlsContexts::context(const TlsFiles& files, Side side) {
  const auto found = entries_.find({side, files});
  if (found != entries_.end()) {
    look_again(files, side, found->second);
    return found->second.context;
  }
  const auto read = stamps_of(files);  // before the files, so that a change meanwhile is seen later
  TRY(auto made, make(files, side));
  entries_.emplace(std::pair(side, files), Entry{made, read, clock_.now()});
  return made;
}

void TlsContexts::look_again(const TlsFiles& files, Side side, Entry& entry) {
  const auto now = clock_.now();
  if (now < entry.looked + kLookInterval) return;
  entry.looked = now;
  const auto stamps = stamps_of(files);
  if (stamps == entry.read) return;
  entry.read = stamps;
  auto made = make(files, side);
  if (!made) {
    report_({NetworkEvent::Kind::kCertificatesRefused, made.error().detail});
    return;
  }
  entry.context = *std::move(made);
  report_({NetworkEvent::Kind::kCertificatesTaken, files.cert.empty() ? files.ca : files.cert});
}

}  // namespace sluice::rt
