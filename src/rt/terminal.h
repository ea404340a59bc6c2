// Whether a person is watching.
#pragma once

namespace sluice::rt {

// Whether standard output is a terminal, on which a line may be rewritten.
bool output_is_terminal();

}  // namespace sluice::rt
