// The lab's names for tables and the texts in their cells.
#pragma once

#include "base/text_table.h"

namespace sluice::lab {

using base::bytes_text;
using base::count_text;
using base::duration_text;
using Table = base::TextTable;

}  // namespace sluice::lab
