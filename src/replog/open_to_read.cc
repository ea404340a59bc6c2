#include "replog/open_to_read.h"

#include <utility>

#include "replog/archive_view.h"
#include "replog/disk_log.h"

namespace sluice::replog {

Result<std::shared_ptr<Log>> open_to_read(rt::Host& host, std::string_view path,
                                          std::string_view lineage) {
  TRY(const auto directory, host.directory(path));
  TRY(const auto archive, ArchiveView::open(*directory));
  TRY(auto view, archive.lineage(lineage));
  return std::make_shared<DiskLog>(host, std::move(view.folder), std::move(view.found),
                                   LogOptions{}, Access::kReadOnly);
}

}  // namespace sluice::replog
