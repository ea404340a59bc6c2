// The program that has loaded us.
#pragma once

namespace sluice::module {

// Whether `text` lies in what the server's program was built with and may not change: there for good, and always
// the same. dl_iterate_phdr(3): the first object is the program.
bool is_constant_of_server(const char* text);

}  // namespace sluice::module
