// Unpacks LZF, with which Redis compresses strings of more than 20 bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::rdb {

// `length` is what the packed bytes must unpack to; the caller bounds it. kProtocol otherwise.
Result<std::string> lzf_unpack(std::string_view packed, std::size_t length);

}  // namespace sluice::rdb
