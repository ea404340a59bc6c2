// Ends a stream at an earlier offset, in such steps that a crash between any two can be redone.
#pragma once

#include <string>
#include <vector>

#include "replog/block_writer.h"
#include "replog/lineage_file.h"
#include "replog/stream_files.h"
#include "rt/file.h"

namespace sluice::replog {

// Starts of the segments in `names`, in order.
std::vector<repl::Offset> segment_starts(const std::vector<std::string>& names);

// Both files of a segment, as far as they are there.
Result<> remove_segment(rt::Directory& directory, repl::Offset start);

// Removes segments that start after `keep_start`, and of that one all that lies past `tail`.
Result<> cut_files(rt::Directory& directory, const std::vector<repl::Offset>& starts,
                   repl::Offset keep_start, const Tail& tail);

// How to end the stream at `at`, which lies in `extent`, all of it durable.
Result<Cut> plan_cut(rt::Directory& directory, const StreamExtent& extent, repl::Offset at);

// Blocking. May be repeated, after a crash at any point of it. Durable on return.
Result<> cut_stream(rt::Directory& directory, const Cut& cut);

// Copies [from, extent.end()) to the file `name`, durable on return.
Result<> copy_stream(rt::Directory& directory, const StreamExtent& extent, repl::Offset from,
                     const std::string& name);

}  // namespace sluice::replog
